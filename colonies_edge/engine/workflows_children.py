"""A running process adds processes to its workflow, in three forms (`protocol-core.md` 5.7)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.step import Handler, ProcessView, Step
from colonies_edge.engine.workflows_building import new_node
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.errors import BadRequest, NotFound
from colonies_edge.protocol.limits import GRAPH_NODES_MAX
from colonies_edge.protocol.messages import AddChild
from colonies_edge.protocol.model import FunctionSpec, State
from colonies_edge.protocol.quantities import normalised


def add_child(step: Step, message: AddChild) -> ProcessView:
    """The new process waits for the parent; others may come to wait for the new one.

    No circle can arise: the parent runs, so all that it waited for has succeeded, and only what still waits may get
    another parent.
    """
    if message.spec is None:
        raise BadRequest("Failed to add child to processgraph, msg.FunctionSpec is nil")
    processid = step.new_id("process")
    if step.draft.get("processes", processid) is not None:
        return ProcessView(processid)
    parent, graph = _parent(step, message)
    heirs = _heirs(step, message, parent)
    spec = revised(message.spec, {"conditions": revised(message.spec.conditions, {"colonyname": step.colony})})
    step.draft.put("processes", processid, _new_row(step, graph, processid, normalised(spec), parent))
    for heir in heirs:
        kept = tuple(key for key in heir.parents if not (message.insert and key == parent.processid))
        step.patch_process(heir, parents=(*kept, processid), waitforparents=True, waitdeadline=0)
    return ProcessView(processid)


def _new_row(step: Step, graph: GraphRow, processid: str, spec: FunctionSpec, parent: ProcessRow) -> ProcessRow:
    row = new_node(graph, processid, spec, step.now, (parent.processid,))
    name = initiator_name(step.tables, step.colony, step.caller)
    return revised(row, {"initiatorid": step.caller, "initiatorname": name})


def _parent(step: Step, message: AddChild) -> tuple[ProcessRow, GraphRow]:
    """Only who runs the parent adds to it. The workflow is the parent's, whatever the message says of it."""
    row = step.process(message.parentprocessid)
    assert row is not None  # access control found it
    named = f"Process with Id {row.processid}"
    if row.state is not State.RUNNING:
        raise BadRequest(f"{named} is not running")
    if row.assignedexecutorid != step.caller:
        raise BadRequest(f"{named} is not assigned to executor with Id {step.caller}")
    graph: Any = step.draft.get("graphs", row.processgraphid) if row.processgraphid else None
    if graph is None:
        raise BadRequest(f"{named} does not belong to a processgraph")
    if message.processgraphid not in ("", row.processgraphid):
        raise BadRequest(f"{named} does not belong to processgraph {message.processgraphid}")
    if len(step.tables.graphs_index.nodes(row.processgraphid)) >= GRAPH_NODES_MAX:
        raise BadRequest(f"Failed to add child to processgraph, it has {GRAPH_NODES_MAX} processes already")
    return row, graph


def _heirs(step: Step, message: AddChild, parent: ProcessRow) -> list[ProcessRow]:
    """The processes that wait for the new one from now on."""
    if message.insert:
        return [step.tables.processes[key] for key in step.tables.graphs_index.children(parent.processid)]
    if not message.childprocessid:
        return []
    child = step.process(message.childprocessid)
    named = f"Process with Id {message.childprocessid}"
    if child is None:
        raise NotFound(f"{named} not found")
    if child.processgraphid != parent.processgraphid:
        raise BadRequest(f"{named} does not belong to processgraph {parent.processgraphid}")
    if child.state is not State.WAITING:
        raise BadRequest(f"{named} does not wait any more, it cannot become a child")
    return [child]


HANDLERS: Mapping[str, Handler] = {"addchildmsg": add_child}
