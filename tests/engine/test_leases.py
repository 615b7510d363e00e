"""Pushed work and its leases: `PROTOCOL.md` 4, and when work that nobody speaks of goes to somebody else."""

from __future__ import annotations

import pytest

from colonies_edge.engine.leases import Leases
from colonies_edge.engine.timers import Timer, Timers
from colonies_edge.protocol.model import State
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, add_executor, identity

WORKER = identity("worker")


def pushed(calls: Calls, **fields: object) -> str:
    """A process that is pushed to `worker`, whose capacity is 1."""
    processid = calls.submit(**fields)
    calls.ready()
    assert calls.pushed() == [(WORKER, processid, 1)]
    return processid


def heartbeat(calls: Calls, *processids: str, key: str = "worker", conn: str = "conn0001") -> list[str]:
    status, value = calls.answer(key, "heartbeatmsg", colonyname=LAB, processids=list(processids), conn=conn)
    assert status == 200, value
    return list(value["drop"])


# The lease


def test_an_assignment_says_its_attempt_and_its_lease() -> None:
    calls = lab()
    processid = calls.submit(args=[1])
    assert calls.ready() == {"leasems": 60_000, "keep": [], "drop": []}
    (push,) = calls.taken()
    assert (push.executorid, push.payloadtype) == (WORKER, "assignprocessmsg")
    assert (push.value["processid"], push.value["state"], push.value["spec"]["args"]) == (processid, 1, [1])
    assert (push.value["attempt"], push.value["leasems"]) == (1, 60_000)


def test_a_silent_executor_loses_its_work_when_the_lease_ends_and_a_retry_is_counted() -> None:
    calls = lab()
    processid = pushed(calls, maxretries=1)
    calls.ready(capacity=0, held={processid: 1})
    calls.pass_time(60 * SECOND - 1)
    assert calls.row(processid).state is State.RUNNING
    calls.pass_time(1)
    row = calls.row(processid)
    assert (row.state, row.retries, row.endtime) == (State.WAITING, 1, calls.now)
    assert calls.withdrawn() == [(WORKER, processid, 1, "reassigned")]


def test_without_retries_left_a_lost_lease_fails_the_process_and_says_so() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.pass_time(60 * SECOND)
    row = calls.row(processid)
    assert (row.state, row.errors) == (State.FAILED, ("Lease lost: the executor was not heard from in time",))


def test_heartbeats_keep_the_work_for_ever() -> None:
    calls = lab()
    processid = pushed(calls)
    for _ in range(100):
        calls.pass_time(60 * SECOND - 1)
        assert heartbeat(calls, processid) == []
    assert calls.row(processid).state is State.RUNNING


def test_a_heartbeat_without_names_means_all_that_is_held() -> None:
    calls = lab()
    first, second = calls.submit(), calls.submit()
    calls.ready(capacity=2)
    calls.pass_time(50 * SECOND)
    assert calls.answer("worker", "heartbeatmsg", colonyname=LAB) == (200, {"drop": []})
    calls.pass_time(50 * SECOND)
    assert (calls.row(first).state, calls.row(second).state) == (State.RUNNING, State.RUNNING)


def test_a_heartbeat_extends_what_it_names_and_nothing_else() -> None:
    calls = lab()
    first, second = calls.submit(), calls.submit()
    calls.ready(capacity=2)
    calls.pass_time(50 * SECOND)
    heartbeat(calls, first)
    calls.pass_time(10 * SECOND)
    assert (calls.row(first).state, calls.row(second).state) == (State.RUNNING, State.FAILED)


def test_a_heartbeat_for_what_is_not_held_is_told_to_drop_it() -> None:
    calls = lab()
    add_executor(calls, "other")
    processid = pushed(calls)
    assert heartbeat(calls, processid, "unknown", key="other") == [processid, "unknown"]
    calls.answer("ann", "cancelprocessmsg", processid=processid)
    assert heartbeat(calls, processid) == [processid]


def test_pulled_work_has_no_lease() -> None:
    calls = lab()
    processid = calls.submit()
    assert calls.pull() == processid
    calls.pass_time(300 * SECOND)
    assert calls.row(processid).state is State.RUNNING
    assert heartbeat(calls, processid) == [processid], "nor can it be extended"


