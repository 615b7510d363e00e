"""Somebody who wants more than single processes: workflows, crons, generators with their arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.simulation.party import COLONY, PATIENCE_S
from tests.simulation.people import Submitter

if TYPE_CHECKING:
    from tests.simulation.world import World

CRONS_MAX = 2
GENERATORS_MAX = 2


class Planner(Submitter):
    """Submits, cancels, adds and packs; asks again what it asked before."""

    def __init__(self, world: World, name: str, kinds: list[str]) -> None:
        super().__init__(world, name, kinds)
        self.graphs: list[str] = []
        self.generators: list[str] = []
        self.crons: list[str] = []
        self._added = {"cron": 0, "generator": 0}

    def act(self) -> None:
        if not self.running:
            return
        chance = self.world.rng.random()
        if chance < 0.12:
            self._say_again()
        elif chance < 0.22 and self.graphs:
            self._say({"msgtype": "cancelprocessgraphmsg", "processgraphid": self.world.rng.choice(self.graphs)})
        elif chance < 0.26 and self.graphs:
            self._say({"msgtype": "removeprocessgraphmsg", "processgraphid": self.world.rng.choice(self.graphs)})
        elif chance < 0.31 and self.crons:
            self._say({"msgtype": "runcronmsg", "cronid": self.world.rng.choice(self.crons)})
        elif chance < 0.36 and self._added["cron"] < CRONS_MAX:
            self._add_cron()
        elif chance < 0.44 and self._added["generator"] < GENERATORS_MAX:
            self._add_generator()
        elif chance < 0.72 and self.generators:
            for _ in range(self.world.rng.randint(1, 4)):
                self._pack(self.world.rng.choice(self.generators))
        else:
            self._submit_workflow()

    def _say_again(self) -> None:
        if self.said:
            super()._say_again()

    def _submit_workflow(self) -> None:
        msgid = self.new_msgid()
        message = {
            "msgtype": "submitworkflowspecmsg",
            "spec": self.workflow(self.world.rng.choice((3, 3, 4, 5, 8, 12))),
        }
        self.said.append((self.world.loop.now, msgid, message))

        def submitted(error: bool, value: Any) -> None:
            if not error and value:
                self.graphs.append(value["processgraphid"])

        self._call(message, msgid, PATIENCE_S, submitted)

    def workflow(self, size: int) -> dict[str, Any]:
        """A chain, a diamond, or nodes each of which may depend on any before it; the order of a spec means nothing."""
        rng = self.world.rng
        shape = rng.random()
        names = [f"n{number}" for number in range(size)]
        nodes = []
        for number, name in enumerate(names):
            if shape < 0.3:
                after = names[max(0, number - 1) : number]
            elif shape < 0.6 and number == size - 1:
                after = names[1:number] or names[:number]
            elif shape < 0.6:
                after = names[: min(1, number)]
            else:
                after = rng.sample(names[:number], rng.randint(0, min(3, number)))
            spec = self._spec()
            spec["conditions"]["dependencies"] = after
            nodes.append({**spec, "nodename": name})
        rng.shuffle(nodes)
        return {"colonyname": COLONY, "functionspecs": nodes}

    def _add_cron(self) -> None:
        rng = self.world.rng
        times = rng.choice(
            (
                {"interval": rng.choice((30, 60, 120, 300))},
                {"interval": 90, "random": True},
                {"interval": -1, "cronexpression": f"*/{rng.choice((20, 30))} * * * * *"},
                {"interval": -1, "cronexpression": "0 */2 * * * *"},
            )
        )
        self._added["cron"] += 1
        cron = {
            "colonyname": COLONY,
            "name": f"{self.name}-{self._added['cron']}",
            "workflowspec": json.dumps(self.workflow(rng.randint(1, 3))),
            "waitforprevprocessgraph": rng.random() < 0.6,
            **times,
        }

        def added(error: bool, value: Any) -> None:
            if not error:
                self.crons.append(value["cronid"])

        msgid, message = self.new_msgid(), {"msgtype": "addcronmsg", "cron": cron}
        self.said.append((self.world.loop.now, msgid, message))
        self._call(message, msgid, PATIENCE_S, added)

    def _add_generator(self) -> None:
        rng = self.world.rng
        self._added["generator"] += 1
        generator = {
            "colonyname": COLONY,
            "name": f"{self.name}-{self._added['generator']}",
            "workflowspec": json.dumps(self.workflow(rng.randint(1, 3))),
            "trigger": rng.randint(1, 6),
            "timeout": rng.choice((-1, 20, 60)),
        }

        def added(error: bool, value: Any) -> None:
            if not error:
                self.generators.append(value["generatorid"])

        msgid = self.new_msgid()
        message = {"msgtype": "addgeneratormsg", "generator": generator}
        self.said.append((self.world.loop.now, msgid, message))
        self._call(message, msgid, PATIENCE_S, added)

    def _pack(self, generatorid: str) -> None:
        arg = f"argument {self.world.number()}"
        self._say({"msgtype": "packgeneratormsg", "generatorid": generatorid, "arg": arg})

    def set_right(self) -> None:
        """Enough was seen of the crons: what was under way is all that still has to end."""

        def found(error: bool, value: Any) -> None:
            for cron in () if error else value:
                self.call({"msgtype": "removecronmsg", "cronid": cron["cronid"]})

        self.call({"msgtype": "getcronsmsg", "colonyname": COLONY, "count": 100}, found)
