"""The bridge's own executor in the cloud: it takes nothing but what the bridge submitted for itself."""

from __future__ import annotations

import asyncio
import logging

from colonies_edge.apps.bridge.items import Verdict
from colonies_edge.apps.bridge.polls import Polls
from colonies_edge.apps.bridge.side import BridgeClient, Member
from colonies_edge.apps.bridge.target import close_as
from colonies_edge.client.watching import ENDS
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.model import Process, State

_log = logging.getLogger(__name__)


LOOK_S = 30.0  # an assignment whose answer got lost is found by then
OURS_MAX = 4_096  # older ones are looked up


class OwnDesk:
    """Nodes that bring inputs, and records: submitted by us, taken by us, closed by us."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self._assigned: dict[str, asyncio.Event] = {}  # by process id: those that are waited for
        self._ours: dict[str, None] = {}  # assigned to us, not closed yet
        self._polls = Polls(member, room=self._room, on_work=self._take, lost=lambda: None)

    def start(self) -> None:
        self._polls.start()

    async def close(self) -> None:
        await self._polls.close()

    def _room(self) -> int:
        return len(self._assigned)

    async def close_as(self, processid: str, verdict: Verdict) -> None:
        """Return when that process has been assigned to us and closed so; at once when it has ended before."""
        while not await self._closed(processid, verdict):
            assigned = self._assigned[processid] = asyncio.Event()
            self._polls.look_again()
            try:
                await asyncio.wait_for(assigned.wait(), LOOK_S)
            except asyncio.TimeoutError:
                _log.debug("process %s was not assigned to us yet, or its assignment got lost", processid)
            finally:
                self._assigned.pop(processid, None)

    async def _closed(self, processid: str, verdict: Verdict) -> bool:
        client = await self.member.ready()
        if processid not in self._ours:
            process = await client.get_process(processid)
            if process.state in ENDS:
                return True
            if process.state is not State.RUNNING or process.assignedexecutorid != self.member.identity:
                return processid in self._ours and await self._closed(processid, verdict)
        await self._close(client, processid, verdict)
        self._ours.pop(processid, None)
        return True

    def _take(self, process: Process) -> None:
        """One that nobody waits for belongs to an item that goes on after a restart: it looks at its state first."""
        self._ours[process.processid] = None
        if len(self._ours) > OURS_MAX:
            del self._ours[next(iter(self._ours))]
        if process.processid in self._assigned:
            self._assigned[process.processid].set()

    async def _close(self, client: BridgeClient, processid: str, verdict: Verdict) -> None:
        try:
            await close_as(client, processid, verdict)
        except (BadRequest, Forbidden):
            process = await client.get_process(processid)
            if process.state not in ENDS:
                raise
