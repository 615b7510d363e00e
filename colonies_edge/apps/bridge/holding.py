"""An executor at the edge that only holds work: ready after every connect, heartbeats, and nothing of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.side import BridgeClient, Member
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, NoConnection
from colonies_edge.protocol.limits import HEARTBEATS_PER_LEASE, LEASE_S
from colonies_edge.protocol.messages import Held, Withdraw
from colonies_edge.protocol.replies import Assignment, decode_assignment
from colonies_edge.transports.reconnecting import Backoff

_log = logging.getLogger(__name__)

GOODBYE_S = 5.0
RECENT_MAX = 4_096  # processes that came lately: a delayed repetition of a push must not begin them once more
Drop = Callable[[str, int, str], None]  # process id, attempt, reason


class Holding:
    """Work is held for as long as the line is down: the heartbeats go to the edge, not to the cloud.

    A lease that could not be extended is not counted here: whether the work is still ours, the answer to the next
    `readymsg` says.
    """

    def __init__(
        self,
        member: Member,
        *,
        capacity: int,
        held: Callable[[], Mapping[str, int]],
        on_work: Callable[[Assignment], None],
        on_withdraw: Drop,
        on_doubt: Callable[[str], None],
    ) -> None:
        """`on_withdraw`: stop that. `on_doubt`: the edge does not count that as ours now; it may wait again there."""
        self._member = member
        self._capacity = capacity
        self._held = held
        self._on_work = on_work
        self._on_withdraw = on_withdraw
        self._on_doubt = on_doubt
        self._lease_s = float(LEASE_S)
        self._recent: dict[str, int] = {}  # the newest attempt that was pushed, by process id
        self._unready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._member.on_open.append(self._opened)
        self._member.on_ready.append(self._unready.set)
        self._tasks = [background(self._member.name, loop) for loop in (self._stay_ready, self._beat_on)]

    async def close(self) -> None:
        await end_tasks(self._tasks)
        if self._member.is_ready:
            try:
                await asyncio.wait_for(self._let_go(await self._member.ready()), GOODBYE_S)
            except (ColoniesError, NoConnection, asyncio.TimeoutError) as error:
                _log.info("the edge does not know that the bridge stops: %s", error)

    async def _let_go(self, client: BridgeClient) -> None:
        """Back to the queue, or it would fail with its lease. What goes on in the cloud meanwhile still counts: its
        result is taken as a late one, and whoever gets the work again here finds it by its origin."""
        await client.ready(0, self._holding())
        held = self._held().items()
        given = (client.release_process(processid, attempt, "the bridge stops") for processid, attempt in held)
        await asyncio.gather(*given, return_exceptions=True)

    def _opened(self, client: BridgeClient) -> None:
        client.caller.on_push.append(self._on_push)
        client.caller.on_epoch.append(lambda _: self._unready.set())
        client.caller.on_connect.append(self._unready.set)

    def _holding(self) -> list[Held]:
        return [Held(processid=processid, attempt=attempt) for processid, attempt in self._held().items()]

    def _on_push(self, payloadtype: str, _msgid: str, value: Any) -> None:
        try:
            if payloadtype == "assignprocessmsg":
                self._pushed(decode_assignment(value))
            elif payloadtype == Withdraw.msgtype:
                withdraw = decode(Withdraw, value)
                self._on_withdraw(withdraw.processid, withdraw.attempt, withdraw.reason)
        except BadRequest as error:
            _log.warning("a %s that makes no sense: %s", payloadtype, error)

    def _pushed(self, assignment: Assignment) -> None:
        processid, attempt = assignment.process.processid, assignment.attempt
        if attempt <= self._recent.get(processid, 0):
            _log.info("attempt %d at process %s was pushed once more", attempt, processid)
            return
        self._recent.pop(processid, None)  # to the end: the oldest are forgotten first
        self._recent[processid] = attempt
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        self._on_work(assignment)

    async def _stay_ready(self) -> None:
        backoff = Backoff()
        while True:
            await self._unready.wait()
            self._unready.clear()
            try:
                await self._be_ready(await self._member.ready())
                backoff.reset()
            except Forbidden:
                self._member.doubt()
            except (ColoniesError, NoConnection) as error:
                _log.info("not ready at the edge yet: %s", error)
                self._unready.set()
                await asyncio.sleep(backoff.delay_s())

    async def _be_ready(self, client: BridgeClient) -> None:
        reply = await client.ready(self._capacity, self._holding())
        if reply.leasems:
            self._lease_s = reply.leasems / 1000
        for held in reply.drop:
            self._on_doubt(held.processid)

    async def _beat_on(self) -> None:
        """A heartbeat every third of a lease; without work once a lease that we are ready, as the coordinator may have
        forgotten it."""
        beats = 0
        while True:
            await asyncio.sleep(self._lease_s / HEARTBEATS_PER_LEASE)
            beats += 1
            held = dict(self._held())
            if not held and beats % HEARTBEATS_PER_LEASE == 0:
                self._unready.set()
            elif held and self._member.is_ready:
                await self._beat(held)

    async def _beat(self, held: Mapping[str, int]) -> None:
        client = await self._member.ready()
        try:
            drop = await client.heartbeat(held, timeout_s=self._lease_s / HEARTBEATS_PER_LEASE)
        except Forbidden:
            self._member.doubt()
        except (ColoniesError, NoConnection) as error:
            _log.info("a heartbeat was not answered: %s", error)
        else:
            for processid in drop:
                self._on_doubt(processid)
