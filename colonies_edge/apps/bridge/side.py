"""One side of the bridge: whether its line is up, and the identities that the bridge has there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.origins import site_of
from colonies_edge.apps.bridge.settings import SideSettings
from colonies_edge.apps.keys import keep_key
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.client.tasks import end_tasks
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, NoConnection
from colonies_edge.protocol.limits import STALE_EXECUTOR_S
from colonies_edge.protocol.messages import Message
from colonies_edge.protocol.model import ExecutorState
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.ports import CallsWait, NotAdmitted, ProxyRefused
from colonies_edge.transports.reconnecting import Backoff
from colonies_edge.transports.system import SystemClock

_log = logging.getLogger(__name__)

OPEN_S = 5.0  # of one attempt to connect, until something is said about it
PENDING_S = 30.0  # the longest pause between two looks whether somebody has approved us
SILENT_S = 5.0  # the longest between two attempts at a line that is down


class Line:
    """Is the other side heard, since when, and what was the last trouble?"""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self.name = name
        self.up = False
        self.since_ns = SystemClock().wall_ns()
        self.error = ""
        self.error_ns = 0
        self._changed = changed

    def heard(self) -> None:
        if not self.up:
            self._turn(True)
            _log.info("the line to the %s is up", self.name)

    def silent(self, error: Exception) -> None:
        self.trouble(error)
        if self.up:
            self._turn(False)
            _log.warning("the line to the %s is down: %s", self.name, error)

    def trouble(self, error: object) -> None:
        self.error, self.error_ns = str(error), SystemClock().wall_ns()
        self._changed()

    def _turn(self, up: bool) -> None:
        self.up, self.since_ns = up, SystemClock().wall_ns()
        self._changed()


class BridgeClient(AsyncClient):
    """A client that tells the line what it hears."""

    line: Line
    on_silence: Callable[[], None] = staticmethod(lambda: None)

    @property
    def events_are_whole(self) -> bool:
        """A Go server sends the process as it was before its end (`protocol-core.md` 6.3): read it again there."""
        return self.honours_msgids

    async def call(
        self,
        message: Message | Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> Any:
        try:
            value = await super().call(message, colony=colony, timeout_s=timeout_s, msgid=msgid)
        except CallsWait:
            raise
        except NoConnection as error:
            self.line.silent(error)
            self.on_silence()
            raise
        except ProxyRefused as error:  # this one only, or whatever we ask: a small question will tell
            self.line.trouble(error)
            self.on_silence()
            raise
        except ColoniesError:
            self.line.heard()
            raise
        self.line.heard()
        return value


class NotMember(Exception):
    """The colony does not know this identity; the text says what its owner has to do."""


class Member:
    """One executor of the bridge at one side: connected, registered and approved, again and again."""

    def __init__(self, side: Side, name: str, executortype: str, *, pushed: bool = False) -> None:
        self.name = name
        self.executortype = executortype
        self.signer = Signer(keep_key(side.folder / "keys" / f"{side.line.name}.{name}"))
        self._side = side
        self._pushed = pushed
        self.client = self._new_client()
        self._opened = False
        self._ready = asyncio.Event()
        self._broken = asyncio.Event()
        self._broken.set()
        self._said = ""
        self._member_at = 0.0  # when we last knew that we were one
        self._registered_ns = 0
        self._task: asyncio.Task[None] | None = None
        self.on_open: list[Callable[[BridgeClient], None]] = []  # once, before anything is asked
        self.on_ready: list[Callable[[], None]] = []  # we are heard and known, for the first time or again

    @property
    def identity(self) -> str:
        return self.signer.identity

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    def start(self) -> None:
        self._task = background(f"{self.name} at the {self._side.line.name}", self._stay)

    async def close(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])
        await self.client.close()

    async def ready(self) -> BridgeClient:
        """The client, as soon as the other side hears us and knows us."""
        await self._ready.wait()
        return self.client

    def is_younger_than(self, time_ns: int) -> bool:
        """Were we registered after that time of the side's own clock? What happened before, others may have seen to."""
        return time_ns < self._registered_ns

    def doubt(self) -> None:
        """Nobody answered, or we were refused as strangers: nothing is asked before that is cleared up."""
        self._ready.clear()
        self._broken.set()

    def _disconnected(self, why: str) -> None:
        """Calls that are under way are tried again by themselves; no others are made before somebody answers."""
        self._side.line.silent(NoConnection(why))
        self.doubt()

    # -- becoming one

    def _new_client(self) -> BridgeClient:
        client = BridgeClient(self._side.endpoint, self.signer, self._side.settings.colony, executor=self._pushed)
        client.line = self._side.line
        client.caller.shown_as = self.name, self.executortype
        client.on_silence = self.doubt
        return client

    async def _stay(self) -> None:
        backoff, pause_s_max = Backoff(), SILENT_S
        self.doubt()  # should this begin anew
        while True:
            await self._broken.wait()
            self._broken.clear()
            try:
                await self._establish()
            except NotMember as error:
                pause_s_max = PENDING_S
                self._side.line.trouble(error)
                self._say(str(error))
            except (NoConnection, ColoniesError) as error:
                pause_s_max = SILENT_S  # its calls were tried for half a minute, more and more rarely
                self._side.line.trouble(error)
                self._say(f"the bridge cannot work as {self.name} at the {self._side.line.name} yet: {error}")
            else:
                if not self._broken.is_set():
                    backoff.reset()
                    self._said = ""
                    self._ready.set()
                    for callback in self.on_ready:
                        callback()
                    continue
            self._broken.set()
            await asyncio.sleep(min(backoff.delay_s(), pause_s_max))

    def _say(self, text: str) -> None:
        if text != self._said:
            _log.warning("%s", text)
            self._said = text

    async def _establish(self) -> None:
        """Raises NoConnection, ColoniesError or NotMember."""
        if not self._opened:
            try:
                await self._open()
            except NotAdmitted:
                await self._register(add=True)
                await self._open()
            self._opened = True
            self.client.caller.on_disconnect.append(self._disconnected)
            for callback in self.on_open:
                callback(self.client)
        self._side.learn(self.client.serverid)
        try:
            state = await self._state()
        except NoConnection:
            await self._be_let_in()
            raise
        if state != ExecutorState.APPROVED:
            await self._register(add=state is None)
            if await self._state() != ExecutorState.APPROVED:
                raise NotMember(self._how_to())
        self._member_at = asyncio.get_running_loop().time()
        await self.client.caller.greet()  # as a member: a stranger may be refused before anybody looks at times

    async def _be_let_in(self) -> None:
        """A broker that knows the members lets nobody in who was removed, and a connection that was one before tries on
        and does not say why: a new one does. Raises NotMember, and NoConnection when it cannot be known now."""
        if self._side.endpoint.over_http:
            return
        try:
            async with AsyncClient(self._side.endpoint, self.signer, self._side.settings.colony):
                pass
        except NotAdmitted:
            await self._register(add=True)

    async def _open(self) -> None:
        try:
            await self.client.open()
        except BaseException:
            await self.client.close()
            self.client = self._new_client()
            raise

    async def _state(self) -> int | None:
        """Of our own row, also one that only a newer server knows. Strangers, and elsewhere those who were removed, may
        not read the list."""
        try:
            rows = await self.client.get_executors()
        except Forbidden:
            return None
        row = next((row for row in rows if row.executorid == self.identity), None)
        self._registered_ns = row.commissiontime if row is not None else 0
        if row is not None and row.executortype != self.executortype:
            raise NotMember(
                f"{self.name} is registered at the {self._side.line.name} with the type {row.executortype}, not"
                f" {self.executortype}: remove it there, or give the bridge another name"
            )
        return row.state if row is not None else None

    async def _register(self, *, add: bool) -> None:
        owner = self._side.settings.owner
        if owner is None:
            raise NotMember(self._how_to())
        if self._member_at and asyncio.get_running_loop().time() - self._member_at < STALE_EXECUTOR_S / 2:
            # Just now we were one: that is somebody's decision. Two bridges of one name would take it in turns.
            raise NotMember(
                f"{self.name} was removed from colony {self._side.settings.colony} at the {self._side.line.name}, or"
                " another has taken its name: two bridges in one colony need two names"
            )
        async with AsyncClient(self._side.endpoint, owner, self._side.settings.colony) as client:
            if add:
                try:
                    location = self._side.settings.location
                    await client.add_executor(self.name, self.identity, self.executortype, location=location)
                except BadRequest as error:  # a Go server keeps the names of those it swept; approving revives them
                    _log.info("%s was registered before (%s)", self.name, error)
            await client.approve_executor(self.name)
        _log.info("registered %s of type %s at the %s", self.name, self.executortype, self._side.line.name)

    def _how_to(self) -> str:
        side = self._side
        return (
            f"the bridge is not a member of colony {side.settings.colony} at the {side.line.name}: its owner can run"
            f" `colonies-edge executor add --name {self.name} --type {self.executortype} --executorid {self.identity}"
            f" --approve` there, or set COLONIES_BRIDGE_{side.line.name.upper()}_COLONY_PRVKEY"
        )


class Side:
    """A colony at a server, with all that the bridge is there."""

    def __init__(self, name: str, settings: SideSettings, folder: Path, changed: Callable[[], None]) -> None:
        self.settings = settings
        self.folder = folder
        self.line = Line(name, changed)
        self.site = ""  # what this side is called in origins: set once, and kept for good
        self.on_site: Callable[[str], None] = lambda _: None
        self.endpoint = Endpoint(
            mqtt=settings.url,
            topic_root=settings.topic_root,
            serverid=settings.serverid,
            pins=folder,
            tls=Tls(cafile=settings.ca) if settings.ca else None,
            patience_s=OPEN_S,
        )
        self.members: list[Member] = []

    def learn(self, serverid: str) -> None:
        """Somebody answered: now this side has a name in origins. Its address may change, that name does not."""
        if not self.site:
            self.site = site_of(serverid, self.settings.url, self.settings.colony)
            self.on_site(self.site)

    def member(self, name: str, executortype: str, *, pushed: bool = False) -> Member:
        member = Member(self, name, executortype, pushed=pushed)
        self.members.append(member)
        return member

    def start(self) -> None:
        for member in self.members:
            member.start()

    async def close(self) -> None:
        await asyncio.gather(*(member.close() for member in self.members))
