"""How the bridge talks in a simulation: a caller, as over MQTT, above a device of the simulated network."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.outcome import Request
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import NoConnection, UsageError, error_of
from colonies_edge.protocol.status import ONLINE, CoordinatorStatus
from colonies_edge.transports.rpc_call import CALL_S
from colonies_edge.transports.signals import fire
from colonies_edge.transports.system import PartyClock
from tests.simulation.loop import BASE_NS
from tests.simulation.network import Down, Presence, Status
from tests.simulation.party import Party

if TYPE_CHECKING:
    from tests.simulation.bridging_people import Site


def _plain(value: Any) -> Any:
    """As it comes out of JSON."""
    return json.loads(dump_json(value))


class Device(Party):
    """A connection of the bridge; what it hears goes to its caller."""

    def __init__(self, caller: SimulatedCaller, site: Site, identity: str) -> None:
        super().__init__(site, f"b{site.number():07d}")
        self._caller = caller
        self._made_ms = (BASE_NS + site.loop.now) // 1_000_000
        self.identity = identity

    def on_connect(self) -> None:
        if self._caller.executor:
            self.world.broker.publish(self, Presence(executorid=self.identity, conn=self.conn, online=True))
        fire(self._caller.on_connect)

    def will(self, conn: str) -> Presence | None:
        return Presence(executorid=self.identity, conn=conn, online=False) if self._caller.executor else None

    def link_lost(self) -> None:
        if self.running:
            super().link_lost()
            fire(self._caller.on_disconnect, "the connection was lost")

    def heard_status(self, status: Status) -> None:
        if self.running:
            self._caller.heard(status)

    def pushed(self, down: Down) -> None:
        if down.ts < self._made_ms:
            return  # played again by somebody: a bridge that was started since cannot know that it had it
        fire(self._caller.on_push, down.payloadtype, down.msgid, _plain(down.value))

    def receive(self, down: Down) -> None:
        if self.running and down.kind == "event":
            self.world.auditor.event_received(self, down)
            subscription, _, number = down.msgid.rpartition(".")
            fire(self._caller.on_event, down.payloadtype, subscription, int(number), _plain(down.value))
        else:
            super().receive(down)

    def publish(self, msgid: str, request: Request) -> None:
        """To a Go server, over a connection that ends with its question: nothing arrives when nobody waits any more.

        What a proxy holds back for longer makes a second process there, and no bridge can help that.
        """
        if self._caller.honours_msgids:
            super().publish(msgid, request)
        elif self.world.rng.random() >= self.world.broker.weather.loss:
            self.world.loop.after(self.world.rng.uniform(0.001, 3), lambda: self._arrive(msgid, request))

    def _arrive(self, msgid: str, request: Request) -> None:
        if msgid in self.pending and not self.cut and self.world.broker.up:
            self.world.broker.take(request)

    def end(self, noticed_s: float) -> None:
        """For good."""
        if self.running:
            self.running = False
            self.life += 1
            self.world.broker.forget(self.conn, noticed_s)
            self.connected = False
            for msgid in tuple(self.pending):
                self.give_up(msgid)


class SimulatedCaller:
    """The contract `Caller`."""

    def __init__(self, site: Site, signer: Signer, identity: str, *, executor: bool) -> None:
        self.executor = executor
        self.serverid = ""
        self.status: CoordinatorStatus | None = None
        self.epoch = ""
        self.clock = PartyClock()
        self.shown_as = ("", "")
        self.dropped: Counter[str] = Counter()
        self.honours_msgids = site.knows_msgids
        self.on_push: list[Callable[[str, str, Any], None]] = []
        self.on_event: list[Callable[[str, str, int, Any], None]] = []
        self.on_status: list[Callable[[CoordinatorStatus], None]] = []
        self.on_epoch: list[Callable[[str], None]] = []
        self.on_connect: list[Callable[[], None]] = []
        self.on_disconnect: list[Callable[[str], None]] = []
        self.device = Device(self, site, identity)
        self._site = site
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def open(self) -> None:
        if not self.device.running:
            raise NoConnection("the machine is off")
        self.device.cut = self._site.is_cut
        self._site.callers.append(self)
        self.device.connect()

    def become(self, signer: Signer) -> None:
        raise AssertionError("a bridge keeps its keys")

    async def greet(self) -> None:
        """Its status says what it is."""

    def heard(self, status: Status) -> None:
        self.serverid = self._site.serverid
        self.status = CoordinatorStatus(serverid=self.serverid, state=ONLINE, epoch=str(status.epoch), ts=status.ts)
        previous, self.epoch = self.epoch, str(status.epoch)
        fire(self.on_status, self.status)
        if previous and previous != self.epoch:
            fire(self.on_epoch, self.epoch)

    async def call(
        self,
        message: Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = CALL_S,
        msgid: str | None = None,
    ) -> Any:
        if not self.device.running:
            raise NoConnection("the caller was closed")
        if not msgid or not self.honours_msgids:
            msgid = self.device.new_msgid()
        if msgid in self._answers:
            raise UsageError(f"a call with the msgid {msgid} is under way")
        answer = self._answers[msgid] = asyncio.get_running_loop().create_future()

        def done(error: bool, value: Any) -> None:
            if answer.done():
                return
            if error:
                answer.set_exception(error_of(value["status"], value["message"], value.get("ts", 0)))
            else:
                answer.set_result(_plain(value))

        self.device.call(_plain(message), done, msgid=msgid)
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except asyncio.TimeoutError:
            raise NoConnection(f"no answer within {timeout_s} s") from None
        finally:
            del self._answers[msgid]
            self.device.give_up(msgid)

    async def close(self) -> None:
        self.end(0.0)

    def end(self, noticed_s: float) -> None:
        """Nothing gets out any more; `noticed_s`: the broker says that an executor is gone."""
        self.device.end(noticed_s)
        if self in self._site.callers:
            self._site.callers.remove(self)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NoConnection("the caller was closed"))
