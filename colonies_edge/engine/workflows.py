"""Workflows: submitting, cancelling and removing them as a whole (`protocol-core.md` 5)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from colonies_edge.engine import lifecycle, workflows_children, workflows_views, workflows_watching
from colonies_edge.engine.inputs import bounded
from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.rows import Purge
from colonies_edge.engine.step import GraphView, Handler, Step
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.workflows_building import submit_graph
from colonies_edge.engine.workflows_spec import validate
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.messages import (
    CancelProcessGraph,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflowSpec,
)
from colonies_edge.protocol.model import ANY_STATE, State

__all__ = ["HANDLERS", "drop_graph", "submit_graph", "validate"]


def submit(step: Step, message: SubmitWorkflowSpec) -> GraphView:
    """A new workflow; as with a process, the same call sent again makes no second one."""
    assert message.spec is not None  # access control refused it
    name = initiator_name(step.tables, step.colony, step.caller)
    roots = sum(1 for node in message.spec.functionspecs if not node.conditions.dependencies)
    inputs = bounded(message.in_, message.mismatch, processes=roots)
    return GraphView(
        submit_graph(step, message.spec, initiatorid=step.caller, initiatorname=name, seed="", root_in=inputs)
    )


def cancel_graph(step: Step, message: CancelProcessGraph) -> dict[str, Any]:
    """Any member may cancel. What has ended stays as it is, and so does a workflow that has failed already."""
    graph = step.graph(message.processgraphid)
    assert graph is not None  # access control found it
    if not step.tables.graphs_index.open_nodes(graph.processgraphid):
        raise BadRequest(f"Failed to cancel processgraph, it has ended: {graph.state.name.lower()}")
    for processid in step.tables.graphs_index.nodes(graph.processgraphid):
        row = step.tables.processes[processid]
        if row.state not in FINISHED:
            lifecycle.cancel(step, row)
    if graph.state not in FINISHED:
        step.draft.patch("graphs", graph.processgraphid, state=State.CANCELLED, endtime=step.now)
    return {}


def remove_graph(step: Step, message: RemoveProcessGraph) -> dict[str, Any]:
    """Any member may remove a workflow that does not run, with its processes."""
    graph = step.graph(message.processgraphid)
    assert graph is not None  # access control found it
    if graph.state is State.RUNNING:
        raise BadRequest("Failed to remove processgraph, cannot remove a running processgraph")
    if graph.processgraphid in step.tables.graphs:
        drop_graph(step, graph.processgraphid)
        return {}
    counts = Counter(row.state for row in step.history.nodes_of_graph(graph.processgraphid))
    purge = Purge(
        colonyname=graph.colonyname,
        state=int(graph.state),
        graphs=True,
        nodes=tuple(counts[state] for state in FINISHED),
    )
    step.draft.instruct("archive", graph.processgraphid, purge)
    return {}


def drop_graph(step: Step, graphid: str) -> None:
    """Remove a workflow that is in memory and exactly its own processes; running work is withdrawn."""
    for processid in step.tables.graphs_index.nodes(graphid):
        row = step.tables.processes[processid]
        if row.state is State.RUNNING:
            lifecycle.withdraw(step, row, "removed")
        step.draft.drop("processes", processid)
    step.draft.drop("graphs", graphid)


def remove_all_graphs(step: Step, message: RemoveAllProcessGraphs) -> dict[str, Any]:
    """The colony owner removes all workflows of a state; -1 means every state, running ones included."""
    if message.state == State.RUNNING:
        raise BadRequest("not possible to remove running processgraphs")
    if message.state != ANY_STATE and message.state not in set(State):
        raise BadRequest("invalid state when deleting all processgraphs")
    for state in tuple(State) if message.state == ANY_STATE else (State(message.state),):
        for graphid in step.tables.graphs_index.in_state.get((step.colony, state), ()):
            drop_graph(step, graphid)
    if message.state != State.WAITING and step.colony in step.tables.tallies:
        step.draft.instruct("archive", "", Purge(colonyname=step.colony, state=message.state, graphs=True))
    return {}


HANDLERS: Mapping[str, Handler] = {
    "submitworkflowspecmsg": submit,
    "cancelprocessgraphmsg": cancel_graph,
    "removeprocessgraphmsg": remove_graph,
    "removeallprocessgraphsmsg": remove_all_graphs,
    **workflows_views.HANDLERS,
    **workflows_children.HANDLERS,
    **workflows_watching.HANDLERS,
}
