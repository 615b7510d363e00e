"""Logs and attributes of a process at the target, carried to the process at the source while it runs there."""

from __future__ import annotations

import asyncio
import logging

from colonies_edge.apps.bridge.carrier import Carrier
from colonies_edge.apps.bridge.items import Item
from colonies_edge.apps.bridge.origins import call_id
from colonies_edge.apps.bridge.side import BridgeClient, Member
from colonies_edge.apps.bridge.target import Target, nodes_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection, TooLarge, TooManyRequests, Unavailable
from colonies_edge.protocol.limits import LOG_COUNT_MAX
from colonies_edge.protocol.messages import AddAttribute, AddLog
from colonies_edge.protocol.model import Attribute, AttributeType, LogEntry, Process, State
from colonies_edge.transports.system import jitter

_log = logging.getLogger(__name__)

# Most work is short: its log goes up with its end. What runs longer is looked at now and then, at last every 10 s.
FIRST_LOOK_S, LOOK_S_MAX = 1.0, 10.0
# Of one rule at what waits, and as many at what runs: where there are more items than that allows, each is looked at
# more rarely, as the line is there for the work. Nothing is lost by it: whatever is left comes with the end.
LOOKS_PER_S = 2.0
NOT_NOW = (TooManyRequests, Unavailable)


class Notes:
    """Carries from the side of `target` to that of `source`.

    Cursors are kept, so a line is sent again only when the bridge died between sending and noting; a coordinator that
    honours msgids writes it once all the same.
    """

    def __init__(self, carrier: Carrier, source: Member, target: Target) -> None:
        self._store = carrier.store
        self._source = source
        self._target = target
        self._sent: dict[str, set[str]] = {}  # attributes by item: there is no other way to know than to have sent them
        self._followed: set[str] = set()
        self._running: set[str] = set()  # those of them that were seen to run
        carrier.on_gone.append(self._forget)  # not before: until its close is confirmed, all of it may be asked again

    async def follow(self, item: Item, *, whole_graph: bool) -> None:
        """Until cancelled."""
        pause_s = FIRST_LOOK_S
        self._followed.add(item.key)
        try:
            while True:
                await self._pause(item, pause_s)
                try:
                    moved = await self.carry(item, whole_graph=whole_graph)
                except NoConnection:
                    continue
                except ColoniesError as error:
                    _log.info("logs of %s are not carried now: %s", item.key, error)
                    moved = False
                pause_s = FIRST_LOOK_S if moved else min(2 * pause_s, LOOK_S_MAX)
        finally:
            self._followed.discard(item.key)
            self._running.discard(item.key)

    async def _pause(self, item: Item, pause_s: float) -> None:
        """As long as that, or until those like it have had their looks, as many as there are by then."""
        alike = self._running if item.key in self._running else self._followed
        slept_s, each_s = 0.0, jitter(2 / LOOKS_PER_S)
        while slept_s < (whole_s := max(pause_s, len(alike) * each_s)):
            step_s = min(whole_s - slept_s, LOOK_S_MAX)
            await asyncio.sleep(step_s)
            slept_s += step_s

    async def finish(self, item: Item, *, whole_graph: bool) -> None:
        """What is left, before the close. A source that does not take it any more does not keep the close from it; one
        that does not take it now is asked again. Raises NoConnection and what is in NOT_NOW."""
        try:
            await self.carry(item, whole_graph=whole_graph)
        except NOT_NOW:
            raise
        except ColoniesError as error:
            _log.info("the rest of the log of %s is lost: %s", item.key, error)

    def forget(self, item: Item) -> None:
        self._forget(item.key)

    def _forget(self, key: str) -> None:
        self._sent.pop(key, None)
        if self._store.note(_cursor(key)) is not None:
            self._store.put_note(_cursor(key), None)

    async def carry(self, item: Item, *, whole_graph: bool) -> bool:
        """Was there anything? Raises ColoniesError and NoConnection."""
        target = await self._target.member.ready()
        if whole_graph:
            processes = list(await nodes_of(target, item.graph))
        else:
            processes = [self._target.seen(item.target) or await target.get_process(item.target)]
        source = await self._source.ready()
        moved = False
        begun = [process for process in processes if process.state != State.WAITING]
        if begun and item.key in self._followed:
            self._running.add(item.key)
        for process in begun:
            prefix = f"[{process.spec.nodename}] " if whole_graph else ""
            moved |= await self._logs(item, process, source, target, prefix)
            moved |= await self._attributes(item, process, source, prefix)
        return moved

    async def _logs(
        self, item: Item, process: Process, source: BridgeClient, target: BridgeClient, prefix: str
    ) -> bool:
        cursors = dict(self._store.note(_cursor(item.key)) or {})
        since, moved, count = int(cursors.get(process.processid, 0)), False, LOG_COUNT_MAX
        while True:
            lines, count = await _page(target, process.processid, since, count)
            for line in lines:
                msgid = call_id("log", item.key, str(item.attempt), process.processid, str(line.timestamp))
                await source.call(AddLog(processid=item.source, message=prefix + line.message), msgid=msgid)
                since = line.timestamp
            if lines:
                moved = True
                self._store.put_note(_cursor(item.key), {**cursors, process.processid: since})
            if len(lines) < count:
                return moved

    async def _attributes(self, item: Item, process: Process, source: BridgeClient, prefix: str) -> bool:
        moved = False
        for attribute in process.attributes:
            key = prefix + attribute.key
            if attribute.attributetype == AttributeType.ENV or key in self._sent.get(item.key, ()):
                continue
            message = AddAttribute(
                attribute=Attribute(
                    targetid=item.source,
                    targetcolonyname=source.colonyname,
                    attributetype=attribute.attributetype,
                    key=key,
                    value=attribute.value,
                )
            )
            try:
                await source.call(message, msgid=call_id("attribute", item.key, str(item.attempt), key))
                moved = True
            except NOT_NOW:
                raise
            except ColoniesError as error:  # it is there already, or the source takes no more of them
                _log.debug("attribute %r of %s was not taken: %s", key, item.key, error)
            self._sent.setdefault(item.key, set()).add(key)
        return moved


def _cursor(key: str) -> str:
    return f"log {key}"


async def _page(client: BridgeClient, processid: str, since: int, count: int) -> tuple[list[LogEntry], int]:
    """Lines after `since`, fewer at a time when they are long."""
    while True:
        try:
            return await client.get_logs(processid, count=count, since=since), count
        except TooLarge:
            if count == 1:
                raise
            count = max(1, count // 4)
