"""The shell around the engine: receive a batch, decide, commit once, acknowledge, then speak."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from colonies_edge.apps.coordinator.bytes_keeper import SWEEP_S, BytesKeeper
from colonies_edge.apps.coordinator.disk import Disk
from colonies_edge.apps.coordinator.front_desk import FrontDesk, HungUp, Visit
from colonies_edge.apps.coordinator.rim import Rim
from colonies_edge.apps.coordinator.speaker import Speaker
from colonies_edge.apps.coordinator.teller import Teller
from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.access import RULES, Memory
from colonies_edge.engine.engine import Engine
from colonies_edge.engine.outcome import Outcome, Reply, Request
from colonies_edge.engine.ports import History, Settings, Store
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, Unavailable
from colonies_edge.protocol.limits import BRIDGE_STATUS_BYTES_MAX, MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages_base import msgid_in
from colonies_edge.protocol.status import ONLINE, Presence, open_status
from colonies_edge.protocol.topics import COORDINATOR, STATUS, Topic, Topics
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.transports.ports import Delivery, Link
from colonies_edge.transports.system import CoordinatorClock, SystemClock, new_conn

_log = logging.getLogger(__name__)

# One commit covers at most so many deliveries: the reply to the first must not wait for the deciding of thousands.
BATCH_MAX = 256
STATUS_EVERY_S = 60.0  # how old the time in the retained status may be; a device without a clock starts from it
# After these an identity may be known no more.
ENDS_A_ROLE = frozenset({
    "addexecutormsg", "rejectexecutormsg", "removeexecutormsg", "deleteexecutormsg", "changeexecutoridmsg",
    "enrolmsg", "removeusermsg", "changeuseridmsg", "removecolonymsg", "changecolonyidmsg", "changeserveridmsg",
})  # fmt: skip
IDLE_S = 3600.0  # how long to wait when there is no deadline at all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A delivery and what came of it; `outcome` None when it was dropped."""

    delivery: Delivery | None
    outcome: Outcome | None


