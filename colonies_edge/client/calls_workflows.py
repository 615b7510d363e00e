"""One method per message about workflows, which the wire calls process graphs (`protocol-core.md` 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from colonies_edge.client.calls_base import Calls
from colonies_edge.client.specs import complete
from colonies_edge.client.specs_workflow import AnyWorkflow, workflow_spec
from colonies_edge.protocol.codec import decode, pack
from colonies_edge.protocol.limits import COUNT_MAX
from colonies_edge.protocol.messages import (
    AddChild,
    CancelProcessGraph,
    GetProcesses,
    GetProcessGraph,
    GetProcessGraphs,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflowSpec,
    SubscribeProcessGraph,
)
from colonies_edge.protocol.model import ANY_STATE, FunctionSpec, Process, ProcessGraph, State


class WorkflowCalls(Calls):
    """Workflows as a whole. `client.workflow` writes them and waits for them."""

    async def submit_workflow_spec(
        self, spec: AnyWorkflow, *, inputs: Sequence[Any] = (), msgid: str = ""
    ) -> ProcessGraph:
        """A whole workflow: the object of the wire, JSON of it, or only its function specs. `processids` in the answer
        are in the order of the function specs. Every root gets `inputs`: only this kind of coordinator takes them."""
        # Without what is as by default: a thousand nodes fit into one message then, instead of four hundred.
        whole = pack(workflow_spec(spec, self.colonyname))
        message = {"msgtype": SubmitWorkflowSpec.msgtype, "spec": whole}
        if inputs:
            message["in"] = list(inputs)
        return self.made(ProcessGraph, await self.call(message, msgid=msgid))

    async def get_process_graph(self, processgraphid: str) -> ProcessGraph:
        """With its nodes and edges, unless it is too large for one message."""
        return decode(ProcessGraph, await self.call(GetProcessGraph(processgraphid=processgraphid)))

    async def get_process_graphs(self, state: State, count: int = COUNT_MAX) -> list[ProcessGraph]:
        """The first `count`, newest submission first, without nodes and edges."""
        message = GetProcessGraphs(colonyname=self.colonyname, state=state)
        return self.many(ProcessGraph, await self.first_of(message, "processgraphid", count))

    async def get_processes_of_graph(
        self, processgraphid: str, state: int = ANY_STATE, count: int = COUNT_MAX
    ) -> list[Process]:
        """The first `count` processes of a workflow that are in a state, in the order of its spec."""
        message = GetProcesses(colonyname=self.colonyname, state=state, processgraphid=processgraphid)
        return self.many(Process, await self.first_of(message, "processid", count))

    async def cancel_process_graph(self, processgraphid: str) -> None:
        await self.call(CancelProcessGraph(processgraphid=processgraphid))

    async def remove_process_graph(self, processgraphid: str) -> None:
        await self.call(RemoveProcessGraph(processgraphid=processgraphid))

    async def remove_all_process_graphs(self, state: int = ANY_STATE) -> None:
        await self.call(RemoveAllProcessGraphs(colonyname=self.colonyname, state=state))

    async def add_child(
        self,
        processgraphid: str,
        parentprocessid: str,
        spec: FunctionSpec | Mapping[str, Any],
        *,
        childprocessid: str = "",
        insert: bool = False,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> Process:
        """The executor of the running parent adds a process that waits for it. With `childprocessid` that one waits for
        the new one, too; with `insert` all children of the parent wait for the new one instead."""
        message = AddChild(
            processgraphid=processgraphid,
            parentprocessid=parentprocessid,
            childprocessid=childprocessid,
            spec=complete(spec, self.colonyname),
            insert=insert,
        )
        return decode(Process, await self.call(message, timeout_s=timeout_s, msgid=msgid))

    async def subscribe_process_graph(
        self, processgraphid: str, states: Iterable[int], timeout: int, *, msgid: str = ""
    ) -> None:
        """Hear when the workflow enters one of the states, at once if it is in one; without an id, of all workflows of
        the colony. An extension: only this kind of coordinator knows it."""
        wanted = tuple(states)
        message = SubscribeProcessGraph(
            colonyname=self.colonyname, processgraphid=processgraphid, state=wanted[0], states=wanted, timeout=timeout
        )
        await self.call(message, msgid=msgid)
