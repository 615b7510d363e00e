"""Subscribers of workflows hear of each state once, with the workflow as it is shown."""

from __future__ import annotations

import pytest

from tests.support.engine_bench import LAB, Bench, colony
from tests.support.workflows import Graph

ALL = [0, 1, 2, 3, 4]


def subscribe(bench: Bench, graphid: str = "", states: list[int] = ALL, timeout: int = 600) -> None:
    message = {"processgraphid": graphid, "colonyname": LAB, "states": states, "timeout": timeout}
    assert bench.do("ann", "subscribeprocessgraphmsg", **message) == {}


def heard(bench: Bench) -> list[int]:
    """The states that were told since the last look."""
    assert {event.payloadtype for event in bench.events} <= {"subscribeprocessgraphmsg"}
    states = [event.value["state"] for event in bench.events]
    bench.events.clear()
    return states


def test_one_workflow_is_followed_to_its_end() -> None:
    bench = colony()
    graph = Graph(bench, {"a": [], "b": ["a"]})
    subscribe(bench, graph.id)
    assert heard(bench) == [0]  # it is in that state already
    Graph(bench, {"other": []})
    assert heard(bench) == []
    graph.take("a")
    assert heard(bench) == [1]
    graph.close("a")
    graph.take("b")
    assert heard(bench) == []
    graph.close("b")
    (event,) = bench.events
    assert event.value == {**graph.shown, "nodes": [], "edges": []} and event.msgid.endswith(".3")
    assert heard(bench) == [2]


def test_a_workflow_that_ended_before_is_told_at_once() -> None:
    bench = colony(finished_keep_s=0)
    graph = Graph(bench, {"a": []})
    graph.run("a")
    bench.retire()
    subscribe(bench, graph.id, states=[2, 3, 4])
    assert heard(bench) == [2]


def test_all_workflows_of_a_colony_are_followed_without_an_id() -> None:
    bench = colony()
    subscribe(bench)
    first, second = Graph(bench, {"a": [], "b": ["a"]}), Graph(bench, {"a": []})
    assert heard(bench) == [0, 0]
    first.take("a")
    first.fail("a")
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=second.id)
    assert heard(bench) == [1, 3, 4]


def test_a_long_poll_that_starts_a_workflow_is_told_too() -> None:
    bench = colony()
    subscribe(bench, states=[1])
    bench.say("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 60})
    Graph(bench, {"a": []})
    assert heard(bench) == [1]


def test_only_the_states_asked_for_are_told_and_only_for_so_long() -> None:
    bench = colony()
    graph = Graph(bench, {"a": []})
    subscribe(bench, graph.id, states=[2], timeout=10)
    graph.take("a")
    assert heard(bench) == []
    bench.sleep(11)
    graph.close("a")
    assert heard(bench) == []


def test_who_is_no_member_any_more_hears_nothing_more() -> None:
    bench = colony()
    graph = Graph(bench, {"a": []})
    subscribe(bench, graph.id, states=[1, 2])
    graph.take("a")
    assert heard(bench) == [1]
    bench.do("owner", "removeusermsg", colonyname=LAB, name="ann")
    bench.do("worker", "closesuccessfulmsg", processid=graph.ids["a"])
    assert heard(bench) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"processgraphid": "f" * 64}, 404),
        ({"state": 5}, 400),
        ({"states": [1, -1]}, 400),
        ({"timeout": 0}, 400),
        ({"colonyname": "nowhere"}, 403),
    ],
)
def test_a_subscription_that_cannot_be_meant_is_refused(fields: dict[str, object], status: int) -> None:
    message = {"colonyname": LAB, "state": 0, "timeout": 10, **fields}
    assert colony().refused("ann", "subscribeprocessgraphmsg", **message)[0] == status
