"""Making the rows of a workflow out of its spec; messages, crons and generators come through here."""

from typing import Any

from colonies_edge.engine.lifecycle import SECOND
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.workflows_spec import validate
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.model import PRIORITY_NS, FunctionSpec, WorkflowSpec


def submit_graph(
    step: Step,
    spec: WorkflowSpec,
    *,
    initiatorid: str,
    initiatorname: str,
    seed: str,
    root_in: tuple[Any, ...] = (),
    root_args: tuple[Any, ...] | None = None,
) -> str:
    """Submit a workflow and return its id, which follows from the call and `seed`: the same again makes no second one.

    `root_in` becomes the input of every root; `root_args`, when given, replaces its arguments (`kwargs` then go).
    Raises BadRequest for a spec that cannot be run.
    """
    spec = validate(spec)
    graphid = step.new_id("graph", seed)
    if _is_known(step, spec.colonyname, graphid):
        return graphid
    ids = {node.nodename: step.new_id("process", seed, str(index)) for index, node in enumerate(spec.functionspecs)}
    graph = GraphRow(
        processgraphid=graphid,
        colonyname=spec.colonyname,
        initiatorid=initiatorid,
        initiatorname=initiatorname,
        submissiontime=step.now,
    )
    step.draft.put("graphs", graphid, graph)
    for index, node in enumerate(spec.functionspecs):
        row = new_node(
            graph, ids[node.nodename], node, step.now + index, tuple(ids[name] for name in node.conditions.dependencies)
        )
        if not row.parents:
            row = _as_root(row, root_in, root_args)
        step.draft.put("processes", row.processid, row)
    return graphid


def _is_known(step: Step, colony: str, graphid: str) -> bool:
    if graphid in step.tables.graphs:
        return True
    return colony in step.tables.tallies and step.history.graph(graphid) is not None


def _as_root(row: ProcessRow, root_in: tuple[Any, ...], root_args: tuple[Any, ...] | None) -> ProcessRow:
    spec = row.spec if root_args is None else revised(row.spec, {"args": root_args, "kwargs": {}})
    limit = spec.maxwaittime
    waitdeadline = row.submissiontime + limit * SECOND if limit > 0 else 0
    return revised(row, {"spec": spec, "in_": root_in, "waitdeadline": waitdeadline})


def new_node(graph: GraphRow, processid: str, spec: FunctionSpec, now: int, parents: tuple[str, ...]) -> ProcessRow:
    """The row of a process of a workflow. Its `spec` is normalised.

    `now` differs by a nanosecond from node to node, so that equals are served in the order of the spec. The time to
    wait begins when nothing is waited for any more but an executor: a slow parent is not the child's fault.
    """
    return ProcessRow(
        processid=processid,
        colonyname=graph.colonyname,
        initiatorid=graph.initiatorid,
        initiatorname=graph.initiatorname,
        spec=spec,
        prioritytime=now - spec.priority * PRIORITY_NS,
        submissiontime=now,
        waitforparents=bool(parents),
        parents=parents,
        processgraphid=graph.processgraphid,
    )
