"""One side of a bridged pair: a colony with executors of its own, and people who want work of the other side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.model import State
from tests.simulation.bridging_caller import SimulatedCaller
from tests.simulation.loop import Loop
from tests.simulation.party import COLONY
from tests.simulation.people import Submitter
from tests.simulation.planner import Planner
from tests.simulation.workers import Pushed, Worker
from tests.simulation.world import World
from tests.support.engine_bench import identity

NEVER_S = 1e9
ACT_S = (10, 20, 40)  # between two things that somebody wants


class Wishing(Submitter):
    """Submits what the other side does, and sometimes does not want it any more."""

    def act(self) -> None:
        if not self.running:
            return
        if self.mine and self.world.rng.random() < 0.12:
            self._say({"msgtype": "cancelprocessmsg", "processid": self.world.rng.choice(self.mine)})
        elif self.said and self.world.rng.random() < 0.1:
            self._say_again()
        else:
            self._submit()

    def _spec(self) -> dict[str, Any]:
        rng = self.world.rng
        patient = rng.random() < 0.6
        return {
            "funcname": "work",
            "label": rng.choice(("", "of people")),
            "priority": rng.choice((0, 0, 1)),
            "maxwaittime": -1 if patient else rng.choice((-1, 120, 600)),
            "maxexectime": -1 if patient else rng.choice((20, 60, 120, 600)),
            "maxretries": -1 if patient else rng.choice((0, 1, 3)),
            "conditions": {"colonyname": COLONY, "executortype": rng.choice(self.kinds), "executornames": []},
        }


class Site(World):
    """`serves`: the executor type that is done here, `wishes`: those that only the bridge has here.

    `serves_itself`: what is done here is wanted here, too.
    """

    def __init__(
        self,
        name: str,
        seed: int,
        loop: Loop,
        *,
        serves: str,
        wishes: list[str],
        serves_itself: bool = False,
        tracing: bool = False,
    ) -> None:
        self.name = name
        self.serves_itself = serves_itself
        self.serves = serves
        self.wishes = wishes
        self.serverid = identity(name)
        self.is_cut = False  # the line to the bridge
        self.knows_msgids = True  # for a Go server, what is said twice is two things
        self.callers: list[SimulatedCaller] = []
        super().__init__(seed, tracing=tracing, loop=loop)
        act_s = self.rng.choice(ACT_S)
        self.plan = replace(self.plan, act_s=act_s, owner_s=NEVER_S, sweeping_removals=False, jumps=False)

    def _draw_settings(self) -> Settings:
        """What is retired while a bridge is away cannot be carried: that is in its documents, and no fault."""
        return replace(super()._draw_settings(), retention_s=None)

    def _draw_workers(self) -> list[Worker]:
        """All with leases: work without a limit comes back from who died with it by nothing else."""
        rng = self.rng
        names = [f"{self.serves}-{number}" for number in range(rng.randint(1, 3))]
        return [Pushed(self, name, self.serves, "", rng.randint(1, 3)) for name in names]

    def _draw_submitters(self, kinds: list[str]) -> list[Submitter]:
        return [Wishing(self, f"user-of-{self.name}", [*self.wishes, *([self.serves] if self.serves_itself else [])])]

    def _draw_planners(self, kinds: list[str]) -> list[Planner]:
        return []

    def trace(self, text: str) -> None:
        if self.tracing:
            super().trace(f"{self.name}: {text}")

    def cut(self, cut: bool) -> None:
        """The line between the bridge and this side; both notice when something is said on it."""
        self.is_cut = cut
        for caller in self.callers:
            caller.device.cut = cut

    def rows(self) -> list[Any]:
        """Every process that there is, ended ones too."""
        tables, history = self.shell.engine.tables, self.shell.history
        found = dict(tables.processes)
        for state in (State.SUCCESS, State.FAILED, State.CANCELLED):
            found.update((row.processid, row) for row in history.newest(COLONY, state, 1_000_000))
        return list(found.values())