def test_the_lease_and_the_execution_deadline_count_each_for_itself() -> None:
    calls = lab()
    processid = pushed(calls, maxexectime=90)
    for _ in range(2):
        calls.pass_time(40 * SECOND)
        heartbeat(calls, processid)
    calls.pass_time(10 * SECOND)
    assert calls.row(processid).errors == ("Maximum execution time limit exceeded",)
    assert calls.withdrawn() == [(WORKER, processid, 1, "timeout")]


def test_a_step_of_the_wall_clock_ends_no_lease() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.pass_time(59 * SECOND)
    calls.jump(40 * 365 * 86_400)
    assert calls.row(processid).state is State.RUNNING
    calls.pass_time(1 * SECOND)
    assert calls.row(processid).state is State.FAILED


@pytest.mark.parametrize("checkpoint", [True, False])
def test_after_a_restart_everybody_has_a_whole_lease(checkpoint: bool) -> None:
    calls = lab()
    processid = pushed(calls)
    calls.pass_time(59 * SECOND)
    calls.restart(checkpoint=checkpoint)
    calls.pass_time(60 * SECOND - 1)
    assert calls.row(processid).state is State.RUNNING
    calls.pass_time(1)
    assert calls.row(processid).state is State.FAILED


# The last will


def test_a_last_will_leaves_ten_seconds() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.lose("worker")
    assert calls.row(processid).state is State.RUNNING, "it fails nothing by itself"
    calls.pass_time(10 * SECOND - 1)
    assert calls.row(processid).state is State.RUNNING
    calls.pass_time(1)
    assert calls.row(processid).state is State.FAILED


def test_a_last_will_never_prolongs() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.pass_time(55 * SECOND)
    calls.lose("worker")
    calls.pass_time(5 * SECOND)
    assert calls.row(processid).state is State.FAILED


def test_who_comes_back_within_the_grace_keeps_the_work() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.lose("worker")
    calls.pass_time(9 * SECOND)
    assert calls.ready(conn="conn0002", held={processid: 1})["keep"] == [{"processid": processid, "attempt": 1}]
    calls.pass_time(59 * SECOND)
    assert calls.row(processid).state is State.RUNNING


def test_the_will_of_an_older_connection_is_ignored() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.ready(conn="conn0002", capacity=2, held={processid: 1})
    calls.lose("worker", "conn0001")
    calls.pass_time(59 * SECOND)
    assert calls.row(processid).state is State.RUNNING
    second = calls.submit()
    assert calls.pushed() == [(WORKER, second, 1)], "and pushes go on"


def test_nothing_is_pushed_to_a_connection_that_is_gone() -> None:
    calls = lab()
    calls.ready()
    calls.lose("worker")
    calls.submit()
    assert calls.pushed() == []
    calls.ready(conn="conn0002")
    assert len(calls.pushed()) == 1


def test_that_an_executor_is_there_changes_nothing() -> None:
    calls = lab()
    processid = pushed(calls)
    before = calls.engine.next_deadline()
    outcome = calls.engine.presence(WORKER, "conn0001", True, calls.now)
    assert (outcome.records, outcome.pushes, calls.engine.next_deadline()) == ((), (), before)
    assert calls.row(processid).state is State.RUNNING


# readymsg


def test_ready_says_what_is_kept_and_what_is_to_be_dropped() -> None:
    calls = lab()
    kept, cancelled = calls.submit(priority=1), calls.submit()
    calls.ready(capacity=2)
    calls.answer("ann", "cancelprocessmsg", processid=cancelled)
    assert calls.ready(capacity=2, held={kept: 1, cancelled: 1, "unknown": 7}) == {
        "leasems": 60_000,
        "keep": [{"processid": kept, "attempt": 1}],
        "drop": [{"processid": cancelled, "attempt": 1}, {"processid": "unknown", "attempt": 7}],
    }


def test_an_older_attempt_of_what_it_runs_is_dropped_and_the_newer_one_given_anew() -> None:
    calls = lab()
    processid = pushed(calls, maxretries=5)
    calls.pass_time(60 * SECOND)
    assert calls.pushed() == [(WORKER, processid, 2)]
    assert calls.ready(held={processid: 1})["drop"] == [{"processid": processid, "attempt": 1}]
    assert calls.pushed() == [(WORKER, processid, 3)]


def test_an_assignment_that_never_arrived_comes_again_at_once_and_costs_no_retry() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.ready()
    assert calls.pushed() == [(WORKER, processid, 2)]
    assert (calls.row(processid).retries, calls.row(processid).losses) == (0, 1)


