"""Random workflows that grow, fail, are cancelled and restarted: whatever happens, the whole agrees with its parts."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.protocol.model import State
from tests.support.engine_bench import LAB, Bench, add_executor, colony, identity, spec
from tests.support.workflows import workflow

WORKERS = ("worker", "peer")
MOVES = (
    "take",
    "take",
    "take",
    "succeed",
    "succeed",
    "succeed",
    "fail",
    "child",
    "insert",
    "release",
    "wait",
    "restart",
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Nodes, each of which may depend on any before it; shuffled, for the order of a spec means nothing."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 9)))]
    nodes = {
        name: draw(st.lists(st.sampled_from(names[:number]), max_size=3)) if number else []
        for number, name in enumerate(names)
    }
    return {name: nodes[name] for name in draw(st.permutations(names))}


def rows_of(bench: Bench) -> dict[str, ProcessRow]:
    return bench.engine.tables.processes


def move(bench: Bench, kind: str, draw: Any) -> None:
    """One thing that happens; nothing, when nobody can do it now."""
    if kind == "restart":
        bench.restart(checkpoint=draw(st.booleans()))
    elif kind == "wait":
        bench.sleep(draw(st.sampled_from((0.5, 3, 30))))
    elif kind == "take":
        bench.ask(draw(st.sampled_from(WORKERS)), {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": -1})
    else:
        running = sorted(key for key, row in rows_of(bench).items() if row.state is State.RUNNING)
        if running:
            act(bench, kind, draw(st.sampled_from(running)), draw)


def act(bench: Bench, kind: str, processid: str, draw: Any) -> None:
    row = rows_of(bench)[processid]
    who = next(name for name in WORKERS if identity(name) == row.assignedexecutorid)
    if kind == "succeed":
        bench.do(who, "closesuccessfulmsg", processid=processid, out=[row.spec.nodename])
    elif kind == "fail":
        bench.do(who, "closefailedmsg", processid=processid, errors=["x"])
    elif kind == "release":
        bench.do(who, "releaseprocessmsg", processid=processid, attempt=row.attempt)
    else:
        waiting = sorted(key for key, other in rows_of(bench).items() if other.state is State.WAITING)
        child = draw(st.sampled_from(["", *waiting]))
        fields = {"parentprocessid": processid, "childprocessid": child, "insert": kind == "insert"}
        bench.do(who, "addchildmsg", spec=spec(nodename="added", maxexectime=2), **fields)


def agree(bench: Bench) -> None:
    """What is kept of the workflow follows from its processes."""
    tables = bench.engine.tables
    (graph,) = tables.graphs.values()
    rows = rows_of(bench)
    for row in rows.values():
        missing = [key for key in row.parents if rows[key].state is not State.SUCCESS]
        assert row.waitforparents or not missing
        assert missing or row.state is not State.WAITING or not row.waitforparents
        children = [key for key, other in rows.items() if row.processid in other.parents]
        assert sorted(tables.graphs_index.children(row.processid)) == sorted(children)
        if row.state in (State.RUNNING, State.SUCCESS):
            assert list(row.in_) == [value for key in row.parents for value in rows[key].out]
        if row.state is State.FAILED:
            assert row.errors and row.endtime
    assert graph.state is expected(graph, rows)
    open_nodes = sum(row.state in (State.WAITING, State.RUNNING) for row in rows.values())
    assert tables.graphs_index.open_nodes(graph.processgraphid) == open_nodes
    assert bool(graph.starttime) == any(row.attempt for row in rows.values())
    assert bool(graph.endtime) == (graph.state in (State.SUCCESS, State.FAILED, State.CANCELLED))
    if not open_nodes:
        assert graph.endtime == max(row.endtime for row in rows.values())
    fallen = [row for row in rows.values() if row.state is State.FAILED and tables.graphs_index.children(row.processid)]
    assert not (fallen and open_nodes)


def expected(graph: GraphRow, rows: dict[str, ProcessRow]) -> State:
    states = {row.state for row in rows.values()}
    if State.FAILED in states:
        return State.FAILED
    if State.CANCELLED in states:
        return State.CANCELLED
    if states == {State.SUCCESS}:
        return State.SUCCESS
    return State.RUNNING if graph.starttime else State.WAITING


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(nodes=graphs(), data=st.data())
def test_the_whole_agrees_with_its_parts_whatever_happens(nodes: dict[str, list[str]], data: st.DataObject) -> None:
    bench = colony()
    add_executor(bench, "peer")
    fields = {"maxexectime": 2, "maxretries": 2, "maxwaittime": data.draw(st.sampled_from((-1, -1, 20)))}
    graph = bench.do("ann", "submitworkflowspecmsg", spec=workflow(nodes, **fields))
    agree(bench)
    for kind in data.draw(st.lists(st.sampled_from(MOVES), max_size=25)):
        move(bench, kind, data.draw)
        agree(bench)
    if data.draw(st.booleans()):
        bench.ask("ann", {"msgtype": "cancelprocessgraphmsg", "processgraphid": graph["processgraphid"]})
        agree(bench)
    before = bench.engine.tables.by_name
    bench.restart(checkpoint=False)
    assert bench.engine.tables.by_name == before
    agree(bench)
