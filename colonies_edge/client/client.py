"""The asynchronous client: one identity at one coordinator, a method per message, and waiting for processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from colonies_edge.client.calls_blueprints import BlueprintCalls
from colonies_edge.client.calls_channels import ChannelCalls
from colonies_edge.client.calls_files import FileCalls
from colonies_edge.client.calls_members import MemberCalls
from colonies_edge.client.calls_processes import ProcessCalls
from colonies_edge.client.calls_schedule import ScheduleCalls
from colonies_edge.client.calls_workflows import WorkflowCalls
from colonies_edge.client.channel import AsyncChannel
from colonies_edge.client.channels import Channels
from colonies_edge.client.ended import ProcessCancelled, ProcessFailed
from colonies_edge.client.pinning import Pins
from colonies_edge.client.specs_workflow import AnyWorkflow
from colonies_edge.client.watching import Watching
from colonies_edge.client.watching_graphs import GraphWatching
from colonies_edge.client.workflow import AsyncRun, start
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.protocol.limits import MESSAGE_BYTES_CEILING
from colonies_edge.protocol.messages import Message, encode_message
from colonies_edge.protocol.model import Process, ProcessGraph, State
from colonies_edge.protocol.status import OFFLINE, CoordinatorStatus
from colonies_edge.protocol.topics import Topics
from colonies_edge.transports.admission import password_of
from colonies_edge.transports.calling import Caller
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls
from colonies_edge.transports.ports import PATIENCE_S, Link
from colonies_edge.transports.rpc_call import CALL_S
from colonies_edge.transports.system import PartyClock

_log = logging.getLogger(__name__)

# The coordinator's retained status comes with the first packets; a coordinator that restarts is back in this time.
STATUS_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a coordinator is, and how it is recognised: by `serverid`, else by what `pins` learnt on first use."""

    mqtt: str
    topic_root: str = "colonies"
    serverid: str = ""
    pins: Path | None = None  # the folder for what is learnt; None learns anew in each program
    tls: Tls | None = None
    token: str = ""  # of somebody who enrols: the broker does not know him yet
    patience_s: float = PATIENCE_S  # how long opening tries before it gives up

    @property
    def over_http(self) -> bool:
        """A Colonies server, or a coordinator's gateway: `mqtt` is then its address, `http://` or `https://`."""
        return self.mqtt.startswith(("http://", "https://"))

    def __str__(self) -> str:
        return self.mqtt if self.over_http else str(BrokerUrl.parse(self.mqtt))

    def link(self, signer: Callable[[], Signer], clock: PartyClock) -> MqttLink:
        """A connection to be, as whoever `signer` is then: with the password of the address, else with a signed one."""
        url = BrokerUrl.parse(self.mqtt)
        if url.username:
            return MqttLink(
                self.mqtt, tls=self.tls, patience_s=self.patience_s, payload_bytes_max=MESSAGE_BYTES_CEILING
            )
        link: MqttLink

        def password() -> str:
            return password_of(signer(), link.client_id, self.serverid, clock.now_ms(), self.token)

        link = MqttLink(
            self.mqtt,
            username=signer().identity,
            password=password,
            tls=self.tls,
            patience_s=self.patience_s,
            payload_bytes_max=MESSAGE_BYTES_CEILING,  # calls are held to what the coordinator says it takes
        )
        return link


