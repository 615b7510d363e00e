"""A bridged pair in one simulated time: two colonies, the bridge between them, and a line that cannot be trusted."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.simulation.bridging_auditor import judge, judge_records, records, require_nothing_left
from tests.simulation.bridging_machine import CIRCLE, DONE_BELOW, LIFTED, LOWERED, Machine
from tests.simulation.bridging_people import Site
from tests.simulation.events import Events
from tests.simulation.loop import SECOND, Loop
from tests.simulation.mutants import changed
from tests.simulation.violation import Violation
from tests.simulation.world import HOUR, PEACE_S

LOOK_S = 20.0  # between two looks whether everything has ended
GO_EVERY = 2  # each so many seeds the cloud knows no ids of requests: what is in doubt has to be looked up
CLOUD_SEEDS = 1_000_003  # the two sides of one seed draw different lots


class _Complaints(logging.Handler):
    """What the bridge and asyncio call an error is one: a defect that is tried again must not go unseen."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {record.exc_info[1]!r}" if record.exc_info else record.getMessage())

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Nobody else hears it: in a history of faults the warnings are no news."""
        loggers = [logging.getLogger(name) for name in ("colonies_edge", "asyncio")]
        before = [(logger, logger.propagate) for logger in loggers]
        for logger in loggers:
            logger.propagate = False
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger, propagate in before:
                logger.propagate = propagate
                logger.removeHandler(self)


class BridgedPair:
    """Everything of one seed. `run` raises Violation, or whatever the bridge and the engines raise."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.seed = seed
        self.loop = Loop()
        self.rng = Random(f"bridged {seed}")
        self.edge = Site(
            "edge",
            seed,
            self.loop,
            serves=DONE_BELOW,
            wishes=[LIFTED, LIFTED, LIFTED, CIRCLE],
            serves_itself=True,
            tracing=tracing,
        )
        self.cloud = Site(
            "cloud",
            seed + CLOUD_SEEDS,
            self.loop,
            serves=LIFTED,
            wishes=[LOWERED, LOWERED, LOWERED, CIRCLE],
            tracing=tracing,
        )
        self.cloud.knows_msgids = seed % GO_EVERY != GO_EVERY - 1
        self.sites = {"edge": self.edge, "cloud": self.cloud}
        self.faults_s = max(site.plan.faults_s for site in self.sites.values())
        self.mischief_s = self.rng.choice((15.0, 40.0, 120.0))
        self.calm = False
        self.machine = Machine(self.loop, self.rng, self.sites, self.edge.trace)
        self.counts: Counter[str] = Counter()

    @property
    def digest(self) -> int:
        """Two runs of one seed have the same."""
        return zlib.crc32(f"{self.edge.digest} {self.cloud.digest} {self.loop.now}".encode())

    def run(self) -> None:
        with changed(*self.machine.changes()):
            events = Events(self.loop, self.machine.thread)
            complaints = _Complaints()
            try:
                with complaints.heard():
                    events.run_until_complete(self._history())
                if complaints.said:
                    raise Violation(f"the bridge said that it is broken: {complaints.said}")
            finally:
                events.put_away()
                self.machine.destroy()
                for site in self.sites.values():
                    site.disk.destroy()
                    self.counts.update(site.counts)
                self.counts["starts of the bridge"] = self.machine.starts

    async def _history(self) -> None:
        for site in self.sites.values():
            site.set_up()
            site.begin_faults()
        living = asyncio.get_running_loop().create_task(self.machine.live())
        self._next_mischief()
        await self._pass(self.faults_s, living, lambda: False)
        self._begin_peace()
        await self._pass(PEACE_S, living, self._is_all_done)
        for site in self.sites.values():
            if not site.shell.alive:
                raise AssertionError(f"the coordinator of the {site.name} did not come back")
            site.auditor.require_end(site.shell)
        require_nothing_left(self.machine)
        judge_records(self.edge, self.cloud, self.counts)
        judge(self.edge, self.cloud, self.counts)
        judge(self.cloud, self.edge, self.counts)

    async def _pass(self, seconds: float, living: asyncio.Task[None], over: Callable[[], bool]) -> None:
        until = self.loop.now + int(seconds * SECOND)
        while self.loop.now < until and not over():
            await asyncio.wait((living,), timeout=LOOK_S)
            if living.done():
                living.result()

    # -- accidents of the bridge and of its two lines

    def _next_mischief(self) -> None:
        def go() -> None:
            if not self.calm:
                self._mischief()
                self._next_mischief()

        self.loop.after(self.rng.expovariate(1 / self.mischief_s), go)

    def _mischief(self) -> None:
        rng = self.rng
        site = self.cloud if rng.random() < 0.7 else self.edge
        chance = rng.random()
        if chance < 0.3:
            self.machine.crash(rng.choice((0.1, rng.uniform(1, 30), rng.uniform(30, 400))))
        elif chance < 0.4:
            self.machine.stop(rng.choice((0.1, rng.uniform(1, 30), rng.uniform(30, 400))))
        elif chance < 0.7:
            self._cut(site, rng.choice((rng.uniform(1, 20), rng.uniform(20, 200), rng.uniform(200, 1500))))
        elif chance < 0.8 and site.callers:
            rng.choice(site.callers).device.lose_link(rng.choice((0.0, 30.0)))
        elif chance < 0.9:
            site.shell.crash(site.outage())
        elif rng.random() < 0.2:
            self._cut(self.cloud, rng.uniform(0.5, 3) * HOUR)

    def _cut(self, site: Site, seconds: float) -> None:
        """Nothing gets through; both ends notice when their keep-alive is over."""
        if site.is_cut:
            return
        site.trace(f"the line to the bridge is cut for {seconds:.0f} s")
        site.cut(True)

        def noticed() -> None:
            for caller in tuple(site.callers):
                if site.is_cut:
                    caller.device.lose_link(0.0)

        self.loop.after(self.rng.uniform(20, 60), noticed)
        self.loop.after(seconds, lambda: site.cut(False))

    def _begin_peace(self) -> None:
        self.calm = True
        for site in self.sites.values():
            site.begin_peace()
            site.cut(False)

    def _is_all_done(self) -> bool:
        if self.machine.bridge is None or len(self.machine.bridge.carrier.table):
            return False
        quiet = all(site.shell.alive and not site.auditor.open_work(site.shell) for site in self.sites.values())
        return quiet and not any(len(found) != 1 for _, found in records(self.edge, self.cloud))
