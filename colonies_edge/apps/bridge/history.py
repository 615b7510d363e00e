"""History: what ended at the edge is recorded in the cloud, each once, however long nobody looked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from colonies_edge.apps.bridge.carrier import Carrier, Happened
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage
from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.origins import Origin, carried
from colonies_edge.apps.bridge.own import OwnDesk
from colonies_edge.apps.bridge.settings import EDGE, History
from colonies_edge.apps.bridge.side import BridgeClient, Member, Side
from colonies_edge.apps.bridge.specs import record_spec, verdict_of
from colonies_edge.apps.bridge.target import Target
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.codec import decode, encode
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, NoConnection, TooLarge
from colonies_edge.protocol.limits import BRIDGE_HISTORY_WINDOW, COUNT_MAX
from colonies_edge.protocol.model import FunctionSpec, Process
from colonies_edge.transports.reconnecting import Backoff

_log = logging.getLogger(__name__)

LOOK_S = 5.0  # between two looks for what has ended meanwhile
CURSOR = "history"
RULE = "history"


class HistoryDesk:
    """All rules together, as they share one walk over what ended. The queue is the edge's own archive, and a cursor."""

    def __init__(self, carrier: Carrier, rules: Sequence[History], edge: Side, reader: Member, own: OwnDesk) -> None:
        self._carrier = carrier
        self._rules = rules
        self._edge = edge
        self._reader = reader
        self._own = own
        self._target = Target(own.member, "in the cloud")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = background("history", self._walk_on)

    async def close_desk(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    # -- the walk

    async def _walk_on(self) -> None:
        backoff = Backoff()
        while True:
            try:
                more = await self._walk(await self._reader.ready())
                backoff.reset()
            except (ColoniesError, NoConnection) as error:
                _log.info("what ended at the edge cannot be read now: %s", error)
                if isinstance(error, Forbidden):
                    self._reader.doubt()
                await asyncio.sleep(backoff.delay_s())
                continue
            if not more:
                await asyncio.sleep(LOOK_S)

    async def _walk(self, client: BridgeClient) -> bool:
        """One page, if there is room for it. Was it a full one?"""
        room = BRIDGE_HISTORY_WINDOW - self._carrier.table.count(Kind.HISTORY)
        if room <= 0:
            await self._carrier.changed.wait()
            return True
        page, full = await _page(client, self._carrier.store.note(CURSOR) or "0:", min(room, COUNT_MAX))
        for process in page:
            if self._wanted(process):
                self._carrier.take(self._record(process))
        if page:
            # In one write with the items, as nothing is waited for between them.
            self._carrier.store.put_note(CURSOR, f"{page[-1].endtime}:{page[-1].processid}")
            await self._carrier.settled()
        return full

    def _wanted(self, process: Process) -> bool:
        spec = process.spec
        fits = any(rule.fits(spec.conditions.executortype, spec.label) for rule in self._rules)
        # What a bridge brought here, and what this one took up, the cloud has seen already.
        ours = {member.identity for member in self._edge.members}
        return fits and not carried(spec.env) and process.assignedexecutorid not in ours

    def _record(self, process: Process) -> Item:
        earlier = self._reader.is_younger_than(process.endtime)
        return Item(
            key=f"{Kind.HISTORY.value}:{process.processid}",
            kind=Kind.HISTORY,
            rule=RULE,
            source=process.processid,
            # Its end moves when a success is reported twice: then it comes twice, and the record is there already.
            stage=Stage.SENDING,
            doubt=earlier or not self._own.member.client.honours_msgids,
            earlier=earlier,
            work=self._work(process),
            verdict=verdict_of(process, "at the edge"),
        )

    def _work(self, process: Process) -> dict[str, Any]:
        member = self._own.member
        origin = Origin(side=EDGE, site=self._edge.site, processid=process.processid, round="h")
        spec = record_spec(
            process, origin, colonyname=member.client.colonyname, ownname=member.name, owntype=member.executortype
        )
        return {"spec": encode(spec)}

    # -- the hands of a record

    def _origin(self, item: Item) -> Origin:
        return Origin(side=EDGE, site=self._edge.site, processid=item.source, round="h")

    async def look_up(self, item: Item) -> Happened:
        await self._reader.ready()
        if item.earlier:
            return await self._target.find(self._origin(item).label, earlier=True)
        return await self._target.look_up(self._origin(item).label)

    async def submit(self, item: Item) -> Happened:
        client = await self._own.member.ready()
        try:
            spec = decode(FunctionSpec, item.work["spec"])
            process = await client.submit_func_spec(spec, msgid=self._origin(item).msgid)
        except (BadRequest, TooLarge) as error:
            if self._target.may_take_it_later(client, error, self._origin(item).label):
                raise
            _log.warning("process %s cannot be recorded in the cloud: %s", item.source, error)
            return Event.ENDED, {}
        return Event.PLACED, {"target": process.processid}

    async def watch(self, item: Item) -> Happened:
        assert item.verdict is not None
        await self._own.close_as(item.target, item.verdict)
        return Event.CLOSED, {}

    async def close(self, item: Item) -> Happened:
        """It cannot be recorded, and the edge waits for nothing."""
        del item
        return Event.CLOSED, {}

    async def linger(self, item: Item) -> Happened:
        del item
        return Event.FORGOTTEN, {}

    async def cancel(self, item: Item) -> Happened:
        del item
        return Event.CANCELLED, {}

    def refused(self, item: Item) -> None:
        del item
        self._own.member.doubt()


async def _page(client: BridgeClient, after: str, count: int) -> tuple[list[Process], bool]:
    """What ended after the cursor, fewer at a time when they are large; and whether there may be more at once."""
    while True:
        try:
            page = await client.get_processes_ended(after, count)
            return page, len(page) == count
        except TooLarge:
            if count == 1:
                raise
            count = max(1, count // 4)