class AsyncClient(MemberCalls, ProcessCalls, FileCalls, WorkflowCalls, ScheduleCalls, ChannelCalls, BlueprintCalls):
    """Use it in one asyncio loop: `async with AsyncClient(endpoint, signer, "lab") as client`.

    Refusals are ColoniesError with their status, silence is NoConnection.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        signer: Signer,
        colonyname: str = "",
        *,
        executor: bool = False,
        link: Link | None = None,
        timeout_s: float = CALL_S,
    ) -> None:
        self.colonyname = colonyname
        self.identity = signer.identity
        self._signer = signer
        self.endpoint = endpoint
        self.clock = PartyClock()
        self._timeout_s = timeout_s
        self._pins = Pins(endpoint.pins) if endpoint.pins is not None else None
        self._link = link
        self.caller = self._over_http(signer) if endpoint.over_http else self._over_mqtt(signer, executor)
        self._watching = Watching(self)
        self._graphs = GraphWatching(self)
        self._channels = Channels(self)
        self._online = asyncio.Event()
        self.caller.on_status.append(self._on_status)
        for listening in (self._watching, self._graphs, self._channels):
            self.caller.on_event.append(listening.on_event)
            self.caller.on_connect.append(listening.renew)
        self.caller.on_epoch.append(self._on_epoch)

    def _over_mqtt(self, signer: Signer, executor: bool) -> Caller:
        self._link = self._link or self.endpoint.link(lambda: self._signer, self.clock)
        return RpcCaller(
            self._link,
            Topics(self.endpoint.topic_root),
            signer,
            colony=self.colonyname,
            serverid=self.endpoint.serverid,
            learn=self._learn,
            clock=self.clock,
            executor=executor,
        )

    def _over_http(self, signer: Signer) -> Caller:
        from colonies_edge.transports.http_caller import HttpCaller  # its libraries are an extra that most do without

        return HttpCaller(
            self.endpoint.mqtt,
            signer,
            colony=self.colonyname,
            serverid=self.endpoint.serverid,
            clock=self.clock,
            tls=self.endpoint.tls,
            patience_s=self.endpoint.patience_s,
        )

    # -- the connection

    @property
    def link(self) -> Link:
        """The connection to the broker. Raises UsageError over HTTP, which has none that lasts."""
        if self._link is None:
            raise UsageError(f"{self.endpoint} is spoken to over HTTP: there is no connection to a broker")
        return self._link

    @property
    def honours_msgids(self) -> bool:
        """Is the same call, sent again, one call there?"""
        return self.caller.honours_msgids

    @property
    def serverid(self) -> str:
        """The coordinator that is believed; "" before the first one was learnt."""
        return self.caller.serverid

    @property
    def status(self) -> CoordinatorStatus | None:
        """What the coordinator said of itself last."""
        return self.caller.status

    async def open(self) -> None:
        """Connect, and find the coordinator. Raises NoConnection, with a line that says what to do."""
        await self.caller.open()
        if self.endpoint.over_http:  # whoever answered is there; nothing is heard of a coordinator between answers
            self._online.set()
            return
        try:
            await asyncio.wait_for(self._online.wait(), min(STATUS_S, self.endpoint.patience_s))
        except asyncio.TimeoutError:
            await self.close()
            raise NoConnection(self._why_nobody_answers()) from None

    async def close(self) -> None:
        await self.caller.close()

    def become(self, signer: Signer) -> None:
        """The coordinator knows us under another key now: connect again with it. Calls that wait are signed anew."""
        own_login = bool(BrokerUrl.parse(self.endpoint.mqtt).username)
        if isinstance(self.link, MqttLink) and not own_login:
            self.link.username = signer.identity
        self._signer = signer
        self.identity = signer.identity
        assert isinstance(self.caller, RpcCaller), "asked for the link before"
        self.caller.become(signer)

    def introduce(self, executorname: str, executortype: str) -> None:
        """What an executor's presence says beside its identity, for people who look at topics."""
        if isinstance(self.caller, RpcCaller):
            self.caller.shown_as = executorname, executortype

    async def __aenter__(self) -> AsyncClient:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _learn(self, serverid: str) -> None:
        if self._pins is not None:
            broker = str(BrokerUrl.parse(self.endpoint.mqtt))
            known = self._pins.known(broker, self.endpoint.topic_root)
            if known and known != serverid:
                self._changed = self._pins.changed(broker, self.endpoint.topic_root, serverid)
                raise self._changed
            if not known:
                try:
                    self._pins.learn(broker, self.endpoint.topic_root, serverid)
                except OSError as error:  # a read-only home: every program starts anew to learn
                    _log.warning("the coordinator's identity cannot be remembered: %s", error)

    _changed: NoConnection | None = None

    def _on_status(self, status: CoordinatorStatus) -> None:
        if status.state == OFFLINE:
            self._online.clear()
        else:
            self._online.set()

    def _on_epoch(self, _epoch: str) -> None:
        for listening in (self._watching, self._graphs, self._channels):
            listening.renew()

    def _why_nobody_answers(self) -> str:
        if self._changed is not None:
            return str(self._changed)
        where = f"at {self.endpoint}"
        if self.caller.status is not None:
            return f"the coordinator {where} has stopped: start it again, or wait until it is back"
        if self.endpoint.serverid and self.caller.dropped["status of another coordinator"]:
            return (
                f"another coordinator than {self.endpoint.serverid} is {where}:"
                " correct COLONIES_SERVER_ID, or COLONIES_MQTT if this is the wrong broker"
            )
        return (
            f"the broker {where} is there, but no coordinator has said so below the topic root"
            f" {self.endpoint.topic_root!r}: start one, or correct COLONIES_MQTT or COLONIES_TOPIC_ROOT"
        )

    # -- asking

    async def call(
        self,
        message: Message | Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> Any:
        """Ask, and return the value in the reply. `message` is one of `protocol.messages`, or the same as JSON.

        `colony` is where the topic says it belongs, when that is not the client's colony. The same `msgid` in a later
        call is the same call: it has one effect. Raises ColoniesError or NoConnection.
        """
        fields = message if isinstance(message, Mapping) else encode_message(message)
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return await self.caller.call(fields, colony=colony, timeout_s=limit_s, msgid=msgid or None)
        except NoConnection as silence:
            if self._online.is_set():
                raise
            raise NoConnection(self._why_nobody_answers()) from silence

    # -- waiting

    async def wait(self, process: Process | str, timeout_s: float | None = None) -> Process:
        """The process when it has succeeded. Raises ProcessFailed, ProcessCancelled, or WaitTimeout when the time is
        over (the process goes on then)."""
        ended = await self.wait_ended(process, timeout_s)
        if ended.state is State.FAILED:
            raise ProcessFailed(ended)
        if ended.state is State.CANCELLED:
            raise ProcessCancelled(ended)
        return ended

    async def wait_ended(self, process: Process | str, timeout_s: float | None = None) -> Process:
        """The process when it has come to an end, whichever. Raises WaitTimeout."""
        return await self._watching.wait(process, timeout_s)

    async def submit_func_spec(self, spec: Any, *, inputs: Sequence[Any] = (), msgid: str = "") -> Process:
        mark = self._watching.mark()
        process = await super().submit_func_spec(spec, inputs=inputs, msgid=msgid)
        self._watching.submitted(process, mark)
        return process

    # -- workflows and channels

    async def submit_workflow(self, workflow: AnyWorkflow) -> AsyncRun:
        """Start a `Workflow`, or one as JSON; what is returned waits for it and has its results."""
        return await start(self, workflow, self.colonyname)

    async def workflow_run(self, processgraphid: str) -> AsyncRun:
        """A workflow that was submitted before, by its id."""
        return AsyncRun(self, await self.get_process_graph(processgraphid))

    async def wait_graph_ended(self, processgraphid: str, timeout_s: float | None = None) -> ProcessGraph:
        """The workflow when it has come to an end, whichever. Raises WaitTimeout."""
        return await self._graphs.wait(processgraphid, timeout_s)

    def channel(self, process: Process | str, name: str) -> AsyncChannel:
        """A channel of a process that this identity submitted or runs."""
        return self._channels.channel(process if isinstance(process, str) else process.processid, name)
