"""One history: a plan drawn from the seed, a time of faults, a time of peace, and the question whether all is well."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from colonies_edge.engine.outcome import Outcome, Request, Route
from colonies_edge.engine.ports import Settings
from tests.simulation.auditor import Auditor
from tests.simulation.disks import Disk, FolderDisk, MemoryDisk
from tests.simulation.inspector import Inspector
from tests.simulation.loop import SECOND, Loop
from tests.simulation.network import Broker, Weather
from tests.simulation.party import COLONY, Party
from tests.simulation.people import Owner, Submitter
from tests.simulation.planner import Planner
from tests.simulation.shell import STAGES, Shell
from tests.simulation.workers import Pulling, Pushed, Worker
from tests.support.engine_bench import identity

HOUR = 3600.0
PEACE_S = 6 * HOUR  # within this everything that can end must have ended
FOLDER_EVERY = 16  # each so many seeds one runs on real files
PLANNED_EVERY = 2  # each so many seeds have somebody who plans
FORGETFUL_EVERY = 4  # each so many seeds have a coordinator that does not keep everything
RETENTION_S = 120.0
LAST_ARRIVALS_S = 450.0  # above the longest delay that the weather has
PLANS_RARER = 3.0  # a workflow is the work of many processes
KINDS = ("cli", "gpu")
PLACES = ("", "lulea", "kiruna")


@dataclass(frozen=True, slots=True)
class Plan:
    """How bad it gets."""

    faults_s: float
    weather: Weather
    act_s: float  # between two things that one submitter does
    owner_s: float
    crash: float  # chance per batch that the power fails in it
    mischief_s: float  # between two accidents
    replay_s: float  # between two captured messages played again
    checkpoint: float
    sweeping_removals: bool
    jumps: bool


def draw_plan(rng: Random) -> Plan:
    weather = Weather(
        loss=rng.choice((0, 0.02, 0.1, 0.3)),
        repeat=rng.choice((0, 0.02, 0.2)),
        late=rng.choice((0, 0.05, 0.2)),
        very_late=rng.choice((0, 0, 0.02)),
    )
    return Plan(
        faults_s=rng.choice((120, 300, 600, 900)),
        weather=weather,
        act_s=rng.choice((5, 10, 20)),
        owner_s=rng.choice((60, 120, 1e9)),
        crash=rng.choice((0, 0, 0.01, 0.05)),
        mischief_s=rng.choice((15, 40, 1e9)),
        replay_s=rng.choice((2, 10, 1e9)),
        checkpoint=rng.choice((0, 0.02, 0.2)),
        sweeping_removals=rng.random() < 0.1,
        jumps=rng.random() < 0.3,
    )


class World:
    """Everything of one seed. `run` raises Violation, or whatever the engine raises."""

    def __init__(self, seed: int, *, tracing: bool = False, loop: Loop | None = None) -> None:
        """`loop`: two worlds may share their time."""
        self.seed = seed
        self.rng = Random(seed)
        self.tracing = tracing
        self.plan = draw_plan(self.rng)
        self.loop = loop or Loop()
        self.calm = False
        self.digest = 0
        self._numbers = 0
        self.settings = self._draw_settings()
        self.auditor = Auditor(self)
        self.inspector = Inspector(self)
        self.broker = Broker(self.loop, self.rng)
        self.disk: Disk = FolderDisk() if seed % FOLDER_EVERY == FOLDER_EVERY - 1 else MemoryDisk()
        self.shell = Shell(self, self.disk, self.settings)
        self.workers = self._draw_workers()
        self.pulled_kinds = {worker.kind: None for worker in self.workers if isinstance(worker, Pulling)}
        kinds = list({worker.kind: None for worker in self.workers})
        self.submitters = self._draw_submitters(kinds)
        self.owner = Owner(self, "owner")
        self.planners = self._draw_planners(kinds)
        self.submitters += self.planners

    def _draw_settings(self) -> Settings:
        return Settings(
            finished_in_memory_max=self.rng.choice((5_000, 8)),
            finished_keep_s=self.rng.choice((3600.0, 60.0)),
            retention_s=RETENTION_S if self.seed % FORGETFUL_EVERY == FORGETFUL_EVERY - 1 else None,
        )

    def _draw_submitters(self, kinds: list[str]) -> list[Submitter]:
        return [Submitter(self, f"user-{number}", kinds) for number in range(self.rng.randint(1, 2))]

    def _draw_planners(self, kinds: list[str]) -> list[Planner]:
        return [Planner(self, "planner", kinds)] if self.seed % PLANNED_EVERY else []

    def _draw_workers(self) -> list[Worker]:
        rng = self.rng
        workers: list[Worker] = []
        for kind in KINDS[: rng.randint(1, 2)]:
            for number in range(rng.randint(1, 3)):
                build = Pulling if rng.random() < 0.3 else Pushed
                place = rng.choice(PLACES) if number else PLACES[0]
                workers.append(build(self, f"{kind}-{number}", kind, place, rng.randint(1, 3)))
        return workers

    # What everybody uses

    @property
    def counts(self) -> Counter[str]:
        """What happened, by name."""
        return self.auditor.counts

    @property
    def parties(self) -> list[Party]:
        return [*self.workers, *self.submitters, self.owner]

    def number(self) -> int:
        """1, 2, 3 …"""
        self._numbers += 1
        return self._numbers

    def who(self, party: str) -> str:
        return next((other.name for other in self.parties if other.identity == party), party[:8])

    def mark(self, text: str) -> None:
        """A part of the history: two runs of one seed have the same digest."""
        self.digest = zlib.crc32(f"{self.loop.now} {text}".encode(), self.digest)

    def trace(self, text: str) -> None:
        if self.tracing:
            print(f"{self.loop.now / SECOND:12.4f}  {text}")

    def doom(self) -> str:
        """At which stage of this batch the power fails, or ""."""
        if self.calm or self.rng.random() >= self.plan.crash:
            return ""
        return self.rng.choice(STAGES)

    def outage(self) -> float:
        """How long the coordinator is away."""
        rng = self.rng
        return rng.choice((0.2, rng.uniform(0.5, 5), rng.uniform(0.5, 5), rng.uniform(5, 120), rng.uniform(300, 4000)))

    # The history

    def run(self) -> None:
        try:
            self.set_up()
            self.begin_faults()
            self.loop.run(int(self.plan.faults_s * SECOND))
            self.begin_peace()
            begun = self.loop.now
            self.loop.run(begun + int(PEACE_S * SECOND), self._is_all_done)
            if not self.shell.alive:
                raise AssertionError("the coordinator did not come back")
            self.auditor.require_end(self.shell)
        finally:
            self.disk.destroy()

    def set_up(self) -> None:
        """A colony, told to the engine directly: the faults begin with the work."""
        self.shell.start()
        self._tell("server", "addcolonymsg", colony={"name": COLONY, "colonyid": identity("owner")})
        for submitter in self.submitters:
            user = {"colonyname": COLONY, "userid": submitter.identity, "name": submitter.name}
            self._tell("owner", "addusermsg", user=user)
        for worker in self.workers:
            self._tell("owner", "addexecutormsg", executor=worker.row())
            self._tell("owner", "approveexecutormsg", colonyname=COLONY, executorname=worker.name)
        for party in self.parties:
            party.connect()

    def _tell(self, caller: str, msgtype: str, **fields: Any) -> None:
        shell, who = self.shell, identity(caller)
        msgid = f"set-up-{self.number():016d}"
        message = {"msgtype": msgtype, "msgid": msgid, "ts": shell.clock.now_ns() // 1_000_000, **fields}
        self.auditor.asked(who, msgid, message)
        request = Request(
            caller=who, payloadtype=msgtype, value=message, route=Route(colony="_", party=who, conn="set-up")
        )
        outcome: Outcome = shell.engine.handle(request, shell.clock.now_ns())
        if any(reply.error for reply in outcome.replies):
            raise AssertionError(f"set-up: {outcome.replies}")
        shell.store.commit(outcome.records)
        self.inspector.committed(shell)

    def begin_faults(self) -> None:
        plan = self.plan
        self.broker.weather = plan.weather
        for submitter in self.submitters:
            self._every(plan.act_s * (PLANS_RARER if submitter in self.planners else 1), submitter.act)
        self._every(plan.owner_s, self.owner.act)
        self._every(plan.mischief_s, self._mischief)
        self._every(plan.replay_s, self.broker.replay)
        if plan.jumps:
            self._every(plan.faults_s / 3, self._jump)

    def _every(self, seconds: float, act: Any) -> None:
        """About so often, as long as there are faults."""
        if seconds > self.plan.faults_s:
            return

        def go() -> None:
            if not self.calm:
                act()
                self.loop.after(self.rng.expovariate(1 / seconds), go)

        self.loop.after(self.rng.expovariate(1 / seconds), go)

    def _jump(self) -> None:
        """Somebody sets the coordinator's wall clock: NTP after a boot without a battery, or by hand."""
        rng = self.rng
        by_s = rng.choice(
            (rng.uniform(2, 200), rng.uniform(HOUR, 30 * HOUR), 40 * 365 * 24 * HOUR, -rng.uniform(5, HOUR))
        )
        self.trace(f"the coordinator's machine is set by {by_s:.0f} s")
        self.shell.machine.error_ns += int(by_s * SECOND)

    def _mischief(self) -> None:
        rng = self.rng
        party = rng.choice(self.parties)
        chance = rng.random()
        if chance < 0.25:
            self.trace(f"{party.name} crashes")
            party.crash(rng.choice((1.0, rng.uniform(1, 30), rng.uniform(30, 300), rng.uniform(600, 1500))))
        elif chance < 0.45:
            self._cut(party, rng.choice((rng.uniform(1, 20), rng.uniform(20, 200), rng.uniform(200, 1000))))
        elif chance < 0.55:
            self.trace(f"{party.name} hangs")
            party.frozen_until = self.loop.now + int(rng.uniform(5, 150) * SECOND)
        elif chance < 0.65:
            party.lose_link(rng.choice((0.0, rng.uniform(0, 40))))
        elif chance < 0.75:
            self.trace("the broker restarts")
            self._restart_broker()
        elif chance < 0.82:
            self.shell.lose_link()
        elif chance < 0.92:
            self.shell.crash(self.outage())
        elif chance < 0.96:
            self.shell.stop(self.outage())
        else:
            self._drain(party)

    def _restart_broker(self) -> None:
        self.broker.restart(self.rng.uniform(0.1, 20))
        self.shell.lose_link()

    def _cut(self, party: Party, seconds: float) -> None:
        """A partition: both sides notice when their keep-alive is over."""
        self.trace(f"{party.name} is cut off for {seconds:.0f} s")
        party.cut = True
        conn = party.conn

        def noticed() -> None:
            if party.cut and party.conn == conn and party.connected:
                self.broker.forget(conn, 0)
                party.link_lost()

        def healed() -> None:
            party.cut = False

        self.loop.after(self.rng.uniform(20, 60), noticed)
        self.loop.after(seconds, healed)

    def _drain(self, party: Party) -> None:
        if isinstance(party, Pushed):
            party.draining = not party.draining
            if party.connected:
                party.say_ready()

    def begin_peace(self) -> None:
        """The network is a cable, everybody is there, nobody wants anything new."""
        self.trace("the faults are over")
        self.calm = True
        self.broker.weather = Weather()
        self.loop.after(LAST_ARRIVALS_S, self._set_right)
        for party in self.parties:
            party.cut = False
            if isinstance(party, Pushed):
                party.draining = False
                party.zombie = False

    def _set_right(self) -> None:
        """What was under way from the time of faults has arrived by now; said repeatedly: the owner may be away."""
        self.shell.start()
        for msgid in tuple(self.owner.pending):
            self.owner.give_up(msgid)
        self.owner.set_right()
        for planner in self.planners:
            planner.set_right()
        self.loop.after(LAST_ARRIVALS_S, self._set_right)

    def _is_all_done(self) -> bool:
        if self.loop.done % 50 or not self.shell.alive:
            return False
        if any(self.auditor.open_work(self.shell)) or any(self.inspector.planning.open_plans(self.shell)):
            return False
        return not any(worker.outbox for worker in self.workers if isinstance(worker, Pushed))
