"""The life of a process: every move from every state, deadlines to the nanosecond, and which result counts."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine import lifecycle
from colonies_edge.engine.lifecycle import Move
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.model import FunctionSpec, State
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, add_executor, identity

WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = State

# Where every move leads from every state; a text is the refusal.
TABLE: dict[tuple[State, Move], State | str] = {
    (WAITING, Move.ASSIGN): RUNNING,
    (WAITING, Move.REQUEUE): "Tried to requeue a waiting process",
    (WAITING, Move.SUCCEED): SUCCESS,
    (WAITING, Move.FAIL): FAILED,
    (WAITING, Move.CANCEL): CANCELLED,
    (RUNNING, Move.ASSIGN): "Tried to assign a running process",
    (RUNNING, Move.REQUEUE): WAITING,
    (RUNNING, Move.SUCCEED): SUCCESS,
    (RUNNING, Move.FAIL): FAILED,
    (RUNNING, Move.CANCEL): CANCELLED,
    (SUCCESS, Move.ASSIGN): "Tried to assign a success process",
    (SUCCESS, Move.REQUEUE): "Tried to requeue a success process",
    (SUCCESS, Move.SUCCEED): SUCCESS,
    (SUCCESS, Move.FAIL): "Tried to set successful process as failed",
    (SUCCESS, Move.CANCEL): "Tried to cancel successful process",
    (FAILED, Move.ASSIGN): "Tried to assign a failed process",
    (FAILED, Move.REQUEUE): "Tried to requeue a failed process",
    (FAILED, Move.SUCCEED): "Tried to set failed process as successful",
    (FAILED, Move.FAIL): "Tried to set failed process as failed",
    (FAILED, Move.CANCEL): "Tried to cancel failed process",
    (CANCELLED, Move.ASSIGN): "Tried to assign a cancelled process",
    (CANCELLED, Move.REQUEUE): "Tried to requeue a cancelled process",
    (CANCELLED, Move.SUCCEED): "Tried to set cancelled process as successful",
    (CANCELLED, Move.FAIL): "Tried to set cancelled process as failed",
    (CANCELLED, Move.CANCEL): "Tried to cancel already cancelled process",
}


def process_in(state: State) -> ProcessRow:
    return ProcessRow(
        processid="p", colonyname=LAB, initiatorid="", initiatorname="", spec=FunctionSpec(), prioritytime=0,
        submissiontime=0, state=state,
    )  # fmt: skip


def test_the_table_has_every_state_and_every_move() -> None:
    assert set(TABLE) == {(state, move) for state in State for move in Move}


@pytest.mark.parametrize(("state", "move"), TABLE, ids=lambda value: value.name)
def test_a_move_leads_where_the_table_says_or_is_refused_in_its_words(state: State, move: Move) -> None:
    wanted = TABLE[state, move]
    if isinstance(wanted, State):
        assert lifecycle.after(process_in(state), move) is wanted
    else:
        with pytest.raises(BadRequest) as refusal:
            lifecycle.after(process_in(state), move)
        assert refusal.value.message == wanted


def process_brought_to(calls: Calls, state: State) -> str:
    processid = calls.submit()
    if state is not WAITING:
        assert calls.pull() == processid
    if state is SUCCESS:
        calls.answer("worker", "closesuccessfulmsg", processid=processid)
    elif state is FAILED:
        calls.answer("worker", "closefailedmsg", processid=processid, errors=["broken"])
    elif state is CANCELLED:
        calls.answer("ann", "cancelprocessmsg", processid=processid)
    assert calls.row(processid).state is state
    return processid


CLOSES = {
    (WAITING, "closesuccessfulmsg"): (403, "Failed to close process as successful, process is not assigned"),
    (WAITING, "closefailedmsg"): (403, "Failed to close process as failed, process is not assigned"),
    (WAITING, "cancelprocessmsg"): (200, ""),
    (RUNNING, "closesuccessfulmsg"): (200, ""),
    (RUNNING, "closefailedmsg"): (200, ""),
    (RUNNING, "cancelprocessmsg"): (200, ""),
    (SUCCESS, "closesuccessfulmsg"): (200, ""),
    (SUCCESS, "closefailedmsg"): (400, "Tried to set successful process as failed"),
    (SUCCESS, "cancelprocessmsg"): (400, "Tried to cancel successful process"),
    (FAILED, "closesuccessfulmsg"): (400, "Tried to set failed process as successful"),
    (FAILED, "closefailedmsg"): (400, "Tried to set failed process as failed"),
    (FAILED, "cancelprocessmsg"): (400, "Tried to cancel failed process"),
    (CANCELLED, "closesuccessfulmsg"): (400, "Tried to set cancelled process as successful"),
    (CANCELLED, "closefailedmsg"): (400, "Tried to set cancelled process as failed"),
    (CANCELLED, "cancelprocessmsg"): (400, "Tried to cancel already cancelled process"),
}


@pytest.mark.parametrize(("state", "msgtype"), CLOSES)
def test_closing_and_cancelling_in_every_state(state: State, msgtype: str) -> None:
    calls = lab()
    processid = process_brought_to(calls, state)
    before = calls.row(processid)
    status, value = calls.answer("worker", msgtype, processid=processid, out=["new"], errors=["new"])
    assert (status, value.get("message", "")) == CLOSES[state, msgtype]
    if status != 200:
        assert calls.row(processid) is before, "a refused close changed something"


def test_a_success_may_be_said_again_and_only_output_that_is_there_replaces_the_old() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    calls.answer("worker", "closesuccessfulmsg", processid=processid, out=[1])
    calls.answer("worker", "closesuccessfulmsg", processid=processid, out=[])
    assert calls.row(processid).out == (1,)
    calls.answer("worker", "closesuccessfulmsg", processid=processid, out=[2])
    assert calls.row(processid).out == (2,)


def test_output_set_before_the_end_stays_when_the_close_has_none() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    assert calls.answer("worker", "setoutputmsg", processid=processid, out=["half"]) == (200, {})
    calls.answer("worker", "closesuccessfulmsg", processid=processid)
    assert calls.row(processid).out == ("half",)


# Deadlines


def test_the_execution_deadline_is_met_to_the_nanosecond() -> None:
    calls = lab()
    processid = calls.submit(maxexectime=10, maxretries=0)
    calls.pull()
    calls.pass_time(10 * SECOND - 1)
    assert calls.row(processid).state is RUNNING
    calls.pass_time(1)
    row = calls.row(processid)
    assert (row.state, row.errors, row.endtime) == (FAILED, ("Maximum execution time limit exceeded",), calls.now)


def test_after_a_timeout_the_process_waits_again_as_upstream_leaves_it() -> None:
    calls = lab()
    processid = calls.submit(maxexectime=10, maxretries=1, maxwaittime=100)
    calls.pull()
    started = calls.now
    calls.answer("worker", "setoutputmsg", processid=processid, out=["half"])
    calls.pass_time(10 * SECOND)
    row = calls.row(processid)
    assert (row.state, row.retries, row.assignedexecutorid, row.out) == (WAITING, 1, "", ("half",))
    assert (row.starttime, row.endtime, row.execdeadline) == (started, calls.now, started + 10 * SECOND)
    assert row.waitdeadline == calls.now + 100 * SECOND, "its time to wait begins anew"


@pytest.mark.parametrize("maxretries", [0, 1, 3])
def test_so_many_retries_mean_one_attempt_more(maxretries: int) -> None:
    calls = lab()
    processid = calls.submit(maxexectime=1, maxretries=maxretries)
    for _ in range(maxretries + 1):
        assert calls.row(processid).state is WAITING
        assert calls.pull() == processid
        calls.pass_time(1 * SECOND)
    assert (calls.row(processid).state, calls.row(processid).attempt) == (FAILED, maxretries + 1)


def test_negative_retries_never_end() -> None:
    calls = lab()
    processid = calls.submit(maxexectime=1, maxretries=-1)
    for _ in range(20):
        assert calls.pull() == processid
        calls.pass_time(1 * SECOND)
    assert (calls.row(processid).state, calls.row(processid).retries) == (WAITING, 20)


@pytest.mark.parametrize("limit", [0, -1, -5])
def test_no_positive_limit_is_no_limit(limit: int) -> None:
    calls = lab()
    waiting, running = calls.submit(maxwaittime=limit, maxexectime=limit, priority=-1), calls.submit(maxexectime=limit)
    assert calls.pull() == running
    for _ in range(100):  # the executor is not silent
        calls.pass_time(300 * SECOND)
        calls.answer("worker", "getprocessmsg", processid=running)
    assert (calls.row(waiting).state, calls.row(running).state) == (WAITING, RUNNING)


def test_the_wait_deadline_is_met_to_the_nanosecond() -> None:
    calls = lab()
    processid = calls.submit(maxwaittime=10)
    calls.pass_time(10 * SECOND - 1)
    assert calls.row(processid).state is WAITING
    calls.pass_time(1)
    row = calls.row(processid)
    assert (row.state, row.errors) == (FAILED, ("Maximum waiting time limit exceeded",))


def test_an_old_deadline_does_not_touch_a_later_attempt() -> None:
    calls = lab()
    processid = calls.submit(maxexectime=10)
    calls.ready(capacity=1)
    calls.pass_time(4 * SECOND)
    calls.answer("worker", "releaseprocessmsg", processid=processid, attempt=1, reason="busy")
    calls.pass_time(30 * SECOND)  # passed over for so long
    assert calls.row(processid).attempt == 2
    calls.pass_time(9 * SECOND)
    assert calls.row(processid).state is RUNNING


# Coming back without a retry


def given_back(calls: Calls, how: str, processid: str) -> None:
    if how == "released":
        calls.answer("worker", "releaseprocessmsg", processid=processid, attempt=1, reason="busy")
    elif how == "never arrived":
        calls.answer("worker", "readymsg", colonyname=LAB, capacity=0, holding=[])
    else:
        calls.answer("owner", how, colonyname=LAB, executorname="worker")


@pytest.mark.parametrize("how", ["released", "never arrived", "removeexecutormsg", "rejectexecutormsg"])
def test_what_comes_back_waits_on_as_if_it_had_never_started(how: str) -> None:
    calls = lab()
    processid = calls.submit(maxwaittime=100)
    calls.pass_time(30 * SECOND)
    calls.ready()
    for _ in range(10):
        calls.pass_time(20 * SECOND)
        calls.answer("worker", "heartbeatmsg", colonyname=LAB, processids=[processid])
    if how == "never arrived":  # which only what was never confirmed can be: so not that one
        calls = lab()
        processid = calls.submit(maxwaittime=100)
        calls.pass_time(30 * SECOND)
        calls.ready()
        calls.pass_time(50 * SECOND)
    given_back(calls, how, processid)
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    row = calls.row(processid)
    assert (row.state, row.retries, row.assignedexecutorid, row.leased) == (WAITING, 0, "", False)
    assert (row.starttime, row.endtime) == (0, 0)
    assert row.waitdeadline == calls.now + 70 * SECOND, "the time that it ran counts as waiting"
    calls.pass_time(70 * SECOND - 1)
    assert calls.row(processid).state is WAITING
    calls.pass_time(1)
    assert calls.row(processid).state is FAILED


def test_the_time_to_wait_is_kept_over_a_step_of_the_clock_while_the_process_runs() -> None:
    calls = lab()
    processid = calls.submit(maxwaittime=100)
    calls.pass_time(30 * SECOND)
    calls.ready()
    calls.jump(40 * 365 * 86_400)
    calls.pass_time(5 * SECOND)
    given_back(calls, "released", processid)
    assert calls.row(processid).waitdeadline == calls.now + 70 * SECOND


# Attempts


def attempts(calls: Calls) -> str:
    """A process whose first attempt was lost by `worker` and whose second one runs at `other`."""
    processid = calls.submit(maxretries=5)
    calls.ready()
    calls.pass_time(60 * SECOND)  # the lease, and worker gets it once more
    calls.ready(capacity=0)
    add_executor(calls, "other")
    calls.ready("other")
    assert calls.row(processid).lastexecutorid == identity("other")
    return processid


def closing(calls: Calls, key: str, processid: str, attempt: int, **fields: Any) -> int:
    return calls.answer(key, "closesuccessfulmsg", processid=processid, attempt=attempt, **fields)[0]


def test_a_stale_attempt_is_refused_and_overwrites_nothing() -> None:
    calls = lab()
    processid = attempts(calls)
    before = calls.row(processid)
    assert [closing(calls, "worker", processid, attempt, out=["stale"]) for attempt in (1, 2, 3)] == [409, 409, 409]
    assert closing(calls, "other", processid, before.attempt - 1) == 409
    assert calls.row(processid) is before
    assert closing(calls, "other", processid, before.attempt, out=["right"]) == 200
    assert closing(calls, "worker", processid, 1, out=["stale"]) == 409
    assert calls.row(processid).out == ("right",)


def test_a_late_result_counts_while_nobody_else_has_the_process() -> None:
    calls = lab()
    processid = calls.submit(maxretries=5)
    calls.ready()
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    calls.pass_time(60 * SECOND)
    assert calls.row(processid).state is WAITING
    assert closing(calls, "worker", processid, 1, out=["late"]) == 200
    row = calls.row(processid)
    assert (row.state, row.out, row.assignedexecutorid) == (SUCCESS, ("late",), identity("worker"))
    calls.answer("owner", "resumeassignmentsmsg", colonyname=LAB)
    calls.ready()
    assert calls.pushed()[-1][2] == 1, "it was given away although it is done"


def test_the_same_close_said_again_is_answered_the_same_and_changes_nothing() -> None:
    calls = lab()
    processid = calls.submit()
    calls.ready()
    assert closing(calls, "worker", processid, 1, out=[1]) == 200
    before = calls.row(processid)
    assert closing(calls, "worker", processid, 1, out=[2]) == 200
    assert calls.row(processid) is before
    assert calls.answer("worker", "closefailedmsg", processid=processid, attempt=1, errors=["no"])[0] == 409


@pytest.mark.parametrize("end", ["cancelprocessmsg", "timeout"])
def test_a_result_of_a_process_that_ended_otherwise_is_refused(end: str) -> None:
    calls = lab()
    processid = calls.submit(maxexectime=10, maxretries=0)
    calls.ready()
    if end == "timeout":
        calls.pass_time(10 * SECOND)
    else:
        calls.answer("ann", end, processid=processid)
    before = calls.row(processid)
    assert closing(calls, "worker", processid, 1, out=["late"]) == 409
    assert calls.row(processid) is before


def test_only_who_runs_it_may_close_it_when_no_attempt_is_named() -> None:
    calls = lab()
    add_executor(calls, "other")
    processid = calls.submit()
    calls.pull()
    wanted = (403, "Failed to close process as successful, not allowed to close process as successful")
    status, value = calls.answer("other", "closesuccessfulmsg", processid=processid)
    assert (status, value["message"]) == wanted


def test_cancelling_and_removing_running_work_withdraws_it() -> None:
    calls = lab()
    first, second = calls.submit(), calls.submit()
    calls.ready(capacity=2)
    calls.taken()
    calls.answer("ann", "cancelprocessmsg", processid=first)
    calls.answer("owner", "removeallprocessesmsg", colonyname=LAB, state=-1)
    worker = identity("worker")
    assert calls.withdrawn() == [(worker, first, 1, "cancelled"), (worker, second, 1, "removed")]


def test_nobody_is_told_to_stop_what_was_pulled() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    calls.answer("ann", "cancelprocessmsg", processid=processid)
    assert calls.withdrawn() == []
