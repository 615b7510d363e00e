"""How workflows read in tables: lists of them, and the picture of one, parents above children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.show import STATES, assignments, process_time, state_cell, state_tone, when, word, words
from colonies_edge.apps.cli.table import Cell, Column

_INDENT = "  "
# The only trace of a node's state in the drawing that comes with a workflow (`protocol-core.md` 5.2).
_STATE_OF_COLOUR = {"#eee8d8": 0, "#4689cd": 1, "#92d050": 2, "#cb4239": 3, "#f5a623": 4}
_WAITING, _SUCCESS = 0, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node: what of it is known. `key` is its process id, or its name while it is only a spec."""

    key: str
    name: str
    state: int | None = None
    parents: tuple[str, ...] = ()
    waits: bool = False  # for its parents
    spec: Mapping[str, Any]


def nodes_of(graph: Mapping[str, Any], processes: Iterable[Mapping[str, Any]]) -> list[NodeView]:
    """The nodes of a workflow: from its drawing, which has them all, and from as many processes as are at hand."""
    sources: dict[str, list[str]] = {}
    for edge in graph.get("edges") or ():
        sources.setdefault(edge["target"], []).append(edge["source"])
    found: dict[str, NodeView] = {}
    for node in graph.get("nodes") or ():
        state = _STATE_OF_COLOUR.get(word((node.get("style") or {}).get("background")))
        label = word((node.get("data") or {}).get("label"))
        found[node["id"]] = NodeView(
            key=node["id"], name=label, state=state, parents=tuple(sources.get(node["id"], ())), spec={}
        )
    for process in processes:
        spec = process.get("spec") or {}
        found[process["processid"]] = NodeView(
            key=process["processid"],
            name=word(spec.get("nodename")),
            state=process.get("state"),
            parents=tuple(process.get("parents") or ()),
            spec=spec,
        )
    states = {key: node.state for key, node in found.items()}
    return [
        replace(
            node,
            name=node.name or node.key[:8],  # children that were added need no name
            waits=node.state == _WAITING and any(states.get(parent) != _SUCCESS for parent in node.parents),
        )
        for node in found.values()
    ]


def nodes_of_spec(workflow: Mapping[str, Any]) -> list[NodeView]:
    """The nodes of a workflow that is yet to be."""
    return [
        NodeView(
            key=word(spec.get("nodename")),
            name=word(spec.get("nodename")),
            parents=tuple((spec.get("conditions") or {}).get("dependencies") or ()),
            spec=spec,
        )
        for spec in workflow.get("functionspecs") or ()
    ]


def in_order(nodes: Sequence[NodeView]) -> list[tuple[NodeView, int]]:
    """Each node below all its parents, with its distance from the furthest root; branches stay together. What hangs on
    nothing that is there, which a coordinator refuses, comes last."""
    known = {node.key: node for node in nodes}
    missing = {node.key: len({parent for parent in node.parents if parent in known}) for node in nodes}
    children: dict[str, list[str]] = {}
    for node in nodes:
        for parent in dict.fromkeys(node.parents):
            children.setdefault(parent, []).append(node.key)
    depths = {key: 0 for key, count in missing.items() if not count}
    todo = list(reversed(depths))
    placed: dict[str, int] = {}
    while todo:
        key = todo.pop()
        placed[key] = depths[key]
        for child in reversed(children.get(key, ())):
            missing[child] -= 1
            depths[child] = max(depths.get(child, 0), depths[key] + 1)
            if not missing[child]:
                todo.append(child)
    left = [(node, 0) for node in nodes if node.key not in placed]
    return [(known[key], depth) for key, depth in placed.items()] + left


def picture(console: Console, nodes: Sequence[NodeView], title: str = "Nodes") -> None:
    """The nodes as an indented tree, what each waits for beside it."""
    names = {node.key: node.name for node in nodes}
    with_states = any(node.state is not None for node in nodes)
    columns = [
        Column("NodeName"),
        *([Column("State", keep=True)] if with_states else []),
        Column("Dependencies", drop=1),
    ]
    columns += [Column("FuncName"), Column("Args", drop=3), Column("KwArgs", drop=4), Column("Type", drop=2)]
    rows: list[Sequence[str | Cell]] = []
    for node, depth in in_order(nodes):
        states = [_state(node)] if with_states else []
        rows.append(
            [
                _INDENT * depth + node.name,
                *states,
                words([names.get(parent, parent[:8]) for parent in node.parents]),
                word(node.spec.get("funcname")),
                words(node.spec.get("args")),
                assignments(node.spec.get("kwargs")),
                word((node.spec.get("conditions") or {}).get("executortype")),
            ]
        )
    console.grid(columns, rows, title)


def _state(node: NodeView) -> Cell:
    cell = state_cell(node.state)
    return Cell(f"{STATES[_WAITING]} for parents", "dim") if node.waits else cell


def workflow(console: Console, graph: Mapping[str, Any], nodes: Sequence[NodeView]) -> None:
    """One workflow: itself, its picture, and where its processes are found."""
    count = len(graph.get("processids") or ())
    console.pairs(
        [
            ("WorkflowId", word(graph.get("processgraphid"))),
            ("InitiatorId", word(graph.get("initiatorid"))),
            ("InitiatorName", word(graph.get("initiatorname"))),
            ("Colony", word(graph.get("colonyname"))),
            ("State", state_cell(graph.get("state"))),
            ("SubmissionTime", when(graph.get("submissiontime"))),
            ("StartTime", when(graph.get("starttime"))),
            ("EndTime", when(graph.get("endtime"))),
            ("Processes", str(count)),
        ],
        "Workflow",
        state_tone(graph.get("state")),
    )
    picture(console, nodes)
    rows: list[Sequence[str | Cell]] = [[node.name, _state(node), node.key] for node, _ in in_order(nodes)]
    console.grid(
        [Column("NodeName"), Column("State", keep=True, drop=1), Column("ProcessId", keep=True)], rows, "Processes"
    )
    if len(nodes) < count:
        console.info(f"{len(nodes)} of {count} processes are shown: the workflow is too large for one message")
    elif not all(node.spec for node in nodes):
        known = sum(bool(node.spec) for node in nodes)
        console.info(f"Functions are shown of the first {known} processes; `process get -p ID` shows the others")


def workflow_list(console: Console, graphs: Iterable[Mapping[str, Any]], state: int) -> None:
    title, key = process_time(state)
    columns = [Column("WorkflowId", keep=True), Column(title, keep=True, drop=1), Column("Initiator", drop=3)]
    rows = [
        [
            word(graph.get("processgraphid")),
            when(graph.get(key)),
            word(graph.get("initiatorname")),
            str(len(graph.get("processids") or ())),
        ]
        for graph in graphs
    ]
    console.grid([*columns, Column("Processes", right=True, drop=2)], rows)
