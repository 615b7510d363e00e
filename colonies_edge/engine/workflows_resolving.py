"""What the end of one process means for its workflow: who is ready now, who fails with it, what state the whole is in.

It looks at the processes that moved and at their neighbours, never at the whole workflow, except once when it fails.
"""

from colonies_edge.engine import lifecycle
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.workflows_index import OPEN
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.limits import INPUT_BYTES_MAX
from colonies_edge.protocol.model import State


def settle(step: Step) -> None:
    """Draw the conclusions of all that moved since the last time (`protocol-core.md` 5.4), and of these conclusions.

    Called after writes were applied, like the search for work: so no way to end a process can be forgotten. Applies
    what it writes at once; the next conclusion must see it.
    """
    moves, tables = step.live.graph_moves, step.tables
    while moves:
        row = moves.popleft()
        graph = tables.graphs.get(row.processgraphid)
        if graph is None:  # removed in the same step
            continue
        first = len(step.draft.writes)
        if row.state is State.RUNNING:
            _started(step, graph)
        elif row.state is State.SUCCESS:
            _succeeded(step, graph, row)
        elif row.state is State.FAILED:
            _failed(step, graph, row)
        elif row.state is State.CANCELLED:
            _ended(step, graph)
        for write in step.draft.writes[first:]:
            tables.apply(write)


def _started(step: Step, graph: GraphRow) -> None:
    if graph.state is State.WAITING:
        step.draft.patch("graphs", graph.processgraphid, state=State.RUNNING, starttime=step.now)


def _succeeded(step: Step, graph: GraphRow, row: ProcessRow) -> None:
    sizes: dict[str, int] = {}  # siblings have the same parents
    for childid in step.tables.graphs_index.children(row.processid):
        child = step.tables.processes[childid]
        if child.state is State.WAITING and child.waitforparents and step.live.met(child, row.processid):
            _ready(step, child, sizes)
    _ended(step, graph)


def _ready(step: Step, row: ProcessRow, sizes: dict[str, int]) -> None:
    """All parents succeeded: it waits for an executor now, and only from now on for no longer than `maxwaittime`."""
    for parentid in row.parents:
        if parentid not in sizes:
            out = step.tables.processes[parentid].out
            sizes[parentid] = len(dump_json(out).encode()) if out else 0
    size = sum(sizes[parentid] for parentid in row.parents)
    if size > INPUT_BYTES_MAX:
        # Assigned, it would reach nobody, time and again.
        lifecycle.fail(step, row, (f"The outputs of its parents have {size} bytes, the limit is {INPUT_BYTES_MAX}",))
        return
    limit = row.spec.maxwaittime
    waitdeadline = step.now + limit * lifecycle.SECOND if limit > 0 else 0
    step.patch_process(row, waitforparents=False, waitdeadline=waitdeadline)


def _failed(step: Step, graph: GraphRow, row: ProcessRow) -> None:
    """Of a process that others wait for: all that has not ended fails with it, what has ended stays as it is.

    The failure of one that nobody waits for is told by the workflow's state; its siblings go on and may succeed.
    """
    index, graphid = step.tables.graphs_index, graph.processgraphid
    if graph.state in OPEN:
        graph = step.draft.patch("graphs", graphid, state=State.FAILED, endtime=step.now)
    if not index.open_nodes(graphid):
        _ended(step, graph)
    elif index.children(row.processid):
        text = f"The workflow failed: {row.spec.nodename or row.processid} failed"
        for other in [step.tables.processes[key] for key in index.nodes(graphid)]:
            if other.state in OPEN:
                if other.state is State.RUNNING:
                    lifecycle.withdraw(step, other, "cancelled")
                lifecycle.fail(step, other, (text,))


def _ended(step: Step, graph: GraphRow) -> None:
    """One process less that is open. A workflow that failed early ends when the last of its processes does."""
    if step.tables.graphs_index.open_nodes(graph.processgraphid):
        return
    if graph.state in OPEN:
        step.draft.patch("graphs", graph.processgraphid, state=State.SUCCESS, endtime=step.now)
    elif graph.endtime != step.now:
        step.draft.patch("graphs", graph.processgraphid, endtime=step.now)
