"""A workflow written as Python: nodes, what comes after what, and the results by the names of the nodes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from colonies_edge.client.ended import WorkflowCancelled, WorkflowFailed
from colonies_edge.client.specs import spec_of
from colonies_edge.client.specs_workflow import AnyWorkflow, workflow_spec
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import ANY_STATE, FunctionSpec, Process, ProcessGraph, State, WorkflowSpec

AT_ONCE = 16  # processes that are asked for at the same time: enough to hide the way there and back
CAUSES_MAX = 20  # processes are looked at to tell why a workflow failed: all fit into one message, mostly
CASUALTY = "The workflow failed:"  # how the errors of those begin that failed with another
_WITH = re.compile(rf"{CASUALTY} (.+) failed")


class Node:
    """A node of a workflow that is being written; others come `after=[it]`."""

    __slots__ = ("name", "spec")

    def __init__(self, spec: FunctionSpec) -> None:
        self.name = spec.nodename
        self.spec = spec

    def __repr__(self) -> str:
        return f"<node {self.name}>"


class Workflow:
    """`fetch = flow.node("fetch", "get", url, executortype="net")`, then `flow.node(..., after=[fetch])`.

    Options given to the workflow are those of every node that does not have its own.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._nodes: dict[str, Node] = {}

    def node(
        self, name: str, funcname: str, *args: Any, after: Iterable[Node | str] | Node | str = (), **options: Any
    ) -> Node:
        """A function with its arguments, as in `submit`: fields of a function spec by their names, everything else
        goes to the function. Nodes that come later may be named in `after`, too."""
        if not name or name in self._nodes:
            raise UsageError(f"there is a node {name!r} already" if name else "a node needs a name")
        if isinstance(after, (Node, str)):
            after = (after,)
        names = tuple(dict.fromkeys(self._name(other) for other in after))
        spec = spec_of(funcname, args, {**self._options, **options, "nodename": name})
        spec = replace(spec, conditions=replace(spec.conditions, dependencies=names))
        node = self._nodes[name] = Node(spec)
        return node

    def _name(self, node: Node | str) -> str:
        if isinstance(node, str):
            return node
        if self._nodes.get(node.name) is not node:
            raise UsageError(f"node {node.name!r} belongs to another workflow")
        return node.name

    def __len__(self) -> int:
        return len(self._nodes)

    def spec(self) -> WorkflowSpec:
        """As on the wire. Raises UsageError for nodes that wait for what is not there."""
        for node in self._nodes.values():
            for name in node.spec.conditions.dependencies:
                if name not in self._nodes:
                    raise UsageError(f"node {node.name!r} comes after {name!r}, which is not there")
        return WorkflowSpec(functionspecs=tuple(node.spec for node in self._nodes.values()))


class RunClient(Protocol):
    """What this needs of the client."""

    async def submit_workflow_spec(self, spec: AnyWorkflow, *, msgid: str = "") -> ProcessGraph: ...

    async def get_process_graph(self, processgraphid: str) -> ProcessGraph: ...

    async def get_processes_of_graph(
        self, processgraphid: str, state: int = ANY_STATE, count: int = 100
    ) -> list[Process]: ...

    async def get_process(self, processid: str) -> Process: ...

    async def cancel_process_graph(self, processgraphid: str) -> None: ...

    async def wait_graph_ended(self, processgraphid: str, timeout_s: float | None = None) -> ProcessGraph: ...


class AsyncRun:
    """A workflow that was submitted; `graph` is as it was when it was last looked at."""

    def __init__(self, client: RunClient, graph: ProcessGraph, ids: dict[str, str] | None = None) -> None:
        self._client = client
        self.graph = graph
        self._ids = dict(ids or {})  # node name -> process id
        self._ended: dict[str, Process] = {}  # by process id; they change no more

    @property
    def id(self) -> str:
        return self.graph.processgraphid

    @property
    def state(self) -> State:
        return self.graph.state

    async def wait(self, timeout_s: float | None = None) -> AsyncRun:
        """Return when it has succeeded. Raises WorkflowFailed, WorkflowCancelled or WaitTimeout."""
        await self.wait_ended(timeout_s)
        if self.state is State.FAILED:
            raise WorkflowFailed(self.graph, await self._causes())
        if self.state is State.CANCELLED:
            raise WorkflowCancelled(self.graph)
        return self

    async def wait_ended(self, timeout_s: float | None = None) -> AsyncRun:
        """Return when it has come to an end, whichever. Raises WaitTimeout."""
        self.graph = await self._client.wait_graph_ended(self.id, timeout_s)
        return self

    async def _causes(self) -> list[Process]:
        """The nodes that failed by themselves: some of them, if there are many. Those that failed with one name it."""
        failed = await self._client.get_processes_of_graph(self.id, State.FAILED, CAUSES_MAX)
        causes = {node.spec.nodename: node for node in failed if not _casualty_of(node)}
        for name in dict.fromkeys(filter(None, map(_casualty_of, failed))):
            with contextlib.suppress(KeyError):
                causes.setdefault(name, await self.process(name))
        return list(causes.values())

    async def refresh(self) -> AsyncRun:
        self.graph = await self._client.get_process_graph(self.id)
        return self

    async def cancel(self) -> None:
        await self._client.cancel_process_graph(self.id)

    # -- its nodes

    async def names(self) -> list[str]:
        """Of all nodes, those that were added meanwhile included."""
        await self._learn_names()
        return list(self._ids)

    async def process(self, name: str) -> Process:
        """The process of a node as it is now. Raises KeyError."""
        if name not in self._ids:
            await self._learn_names()
        if name not in self._ids:
            raise KeyError(name)
        return await self._process(self._ids[name])

    async def processes(self) -> dict[str, Process]:
        """All nodes by their names."""
        await self._learn_names()
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(processid: str) -> Process:
            async with slots:
                return await self._process(processid)

        found = await asyncio.gather(*(one(processid) for processid in self._ids.values()))
        return dict(zip(self._ids, found, strict=True))

    async def _process(self, processid: str) -> Process:
        known = self._ended.get(processid)
        if known is not None:
            return known
        process = await self._client.get_process(processid)
        if process.state not in (State.WAITING, State.RUNNING):
            self._ended[processid] = process
        return process

    async def _learn_names(self) -> None:
        """From the drawing; processes of a workflow that is too large to be drawn are asked one after another."""
        graph = self.graph = await self._client.get_process_graph(self.id)
        known = set(self._ids.values())
        labels = {node.id: node.data.label for node in graph.nodes}
        for processid in graph.processids:
            if processid not in known:
                name = labels.get(processid) or (await self._process(processid)).spec.nodename
                self._ids.setdefault(name or processid, processid)


def _casualty_of(process: Process) -> str:
    """The node that it failed with; "" for one that failed by itself."""
    found = _WITH.fullmatch(process.errors[0]) if process.errors else None
    return found[1] if found is not None else ""


async def start(client: RunClient, workflow: AnyWorkflow, colonyname: str) -> AsyncRun:
    """Submit it."""
    spec = workflow_spec(workflow, colonyname)
    graph = await client.submit_workflow_spec(spec)
    names = [node.nodename for node in spec.functionspecs]
    return AsyncRun(client, graph, dict(zip(names, graph.processids, strict=True)))
