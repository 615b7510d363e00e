"""Workflows as replies show them: in the order of a walk from the roots, laid out for dashboards (5.2)."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import COUNT_MAX, DRAWING_BYTES_MAX
from colonies_edge.protocol.messages import GetProcessGraph, GetProcessGraphs
from colonies_edge.protocol.model import (
    Edge,
    Node,
    NodeData,
    NodeStyle,
    Position,
    ProcessGraph,
    State,
)

BACKGROUNDS = {
    State.WAITING: NodeStyle(background="#eee8d8"),
    State.RUNNING: NodeStyle(background="#4689cd"),
    State.SUCCESS: NodeStyle(background="#92d050"),
    State.FAILED: NodeStyle(background="#cb4239"),
    State.CANCELLED: NodeStyle(background="#f5a623"),
}
# Pixels, as dashboards of upstream expect them.
WIDTH, GAP, STEP_X, STEP_Y = 150, 50, 200, 80
NODE_BYTES, EDGE_BYTES = 250, 310  # in a reply, about: a node with its place among the process ids, an edge

Rows = Mapping[str, ProcessRow]
ChildrenOf = Callable[[ProcessRow], Sequence[str]]


def children_of(tables: Tables, row: ProcessRow) -> tuple[str, ...]:
    """Who waits for this process: known to the tables while it is in memory, kept with it in the archive."""
    return row.children or tuple(tables.graphs_index.children(row.processid))


def rows_of(step: Step, graph: GraphRow) -> dict[str, ProcessRow]:
    """The processes of a workflow, in the order of submission."""
    if graph.processgraphid in step.tables.graphs:
        return {key: step.tables.processes[key] for key in step.tables.graphs_index.nodes(graph.processgraphid)}
    return {row.processid: row for row in step.history.nodes_of_graph(graph.processgraphid)}


def walk(rows: Rows, children: ChildrenOf) -> Iterator[tuple[ProcessRow, int]]:
    """Depth first from the roots, each process once, with its depth at that visit."""
    seen: set[str] = set()
    todo = [(key, 0) for key in reversed(list(rows)) if not rows[key].parents]
    while todo:
        key, depth = todo.pop()
        row = rows.get(key)
        if row is None or key in seen:
            continue
        seen.add(key)
        yield row, depth
        todo.extend((child, depth + 1) for child in reversed(children(row)))


def complete(tables: Tables, graph: GraphRow) -> GraphRow:
    """With what the archive keeps: roots and processes in the order in which they are shown."""
    rows = {key: tables.processes[key] for key in tables.graphs_index.nodes(graph.processgraphid)}
    ids = tuple(row.processid for row, _ in walk(rows, lambda row: children_of(tables, row)))
    return revised(graph, {"processids": ids, "rootprocessids": _roots(rows)})


def _roots(rows: Rows) -> tuple[str, ...]:
    return tuple(key for key, row in rows.items() if not row.parents)


def submitted(tables: Tables, graph: GraphRow) -> ProcessGraph:
    """What a submission is answered with: no times and no drawing, and the processes in the order of the spec."""
    rows = {key: tables.processes[key] for key in tables.graphs_index.nodes(graph.processgraphid)}
    return ProcessGraph(
        processgraphid=graph.processgraphid,
        initiatorid=graph.initiatorid,
        initiatorname=graph.initiatorname,
        colonyname=graph.colonyname,
        rootprocessids=graph.rootprocessids or _roots(rows),
        state=graph.state,
        processids=graph.processids or tuple(rows),
    )


def shown(tables: Tables, graph: GraphRow) -> ProcessGraph:
    """A workflow without its drawing."""
    whole = graph if graph.processids else complete(tables, graph)
    return revised(
        submitted(tables, whole),
        {"submissiontime": graph.submissiontime, "starttime": graph.starttime, "endtime": graph.endtime},
    )


def drawn(step: Step, graph: GraphRow) -> ProcessGraph:
    """A workflow with nodes and edges; without them when they would not fit into one message."""
    tables, rows = step.tables, rows_of(step, graph)
    visits = list(walk(rows, lambda row: children_of(tables, row)))
    pairs = [(row, child) for row, _ in visits for child in children_of(tables, row)]
    labels = sum(len(row.spec.nodename) for row, _ in visits)
    if NODE_BYTES * len(visits) + labels + EDGE_BYTES * len(pairs) > DRAWING_BYTES_MAX:
        return shown(tables, graph)
    edges = tuple(
        Edge(
            id=f"{row.processid}-{child}",
            source=row.processid,
            target=child,
            animated=row.state is State.RUNNING,
        )
        for row, child in pairs
    )
    return revised(shown(tables, graph), {"nodes": _nodes(tables, visits), "edges": edges})


def _nodes(tables: Tables, visits: Sequence[tuple[ProcessRow, int]]) -> tuple[Node, ...]:
    rows_wide: dict[int, int] = {}  # depth -> nodes there
    for _, depth in visits:
        rows_wide[depth] = rows_wide.get(depth, 0) + 1
    widest = max(map(_width, rows_wide.values()), default=0)
    placed = dict.fromkeys(rows_wide, 0)
    nodes = []
    for row, depth in visits:
        x = STEP_X * placed[depth] + widest // 2 - _width(rows_wide[depth]) // 2
        placed[depth] += 1
        kind = "input" if not row.parents else "" if children_of(tables, row) else "output"
        nodes.append(
            Node(
                id=row.processid,
                data=NodeData(label=row.spec.nodename),
                position=Position(x=x, y=STEP_Y * depth),
                type=kind,
                style=BACKGROUNDS[row.state],
            )
        )
    return tuple(nodes)


def _width(nodes: int) -> int:
    return WIDTH * nodes + GAP * (nodes - 1)


def get_graph(step: Step, message: GetProcessGraph) -> ProcessGraph:
    """One workflow, from memory or from the archive."""
    graph = step.graph(message.processgraphid)
    assert graph is not None  # access control found it
    return drawn(step, graph)


def get_graphs(step: Step, message: GetProcessGraphs) -> list[ProcessGraph]:
    """A list by state, newest submission first."""
    if message.count > COUNT_MAX:
        raise BadRequest(f"Count is larger than MaxCount limit <{COUNT_MAX}>")
    if message.count < 0:
        raise BadRequest("Count must not be negative")
    if message.state not in set(State):
        raise BadRequest("Failed to get processgraphs, invalid msg.State")
    state, tables = State(message.state), step.tables
    before = _end_of_page_before(step, message.after)
    in_memory = (tables.graphs[key] for key in tables.graphs_index.in_state.get((step.colony, state), ()))
    graphs = [graph for graph in in_memory if before is None or _submitted(graph) < before]
    if state in FINISHED:
        graphs += step.history.newest_graphs(step.colony, message.state, message.count, before=before)
    return [shown(tables, graph) for graph in heapq.nlargest(message.count, graphs, key=_submitted)]


def _submitted(graph: GraphRow) -> tuple[int, str]:
    return graph.submissiontime, graph.processgraphid


def _end_of_page_before(step: Step, graphid: str) -> tuple[int, str] | None:
    """The workflow there may have gone on since, to another state or into the archive: its submission stays."""
    if not graphid:
        return None
    graph = step.graph(graphid)
    if graph is None or graph.colonyname != step.colony:
        raise BadRequest(f"Failed to get processgraphs, {graphid} is not there any more: begin with the first page")
    return _submitted(graph)


HANDLERS: Mapping[str, Handler] = {
    "getprocessgraphmsg": get_graph,
    "getprocessgraphsmsg": get_graphs,
}
