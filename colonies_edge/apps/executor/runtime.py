"""An executor at work: ready after every connect, heartbeats while it holds work, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from colonies_edge.apps.executor.jobs import Done, Failed, Job, Result, Returned, Worker
from colonies_edge.apps.executor.notes import ProcessNotes
from colonies_edge.apps.executor.reporter import Reporter, failure, success
from colonies_edge.apps.executor.standing import Standing
from colonies_edge.apps.executor.talk import ProcessTalk
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.outbox import Key, Outbox
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Conflict, Forbidden, NoConnection
from colonies_edge.protocol.limits import HEARTBEATS_PER_LEASE, LEASE_S, TRY_FIRST_S, TRY_MAX_S
from colonies_edge.protocol.messages import Held, Withdraw
from colonies_edge.protocol.replies import Assignment, decode_assignment
from colonies_edge.transports.system import jitter

_log = logging.getLogger(__name__)

RECENT_MAX = 4_096  # assignments that are over: a delayed repetition of one must not run it again
STOPPED_S = 8.0  # after the work was told to stop: longer than a command has between SIGTERM and SIGKILL
GOODBYE_S = 3.0  # each of the last messages may take so long when nobody answers
SHOWN_AFTER_S = 1.0  # most work is over sooner, and its result says as much as a heartbeat

Membership = Callable[[AsyncClient], Awaitable[None]]


class Runtime:
    """The talking half of an executor. `run` returns after `stop` was set and everything was brought to its end."""

    def __init__(
        self,
        client: AsyncClient,
        worker: Worker,
        outbox: Outbox,
        *,
        capacity: int,
        grace_s: float,
        become_member: Membership,
        tell: Callable[[str], None] = lambda _: None,
        runs: Callable[[], None] = lambda: None,
    ) -> None:
        self._tell = tell
        self._standing = Standing(client, tell, runs)
        self._client = client
        self._worker = worker
        self._capacity = capacity
        self._grace_s = grace_s
        self._become_member = become_member
        self._reporter = Reporter(client, outbox, answered=self._answered)
        self._reporter.on_not_member = self._lost_membership
        self._jobs: dict[str, Job] = {}  # by process id
        self._recent: dict[Key, None] = {}
        self._lease_s = float(LEASE_S)
        self._member = False
        self._ready_said = False  # in the log
        self._draining = False
        self._unready = asyncio.Event()  # something happened after which we have to say again that we are ready
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()  # a job came or went
        self._came = asyncio.Event()  # a job came that was not shown yet
        self._pace_changed = asyncio.Event()  # leases have another length than was thought

    # -- beginning and end

    async def run(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        """Work until `stop`; then finish what is held, for the grace time or until `hurry`."""
        caller = self._client.caller
        caller.on_push.append(self._on_push)
        caller.on_epoch.append(lambda _: self._reconnected())
        caller.on_connect.append(self._reconnected)
        self._enter()
        always = (self._stay_ready(), self._keep_leases(), self._show_arrivals(), self._watch_leases())
        keeping = [asyncio.create_task(coroutine) for coroutine in always]
        try:
            await stop.wait()
            await self._drain(hurry)
        finally:
            caller.on_connect.remove(self._reconnected)
            self._standing.close()
            await end_tasks((*keeping, *self._tasks))
            await self._reporter.close()

    async def _drain(self, hurry: asyncio.Event) -> None:
        self._draining = True
        if self._jobs:
            _log.info("finishing %d processes, for up to %g s (stop again to hurry)", len(self._jobs), self._grace_s)
        await self._last_words(self._client.ready(0, self._holding(), timeout_s=GOODBYE_S))
        await _until(self._all_done(), hurry, self._grace_s)
        left = [job for job in self._jobs.values() if not job.reporting]
        for job in left:
            self._end(job, "the executor stops")
        stopping = asyncio.ensure_future(self._worker.close())
        await asyncio.wait({stopping}, timeout=STOPPED_S)
        await asyncio.gather(*(self._give_back(job, "the executor stops") for job in left))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GOODBYE_S)
        await _until(self._reporter.settled(), None, GOODBYE_S)
        unsent = self._reporter.keys()
        if unsent:
            _log.info("%d results wait in the outbox until the executor runs again", len(unsent))

    async def _all_done(self) -> None:
        while any(not job.reporting for job in self._jobs.values()):
            self._changed.clear()
            await self._changed.wait()

    async def _last_words(self, words: Coroutine[Any, Any, object]) -> None:
        try:
            await words
        except (ColoniesError, NoConnection) as error:
            _log.info("the coordinator does not know that this executor stops: %s", error)

    def _background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- getting ready: at every connect, when the coordinator restarted, when membership was doubted

    def _enter(self) -> None:
        self._unready.set()

    def _reconnected(self) -> None:
        self._ready_said = False
        self._enter()

    async def _stay_ready(self) -> None:
        """One at a time, and once more when something happened meanwhile: a `readymsg` that was repeated on a new
        connection is answered from memory there, and counts for the old one only."""
        while True:
            await self._unready.wait()
            self._unready.clear()
            await self._until_ready()

    async def _until_ready(self) -> None:
        pause_s = float(TRY_FIRST_S)
        while not self._draining:
            try:
                if not self._member:
                    await self._become_member(self._client)
                    self._member = True
                await self._be_ready()
                return
            except Forbidden as error:
                self._standing.unwanted(f"not a member any more ({error}); trying to become one again")
                self._member = self._ready_said = False
            except NoConnection as error:
                _log.info("not ready yet: %s", error)
                self._tell(f"not ready yet: {error}")
            except ColoniesError as error:
                _log.warning("not ready yet: %s", error)
                self._tell(f"not ready yet: {error}")
            await asyncio.sleep(jitter(pause_s))
            pause_s = min(2 * pause_s, float(TRY_MAX_S))

    async def _be_ready(self) -> None:
        """First what was finished, then what is held: so nothing that is done is counted as held or lost."""
        self._reporter.resend()
        await self._reporter.settled()
        if self._draining:
            return
        sent_at = self._now()
        reply = await self._client.ready(self._capacity, self._holding())
        if reply.leasems and reply.leasems / 1000 != self._lease_s:
            self._lease_s = reply.leasems / 1000
            self._pace_changed.set()
        self._extend((held.processid for held in reply.keep), sent_at)
        for held in reply.drop:
            job = self._jobs.get(held.processid)
            if job is not None and job.attempt == held.attempt:
                self._drop(job, "the coordinator gave it to another, or it has ended")
        self._standing.is_well()
        if not self._ready_said:
            self._ready_said = True
            _log.info("ready for %d processes", self._capacity)
            self._tell(f"ready for {self._capacity} processes")

    def _holding(self) -> list[Held]:
        held = {(job.processid, job.attempt) for job in self._jobs.values()} | set(self._reporter.keys())
        return [Held(processid=processid, attempt=attempt) for processid, attempt in held]

    def _lost_membership(self) -> None:
        if self._member:
            self._member = False
            self._enter()

    # -- what the coordinator pushes

    def _on_push(self, payloadtype: str, _msgid: str, value: Any) -> None:
        try:
            if payloadtype == "assignprocessmsg":
                self._take(decode_assignment(value))
            elif payloadtype == Withdraw.msgtype:
                self._withdrawn(decode(Withdraw, value))
        except BadRequest as error:
            _log.warning("a %s that makes no sense: %s", payloadtype, error)

    def _take(self, assignment: Assignment) -> None:
        process, attempt = assignment.process, assignment.attempt
        key = (process.processid, attempt)
        held = self._jobs.get(process.processid)
        if key in self._recent or key in self._reporter or (held is not None and held.attempt >= attempt):
            return  # a repetition
        if held is not None:
            self._drop(held, f"attempt {attempt} of it has begun")
        loop = asyncio.get_running_loop()
        job = Job(
            process=process,
            attempt=attempt,
            lease_until=self._now() + assignment.leasems / 1000,
            notes=ProcessNotes(self._client, process.processid, loop),
            talk=ProcessTalk(self._client, process, attempt, loop),
            cancelled=threading.Event(),
        )
        self._jobs[process.processid] = job
        self._changed.set()
        self._came.set()
        if self._draining:
            self._over(job, Returned(reason="the executor stops"))
        else:
            self._worker.start(job, partial(self._over, job))

    def _withdrawn(self, withdraw: Withdraw) -> None:
        job = self._jobs.get(withdraw.processid)
        if job is not None and job.attempt == withdraw.attempt:
            self._drop(job, withdraw.reason)
        else:
            self._remember((withdraw.processid, withdraw.attempt))  # should its assignment still be on the way

    # -- what becomes of a job

    def _over(self, job: Job, result: Result) -> None:
        """The worker is done with it."""
        if job.unwanted:
            return
        job.reporting = True
        self._changed.set()
        match result:
            case Done(out=out):
                self._background(self._report(job, success, out))
            case Failed(errors=errors):
                self._background(self._report(job, failure, errors))
            case Returned(reason=reason):
                self._forget(job)
                self._background(self._give_back(job, reason))

    async def _report(self, job: Job, closing: Callable[[str, int, Any], Any], what: Any) -> None:
        await self._reporter.report(closing(job.processid, job.attempt, what), job.notes.finish)

    def _answered(self, key: Key) -> None:
        """The coordinator has the result."""
        job = self._jobs.get(key[0])
        if job is not None and job.attempt == key[1]:
            self._forget(job)

    async def _give_back(self, job: Job, reason: str) -> None:
        try:
            await self._client.release_process(job.processid, job.attempt, reason, timeout_s=GOODBYE_S)
        except (Conflict, Forbidden):
            pass  # it is not ours any more, which is what was wanted
        except (ColoniesError, NoConnection) as error:
            _log.info("process %s was not given back, its lease will end: %s", job.processid, error)

    def _drop(self, job: Job, reason: str) -> None:
        """It is not ours any more. A result that is on its way goes on: the coordinator decides whether it counts."""
        if not job.reporting:
            _log.info("process %s, attempt %d, is stopped: %s", job.processid, job.attempt, reason)
            self._end(job, reason)

    def _end(self, job: Job, reason: str) -> None:
        job.cancelled.set()
        job.notes.drop()
        job.talk.drop()
        self._forget(job)
        self._worker.stop(job)

    def _forget(self, job: Job) -> None:
        if self._jobs.get(job.processid) is job:
            del self._jobs[job.processid]
        self._remember((job.processid, job.attempt))
        self._changed.set()

    def _remember(self, key: Key) -> None:
        self._recent[key] = None
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]

    # -- leases

    async def _keep_leases(self) -> None:
        """A heartbeat every third of a lease. Without work we say once a lease that we are ready: the coordinator may
        have forgotten it, for example because we were removed and approved again."""
        beats = 0
        while True:
            await _until(_happens(self._pace_changed), None, self._lease_s / HEARTBEATS_PER_LEASE)
            self._pace_changed.clear()
            beats += 1
            if self._jobs and self._member:
                self._background(self._beat())
            elif beats % HEARTBEATS_PER_LEASE == 0:
                self._enter()

    async def _show_arrivals(self) -> None:
        """Work that goes on for a moment is shown to be here at once. What was never shown did not arrive, for the
        coordinator: were we killed and started again before the next heartbeat, it would begin anew and no retry be
        counted. What is over sooner is shown by its result."""
        while True:
            await self._came.wait()
            self._came.clear()
            await asyncio.sleep(SHOWN_AFTER_S)
            if self._member and any(not (job.shown or job.reporting) for job in self._jobs.values()):
                await self._beat()

    async def _beat(self) -> None:
        named, sent_at = {job.processid: job.attempt for job in self._jobs.values()}, self._now()
        try:
            drop = set(await self._client.heartbeat(named, timeout_s=self._lease_s / HEARTBEATS_PER_LEASE))
        except NoConnection as error:
            _log.info("a heartbeat was not answered: %s", error)
            return
        except Forbidden as error:
            _log.warning("the heartbeat was refused: %s", error)
            self._lost_membership()
            return
        except ColoniesError as error:
            _log.warning("the heartbeat was refused: %s", error)
            return
        for processid, attempt in named.items():
            if (job := self._jobs.get(processid)) is not None and job.attempt == attempt:
                job.shown = True
        self._extend((processid for processid in named if processid not in drop), sent_at)
        for processid in drop:
            job = self._jobs.get(processid)
            if job is not None and job.attempt == named.get(processid):
                self._drop(job, "the coordinator gave it to another, or it has ended")

    def _extend(self, processids: Iterable[str], sent_at: float) -> None:
        """From when it was asked, not from when it was answered: the coordinator's lease must not end before ours."""
        for processid in processids:
            job = self._jobs.get(processid)
            if job is not None:
                job.lease_until = max(job.lease_until, sent_at + self._lease_s)

    async def _watch_leases(self) -> None:
        while True:
            now = self._now()
            for job in list(self._jobs.values()):
                if job.lease_until <= now and not job.reporting:
                    self._drop(job, "its lease ended, nobody answered in time")
            ends = [job.lease_until for job in self._jobs.values() if not job.reporting]
            await asyncio.sleep(max(0.05, min([*ends, now + self._lease_s / HEARTBEATS_PER_LEASE]) - now))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


async def _happens(event: asyncio.Event) -> None:
    await event.wait()


async def _until(wanted: Coroutine[Any, Any, None], hurry: asyncio.Event | None, timeout_s: float) -> None:
    """Wait for one of three."""
    tasks = [asyncio.ensure_future(wanted)]
    if hurry is not None:
        tasks.append(asyncio.ensure_future(_happens(hurry)))
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
