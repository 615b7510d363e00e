"""Drives each item from stage to stage: what it asks for is done, what came of it is written, then the next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from colonies_edge.apps.bridge.items import Action, Event, Item, Kind, Stage
from colonies_edge.apps.bridge.loops import DEFECT_S
from colonies_edge.apps.bridge.pace import Pace
from colonies_edge.apps.bridge.store import Store, StoreBroken
from colonies_edge.apps.bridge.table import Table, Write
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection
from colonies_edge.transports.reconnecting import Backoff

_log = logging.getLogger(__name__)

Happened = tuple[Event, dict[str, Any]]  # and the fields of the item that it brings
# What the source said of an assignment says nothing about the next one, which may have come meanwhile.
_OF_ONE_ASSIGNMENT = frozenset({Event.REFUSED, Event.FORGOTTEN})
GONE_MAX = 4_096  # items that came to their end lately: a list that was asked for before does not bring them back


class Hands(Protocol):
    """What one kind of item needs done. Each waits until its side can be asked; each may raise NoConnection or
    ColoniesError, and is called again then."""

    async def look_up(self, item: Item) -> Happened: ...

    async def submit(self, item: Item) -> Happened: ...

    async def watch(self, item: Item) -> Happened: ...

    async def close(self, item: Item) -> Happened: ...

    async def linger(self, item: Item) -> Happened: ...

    async def cancel(self, item: Item) -> Happened: ...

    def refused(self, item: Item) -> None:
        """The last answer was 403: perhaps we are no member any more."""


class Carrier:
    """All items that are on their way."""

    def __init__(self, store: Store, rate: int, on_trouble: Callable[[Item, Exception], None]) -> None:
        """`rate` items per second of each kind are submitted."""
        self.store = store
        self.table = Table(store.items())
        self._hands: dict[tuple[Kind, str], Hands] = {}
        self.changed = asyncio.Event()  # an item came, went, or is kept until its source asks again
        self.on_gone: list[Callable[[str], None]] = []  # an item is over; what is written then goes with its last row
        self.delivered = 0  # items that came to their end since the start
        self._paces = {kind: Pace(rate) for kind in Kind}
        self._on_trouble = on_trouble
        self._gone: dict[str, float] = {}
        self._drives: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, asyncio.Event] = {}  # something happened to an item from outside
        self._broken: asyncio.Future[None] | None = None

    def start(self, hands: Mapping[tuple[Kind, str], Hands]) -> None:
        """Go on with what was on its way; `hands` by kind and rule."""
        self._broken = asyncio.get_running_loop().create_future()
        self._hands = dict(hands)
        for item in self.table:
            self._drive(item.key)
        for kind, rule in sorted({(item.kind.value, item.rule) for item in self.table} - set(self._hands)):
            _log.warning("work of the rule [[%s]] for %s is on its way, and there is no such rule any more", kind, rule)

    async def failure(self) -> None:
        """Wait for the day on which the disk refuses. Raises StoreBroken."""
        assert self._broken is not None
        await self._broken

    async def settled(self) -> None:
        """All that was written before is on the disk. Raises StoreBroken, of which `failure` hears, too."""
        try:
            await self.store.settled()
        except StoreBroken as error:
            self._fail(error)
            raise

    def _fail(self, error: StoreBroken) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def close(self) -> None:
        await end_tasks(self._drives.values())
        if self._broken is not None:
            self._broken.cancel()

    # -- what the sources say

    def take(self, item: Item) -> None:
        """The source gave us this, new or once more."""
        self._write(self.table.take(item))
        self._wake(item.key)

    def tell(self, key: str, event: Event, **facts: Any) -> None:
        """Something happened to an item without our doing."""
        self._write(self.table.tell(key, event, **facts))
        self._wake(key)

    def _wake(self, key: str) -> None:
        if key in self._told:
            self._told[key].set()
        self._drive(key)

    def _write(self, writes: Sequence[Write]) -> None:
        """Every change of an item comes by here. Whoever counts those on their way hears of those that make room."""
        self.store.put(writes)
        for write in writes:
            if write.row is None and write.fields is None:
                for callback in self.on_gone:
                    callback(write.key)
        if any(write.fields is None or write.fields.get("stage") == Stage.KEPT for write in writes):
            self._change()

    def _change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    # -- one item

    def _drive(self, key: str) -> None:
        item = self.table.get(key)
        if key not in self._drives and item is not None and (item.kind, item.rule) in self._hands:
            self._told[key] = asyncio.Event()
            task = asyncio.get_running_loop().create_task(self._carry(key))
            self._drives[key] = task
            task.add_done_callback(lambda task: self._over(key, task))

    def _over(self, key: str, task: asyncio.Task[None]) -> None:
        self._drives.pop(key, None)
        self._told.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            if isinstance(error, StoreBroken):
                self._fail(error)
            else:
                _log.error("item %s: a defect of the bridge; it is tried again", key, exc_info=error)
                asyncio.get_running_loop().call_later(DEFECT_S, self._drive, key)
        elif not task.cancelled():
            self.delivered += 1
            self._gone[key] = asyncio.get_running_loop().time()
            if len(self._gone) > GONE_MAX:
                del self._gone[next(iter(self._gone))]
            self._drive(key)  # taken again while this was ending
        self._change()

    def ended_since(self, key: str, time: float) -> bool:
        """Did this item come to its end after that time (of the loop)?"""
        return self._gone.get(key, -1.0) >= time

    async def _carry(self, key: str) -> None:
        backoff = Backoff()
        while True:
            await self.store.settled()  # decide, write, then talk
            item = self.table.get(key)
            if item is None:
                return
            self._told[key].clear()
            try:
                happened = await self._unless_told(item, self._act(item))
            except (NoConnection, ColoniesError, OSError) as error:
                happened = self._trouble(item, error)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._told[key].wait(), backoff.delay_s())
            else:
                backoff.reset()
            if happened is not None:
                event, facts = happened
                self._write(self.table.tell(key, event, **facts))

    def _trouble(self, item: Item, error: Exception) -> Happened | None:
        if isinstance(error, Forbidden):
            self._hands[item.kind, item.rule].refused(item)
        if not isinstance(error, NoConnection):
            self._on_trouble(item, error)
        return (Event.SILENT, {}) if item.action is Action.SUBMIT else None

    async def _act(self, item: Item) -> Happened:
        hands = self._hands[item.kind, item.rule]
        if item.action is Action.WAIT_TURN:
            await self._paces[item.kind].turn()
            return Event.ASKED, {}
        acts: Mapping[Action, Callable[[Item], Any]] = {
            Action.LOOK_UP: hands.look_up,
            Action.SUBMIT: hands.submit,
            Action.WATCH: hands.watch,
            Action.CLOSE: hands.close,
            Action.LINGER: hands.linger,
            Action.CANCEL: hands.cancel,
        }
        happened: Happened = await acts[item.action](item)
        return happened

    async def _unless_told(self, item: Item, acting: Any) -> Happened | None:
        """What came of it; None when something else happened meanwhile that makes it void."""
        told = self._told[item.key]
        act, waking = asyncio.ensure_future(acting), asyncio.ensure_future(told.wait())
        try:
            await asyncio.wait((act, waking), return_when=asyncio.FIRST_COMPLETED)
            if not act.done():
                # A submit that is cut off may have arrived. It is cut off all the same: it may hang for long.
                return (Event.SILENT, {}) if item.action is Action.SUBMIT else None
            event, facts = act.result()
            return None if told.is_set() and event in _OF_ONE_ASSIGNMENT else (event, facts)
        finally:
            waking.cancel()
            if not act.done():
                await end_tasks([act])
