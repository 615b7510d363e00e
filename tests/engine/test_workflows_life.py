"""Workflows as a whole: cancelled, removed, listed, counted, archived and found again after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine.outcome import Kind
from colonies_edge.storage.records import encode_record
from tests.support.engine_bench import LAB, Bench, add_executor, colony, running
from tests.support.workflows import DIAMOND, Graph, nothing_to_do

WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = range(5)
UNSET = "0001-01-01T00:00:00Z"


def listed(bench: Bench, state: int, count: int = 100) -> list[str]:
    return [
        graph["processgraphid"]
        for graph in bench.do("ann", "getprocessgraphsmsg", colonyname=LAB, count=count, state=state)
    ]


def counts(bench: Bench) -> tuple[list[int], list[int]]:
    """Workflows and processes by state, from the statistics."""
    stats = bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    names = ("waiting", "running", "successful", "failed", "cancelled")
    return [stats[f"{name}workflows"] for name in names], [stats[f"{name}processes"] for name in names]


def one_of_each(bench: Bench) -> dict[int, Graph]:
    """Five workflows, one in each state, and a process of each kind outside of them."""
    graphs = {SUCCESS: Graph(bench, {"a": [], "b": ["a"]})}
    graphs[SUCCESS].run("ab")
    graphs[FAILED] = Graph(bench, {"a": [], "b": ["a"], "c": ["b"]})
    graphs[FAILED].run("a")
    graphs[FAILED].take("b")
    graphs[FAILED].fail("b")
    graphs[CANCELLED] = Graph(bench, {"a": [], "b": ["a"]})
    graphs[CANCELLED].run("a")
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=graphs[CANCELLED].id)
    graphs[RUNNING] = Graph(bench, {"a": [], "b": ["a"]})
    graphs[RUNNING].run("a")
    bench.do("worker", "closesuccessfulmsg", processid=running(bench, priority=1)["processid"])
    graphs[WAITING] = Graph(bench, {"a": []})
    return graphs


EACH_WORKFLOW, EACH_PROCESS = [1, 1, 1, 1, 1], [2, 0, 2 + 1 + 1 + 1 + 1, 2, 1]


# Cancelling


def test_cancelling_ends_what_has_not_ended_and_tells_executors_and_subscribers() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": ["a"], "c": []})
    graph.run("a")
    bench.do("ann", "subscribeprocessesmsg", colonyname=LAB, executortype="cli", state=CANCELLED, timeout=60)
    bench.do("worker", "readymsg", colonyname=LAB, capacity=1, holding=[])
    bench.pushes.clear()
    bench.do("worker", "cancelprocessgraphmsg", processgraphid=graph.id)
    assert (graph.states(), graph.state) == ("244", CANCELLED)
    assert graph.shown["endtime"] == graph.node("c")["endtime"] != UNSET
    assert graph.node("b")["errors"] == [] and nothing_to_do(bench)
    assert [push.payloadtype for push in bench.pushes] == ["withdrawmsg"]
    assert {event.value["processid"] for event in bench.events} == {graph.ids["b"], graph.ids["c"]}


@pytest.mark.parametrize("state", [SUCCESS, FAILED, CANCELLED])
def test_what_has_ended_cannot_be_cancelled(state: int) -> None:
    bench = colony()
    graph = one_of_each(bench)[state]
    before = graph.shown
    assert bench.refused("ann", "cancelprocessgraphmsg", processgraphid=graph.id)[0] == 400
    assert graph.shown == before


def test_what_is_left_of_a_failed_workflow_can_be_cancelled_and_it_stays_failed() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": []})
    graph.take("a")
    graph.fail("a")
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=graph.id)
    assert (graph.states(), graph.state) == ("34", FAILED)
    assert graph.shown["endtime"] == graph.node("b")["endtime"]
    assert bench.refused("ann", "cancelprocessgraphmsg", processgraphid=graph.id)[0] == 400


def test_single_nodes_are_neither_cancelled_nor_removed() -> None:
    bench = colony()
    graph = Graph(bench, {"a": []})
    for msgtype in ("cancelprocessmsg", "removeprocessmsg"):
        status, text = bench.refused("ann", msgtype, processid=graph.ids["a"])
        assert status == 400 and "entire workflow" in text


# Removing


def test_a_workflow_is_removed_with_exactly_its_own_processes() -> None:
    bench = colony()
    graphs = one_of_each(bench)
    for state in (WAITING, SUCCESS, FAILED, CANCELLED):
        bench.do("ann", "removeprocessgraphmsg", processgraphid=graphs[state].id)
        assert bench.refused("ann", "getprocessgraphmsg", processgraphid=graphs[state].id)[0] == 500
        for processid in graphs[state].ids.values():
            assert bench.refused("ann", "getprocessmsg", processid=processid)[0] == 404
    assert bench.refused("ann", "removeprocessgraphmsg", processgraphid=graphs[RUNNING].id)[0] == 400
    assert counts(bench) == ([0, 1, 0, 0, 0], [1, 0, 2, 0, 0])
    tables = bench.engine.tables
    assert set(tables.graphs_index._nodes) == set(tables.graphs) == {graphs[RUNNING].id}
    graphs[RUNNING].run("b")


def test_running_leftovers_of_a_failed_workflow_are_withdrawn_when_it_is_removed() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": []})
    bench.do("worker", "readymsg", colonyname=LAB, capacity=2, holding=[])
    graph.fail("a")
    bench.do("ann", "removeprocessgraphmsg", processgraphid=graph.id)
    assert bench.pushes[-1].value == {"processid": graph.ids["b"], "attempt": 1, "reason": "removed"}
    assert counts(bench) == ([0] * 5, [0] * 5)
    assert bench.refused("worker", "closesuccessfulmsg", processid=graph.ids["b"])[0] == 500


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("state", [WAITING, SUCCESS, FAILED, CANCELLED, -1])
def test_removing_all_of_a_state_removes_these_workflows_and_nothing_else(state: int, archived: bool) -> None:
    bench = colony(finished_keep_s=0)
    graphs = one_of_each(bench)
    nodes = {kind: graph.states() for kind, graph in graphs.items()}
    if archived:
        bench.retire()
        assert set(bench.engine.tables.graphs) == {graphs[WAITING].id, graphs[RUNNING].id}
    bench.do("owner", "removeallprocessgraphsmsg", colonyname=LAB, state=state)
    stay = [kind for kind in graphs if state not in (kind, -1)]
    workflows = [int(kind in stay) for kind in range(5)]
    processes = ["".join(nodes[kind] for kind in stay).count(str(digit)) for digit in range(5)]
    processes[SUCCESS] += 1
    for restarted in (False, True):
        if restarted:
            bench.restart()
        assert counts(bench) == (workflows, processes)
        assert [bool(listed(bench, kind)) for kind in range(5)] == [bool(number) for number in workflows]
        assert all(graphs[kind].states() == nodes[kind] for kind in stay)
        for kind in set(graphs) - set(stay):
            assert bench.refused("ann", "getprocessmsg", processid=graphs[kind].ids["a"])[0] == 404


def test_removing_all_is_for_the_owner_and_for_states_that_there_are() -> None:
    bench = colony()
    for state in (RUNNING, 5, -2):
        assert bench.refused("owner", "removeallprocessgraphsmsg", colonyname=LAB, state=state)[0] == 400
    assert bench.refused("ann", "removeallprocessgraphsmsg", colonyname=LAB, state=0)[0] == 403


@pytest.mark.parametrize("archived", [False, True])
def test_removing_all_processes_leaves_those_of_workflows_alone(archived: bool) -> None:
    bench = colony(finished_keep_s=0)
    graphs = one_of_each(bench)
    if archived:
        bench.retire()
    for state in (SUCCESS, -1):
        bench.do("owner", "removeallprocessesmsg", colonyname=LAB, state=state)
        without = [2, 0, EACH_PROCESS[SUCCESS] - 1, 2, 1]
        assert counts(bench) == (EACH_WORKFLOW, without)
        assert graphs[SUCCESS].states() == "22"


def test_a_colony_that_is_removed_leaves_nothing_to_a_later_one_of_its_name() -> None:
    bench = colony(finished_keep_s=0)
    graphs = one_of_each(bench)
    bench.retire()
    bench.do("server", "removecolonymsg", colonyname=LAB)
    bench.do("server", "addcolonymsg", colony={"name": LAB, "colonyid": bench.identity("owner")})
    user = {"colonyname": LAB, "userid": bench.identity("ann"), "name": "ann"}
    bench.do("owner", "addusermsg", user=user)
    assert counts(bench) == ([0] * 5, [0] * 5)
    assert not bench.engine.tables.graphs and not bench.store.history.graphs and not bench.store.history.processes
    assert bench.refused("ann", "getprocessgraphmsg", processgraphid=graphs[SUCCESS].id)[0] == 500


# Listing


def test_lists_are_newest_first_and_bounded() -> None:
    bench = colony()
    graphs = [Graph(bench, {"a": []}) for _ in range(4)]
    assert listed(bench, WAITING) == [graph.id for graph in reversed(graphs)]
    assert listed(bench, WAITING, 2) == [graphs[3].id, graphs[2].id]
    assert listed(bench, WAITING, 0) == []
    for graph in (graphs[2], graphs[0]):
        bench.do("ann", "cancelprocessgraphmsg", processgraphid=graph.id)
    assert listed(bench, CANCELLED) == [graphs[2].id, graphs[0].id]
    for fields in ({"count": 101}, {"count": -1}, {"count": 1, "state": 5}, {"count": 1, "state": -1}):
        assert bench.refused("ann", "getprocessgraphsmsg", colonyname=LAB, **fields)[0] == 400


def test_pages_go_on_where_the_one_before_ended_wherever_a_workflow_is_by_then() -> None:
    bench = colony()
    ids = [Graph(bench, {"a": []}).id for _ in range(7)]

    def page(state: int, after: str = "") -> list[str]:
        fields = {"colonyname": LAB, "state": state, "count": 2, "after": after}
        return [graph["processgraphid"] for graph in bench.do("ann", "getprocessgraphsmsg", **fields)]

    def pages(state: int, after: str = "") -> list[str]:
        found = page(state, after)
        return found + pages(state, found[-1]) if found else []

    assert pages(WAITING) == ids[::-1]
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=ids[5])
    assert pages(WAITING, ids[5]) == ids[4::-1]
    for graphid in ids[:5]:
        bench.do("ann", "cancelprocessgraphmsg", processgraphid=graphid)
    assert pages(CANCELLED) == ids[5::-1]
    bench.restart()
    assert (pages(CANCELLED), pages(WAITING)) == (ids[5::-1], [ids[6]])
    bench.do("ann", "removeprocessgraphmsg", processgraphid=ids[5])
    fields = {"colonyname": LAB, "state": CANCELLED, "count": 2, "after": ids[5]}
    status, message = bench.refused("ann", "getprocessgraphsmsg", **fields)
    assert status == 400 and "begin with the first page" in message


def test_a_list_shows_what_getting_one_shows_except_the_drawing() -> None:
    bench = colony()
    graph = Graph(bench, DIAMOND)
    graph.run("a")
    (shown,) = bench.do("ann", "getprocessgraphsmsg", colonyname=LAB, count=9, state=RUNNING)
    assert shown == {**graph.shown, "nodes": [], "edges": []}


def test_a_walk_goes_down_first_and_rows_are_centred() -> None:
    graph = Graph(colony(), {"a": [], "b": ["a"], "c": ["b", "f"], "d": ["a"], "e": ["a"], "f": []})
    shown = graph.shown
    assert shown["processids"] == [graph.ids[name] for name in "abcdef"]
    assert shown["rootprocessids"] == [graph.ids["a"], graph.ids["f"]]
    places = {node["data"]["label"]: (node["position"]["x"], node["position"]["y"]) for node in shown["nodes"]}
    assert places == {"a": (100, 0), "f": (300, 0), "b": (0, 80), "d": (200, 80), "e": (400, 80), "c": (200, 160)}
    assert {edge["id"] for edge in shown["edges"]} == {
        f"{graph.ids[source]}-{graph.ids[target]}" for source, target in ("ab", "bc", "ad", "ae", "fc")
    }


# The archive


def test_a_workflow_goes_to_the_archive_as_a_whole_when_all_of_it_has_ended() -> None:
    bench = colony(finished_keep_s=0)
    add_executor(bench, "peer")
    graph = Graph(bench, {"a": [], "b": ["a"], "c": []})
    graph.take("a")
    graph.close("a", "out")
    graph.take("b")
    graph.take("c", worker="peer")
    bench.do("peer", "closefailedmsg", processid=graph.ids["c"], errors=["leaf"])
    bench.retire()
    assert len(bench.engine.tables.processes) == 3
    graph.close("b")
    before = [graph.shown, *(graph.node(name) for name in "abc"), counts(bench)]
    nodes = bench.do("ann", "getprocessesmsg", colonyname=LAB, processgraphid=graph.id, state=-1, count=9)
    bench.retire()
    assert not bench.engine.tables.processes and not bench.engine.tables.graphs
    for _ in range(2):
        assert [graph.shown, *(graph.node(name) for name in "abc"), counts(bench)] == before
        assert listed(bench, FAILED) == [graph.id]
        found = bench.do("ann", "getprocessesmsg", colonyname=LAB, processgraphid=graph.id, state=-1, count=9)
        assert found == nodes
        bench.restart(checkpoint=False)


def test_a_long_workflow_keeps_its_processes_while_later_ones_leave_and_lists_stay_in_order() -> None:
    bench = colony(finished_keep_s=5)
    graph = Graph(bench, {"a": [], "b": ["a"]})
    graph.run("a")
    alone = []
    for _ in range(3):
        process = running(bench, priority=1)
        bench.do("worker", "closesuccessfulmsg", processid=process["processid"])
        alone.append(process["processid"])
        bench.sleep(3)
    bench.retire()
    assert graph.ids["a"] in bench.engine.tables.processes and alone[0] not in bench.engine.tables.processes
    newest = [row["processid"] for row in bench.do("ann", "getprocessesmsg", colonyname=LAB, count=9, state=SUCCESS)]
    assert newest == [*reversed(alone), graph.ids["a"]]


def test_lists_of_workflows_go_on_into_the_archive() -> None:
    bench = colony(finished_keep_s=5)
    early, late = Graph(bench, {"a": []}), Graph(bench, {"a": []})
    early.take("a")
    late.run("a")
    bench.sleep(6)
    bench.retire()
    early.close("a")
    assert late.id not in bench.engine.tables.graphs and early.id in bench.engine.tables.graphs
    assert listed(bench, SUCCESS) == [late.id, early.id]
    assert listed(bench, SUCCESS, 1) == [late.id]


def test_archived_workflows_can_be_removed_and_not_cancelled() -> None:
    bench = colony(finished_keep_s=0)
    graphs = one_of_each(bench)
    bench.retire()
    assert counts(bench) == (EACH_WORKFLOW, EACH_PROCESS)
    for state in (SUCCESS, FAILED, CANCELLED):
        assert bench.refused("ann", "cancelprocessgraphmsg", processgraphid=graphs[state].id)[0] == 400
        for msgtype in ("cancelprocessmsg", "removeprocessmsg"):
            assert bench.refused("ann", msgtype, processid=graphs[state].ids["a"])[0] == 400
        bench.do("ann", "removeprocessgraphmsg", processgraphid=graphs[state].id)
        assert bench.refused("ann", "getprocessgraphmsg", processgraphid=graphs[state].id)[0] == 500
        assert bench.refused("ann", "getprocessmsg", processid=graphs[state].ids["b"])[0] == 404
    assert counts(bench) == ([1, 1, 0, 0, 0], [2, 0, 2, 0, 0])
    bench.restart(checkpoint=False)
    assert counts(bench) == ([1, 1, 0, 0, 0], [2, 0, 2, 0, 0])


def test_the_oldest_ends_leave_first_when_there_are_too_many() -> None:
    bench = colony(finished_in_memory_max=3)
    graph = Graph(bench, {"a": [], "b": []})
    graph.run("ab")
    for _ in range(3):
        bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.retire()
    assert len(bench.engine.tables.processes) == 3 and not bench.engine.tables.graphs


# Restarts


def test_a_restart_in_the_middle_is_not_noticed() -> None:
    for checkpoint in (True, False):
        bench = colony()
        graph = Graph(bench, DIAMOND)
        for name in "abcd":
            graph.take(name)
            bench.restart(checkpoint=checkpoint)
            graph.close(name, name)
            bench.restart(checkpoint=checkpoint)
        assert graph.node("d")["in"] == ["c", "b"]
        assert graph.state == SUCCESS


def test_the_journal_of_a_submission_holds_each_node_once() -> None:
    bench = colony()
    names = [f"n{number}" for number in range(200)]
    Graph(bench, {name: names[max(0, number - 1) : number] for number, name in enumerate(names)})
    (record,) = bench.outcome.records
    assert [write.kind for write in record.writes] == [Kind.PUT] * 201
    line = encode_record(record)
    assert len(line) / 200 < 700
    assert line.count(names[150].encode()) == 2  # its own name, and in who depends on it


def test_statistics_follow_workflows() -> None:
    bench = colony()
    graphs = one_of_each(bench)
    assert counts(bench) == (EACH_WORKFLOW, EACH_PROCESS)
    bench.restart()
    assert counts(bench) == (EACH_WORKFLOW, EACH_PROCESS)
    everywhere: dict[str, Any] = bench.do("server", "getstatisticsmsg")
    assert everywhere["failedworkflows"] == 1
    assert {state: listed(bench, state) for state in range(5)} == {s: [g.id] for s, g in sorted(graphs.items())}
