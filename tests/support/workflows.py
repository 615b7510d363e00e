"""Workflows for tests: specs in a line, and what became of their nodes by name."""

from __future__ import annotations

from typing import Any

from tests.support.engine_bench import LAB, Bench, spec

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["c", "b"]}


def workflow(nodes: dict[str, list[str]], colony: str = LAB, **fields: Any) -> dict[str, Any]:
    """A workflow spec from node names and their dependencies; `fields` are of every node."""
    specs = [
        spec(**{"nodename": name, **fields, "conditions": {**fields.get("conditions", {}), "dependencies": after}})
        for name, after in nodes.items()
    ]
    return {"colonyname": colony, "functionspecs": specs}


class Graph:
    """A workflow that `ann` submitted, and how it goes on."""

    def __init__(self, bench: Bench, nodes: dict[str, list[str]], **fields: Any) -> None:
        self.bench = bench
        self.reply = bench.do("ann", "submitworkflowspecmsg", spec=workflow(nodes, **fields))
        self.id: str = self.reply["processgraphid"]
        self.ids: dict[str, str] = dict(zip(nodes, self.reply["processids"], strict=True))

    @property
    def shown(self) -> dict[str, Any]:
        """The workflow as `ann` sees it."""
        reply: dict[str, Any] = self.bench.do("ann", "getprocessgraphmsg", processgraphid=self.id)
        return reply

    @property
    def state(self) -> int:
        return int(self.shown["state"])

    def node(self, name: str) -> dict[str, Any]:
        """One process, by its node name."""
        reply: dict[str, Any] = self.bench.do("ann", "getprocessmsg", processid=self.ids[name])
        return reply

    def states(self) -> str:
        """The state of each node, as a digit, in the order of the spec."""
        return "".join(str(self.node(name)["state"]) for name in self.ids)

    def waits(self) -> str:
        """The names of the nodes that wait for parents."""
        return "".join(name for name in self.ids if self.node(name)["waitforparents"])

    def take(self, name: str, worker: str = "worker") -> dict[str, Any]:
        """The worker gets work, and it is that node."""
        process: dict[str, Any] = self.bench.do(worker, "assignprocessmsg", colonyname=LAB, timeout=-1)
        assert process["processid"] == self.ids[name], f"{worker} got {process['spec']['nodename']}, not {name}"
        return process

    def close(self, name: str, *out: Any, worker: str = "worker") -> None:
        """The worker is done with that node."""
        self.bench.do(worker, "closesuccessfulmsg", processid=self.ids[name], out=list(out))

    def fail(self, name: str, worker: str = "worker") -> None:
        """The worker failed at that node."""
        self.bench.do(worker, "closefailedmsg", processid=self.ids[name], errors=["no soil"])

    def run(self, names: str) -> None:
        """These nodes, one after the other, to success; each one's name is its output."""
        for name in names:
            self.take(name)
            self.close(name, name)

    def add_child(self, parent: str, name: str, worker: str = "worker", **fields: Any) -> dict[str, Any]:
        """The worker adds a node below one that it runs."""
        message = {"processgraphid": self.id, "parentprocessid": self.ids[parent], "spec": spec(nodename=name)}
        process: dict[str, Any] = self.bench.do(worker, "addchildmsg", **{**message, **fields})
        self.ids[name] = process["processid"]
        return process


def nothing_to_do(bench: Bench, worker: str = "worker") -> bool:
    """No work for this executor now."""
    status, _ = bench.ask(worker, {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": -1})
    return status == 404