def test_after_three_such_losses_they_count_as_retries() -> None:
    calls = lab()
    processid = pushed(calls, maxretries=1)
    for attempt in (2, 3, 4):
        calls.ready()
        assert calls.pushed() == [(WORKER, processid, attempt)]
    calls.ready()
    assert (calls.row(processid).attempt, calls.row(processid).retries) == (5, 1)
    calls.ready()
    assert calls.row(processid).state is State.FAILED


def test_losing_what_it_had_shown_to_have_counts_as_a_retry_at_once() -> None:
    calls = lab()
    processid = pushed(calls, maxretries=1)
    heartbeat(calls, processid)
    calls.ready()
    assert (calls.row(processid).attempt, calls.row(processid).retries) == (2, 1)


def test_pulled_work_is_none_of_readys_business() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    assert calls.ready(capacity=2) == {"leasems": 60_000, "keep": [], "drop": []}
    assert calls.row(processid).state is State.RUNNING


def test_capacity_0_drains() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.ready(capacity=0, held={processid: 1})
    calls.submit()
    calls.answer("worker", "closesuccessfulmsg", processid=processid, attempt=1)
    assert calls.pushed() == []
    calls.ready(capacity=1)
    assert len(calls.pushed()) == 1


@pytest.mark.parametrize(("capacity", "status"), [(-1, 400), (0, 200), (1024, 200), (1025, 400)])
def test_capacity_has_bounds(capacity: int, status: int) -> None:
    calls = lab()
    assert calls.answer("worker", "readymsg", colonyname=LAB, capacity=capacity)[0] == status


@pytest.mark.parametrize("msgtype", ["readymsg", "heartbeatmsg"])
def test_only_executors_have_work(msgtype: str) -> None:
    calls = lab()
    assert calls.answer("ann", msgtype, colonyname=LAB, capacity=1)[0] == 403


# releaseprocessmsg


def release(calls: Calls, processid: str, attempt: int, key: str = "worker") -> int:
    return calls.answer(key, "releaseprocessmsg", processid=processid, attempt=attempt, reason="busy")[0]


def test_released_work_goes_to_somebody_else_at_once() -> None:
    calls = lab()
    add_executor(calls, "other")
    processid = pushed(calls)
    calls.ready("other")
    assert release(calls, processid, 1) == 200
    assert calls.pushed() == [(identity("other"), processid, 2)]
    assert calls.row(processid).retries == 0


def test_who_released_it_gets_it_again_after_half_a_minute_and_not_before() -> None:
    calls = lab()
    processid = pushed(calls)
    release(calls, processid, 1)
    other = calls.submit(priority=-1)
    assert calls.pushed() == [(WORKER, other, 1)], "but other work at once"
    calls.answer("worker", "closesuccessfulmsg", processid=other, attempt=1)
    calls.pass_time(30 * SECOND - 1)
    assert calls.pushed() == []
    assert calls.pull() == "", "nor by asking"
    calls.pass_time(1)
    assert calls.pushed() == [(WORKER, processid, 2)]


def test_a_release_that_comes_too_late_is_heard_all_the_same() -> None:
    calls = lab()
    processid = pushed(calls)
    calls.ready(capacity=0)
    assert calls.row(processid).state is State.WAITING
    assert release(calls, processid, 1) == 200
    calls.ready(capacity=1)
    assert calls.pushed() == []


def test_only_the_latest_attempt_can_be_released_and_only_by_who_has_it() -> None:
    calls = lab()
    add_executor(calls, "other")
    processid = pushed(calls)
    assert [release(calls, processid, 2), release(calls, processid, 0), release(calls, processid, 1, "other")] == [
        409
    ] * 3
    calls.answer("worker", "closesuccessfulmsg", processid=processid, attempt=1)
    assert release(calls, processid, 1) == 200, "it ended, and there is nothing to give back"
    assert calls.row(processid).state is State.SUCCESS


# The book of leases itself


def test_a_lease_that_was_extended_is_looked_at_again_at_its_new_end() -> None:
    timers = Timers(lambda timer, key, steady: True)
    leases = Leases(timers)
    leases.start("p", "c1", 60)
    leases.confirm("p", "c2", 100)
    (due,) = timers.due(60)
    assert (due.timer, due.key, leases.over("p", 60)) == (Timer.LEASE, "p", False)
    assert (timers.next(), leases.over("p", 100)) == (100, True)
    leases.end("p")
    assert not leases.over("p", 200)
