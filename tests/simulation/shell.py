"""The coordinator around the engine, as the real one: decide, commit, acknowledge, speak; it may die anywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonies_edge.engine.engine import Engine
from colonies_edge.engine.outcome import Outcome, Record, Request
from colonies_edge.engine.ports import History, Settings, Store
from colonies_edge.transports.system import CoordinatorClock
from tests.simulation.disks import Disk
from tests.simulation.loop import MachineClock, Task
from tests.simulation.network import Down, Status, Up
from tests.support.engine_bench import identity

if TYPE_CHECKING:
    from tests.simulation.world import World

BATCH_MAX = 256
STATUS_EVERY_S = 60.0
STAGES = ("deciding", "committing", "committed", "acknowledged", "speaking")  # where the power may fail


@dataclass(slots=True)
class Decided:
    """A delivery and what came of it."""

    up: Up | None
    ack: Callable[[], None] | None
    outcome: Outcome


class Shell:
    """One machine with one coordinator; `crash` and `start` as often as it happens."""

    speaks_first = False  # a mutant's: replies go out before the commit

    def __init__(self, world: World, disk: Disk, settings: Settings) -> None:
        self.world = world
        self.machine = MachineClock(world.loop)
        self.alive = False
        self.epoch = 0
        self._disk = disk
        self._settings = settings
        self.store: Store
        self.history: History
        self.engine: Engine
        self.clock: CoordinatorClock
        self._inbox: deque[tuple[Up, Callable[[], None]]] = deque()
        self._busy = False
        self._wake: Task | None = None
        self._decided: list[Decided] = []
        self._checkpointing: Callable[[], None] | None = None

    # Life and death

    def start(self) -> None:
        """Load, restore, connect."""
        if self.alive:
            return
        self.alive = True
        self.epoch += 1
        self.store, self.history = self._disk.open()
        found = self.store.load()
        if found.damage:
            raise AssertionError(f"the store is damaged: {found.damage}")
        self.clock = CoordinatorClock(found.floor_ns, self.machine)
        self.engine = Engine(self._settings, self.history)
        now = self.clock.now_ns()
        self.engine.restore(found.rows, found.records, now)
        self.world.inspector.restarted(self)
        self.store.commit(self.engine.found(identity("server"), now).records)
        self.world.auditor.restarted(self)
        self._connect(self.epoch)
        self._beacon(self.epoch)

    def _connect(self, epoch: int) -> None:
        if self.alive and self.epoch == epoch:
            if self.world.broker.attach_coordinator(self._receive):
                self._announce()
                self._kick()
            else:
                self.world.loop.after(1.0, lambda: self._connect(epoch))

    def lose_link(self) -> None:
        """The connection to the broker breaks; the coordinator goes on and comes back."""
        if self.alive:
            self.world.broker.detach_coordinator()
            epoch = self.epoch
            self.world.loop.after(self.world.rng.uniform(0.1, 5), lambda: self._connect(epoch))

    def crash(self, away_s: float) -> None:
        """The power fails, now; what is being committed is on the disk, or some of it, or nothing."""
        if not self.alive:
            return
        if self._busy:
            records = [record for one in self._decided for record in one.outcome.records]
            durable = self._disk.crash_in_commit(records, self.world.rng)
            self.world.inspector.committed_in_part()
            self.world.trace(f"coordinator dies while committing: {durable} of {len(records)} records are durable")
        self._die(away_s)

    def _die(self, away_s: float) -> None:
        self.world.trace(f"coordinator is down for {away_s:.1f} s")
        self.alive = False
        self._busy = False
        self._inbox.clear()
        self._decided = []
        self._checkpointing = None
        if self._wake is not None:
            self._wake.cancel()
        self.world.broker.detach_coordinator()
        self.world.loop.after(away_s, self.start)

    def stop(self, away_s: float) -> None:
        """A clean end: checkpoint, close."""
        if self.alive and not self._busy:
            if self._checkpointing is None:
                self._begin_checkpoint()
            assert self._checkpointing is not None
            self._checkpointing()
            self.store.close()
            self._die(away_s)

    # Working

    def _receive(self, up: Up, ack: Callable[[], None]) -> None:
        self._inbox.append((up, ack))
        self._kick()

    def _kick(self) -> None:
        """Work now if there is something to do, else at the next deadline."""
        if not self.alive or self._busy:
            return
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._inbox:
            self._wake = self.world.loop.after(0.0001, self._work)
            return
        deadline = self.engine.next_deadline()
        if deadline is not None:
            wait_ns = max(0, deadline - self.clock.now_ns())
            self._wake = self.world.loop.at(self.world.loop.now + wait_ns, self._work)

    def _work(self) -> None:
        self._wake = None
        doom = self.world.doom()
        decided = self._pass_time()
        while self._inbox and len(decided) < BATCH_MAX:
            decided += self._pass_time()
            if any(one.outcome.touches_archive for one in decided):
                break
            up, ack = self._inbox.popleft()
            outcome = self._decide(up)
            decided.append(Decided(up, ack, outcome))
            if outcome.touches_archive:
                break
        self._decided = decided
        if doom == "deciding":
            self._die(self.world.outage())
            return
        records = [record for one in decided for record in one.outcome.records]
        if self.speaks_first:
            self._speak(decided, None)
        if not records:
            self._finish(doom)
            return
        self._busy = True
        epoch = self.epoch
        self.world.loop.after(self.world.rng.uniform(0.0005, 0.02), lambda: self._committed(epoch, doom, records))

    def _pass_time(self) -> list[Decided]:
        """A step of the wall clock, deadlines. Asked before every delivery: the clock may jump between two of them."""
        now = self.clock.now_ns()
        step_ns = self.clock.take_step()
        found = []
        if step_ns:
            self.world.trace(f"coordinator's wall clock stepped by {step_ns / 1e9:.0f} s")
            found.append(Decided(None, None, self._judged(None, lambda: self.engine.clock_stepped(step_ns, now), now)))
        while (deadline := self.engine.next_deadline()) is not None and deadline <= now:
            found.append(Decided(None, None, self._judged(None, lambda: self.engine.tick(now), now)))
        return found

    def _decide(self, up: Up) -> Outcome:
        now = self.clock.now_ns()
        if isinstance(up, Request):
            return self._judged(up, lambda: self.engine.handle(up, now), now)
        if not self.engine.knows(up.executorid):
            return Outcome()
        return self._judged(up, lambda: self.engine.presence(up.executorid, up.conn, up.online, now), now)

    def _judged(self, up: Up | None, decide: Callable[[], Outcome], now: int) -> Outcome:
        """One step of the engine, with the auditor looking at the tables before and after."""
        return self.world.inspector.step(self, up, decide, now)

    def _committed(self, epoch: int, doom: str, records: list[Record]) -> None:
        if not self.alive or self.epoch != epoch or not self._busy:
            return
        if doom == "committing":
            self.crash(self.world.outage())
            return
        self.store.commit(records)
        self._busy = False
        self.world.inspector.committed(self)
        self._finish(doom)

    def _finish(self, doom: str) -> None:
        decided, self._decided = self._decided, []
        if doom == "committed":
            self._die(self.world.outage())
            return
        for one in decided:
            if one.ack is not None:
                one.ack()
        if doom == "acknowledged":
            self._die(self.world.outage())
            return
        if not self.speaks_first:
            self._speak(decided, self.world.rng.randint(0, len(decided)) if doom == "speaking" else None)
        if doom == "speaking":
            self._die(self.world.outage())
            return
        self.world.inspector.look(self)
        self._maybe_checkpoint()
        self._kick()

    def _speak(self, decided: list[Decided], last: int | None) -> None:
        ts = self.clock.now_ns() // 1_000_000
        for one in decided[:last]:
            self.world.auditor.said(one.outcome, self)
            for reply in one.outcome.replies:
                self._say(
                    reply.route.party,
                    reply.route.conn,
                    "reply",
                    reply.payloadtype,
                    reply.msgid,
                    reply.error,
                    reply.value,
                    ts,
                )
            for push in one.outcome.pushes:
                self._say(
                    push.executorid, "", "push", push.payloadtype, f"push-{self.world.number()}", False, push.value, ts
                )
            for event in one.outcome.events:
                self._say(
                    event.route.party,
                    event.route.conn,
                    "event",
                    "subscribeprocessmsg",
                    event.msgid,
                    False,
                    event.value,
                    ts,
                )

    def _say(
        self, party: str, conn: str, kind: str, payloadtype: str, msgid: str, error: bool, value: object, ts: int
    ) -> None:
        down = Down(
            party=party, conn=conn, kind=kind, payloadtype=payloadtype, msgid=msgid, error=error, value=value, ts=ts
        )
        self.world.broker.say(down)

    # Now and then

    def _announce(self) -> None:
        self.world.broker.say_status(Status(epoch=self.epoch, ts=self.clock.now_ns() // 1_000_000, online=True))

    def _beacon(self, epoch: int) -> None:
        if self.alive and self.epoch == epoch:
            self._announce()
            self.world.loop.after(STATUS_EVERY_S, lambda: self._beacon(epoch))

    def _maybe_checkpoint(self) -> None:
        if self._checkpointing is not None:
            if self.world.rng.random() < 0.5:  # it took a while in its thread; a crash in between leaves the old one
                self._checkpointing()
                self._checkpointing = None
        elif self.world.rng.random() < self.world.plan.checkpoint:
            self._begin_checkpoint()

    def _begin_checkpoint(self) -> None:
        now = self.clock.now_ns()
        step_ns = self.clock.take_step()
        if step_ns:
            stepped = self._judged(None, lambda: self.engine.clock_stepped(step_ns, now), now)
            self.store.commit(stepped.records)
        retired = self._judged(None, lambda: self.engine.retire(now), now)
        self.store.commit(retired.records)
        self.world.inspector.committed(self)
        segment = self.store.rotate()
        rows, store = self.engine.snapshot(), self.store
        self._checkpointing = lambda: store.checkpoint(rows, segment)
