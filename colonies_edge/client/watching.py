"""Waiting for processes to end: by events, anew after every interruption, and by rare questions if one is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import NoConnection, TooManyRequests, WaitTimeout
from colonies_edge.protocol.limits import SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.protocol.messages import SubscribeProcess
from colonies_edge.protocol.model import Process, State
from colonies_edge.transports.system import jitter, new_msgid

ENDS = (State.SUCCESS, State.FAILED, State.CANCELLED)
POLL_S = 20.0  # an event that never came is made up for after this time: rare, as events are delivered at least once
SUBSCRIBED_S = 600  # of one subscription; a longer wait begins another
# Those for one executor type ask about so often together, so each asks more rarely where they are many, up to what a
# subscription needs to be renewed in time. After an interruption all ask, so many at once: real calls come between.
LOOKS_PER_S, POLL_S_MAX = 2.0, SUBSCRIBED_S / 4
LOOKS_AT_ONCE = 8
# From so many waits for one executor type on, one subscription to the type is cheaper than one to each process.
TYPE_WAITS_MIN = 4
# Subscriptions to single processes live on after their process has ended; beyond this many the type's serves.
SINGLE_MAX = SUBSCRIPTIONS_PER_CONN_MAX // 2
COVERED_MAX = 10_000  # processes whose end cannot have been missed: an id each
RECENT_MAX = 256  # ended processes that nobody has asked for yet; each may be as large as a message


def poll_s(waits: int) -> float:
    """Until the next look of one of so many waits."""
    return min(max(POLL_S, jitter(2 * waits / LOOKS_PER_S)), POLL_S_MAX)


class WatchingClient(Protocol):
    """What this needs of the client."""

    async def get_process(self, processid: str) -> Process: ...

    async def subscribe_process(
        self, processid: str, states: Iterable[int], timeout: int, *, executortype: str = "", msgid: str = ""
    ) -> None: ...

    async def subscribe_processes(
        self, executortype: str, states: Iterable[int], timeout: int, *, msgid: str = ""
    ) -> None: ...


class _TypeWatch:
    """One subscription to everything of an executor type that ends."""

    def __init__(self, executortype: str) -> None:
        self.executortype = executortype
        self.msgid = new_msgid()
        self.until = 0.0
        self.number = 0  # of its newest event
        self.since = 0  # the client's count of submits when the coordinator had confirmed it
        self.lock = asyncio.Lock()


class Watching:
    """All waits of one client."""

    def __init__(self, client: WatchingClient) -> None:
        self._client = client
        self._waits: dict[str, list[asyncio.Future[Process]]] = {}
        self._waits_of_type: dict[str, int] = {}
        self._types: dict[str, _TypeWatch] = {}
        self._singles: dict[str, float] = {}  # process id -> when its subscription ends
        self._recent: dict[str, Any] = {}  # ended, as JSON: most are decoded never or once
        self._submits = 0
        self._covered: dict[str, None] = {}  # submitted while its type was watched: its end cannot have been missed
        self._interrupted = asyncio.Event()
        self._looking = asyncio.Semaphore(LOOKS_AT_ONCE)

    # -- what the client says

    def mark(self) -> int:
        """Before a submit."""
        self._submits += 1
        return self._submits

    def submitted(self, process: Process, mark: int) -> None:
        watch = self._types.get(process.spec.conditions.executortype)
        if watch is not None and watch.since and mark > watch.since:
            self._covered[process.processid] = None
            if len(self._covered) > COVERED_MAX:
                del self._covered[next(iter(self._covered))]

    def renew(self) -> None:
        """The connection is another one, or the coordinator: what it was told to watch it has forgotten."""
        self._types.clear()
        self._singles.clear()
        self._covered.clear()
        self._interrupted.set()
        self._interrupted = asyncio.Event()

    def on_event(self, payloadtype: str, msgid: str, number: int, value: Any) -> None:
        if payloadtype != SubscribeProcess.msgtype:
            return
        processid = value.get("processid") if isinstance(value, dict) else None
        if not isinstance(processid, str) or value.get("state") not in ENDS:
            return
        waits = self._waits.get(processid, [])
        self._covered.pop(processid, None)
        if waits:
            process = decode(Process, value)
            for wait in waits:
                if not wait.done():
                    wait.set_result(process)
        else:
            self._recent[processid] = value
            if len(self._recent) > RECENT_MAX:
                del self._recent[next(iter(self._recent))]
        watch = next((watch for watch in self._types.values() if watch.msgid == msgid), None)
        if watch is not None:
            missed = number > watch.number + 1
            watch.number = max(number, watch.number)
            if missed:
                self.renew()

    # -- waiting

    async def wait(self, process: Process | str, timeout_s: float | None) -> Process:
        processid = process if isinstance(process, str) else process.processid
        executortype = "" if isinstance(process, str) else process.spec.conditions.executortype
        if isinstance(process, Process) and process.state in ENDS:
            return process
        recent = self._recent.pop(processid, None)
        if recent is not None:
            return decode(Process, recent)
        ended: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._waits.setdefault(processid, []).append(ended)
        self._waits_of_type[executortype] = self._waits_of_type.get(executortype, 0) + 1
        try:
            return await asyncio.wait_for(self._until_ended(processid, executortype, ended), timeout_s)
        except asyncio.TimeoutError:
            raise WaitTimeout(f"process {processid} has not ended within {timeout_s:g} s") from None
        finally:
            self._forget(processid, executortype, ended)

    def _forget(self, processid: str, executortype: str, ended: asyncio.Future[Process]) -> None:
        waits = self._waits[processid]
        waits.remove(ended)
        if not waits:
            del self._waits[processid]
        self._waits_of_type[executortype] -= 1
        if not self._waits_of_type[executortype]:
            del self._waits_of_type[executortype]

    async def _until_ended(self, processid: str, executortype: str, ended: asyncio.Future[Process]) -> Process:
        first = True
        while True:
            interrupted = self._interrupted
            try:
                process = await self._look(processid, executortype, ended, first)
                pause_s = poll_s(self._waits_of_type[executortype])
            except (NoConnection, TooManyRequests):
                # The time that the caller gave decides how long this goes on. An event may have been missed.
                process, pause_s = None, POLL_S
            if process is not None:
                return process
            first = False
            waking = asyncio.ensure_future(interrupted.wait())
            try:
                await asyncio.wait((ended, waking), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            if ended.done():
                return ended.result()

    async def _look(
        self, processid: str, executortype: str, ended: asyncio.Future[Process], first: bool
    ) -> Process | None:
        """See to it that an event will come; the process, if it has ended already."""
        if executortype and self._waits_of_type[executortype] >= TYPE_WAITS_MIN:
            await self._watch_type(executortype)
            if first and processid in self._covered:
                return None
        elif self._singles.get(processid, 0.0) < self._now():
            watched = await self._watch_single(processid, executortype)
            if watched and first:
                return None  # if it has ended already, the coordinator says so at once
        asking = asyncio.ensure_future(self._ask(processid))
        try:
            await asyncio.wait((ended, asking), return_when=asyncio.FIRST_COMPLETED)
            process = ended.result() if ended.done() else asking.result()
        finally:
            await end_tasks([asking])
        return process if process.state in ENDS else None

    async def _ask(self, processid: str) -> Process:
        async with self._looking:
            return await self._client.get_process(processid)

    async def _watch_single(self, processid: str, executortype: str) -> bool:
        now = self._now()
        if len(self._singles) >= SINGLE_MAX:
            self._singles = {key: until for key, until in self._singles.items() if until > now}
        if len(self._singles) < SINGLE_MAX:
            self._singles[processid] = now + SUBSCRIBED_S
            try:
                await self._client.subscribe_process(processid, ENDS, SUBSCRIBED_S)
                return True
            except TooManyRequests:  # other subscriptions of this connection fill its allowance
                del self._singles[processid]
        if executortype:
            await self._watch_type(executortype)
        return False

    async def _watch_type(self, executortype: str) -> None:
        watch = self._types.setdefault(executortype, _TypeWatch(executortype))
        async with watch.lock:
            if watch.until < self._now():
                watch.msgid, watch.number = new_msgid(), 0
                await self._client.subscribe_processes(executortype, ENDS, SUBSCRIBED_S, msgid=watch.msgid)
                # Renewed well before it ends, so that none of the processes that it covers ends unseen.
                watch.until = self._now() + SUBSCRIBED_S / 2
                watch.since = self._submits

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
