"""Which process goes to whom, and when: matching and order of `protocol-core.md` 4.6, long polls, pushes, pauses."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine import executing
from colonies_edge.protocol.model import State
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, add_executor, identity, spec

WORKER, OTHER = identity("worker"), identity("other")
SILENCE = "No process available for assignment"


def poll(calls: Calls, key: str = "worker", timeout: int = 60, **fields: Any) -> str:
    """The msgid of a long poll that waits."""
    calls._asked += 1
    msgid = f"poll-{calls._asked:012d}"
    assert calls.call(key, "assignprocessmsg", colonyname=LAB, timeout=timeout, msgid=msgid, **fields) == []
    return msgid


def answered(calls: Calls) -> list[tuple[str, Any]]:
    """(msgid, process id or status) of what the last step answered."""
    return [
        (reply.msgid, reply.value["status"] if reply.error else reply.value.get("processid"))
        for reply in calls.outcome.replies
        if reply.msgid.startswith("poll")
    ]


# Matching

FIT: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("the same type", {}, {}, True),
    ("another type", {"executortype": "gpu"}, {}, False),
    ("a type in other letters", {"executortype": "CLI"}, {}, False),
    ("its name", {"executornames": ["worker"]}, {}, True),
    ("its name among others", {"executornames": ["other", "worker"]}, {}, True),
    ("another name", {"executornames": ["other"]}, {}, False),
    ("its name and another type", {"executornames": ["worker"], "executortype": "gpu"}, {}, False),
    ("any name", {"executornames": ["*"]}, {}, True),
    ("no names", {"executornames": []}, {}, True),
    ("its place", {"locationname": "lulea"}, {}, True),
    ("its place in other letters", {"locationname": "LuLeA"}, {}, True),
    ("another place", {"locationname": "kiruna"}, {}, False),
    ("less cpu than there is", {"cpu": "500m"}, {"availablecpu": "501m"}, True),
    ("as much cpu as there is", {"cpu": "500m"}, {"availablecpu": "500m"}, True),
    ("more cpu than there is", {"cpu": "501m"}, {"availablecpu": "500m"}, False),
    ("any cpu when nothing is said", {"cpu": "9000000m"}, {}, True),
    ("as much memory as there is", {"mem": "1Gi"}, {"availablemem": "1024Mi"}, True),
    ("more memory than there is", {"mem": "1Gi"}, {"availablemem": "1023Mi"}, False),
    ("any storage", {"storage": "900Gi"}, {}, True),
    ("more nodes than upstream can assign", {"nodes": 1000, "processes": 1000, "processespernode": 1000}, {}, True),
]


@pytest.mark.parametrize(("conditions", "available", "fits"), [row[1:] for row in FIT], ids=[row[0] for row in FIT])
@pytest.mark.parametrize("how", ["at once", "while it waits", "by push"])
def test_an_executor_in_lulea_gets_work_for(
    conditions: dict[str, Any], available: dict[str, Any], fits: bool, how: str
) -> None:
    calls = lab()
    add_executor(calls, "worker", locationname="Lulea")
    if how == "at once":
        processid = calls.submit(conditions=conditions)
        assert calls.pull(**available) == (processid if fits else "")
    elif how == "while it waits":
        poll(calls, **available)
        calls.submit(conditions=conditions)
        assert (answered(calls) != []) is fits
    elif not available:
        calls.ready()
        calls.submit(conditions=conditions)
        assert (calls.pushed() != []) is fits


def test_an_executor_without_a_place_gets_no_placed_work() -> None:
    calls = lab()
    calls.submit(conditions={"locationname": "lulea"})
    assert calls.pull() == ""


# Order


def test_priorities_go_first_and_equal_ones_by_age() -> None:
    calls = lab()
    ids = []
    for priority in (0, 1, 1, -1):
        calls.pass_time(1)
        ids.append(calls.submit(priority=priority))
    assert [calls.pull() for _ in range(5)] == [ids[1], ids[2], ids[0], ids[3], ""]


def test_named_and_general_work_compete_equally() -> None:
    calls = lab()
    ids = []
    for names in (["worker"], [], ["worker"]):
        calls.pass_time(1)
        ids.append(calls.submit(conditions={"executornames": names}))
    assert [calls.pull() for _ in range(3)] == ids


def test_equal_times_are_settled_by_id() -> None:
    calls = lab()
    ids = [calls.submit() for _ in range(20)]
    assert [calls.pull() for _ in range(20)] == sorted(ids)


def test_pushes_have_the_same_order() -> None:
    calls = lab()
    low, high = calls.submit(), calls.submit(priority=1)
    calls.ready(capacity=2)
    assert calls.pushed() == [(WORKER, high, 1), (WORKER, low, 1)]


# Asking


@pytest.mark.parametrize(
    ("key", "timeout", "status", "text"),
    [
        ("worker", 0, 400, "Invalid timeout value, timeout cannot be zero"),
        ("ann", -1, 500, "Failed to assign process, executor not found"),
        ("ann", 10, 500, "Failed to assign process, executor not found"),
        ("worker", -1, 404, SILENCE),
    ],
)
def test_asking_in_vain(key: str, timeout: int, status: int, text: str) -> None:
    calls = lab()
    found = calls.answer(key, "assignprocessmsg", colonyname=LAB, timeout=timeout)
    assert (found[0], found[1]["message"]) == (status, text)


def test_the_reply_is_the_stored_process() -> None:
    calls = lab()
    calls.submit(maxexectime=5, env={"A": "1"})
    value = calls.answer("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)[1]
    assert (value["state"], value["isassigned"], value["assignedexecutorid"]) == (1, True, WORKER)
    assert value["starttime"] < value["execdeadline"] < "2100"
    assert value["attributes"][0]["state"] == 1


def test_a_long_poll_ends_with_404_to_the_nanosecond() -> None:
    calls = lab()
    msgid = poll(calls, timeout=10)
    calls.pass_time(10 * SECOND - 1)
    assert answered(calls) == []
    calls.pass_time(1)
    assert answered(calls) == [(msgid, 404)]
    calls.submit()
    assert answered(calls) == [], "it does not wait any more"


def test_a_submit_answers_the_oldest_poll_that_fits_and_only_that() -> None:
    calls = lab()
    add_executor(calls, "other")
    first, second = poll(calls), poll(calls, "other")
    one = calls.submit(conditions={"executornames": ["other"]})
    assert answered(calls) == [(second, one)]
    two = calls.submit()
    assert answered(calls) == [(first, two)]
    assert [calls.row(one).assignedexecutorid, calls.row(two).assignedexecutorid] == [OTHER, WORKER]


def test_both_answers_of_one_submit_are_written() -> None:
    calls = lab()
    msgid = poll(calls)
    calls.submit()
    assert [(record.caller, record.msgid) for record in calls.outcome.records][1] == (WORKER, msgid)


def test_every_poll_that_fits_gets_its_own_work() -> None:
    calls = lab()
    msgids = [poll(calls) for _ in range(3)]
    ids = []
    for _ in range(3):
        ids.append(calls.submit())
    assert [calls.row(processid).state for processid in ids] == [State.RUNNING] * 3
    assert all(calls.engine._live.offers.poll(f"{WORKER}/{msgid}") is None for msgid in msgids)


@pytest.mark.parametrize("how", ["removal", "release", "timeout", "lost lease"])
def test_work_that_comes_back_wakes_whoever_waits(how: str) -> None:
    calls = lab()
    add_executor(calls, "other")
    processid = calls.submit(maxretries=1, maxexectime=100)
    calls.ready()
    msgid = poll(calls, "other", timeout=1000)
    if how == "removal":
        calls.answer("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    elif how == "release":
        calls.answer("worker", "releaseprocessmsg", processid=processid, attempt=1, reason="busy")
    elif how == "timeout":
        calls.pass_time(59 * SECOND)
        calls.answer("worker", "heartbeatmsg", colonyname=LAB)
        calls.ready(capacity=0, held={processid: 1})
        calls.pass_time(41 * SECOND)
    else:
        calls.ready(capacity=0, held={processid: 1})
        calls.pass_time(60 * SECOND)
    assert answered(calls) == [(msgid, processid)]


@pytest.mark.parametrize("end", ["removeexecutormsg", "rejectexecutormsg"])
def test_the_poll_of_an_executor_that_is_none_any_more_is_refused(end: str) -> None:
    calls = lab()
    msgid = poll(calls)
    calls.answer("owner", end, colonyname=LAB, executorname="worker")
    assert answered(calls) == [(msgid, 403)]


def test_one_executor_may_wait_so_often_and_no_oftener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executing, "LONG_POLLS_PER_CALLER_MAX", 2)
    calls = lab()
    msgids = [poll(calls), poll(calls)]
    third: dict[str, Any] = {"colonyname": LAB, "timeout": 60, "msgid": "poll-the-third-one"}
    assert calls.answer("worker", "assignprocessmsg", **third)[0] == 429
    calls.submit()
    assert answered(calls)[0][0] == msgids[0]
    assert calls.call("worker", "assignprocessmsg", **third) == [], "a refusal for lack of room is not remembered"


# Pauses


def test_while_paused_nothing_is_handed_out_and_what_runs_goes_on() -> None:
    calls = lab()
    running = calls.submit()
    calls.ready(capacity=2)
    calls.taken()
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    calls.submit()
    assert calls.pushed() == []
    found = calls.answer("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert (found[0], found[1]["message"]) == (503, "No processes available: colony assignments are paused")
    assert calls.answer("worker", "closesuccessfulmsg", processid=running, attempt=1)[0] == 200


def test_a_poll_that_ends_while_paused_says_so() -> None:
    calls = lab()
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    msgid = poll(calls, timeout=5)
    calls.pass_time(5 * SECOND)
    assert answered(calls) == [(msgid, 408)]
    assert calls.outcome.replies[0].value["message"] == "Assignment timeout: colony assignments are paused"


@pytest.mark.parametrize("restart", [False, True])
def test_resuming_serves_everybody_who_waits(restart: bool) -> None:
    calls = lab()
    add_executor(calls, "other")
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    if restart:
        calls.restart()
        calls.pass_time(SECOND)
    first, second = calls.submit(priority=1), calls.submit()
    calls.ready()
    msgid = poll(calls, "other")
    calls.answer("owner", "resumeassignmentsmsg", colonyname=LAB)
    assert calls.pushed() == [(WORKER, first, 1)]
    assert answered(calls) == [(msgid, second)]


# Pushing


def test_pushes_go_on_while_there_is_room() -> None:
    calls = lab()
    ids = [calls.submit(priority=9 - number) for number in range(4)]
    calls.ready(capacity=2)
    assert [processid for _, processid, _ in calls.pushed()] == ids[:2]
    calls.answer("worker", "closesuccessfulmsg", processid=ids[1], attempt=1)
    assert [processid for _, processid, _ in calls.pushed()] == [ids[2]]
    calls.answer("ann", "cancelprocessmsg", processid=ids[0])
    assert [processid for _, processid, _ in calls.pushed()] == [ids[3]]


def test_pulled_work_takes_room_too() -> None:
    calls = lab()
    calls.submit()
    calls.pull()
    calls.submit()
    calls.ready(capacity=1)
    assert calls.pushed() == []


def test_executors_are_served_in_turn() -> None:
    calls = lab()
    add_executor(calls, "other")
    calls.ready(capacity=9)
    calls.ready("other", capacity=9)
    for _ in range(6):
        calls.submit()
    assert [executor for executor, _, _ in calls.pushed()] == [WORKER, OTHER] * 3


def test_an_executor_must_say_anew_that_it_is_ready_after_it_was_approved_anew() -> None:
    calls = lab()
    calls.ready()
    calls.answer("owner", "rejectexecutormsg", colonyname=LAB, executorname="worker")
    calls.answer("owner", "approveexecutormsg", colonyname=LAB, executorname="worker")
    calls.submit()
    assert calls.pushed() == []
    calls.ready()
    assert len(calls.pushed()) == 1


def test_a_pending_executor_gets_nothing() -> None:
    calls = lab()
    add_executor(calls, "fresh", approve=False)
    assert calls.answer("fresh", "readymsg", colonyname=LAB, capacity=1)[0] == 403
    assert calls.answer("fresh", "assignprocessmsg", colonyname=LAB, timeout=-1)[0] == 403


def test_the_reply_to_a_submit_shows_that_it_was_given_away_already_or_not_yet() -> None:
    calls = lab()
    calls.ready()
    value = calls.answer("ann", "submitfuncspecmsg", spec=spec())[1]
    assert value["state"] == 0, "submitted is what was asked for, and what is answered"
