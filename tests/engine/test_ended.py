"""What ended, page by page, and inputs that come with a submit: what a bridge asks for."""

from __future__ import annotations

import pytest

from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.limits import INPUT_BYTES_MAX
from colonies_edge.protocol.model import Process, State
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, spec
from tests.support.workflows import workflow


def finished(calls: Calls, count: int) -> list[str]:
    """Processes that have ended, in the order of their end: successful, failed and cancelled by turns."""
    ids = []
    for number in range(count):
        processid = calls.submit()
        if number % 3 == 2:
            calls.do("ann", "cancelprocessmsg", processid=processid)
        else:
            assert calls.pull() == processid
            calls.do("worker", "closesuccessfulmsg" if number % 3 == 0 else "closefailedmsg", processid=processid)
        ids.append(processid)
    return ids


def pages(calls: Calls, count: int, state: int = -1) -> list[Process]:
    """All that ended, as somebody reads it who keeps nothing but a cursor."""
    found: list[Process] = []
    cursor = "0:"
    while True:
        page = calls.do("ann", "getprocessesmsg", colonyname=LAB, count=count, state=int(state), endedafter=cursor)
        if not page:
            return found
        found += [decode(Process, value) for value in page]
        cursor = f"{found[-1].endtime}:{found[-1].processid}"


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_everything_that_ended_is_listed_once_in_the_order_of_its_end(count: int) -> None:
    calls = lab(finished_keep_s=0)
    ids = finished(calls, 9)
    calls.sleep(10)
    calls.retire()
    ids += finished(calls, 9)
    assert [process.processid for process in pages(calls, count)] == ids
    calls.restart()
    assert [process.processid for process in pages(calls, count)] == ids


def test_what_ended_at_the_same_time_is_not_skipped_between_two_pages() -> None:
    calls = lab(finished_keep_s=0)
    nodes = [spec(nodename=f"n{number}") for number in range(5)]
    for number in range(1, 5):
        nodes[number]["conditions"] = {**nodes[number]["conditions"], "dependencies": ["n0"]}
    graph = calls.do("ann", "submitworkflowspecmsg", spec={"colonyname": LAB, "functionspecs": nodes})
    calls.do("worker", "closefailedmsg", processid=calls.pull(), errors=["no"])
    for _ in range(2):
        found = pages(calls, 2)
        assert sorted(process.processid for process in found) == sorted(graph["processids"])
        assert len({process.endtime for process in found}) == 1
        calls.sleep(10)
        calls.retire()


def test_ends_within_one_microsecond_are_told_apart() -> None:
    calls = lab(finished_keep_s=0)
    ids = [calls.submit() for _ in range(5)]
    for processid in ids:
        calls.call("ann", "cancelprocessmsg", processid=processid)
        calls.now += 100
    for count in (1, 2, 5):
        assert [process.processid for process in pages(calls, count)] == ids
    calls.sleep(10)
    calls.retire()
    assert [process.processid for process in pages(calls, 1)] == ids


def test_a_cursor_whose_process_is_gone_skips_nothing() -> None:
    calls = lab()
    ids = [calls.submit() for _ in range(3)]
    for processid in ids:
        calls.call("ann", "cancelprocessmsg", processid=processid)
        calls.now += 100
    first = pages(calls, 1)[0]
    calls.do("ann", "removeprocessmsg", processid=first.processid)
    after = f"{first.endtime}:{first.processid}"
    found = calls.do("ann", "getprocessesmsg", colonyname=LAB, count=10, state=-1, endedafter=after)
    assert [value["processid"] for value in found] == ids[1:]


def test_one_state_can_be_asked_for() -> None:
    calls = lab()
    finished(calls, 6)
    assert {process.state for process in pages(calls, 1, State.FAILED)} == {State.FAILED}
    assert len(pages(calls, 1, State.FAILED)) == 2


@pytest.mark.parametrize("after", ["x", "1", "1:xyz", ":", "-1:", "1" * 20 + ":"])
def test_a_cursor_that_makes_no_sense_is_refused(after: str) -> None:
    calls = lab()
    assert calls.refused("ann", "getprocessesmsg", colonyname=LAB, count=1, state=2, endedafter=after)[0] == 400


@pytest.mark.parametrize("state", [0, 1, 5, -2, 99])
def test_only_what_has_ended_has_an_end(state: int) -> None:
    calls = lab()
    assert calls.refused("ann", "getprocessesmsg", colonyname=LAB, count=1, state=state, endedafter="0:")[0] == 400


def test_inputs_that_come_with_a_submit_reach_the_executor() -> None:
    calls = lab()
    _, value = calls.answer("ann", "submitfuncspecmsg", spec=spec(), **{"in": [1, {"a": None}]})
    assert value["in"] == [1, {"a": None}]
    assert calls.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["in"] == [1, {"a": None}]


def test_inputs_are_bounded() -> None:
    calls = lab()
    status, text = calls.refused("ann", "submitfuncspecmsg", spec=spec(), **{"in": ["x" * INPUT_BYTES_MAX]})
    assert (status, str(INPUT_BYTES_MAX) in text) == (400, True)


def test_inputs_that_come_with_a_workflow_reach_its_roots_and_nobody_else() -> None:
    calls = lab()
    graph = calls.do(
        "ann", "submitworkflowspecmsg", spec=workflow({"a": [], "b": ["a"], "c": []}), **{"in": [1, {"a": None}]}
    )
    shown = [calls.do("ann", "getprocessmsg", processid=key)["in"] for key in graph["processids"]]
    assert shown == [[1, {"a": None}], [], [1, {"a": None}]]
    assert calls.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["in"] == [1, {"a": None}]


@pytest.mark.parametrize(("roots", "size", "limit"), [(1, INPUT_BYTES_MAX, INPUT_BYTES_MAX), (9, 120_000, 1_048_576)])
def test_inputs_of_a_workflow_are_bounded_at_each_root_and_at_all_together(roots: int, size: int, limit: int) -> None:
    calls = lab()
    nodes: dict[str, list[str]] = {f"n{number}": [] for number in range(roots)}
    status, text = calls.refused("ann", "submitworkflowspecmsg", spec=workflow(nodes), **{"in": ["x" * size]})
    assert (status, str(limit) in text) == (400, True)
    assert calls.do("ann", "getprocessesmsg", colonyname=LAB, count=10, state=0) in ([], None)
