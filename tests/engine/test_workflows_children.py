"""A running node adds nodes to its workflow: who may, in which forms, and how the workflow goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine_bench import LAB, Bench, add_executor, colony, identity, running, spec
from tests.support.workflows import Graph, nothing_to_do

UNSET = "0001-01-01T00:00:00Z"


def started(nodes: dict[str, list[str]] | None = None) -> Graph:
    """A workflow whose first node runs."""
    graph = Graph(colony(), nodes or {"a": [], "b": ["a"], "c": ["a"]})
    graph.take("a")
    return graph


def test_a_child_waits_for_its_parent_and_gets_its_output() -> None:
    graph = started()
    child = graph.add_child("a", "x")
    assert (child["parents"], child["children"], child["waitforparents"]) == ([graph.ids["a"]], [], True)
    assert (child["initiatorid"], child["initiatorname"]) == (identity("worker"), "worker")
    assert child["processgraphid"] == graph.id
    assert graph.node("a")["children"] == [graph.ids[name] for name in "bcx"]
    graph.close("a", 1)
    for name in "bc":
        graph.take(name)
        graph.close(name)
    assert graph.shown["state"] == 1
    assert graph.take("x")["in"] == [1]
    graph.close("x")
    assert graph.shown["state"] == 2


def test_with_a_child_named_it_waits_for_both() -> None:
    graph = started()
    graph.add_child("a", "x", childprocessid=graph.ids["b"])
    assert graph.node("b")["parents"] == [graph.ids["a"], graph.ids["x"]]
    assert graph.node("x")["children"] == [graph.ids["b"]]
    assert graph.node("a")["children"] == [graph.ids[name] for name in "bcx"]
    graph.close("a", "a")
    assert graph.waits() == "b"
    graph.run("cx")
    assert graph.take("b")["in"] == ["a", "x"]


def test_inserted_it_takes_over_all_children() -> None:
    graph = started({"a": [], "z": [], "b": ["a", "z"], "c": ["a"]})
    graph.add_child("a", "x", insert=True, childprocessid="ignored")
    assert graph.node("a")["children"] == [graph.ids["x"]]
    assert graph.node("x")["children"] == [graph.ids["b"], graph.ids["c"]]
    assert graph.node("b")["parents"] == [graph.ids["z"], graph.ids["x"]]
    assert graph.node("c")["parents"] == [graph.ids["x"]]
    graph.close("a", "a")
    assert graph.waits() == "bc"
    graph.run("zx")
    assert graph.take("b")["in"] == ["z", "x"]
    assert graph.take("c")["in"] == ["x"]


def test_a_node_that_could_be_had_waits_again_for_its_new_parent() -> None:
    graph = started({"a": [], "b": []})
    bench = graph.bench
    graph.add_child("a", "x", childprocessid=graph.ids["b"])
    assert nothing_to_do(bench) and graph.waits() == "bx"
    graph.close("a")
    graph.run("x")
    assert graph.take("b")["in"] == ["x"]


def test_a_child_that_waited_against_the_clock_stops_its_clock() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": []}, maxwaittime=10)
    graph.take("a")
    graph.add_child("a", "x", childprocessid=graph.ids["b"])
    assert graph.node("b")["waitdeadline"] == UNSET
    bench.sleep(60)
    assert graph.states() == "100"


def test_what_is_shown_of_the_graph_grows() -> None:
    graph = started({"a": [], "b": ["a"]})
    graph.add_child("a", "x", insert=True)
    shown = graph.shown
    assert shown["processids"] == [graph.ids[name] for name in "axb"]
    assert [(node["data"]["label"], node["position"]["y"], node["type"]) for node in shown["nodes"]] == [
        ("a", 0, "input"),
        ("x", 80, ""),
        ("b", 160, "output"),
    ]
    assert [edge["animated"] for edge in shown["edges"]] == [True, False]


def test_children_may_have_children() -> None:
    graph = started({"a": []})
    graph.add_child("a", "x")
    graph.close("a", "a")
    graph.take("x")
    graph.add_child("x", "y", spec=spec(nodename="", priority=3))
    graph.close("x", "x")
    assert graph.take("y")["in"] == ["x"]
    graph.fail("y")
    assert (graph.states(), graph.shown["state"]) == ("223", 3)


def test_a_thousandth_child_writes_no_more_than_the_first() -> None:
    graph = started({"a": []})
    writes = []
    for number in range(50):
        graph.add_child("a", f"n{number}")
        writes.append([(write.table, write.kind.value) for write in graph.bench.outcome.records[0].writes])
    assert writes == [[("processes", "put")]] * 50


def refused(graph: Graph, who: str = "worker", **fields: Any) -> int:
    """The status of an addchildmsg that changed nothing."""
    bench = graph.bench
    before = {name: dict(rows) for name, rows in bench.engine.tables.by_name.items()}
    message = {"processgraphid": graph.id, "parentprocessid": graph.ids["a"], "spec": spec(nodename="x"), **fields}
    status, _ = bench.refused(who, "addchildmsg", **message)
    assert bench.engine.tables.by_name == before
    return status


def test_unknown_ids_are_refused_and_hurt_nobody() -> None:
    graph = started()
    stranger = "f" * 64
    assert refused(graph, parentprocessid=stranger) == 404
    assert refused(graph, childprocessid=stranger) == 404
    assert refused(graph, processgraphid=stranger) == 400
    assert refused(graph, spec=None) == 400


def test_without_a_graph_id_the_parents_is_meant() -> None:
    graph = started()
    assert graph.add_child("a", "x", processgraphid="")["processgraphid"] == graph.id


@pytest.mark.parametrize("fields", [{"priority": 50_001}, {"conditions": {"cpu": "much"}}])
def test_a_child_has_the_limits_of_every_process(fields: dict[str, Any]) -> None:
    assert refused(started(), spec=spec(**fields)) == 400


def test_only_who_runs_the_parent_and_only_while_it_runs() -> None:
    graph = started()
    add_executor(graph.bench, "peer")
    assert refused(graph, "peer") == refused(graph, "ann") == 400
    assert refused(graph, "owner") == refused(graph, "stranger") == 403
    assert refused(graph, parentprocessid=graph.ids["b"]) == 400
    graph.close("a")
    assert refused(graph) == 400


def test_a_process_outside_of_workflows_gets_no_children() -> None:
    bench = colony()
    alone = running(bench)
    status, text = bench.refused("worker", "addchildmsg", parentprocessid=alone["processid"], spec=spec())
    assert (status, text) == (400, f"Process with Id {alone['processid']} does not belong to a processgraph")


def test_a_child_must_be_of_the_same_workflow_and_still_wait() -> None:
    graph = started({"a": [], "b": [], "c": ["b"]})
    other = Graph(graph.bench, {"o": []})
    assert refused(graph, childprocessid=other.ids["o"]) == 400
    assert refused(graph, childprocessid=graph.ids["a"]) == 400
    graph.run("b")
    assert refused(graph, childprocessid=graph.ids["b"]) == 400


def test_the_child_is_of_the_parents_colony_whatever_its_spec_says() -> None:
    graph = started()
    child = graph.add_child("a", "x", spec=spec("elsewhere", nodename="x"))
    assert child["spec"]["conditions"]["colonyname"] == LAB
    graph.close("a")
    graph.run("bcx")


def test_the_same_call_sent_again_adds_no_second_child() -> None:
    graph = started()
    bench: Bench = graph.bench
    first = graph.add_child("a", "x")
    bench.restart(checkpoint=False)
    bench._asked -= 1
    assert graph.add_child("a", "x") == first
    assert len(graph.shown["processids"]) == 4