class Coordinator:
    """One coordinator on one link. `recover`, `start`, `run` until it is cancelled or fails, then `stop`.

    The engine is only touched from the loop, the store only by `disk`.
    """

    def __init__(
        self,
        *,
        signer: Signer,
        store: Store,
        history: History,
        topics: Topics,
        settings: Settings,
        keeper: BytesKeeper,
        sync_every_s: float = 0.0,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        stamps_required: bool = False,
        viewer: str = "",
        home_assistant_prefix: str = "",
    ) -> None:
        self._message_bytes_max = message_bytes_max
        self._sync_every_s = sync_every_s
        self.epoch = new_conn()
        self.engine = Engine(settings, history, keeper.folder)
        self.keeper = keeper
        self.rim = Rim(self.engine.knows, message_bytes_max, refusal_of=self.engine.refusal_of)
        self.on_strangers: list[Callable[[str], None]] = []  # somebody may have lost his place; by whose message
        self.desk = FrontDesk(
            lambda visit: self._link.deliveries.put_nowait(visit),
            lambda: self.read_only,
            message_bytes_max,
            stamps_required=stamps_required,
            viewer=viewer,
        )
        self._signer = signer
        self._store = store  # for `recover`, before there is a loop
        self.disk = Disk(store)
        self._topics = topics
        self._clock = CoordinatorClock()
        self._monotonic = SystemClock()
        self._teller = Teller(self.engine, signer, topics, self.now_ms, home_assistant_prefix=home_assistant_prefix)
        self._decided_ns = 0  # the time of the last decision
        self._waiting: deque[Delivery] = deque()
        self._failure: asyncio.Future[None] | None = None
        self._started = self._stopped = False
        self._turns = self._turns_seen = 0  # of the loop that decides, commits and speaks
        self._idle = False
        self.read_only = ""
        self.round_trip_s = -1.0  # to the broker and back, as last measured

    # Starting and stopping

    def recover(self) -> None:
        """Load what the store has and be that coordinator. Raises StoreFailed, or Forbidden for another one's data."""
        found = self._store.load()
        for note in found.notes:
            _log.warning("%s", note)
        self._clock = CoordinatorClock(found.floor_ns)
        now = self._decided_ns = self._clock.now_ns()
        self.engine.restore(found.rows, found.records, now)
        self.keeper.load(self.engine.tables.files_index, found.damage)
        if found.damage:
            self.read_only = found.damage
            _log.error("read-only: %s", found.damage)
            if self.engine.tables.identity:  # nothing is written; somebody else must not even show it as his
                self.engine.found(self._signer.identity, now)
            return
        self._store.commit(self.engine.found(self._signer.identity, now).records)

    async def start(self, link: Link) -> None:
        """Connect and listen. What the link says about its end ends `run`."""
        self._link = link
        self.speaker = Speaker(self._signer, link, self._topics, self.epoch, self._message_bytes_max, self.desk)
        self._failure = asyncio.get_running_loop().create_future()
        self._started = True
        self._link.set_will(lambda: (*self.speaker.status(self.now_ms(), online=False), True))
        self._link.on_connect += [self._announce, self._teller.forget]
        self._link.on_failure.append(self._fail)
        await self._link.open()
        await self._link.subscribe(*self._topics.coordinator_filters())
        self._announce()

    @property
    def server_id(self) -> str:
        """Who signs here."""
        return self._signer.identity

    @property
    def waiting_count(self) -> int:
        """Deliveries and requests that are not decided yet."""
        return len(self._waiting) + (self._link.deliveries.qsize() if self._started else 0)

    def now_ms(self) -> int:
        """The coordinator's time."""
        return self._clock.now_ns() // 1_000_000

    def _announce(self) -> None:
        self.speaker.publish_status(self.now_ms(), online=True)

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def run(self) -> None:
        """Work until cancelled. Raises what made it impossible: StoreFailed, LinkTakenOver."""
        assert self._failure is not None, "start first"
        tasks = [asyncio.create_task(each) for each in (self._work(), self._beacon(), self._teller.run(self._link))]
        if self._sync_every_s:
            tasks.append(asyncio.create_task(self._syncer(self._sync_every_s)))
        try:
            done, _ = await asyncio.wait({*tasks, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            for finished in done:
                finished.result()
        finally:
            ending = set(tasks)
            while ending:  # before Python 3.12, wait_for loses a cancellation that comes together with a delivery
                for task in ending:
                    task.cancel()
                _, ending = await asyncio.wait(ending, timeout=0.5)
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Say goodbye, write a checkpoint, release everything; once is enough, and twice does no harm."""
        if self._stopped:
            return
        self._stopped = True
        if self._started:
            if self._link.connected:
                self.speaker.publish_status(self.now_ms(), online=False)
            await self._link.close()
            with contextlib.suppress(StoreFailed):  # it was said when it failed; what is committed is in the journal
                await self.checkpoint()
        await self.keeper.drain()
        self.keeper.close()
        await self.disk.close()

    async def _beacon(self) -> None:
        while True:
            self.round_trip_s = await self._measured() if self._link.connected else -1.0
            await asyncio.sleep(STATUS_EVERY_S)

    async def _measured(self) -> float:
        """Announce, and take the time until the broker has acknowledged it."""
        begin = self._monotonic.monotonic_ns()
        self._announce()
        await self._link.flush()
        return (self._monotonic.monotonic_ns() - begin) / 1e9

    async def _syncer(self, every_s: float) -> None:
        """For a durability of an interval: the last commit before a quiet time must reach the disk, too."""
        while True:
            await asyncio.sleep(every_s)
            await self.disk.sync_if_due()

    # Working

    def progresses(self) -> bool:
        """Whether the work went on since this was asked last, or has nothing to do; for a watchdog."""
        turned, self._turns_seen = self._turns != self._turns_seen, self._turns
        return turned or self._idle

    async def _work(self) -> None:
        while True:
            self._turns += 1
            batch = await self._next_batch()
            decided = self._decide_batch(batch)
            records = [record for one in decided if one.outcome is not None for record in one.outcome.records]
            if records:
                await self.disk.commit(records)
            # Here memory and disk agree: what no row names now, no row will name after a crash.
            self.keeper.collect(self.engine.tables.files_index)
            for one in decided:
                if one.delivery is not None:
                    one.delivery.ack()
            ts = self.now_ms()
            for one in decided:
                if one.outcome is not None:
                    self.speaker.say(one.outcome, ts)
                    for aside in one.outcome.asides:
                        self.keeper.answer(aside, self._say_later)
            self._tell_of_strangers(decided)
            if records and self.disk.checkpoint_due():
                await self._begin_checkpoint()

    def _tell_of_strangers(self, decided: Sequence[_Decided]) -> None:
        """After the commit: whoever has no role any more has no place at the broker either."""
        for one in decided:
            for record in one.outcome.records if one.outcome is not None else ():
                if record.answer is not None and record.answer.payloadtype in ENDS_A_ROLE:
                    for told in self.on_strangers:
                        told(record.caller)

    def _say_later(self, reply: Reply) -> None:
        self.speaker.reply(reply, self.now_ms())

    async def _next_batch(self) -> list[Delivery]:
        """What arrived during the last commit; if nothing did, wait for something or for the next deadline."""
        queue, waiting = self._link.deliveries, self._waiting
        if not waiting and queue.empty():
            self._idle = True
            try:
                waiting.append(await asyncio.wait_for(queue.get(), self._idle_s()))
            except asyncio.TimeoutError:
                return []
            finally:
                self._idle = False
        while len(waiting) < BATCH_MAX and not queue.empty():
            waiting.append(queue.get_nowait())
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH_MAX))]

    def _idle_s(self) -> float:
        if self.speaker.undeliverable or self.desk.unheard:
            return 0.0
        longest_s = SWEEP_S if self.keeper.restless else IDLE_S
        deadline = None if self.read_only else self.engine.next_deadline()
        if deadline is None:
            return longest_s
        return min(longest_s, max(0.0, (deadline - self._clock.now_ns()) / 1e9))

    def _decide_batch(self, batch: Sequence[Delivery]) -> list[_Decided]:
        # One reading of the clock for the batch: a jump of the wall between two deliveries is told to the engine before
        # either, never after. Each delivery is a nanosecond later, for who came first is served first.
        now = self._decided_ns = max(self._decided_ns + 1, self._clock.now_ns())
        decided = self._pass_time(now)
        changing = any(one.outcome is not None and one.outcome.touches_archive for one in decided)
        waiting = deque(batch)
        while waiting and not changing:  # the archive changes with the commit: whoever asks next must see it changed
            delivery = waiting.popleft()
            self._decided_ns += 1
            outcome = self._decide(delivery, self._decided_ns)
            decided.append(_Decided(delivery=delivery, outcome=outcome))
            changing = outcome is not None and outcome.touches_archive
        self._waiting.extendleft(reversed(waiting))
        return decided

    def _pass_time(self, now: int) -> list[_Decided]:
        """What time alone brought about: a step of the wall clock, deadlines."""
        outcomes = []
        step_ns = self._clock.take_step()
        if self.read_only:
            return []
        if step_ns:
            _log.warning("the wall clock jumped forward by %.0f s; deadlines move with it", step_ns / 1e9)
            outcomes.append(self.engine.clock_stepped(step_ns, now))
        for push, text in self.speaker.undeliverable:
            outcomes.append(self.engine.undeliverable(push, text, now))
        self.speaker.undeliverable.clear()
        outcomes += [self.engine.unheard(processid, executorid, now) for processid, executorid in self.desk.unheard]
        self.desk.unheard.clear()
        deadline = self.engine.next_deadline()
        if deadline is not None and deadline <= now:
            outcomes.append(self.engine.tick(now))
        return [_Decided(delivery=None, outcome=outcome) for outcome in outcomes]

    def _decide(self, delivery: Delivery, now: int) -> Outcome | None:
        if isinstance(delivery, Visit):
            return self._handle(delivery.request, now)
        if isinstance(delivery, HungUp):
            return self.engine.hung_up(delivery.route, delivery.msgid, now)
        try:
            topic = self._topics.parse(delivery.topic)
        except ValueError:
            self.rim.counts["not a topic of this protocol"] += 1
            return None
        if topic.channel == STATUS:
            return self._presence(topic, delivery.payload, now)
        if delivery.retain:
            # Work is never retained (PROTOCOL.md 1): whoever retained this wants it to be done again at every start.
            self.rim.counts["retained request"] += 1
            return None
        request = self.rim.request(topic, delivery.payload, now)
        if request is None:
            return None
        if isinstance(request, Reply):
            return Outcome(replies=(request,))
        return self._handle(request, now)

    def _handle(self, request: Request, now: int) -> Outcome:
        if self.read_only and self._would_change(request):
            return Outcome(replies=(_refused(request, Unavailable(f"The coordinator is read-only: {self.read_only}")),))
        outcome = self.engine.handle(request, now)
        for fault in outcome.faults:
            _log.error("a defect: %s by %s failed", request.payloadtype, request.caller, exc_info=fault)
        return outcome

    @staticmethod
    def _would_change(request: Request) -> bool:
        rule = RULES.get(request.payloadtype)
        return rule is not None and rule.memory is not Memory.NONE

    def _presence(self, topic: Topic, payload: bytes, now: int) -> Outcome | None:
        if topic.party == COORDINATOR or not self.engine.knows(topic.party) or self.read_only:
            return None
        try:
            presence = open_status(Presence, payload, self._topics.signed_form(topic))
        except (BadRequest, Forbidden):
            self.rim.counts["presence not signed by its party"] += 1
            return None
        if presence.executorid != topic.party:
            return None
        bridge = presence.bridge if len(payload) <= BRIDGE_STATUS_BYTES_MAX else {}
        return self.engine.presence(presence.executorid, presence.conn, presence.state == ONLINE, now, bridge)

    # Checkpoints

    async def _begin_checkpoint(self) -> None:
        """Retire old processes, start a new journal segment, and write all rows beside the work."""
        self._decided_ns += 1  # not the clock: a jump of the wall is for the next batch to tell
        retired = self.engine.retire(self._decided_ns)
        if retired.records:
            await self.disk.commit(retired.records)
        segment = await self.disk.new_segment()
        if segment is not None:
            self.disk.begin_checkpoint(self.engine.snapshot(), segment)

    async def checkpoint(self) -> None:
        """A checkpoint now, to the end; none of what is read-only. Raises StoreFailed."""
        with contextlib.suppress(StoreFailed):  # it was said
            await self.disk.wait_for_checkpoint()
        if not self.read_only:
            await self._begin_checkpoint()
            await self.disk.wait_for_checkpoint()


def _refused(request: Request, error: ColoniesError) -> Reply:
    msgid = msgid_in(request.value)
    return Reply(route=request.route, payloadtype="error", value=error.body(), error=True, msgid=msgid)
