"""Workflows: what is refused, in which order their nodes run, and what a failure does to the rest."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine.outcome import Request, Route
from colonies_edge.protocol.limits import GRAPH_NODES_MAX, INPUT_BYTES_MAX
from tests.support.engine_bench import LAB, Bench, add_executor, add_user, colony, found_colony, identity, spec
from tests.support.workflows import DIAMOND, Graph, nothing_to_do, workflow

WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = range(5)
UNSET = "0001-01-01T00:00:00Z"


def refusal(bench: Bench, nodes: dict[str, list[str]], **fields: Any) -> str:
    status, text = bench.refused("ann", "submitworkflowspecmsg", spec=workflow(nodes, **fields))
    assert status == 400
    return text


# Submitting


def test_a_submission_is_answered_without_times_or_drawing_in_the_order_of_the_spec() -> None:
    graph = Graph(colony(), {"z": ["y"], "y": [], "x": ["z", "y"]})
    assert graph.reply["rootprocessids"] == [graph.ids["y"]]
    assert (graph.reply["nodes"], graph.reply["edges"], graph.reply["submissiontime"]) == ([], [], UNSET)
    assert (graph.reply["initiatorid"], graph.reply["initiatorname"]) == (identity("ann"), "ann")
    assert [graph.node(name)["spec"]["nodename"] for name in graph.ids] == ["z", "y", "x"]
    assert graph.node("x")["parents"] == [graph.ids["z"], graph.ids["y"]]
    assert graph.node("y")["children"] == [graph.ids["z"], graph.ids["x"]]
    assert graph.waits() == "zx"


def test_every_node_gets_the_colony_of_the_workflow_and_no_limit_is_no_limit() -> None:
    graph = Graph(colony(), {"a": [], "b": ["a"]}, maxexectime=0, conditions={"colonyname": "other"})
    for name in "ab":
        shown = graph.node(name)["spec"]
        assert (shown["conditions"]["colonyname"], shown["maxexectime"]) == (LAB, -1)


def test_a_dependency_named_twice_counts_once() -> None:
    graph = Graph(colony(), {"a": [], "b": ["a", "a"]})
    assert graph.node("b")["parents"] == [graph.ids["a"]]
    assert graph.node("a")["children"] == [graph.ids["b"]]
    graph.run("a")
    assert graph.take("b")["in"] == ["a"]


@pytest.mark.parametrize(
    ("nodes", "begin", "names"),
    [
        ({}, "Failed to submit workflow", ()),
        ({"a": [], "": []}, "Nodename is missing, check function spec for errors", ("2",)),
        ({"a": [], "b": ["c", "a"]}, "Failed to submit workflow, invalid dependencies", ("b depends on c",)),
        ({"a": ["a"]}, "Failed to submit workflow", ("itself: a",)),
        ({"r": [], "a": ["r", "c"], "b": ["a"], "c": ["b"], "d": ["c"]}, "Failed to submit workflow", ("a -> c -> b",)),
        ({"a": ["b"], "b": ["a"]}, "Failed to submit workflow", ("a -> b -> a",)),
    ],
)
def test_what_cannot_run_to_its_end_is_refused_by_name(
    nodes: dict[str, list[str]], begin: str, names: tuple[str, ...]
) -> None:
    bench = colony()
    text = refusal(bench, nodes)
    assert text.startswith(begin) and all(name in text for name in names), text
    assert bench.do("ann", "getprocessgraphsmsg", colonyname=LAB, count=9) == []
    assert bench.do("ann", "getprocessesmsg", colonyname=LAB, count=9) == []


def test_a_node_name_given_twice_is_refused() -> None:
    bench, spec_ = colony(), workflow({"a": [], "b": []})
    spec_["functionspecs"].append(spec_["functionspecs"][0])
    assert bench.refused("ann", "submitworkflowspecmsg", spec=spec_) == (400, "Duplicate nodename: a")


@pytest.mark.parametrize(
    "fields",
    [{"priority": 50_001}, {"maxretries": 2**40}, {"conditions": {"mem": "much"}}, {"conditions": {"cpu": "x"}}],
)
def test_a_bad_quantity_is_refused_with_the_name_of_its_node(fields: dict[str, Any]) -> None:
    assert refusal(colony(), {"a": []}, **fields).endswith("in node a")


def test_a_long_list_of_mistakes_is_cut_short() -> None:
    text = refusal(colony(), {f"n{number}": ["nowhere"] for number in range(50)})
    assert "n9 depends on nowhere and 40 more" in text
    assert len(refusal(colony(), {f"n{n}": [f"n{(n + 1) % 999}"] for n in range(999)})) < 200


def test_there_is_a_limit_to_the_number_of_nodes() -> None:
    text = refusal(colony(), {f"n{number}": [] for number in range(GRAPH_NODES_MAX + 1)})
    assert str(GRAPH_NODES_MAX) in text


def test_equals_are_served_in_the_order_of_the_spec_and_priority_goes_before() -> None:
    bench = colony()
    graph = Graph(bench, {name: [] for name in "abcde"})
    for name in "abcde":
        graph.take(name)
    urgent = workflow({"x": [], "y": []})
    urgent["functionspecs"][1]["priority"] = 1
    bench.do("ann", "submitworkflowspecmsg", spec=urgent)
    assert bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["spec"]["nodename"] == "y"


def test_the_same_submission_sent_again_makes_no_second_workflow() -> None:
    bench = colony(finished_keep_s=0)
    graph = Graph(bench, {"a": [], "b": ["a"]})
    first = Request(
        caller=identity("ann"),
        payloadtype="submitworkflowspecmsg",
        value={"msgtype": "submitworkflowspecmsg", "spec": workflow({"a": [], "b": ["a"]})},
        route=Route(colony="_", party=identity("ann"), conn="conn0001"),
        stamped=False,
        msgid=bench.outcome.replies[0].msgid,
    )
    for prepare in (bench.restart, lambda: bench.sleep(700), lambda: graph.run("ab"), bench.retire, bench.restart):
        prepare()
        (reply,) = bench.engine.handle(first, bench.now).replies
        assert not reply.error
        assert (reply.value["processgraphid"], reply.value["processids"]) == (graph.id, graph.reply["processids"])
    stats = bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    assert (stats["successfulworkflows"], stats["waitingworkflows"], stats["waitingprocesses"]) == (1, 0, 0)


# Running


def test_a_diamond_runs_from_its_root_and_joins_the_outputs_in_the_order_of_the_dependencies() -> None:
    bench = colony()
    graph = Graph(bench, DIAMOND)
    assert (graph.state, graph.shown["starttime"]) == (WAITING, UNSET)
    graph.take("a")
    assert graph.state == RUNNING and graph.shown["starttime"] != UNSET and nothing_to_do(bench)
    graph.close("a", 1, {"x": 2})
    assert graph.waits() == "d"
    assert graph.take("b")["in"] == [1, {"x": 2}]
    assert graph.take("c")["in"] == [1, {"x": 2}]
    graph.close("b", "wet")
    assert nothing_to_do(bench) and graph.waits() == "d"
    graph.close("c", "clean", "dry")
    assert graph.waits() == "" and graph.state == RUNNING
    assert graph.take("d")["in"] == ["clean", "dry", "wet"]
    assert graph.shown["endtime"] == UNSET
    graph.close("d")
    shown = graph.shown
    assert (shown["state"], graph.states()) == (SUCCESS, "2222")
    assert shown["submissiontime"] < shown["starttime"] < shown["endtime"] == graph.node("d")["endtime"]


def test_the_input_is_empty_and_not_null_when_parents_say_nothing() -> None:
    graph = Graph(colony(), {"a": [], "b": ["a"]})
    graph.take("a")
    graph.close("a")
    assert graph.take("b")["in"] == []


def test_a_successful_close_said_twice_changes_nothing_more() -> None:
    graph = Graph(colony(), {"a": [], "b": ["a"]})
    graph.run("ab")
    ended = graph.shown["endtime"]
    graph.close("b", "b")
    assert (graph.shown["endtime"], graph.states()) == (ended, "22")


def test_a_node_that_goes_back_to_the_queue_leaves_its_workflow_running() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": ["a"]}, maxexectime=1, maxretries=1)
    graph.take("a")
    started = graph.shown["starttime"]
    bench.sleep(2)
    assert (graph.states(), graph.state, graph.shown["starttime"]) == ("00", RUNNING, started)
    graph.run("ab")
    assert graph.state == SUCCESS


def test_a_long_poll_gets_the_child_when_its_last_parent_succeeds() -> None:
    bench = colony()
    add_executor(bench, "peer")
    graph = Graph(bench, {"a": [], "b": [], "c": ["a", "b"]})
    graph.take("a")
    graph.take("b")
    call = bench.say("peer", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 60})
    graph.close("a")
    assert bench.reply(call) is None
    graph.close("b")
    answer = bench.reply(call)
    assert answer is not None and answer[1]["processid"] == graph.ids["c"]
    bench.do("peer", "closesuccessfulmsg", processid=graph.ids["c"])
    assert graph.state == SUCCESS


def test_a_workflow_runs_through_an_executor_that_is_pushed_to() -> None:
    bench = colony()
    bench.do("worker", "readymsg", colonyname=LAB, capacity=2, holding=[])
    graph = Graph(bench, DIAMOND)
    done = 0
    while done < len(bench.pushes):
        bench.do("worker", "closesuccessfulmsg", processid=bench.pushes[done].value["processid"], out=[done], attempt=1)
        done += 1
    assert [push.value["spec"]["nodename"] for push in bench.pushes] == ["a", "b", "c", "d"]
    assert bench.pushes[-1].value["in"] == [2, 1]
    assert graph.state == SUCCESS


def test_the_time_to_wait_begins_when_the_parents_are_done() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": ["a"], "c": ["b"]}, maxwaittime=10)
    assert graph.node("a")["waitdeadline"] != UNSET and graph.node("b")["waitdeadline"] == UNSET
    graph.take("a")
    bench.sleep(60)
    graph.close("a")
    assert graph.node("b")["waitdeadline"] != UNSET
    bench.sleep(9)
    assert graph.states() == "200"
    bench.sleep(2)
    assert graph.states() == "233" and graph.state == FAILED
    assert graph.node("b")["errors"] == ["Maximum waiting time limit exceeded"]


def test_more_input_than_a_message_can_hold_fails_the_node_that_would_get_it() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": [], "c": ["a", "b"], "d": ["a"]})
    graph.take("a")
    graph.take("b")
    graph.close("a", "x" * (INPUT_BYTES_MAX - 100))
    graph.close("b", "y" * 100)
    assert (graph.node("c")["state"], graph.node("d")["state"], graph.state) == (FAILED, WAITING, FAILED)
    assert str(INPUT_BYTES_MAX) in graph.node("c")["errors"][0]


# Failing


def test_a_node_that_others_wait_for_takes_down_what_has_not_ended() -> None:
    bench = colony()
    add_executor(bench, "peer")
    graph = Graph(bench, {**DIAMOND, "e": []})
    graph.run("a")
    graph.take("b")
    graph.take("c")
    graph.take("e", worker="peer")
    graph.fail("c")
    assert (graph.states(), graph.state) == ("23333", FAILED)
    for name in "bde":
        casualty = graph.node(name)
        assert casualty["errors"] == ["The workflow failed: c failed"]
        assert casualty["endtime"] == graph.node("c")["endtime"] == graph.shown["endtime"]
    assert graph.node("c")["errors"] == ["no soil"] and graph.node("a")["errors"] == []
    assert graph.node("d")["waitforparents"] and nothing_to_do(bench)
    for who, name in (("worker", "b"), ("peer", "e")):
        assert bench.refused(who, "closesuccessfulmsg", processid=graph.ids[name])[0] == 400
    assert graph.states() == "23333"


def test_the_failure_of_a_leaf_lets_the_others_go_on() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": [], "c": ["b"]})
    graph.take("a")
    graph.fail("a")
    first = graph.shown
    assert (graph.states(), first["state"], first["endtime"]) == ("300", FAILED, graph.node("a")["endtime"])
    graph.run("bc")
    last = graph.shown
    assert (graph.states(), last["state"], last["endtime"]) == ("322", FAILED, graph.node("c")["endtime"])


def test_running_casualties_are_withdrawn_from_their_executors() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": ["a"], "c": []})
    bench.do("worker", "readymsg", colonyname=LAB, capacity=2, holding=[])
    bench.pushes.clear()
    graph.fail("a")
    assert [(push.payloadtype, push.value) for push in bench.pushes] == [
        ("withdrawmsg", {"processid": graph.ids["c"], "attempt": 1, "reason": "cancelled"})
    ]


def test_two_failures_at_the_same_moment_are_one() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": [], "c": ["a", "b"], "d": []}, maxexectime=1)
    for name in "abd":
        graph.take(name)
    bench.sleep(2)
    assert (graph.states(), graph.state) == ("3333", FAILED)
    assert all(graph.node(name)["endtime"] == graph.shown["endtime"] for name in "abcd")


# What subscribers hear


def test_subscribers_hear_of_nodes_when_they_can_be_had_and_of_casualties() -> None:
    bench = colony()
    states = {"states": [0, 1, 2, 3, 4], "timeout": 60, "executortype": "cli", "colonyname": LAB}
    bench.do("ann", "subscribeprocessesmsg", **states)
    graph = Graph(bench, {"a": [], "b": ["a"], "c": ["b"]})
    names = {processid: name for name, processid in graph.ids.items()}

    def heard() -> list[str]:
        told = [f"{names[event.value['processid']]}{event.value['state']}" for event in bench.events]
        bench.events.clear()
        return told

    assert heard() == ["a0"]
    graph.take("a")
    graph.close("a")
    assert heard() == ["a1", "a2", "b0"]
    graph.take("b")
    graph.fail("b")
    assert heard() == ["b1", "b3", "c3"]


# Big ones


def completions(bench: Bench, graph: Graph, names: list[str]) -> list[int]:
    """How many rows each assignment and each close wrote."""
    written = []
    for name in names:
        graph.take(name)
        written.append(sum(len(record.writes) for record in bench.outcome.records))
        graph.close(name, name)
        written.append(sum(len(record.writes) for record in bench.outcome.records))
    return written


def test_a_completion_in_a_workflow_of_thousands_writes_no_more_than_in_a_small_one() -> None:
    big, small = colony(), colony()
    middle = [f"n{number}" for number in range(3_000)]

    def fan(names: list[str]) -> dict[str, list[str]]:
        return {**{name: [] for name in names}, "join": names}

    in_big = completions(big, Graph(big, fan(middle)), middle[:20])
    in_small = completions(small, Graph(small, fan(middle[:50])), middle[:20])
    assert in_big == in_small and sum(in_big) == 41  # two for each, and one for the workflow that begins


def test_a_chain_of_thousands_is_walked_without_recursion() -> None:
    bench = colony()
    names = [f"n{number}" for number in range(5_000)]
    nodes = {name: [names[number - 1]] if number else [] for number, name in enumerate(names)}
    graph = Graph(bench, nodes)
    shown = graph.shown
    assert shown["processids"] == list(graph.ids.values())
    assert shown["nodes"] == shown["edges"] == []  # a drawing of it fits into no message
    graph.take("n0")
    graph.fail("n0")
    assert graph.state == FAILED and graph.node("n4999")["state"] == FAILED


# Access


def test_workflows_of_another_colony_are_nobodys_business() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    add_user(bench, "foreigner", owner="landlord", colony="next")
    graph = Graph(bench, {"a": []})
    for msgtype in ("getprocessgraphmsg", "cancelprocessgraphmsg", "removeprocessgraphmsg"):
        assert bench.refused("foreigner", msgtype, processgraphid=graph.id)[0] == 403
    theirs = {"colonyname": "next", "count": 9}
    assert bench.do("foreigner", "getprocessgraphsmsg", **theirs) == []
    assert bench.refused("foreigner", "getprocessesmsg", processgraphid=graph.id, state=-1, **theirs)[0] == 400


def test_processes_of_a_workflow_are_listed_by_it() -> None:
    bench = colony()
    graph = Graph(bench, DIAMOND)
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    graph.run("a")

    def listed(state: int, count: int = 9) -> str:
        rows = bench.do("ann", "getprocessesmsg", colonyname=LAB, processgraphid=graph.id, state=state, count=count)
        return "".join(row["spec"]["nodename"] for row in rows)

    assert (listed(-1), listed(0), listed(2), listed(3), listed(-1, 2)) == ("abcd", "bcd", "a", "", "ab")
    for state in (-2, 5):
        status, _ = bench.refused(
            "ann", "getprocessesmsg", colonyname=LAB, processgraphid=graph.id, state=state, count=1
        )
        assert status == 400
