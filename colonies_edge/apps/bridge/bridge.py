"""The whole bridge: two sides, the rules between them, and what is on its way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from colonies_edge.apps.bridge.carrier import Carrier, Hands
from colonies_edge.apps.bridge.down import DownDesk
from colonies_edge.apps.bridge.files import FilesDesk
from colonies_edge.apps.bridge.history import RULE, HistoryDesk
from colonies_edge.apps.bridge.items import Item, Kind
from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.own import OwnDesk
from colonies_edge.apps.bridge.settings import CLOUD, EDGE, BridgeSettings
from colonies_edge.apps.bridge.side import Member, Side
from colonies_edge.apps.bridge.status import line_value, write_status
from colonies_edge.apps.bridge.store import Store
from colonies_edge.apps.bridge.up import UpDesk
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.times import format_time
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.system import SystemClock

_log = logging.getLogger(__name__)

STATUS_S = 2.0  # between two looks whether the status has changed
STATUS_S_MIN = 0.2  # between two writes of it, whatever happens
OWN_TYPE = "bridge."  # and the bridge's name: the executor type that only itself has


class Desk(Protocol):
    """Takes work from its source, or looks for it."""

    def start(self) -> None: ...

    async def close_desk(self) -> None: ...


class Bridge:
    """`run` works until `stopping` is set. Raises FolderBusy, OSError, and StoreBroken on the day the disk refuses."""

    def __init__(self, settings: BridgeSettings) -> None:
        self.settings = settings
        self.store = Store(settings.folder)
        self.carrier = Carrier(self.store, settings.rate, self._trouble)
        self._news = asyncio.Event()  # something about a line has changed
        self.edge = self._side(EDGE)
        self.cloud = self._side(CLOUD)
        self._since_ns = SystemClock().wall_ns()
        self._hands: dict[tuple[Kind, str], Hands] = {}
        self._desks: list[Desk] = []
        self._own: OwnDesk | None = None
        self._reader: Member | None = None
        self._shown: dict[str, Any] = {}
        for complaint in self.store.complaints:
            _log.warning("%s", complaint)

    def _side(self, name: str) -> Side:
        side = Side(name, getattr(self.settings, name), self.settings.folder, self._news.set)
        side.site = self.store.note(f"site.{name}") or ""
        side.on_site = lambda site: self.store.put_note(f"site.{name}", site)
        return side

    def _trouble(self, item: Item, error: Exception) -> None:
        line = self.edge.line if item.kind is Kind.DOWN else self.cloud.line
        line.trouble(f"{item.kind.value} {item.source[:16]}: {error}")
        _log.warning("item %s has to wait: %s", item.key, error)

    # -- who is who: an executor per type and side, nothing that no rule names

    @property
    def own(self) -> OwnDesk:
        """Who submits to the cloud, and takes back what is for itself there."""
        if self._own is None:
            self._own = OwnDesk(self.cloud.member(self.settings.name, OWN_TYPE + self.settings.name))
        return self._own

    @property
    def reader(self) -> Member:
        """Who submits to the edge and reads there."""
        if self._reader is None:
            self._reader = self.edge.member(self.settings.name, OWN_TYPE + self.settings.name, pushed=True)
        return self._reader

    def _furnish(self) -> None:
        name, settings = self.settings.name, self.settings
        self.reader.on_ready.append(self._announce)
        for down in settings.down:
            member = self.cloud.member(f"{name}-{down.cloud}", down.cloud)
            desk = DownDesk(self.carrier, down, self.cloud, self.edge, member, self.reader)
            self._add(Kind.DOWN, down.name, desk)
        for up in settings.up:
            member = self.edge.member(f"{name}-{up.edge}", up.edge, pushed=True)
            self._add(Kind.UP, up.name, UpDesk(self.carrier, up, self.cloud, self.edge, member, self.own))
        if settings.history:
            history = HistoryDesk(self.carrier, settings.history, self.edge, self.reader, self.own)
            self._add(Kind.HISTORY, RULE, history)
        for files in settings.files:
            ends = (self.own.member, self.reader) if files.down else (self.reader, self.own.member)
            self._desks.append(FilesDesk(files, settings.folder / "files", *ends, self.cloud.line))

    def _add(self, kind: Kind, rule: str, desk: Any) -> None:
        self._hands[kind, rule] = desk
        self._desks.append(desk)

    # -- the life of it

    async def run(self, stopping: asyncio.Event, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        self._furnish()
        failing: asyncio.Task[None] | None = None
        showing = background("what the bridge shows of itself", self._show_on)
        stop = asyncio.ensure_future(stopping.wait())
        try:
            for desk in self._desks:
                desk.start()
            if self._own is not None:
                self._own.start()
            self.carrier.start(self._hands)
            failing = asyncio.ensure_future(self.carrier.failure())
            self.edge.start()
            self.cloud.start()
            if ready is not None:
                await ready()
            await asyncio.wait((stop, failing), return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
        finally:
            await end_tasks([stop, showing, *([failing] if failing is not None else [])])
            await self._close()

    async def _close(self) -> None:
        """The sources first: what is on its way stays on disk."""
        self._since_ns = SystemClock().wall_ns()
        self._show("stopped")
        for desk in self._desks:
            await desk.close_desk()
        if self._own is not None:
            await self._own.close()
        await self.carrier.close()
        await self.edge.close()
        await self.cloud.close()
        await self.store.close()

    # -- what is shown

    def status(self, state: str = "running") -> dict[str, Any]:
        """As JSON; times are those of this machine."""
        waiting = self.carrier.table.waiting()
        return {
            "name": self.settings.name,
            "state": state,
            "since": format_time(self._since_ns),
            "edge": line_value(self.edge.line),
            "cloud": line_value(self.cloud.line),
            "waiting": {kind.value: waiting[kind.value] for kind in Kind},
            "delivered": self.carrier.delivered,
        }

    def _show(self, state: str = "running") -> None:
        value = self.status(state)
        if value != self._shown:
            self._shown = value
            try:
                write_status(self.settings.folder, value)
            except OSError as error:
                _log.warning("the status cannot be written: %s", error)
            self._announce()

    def _announce(self) -> None:
        """In our presence at the edge, retained and signed."""
        caller = self.reader.client.caller
        if isinstance(caller, RpcCaller) and self.reader.is_ready:
            caller.show_bridge(self._shown)

    async def _show_on(self) -> None:
        while True:
            self._show()
            await asyncio.sleep(STATUS_S_MIN)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), STATUS_S)
            self._news.clear()
