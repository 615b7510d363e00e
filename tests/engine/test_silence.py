"""Executors that are not heard from any more, and those that are only busy (`protocol-core.md` 7.1, corrected)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colonies_edge.protocol.model import ExecutorState, State
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, identity


def state_of(calls: Calls, name: str = "worker") -> ExecutorState:
    return ExecutorState(calls.engine.tables.executors[identity(name)].state)


def test_a_silent_executor_is_unregistered_after_ten_minutes() -> None:
    calls = lab()
    calls.pull()
    calls.pass_time(600 * SECOND)
    assert state_of(calls) is ExecutorState.APPROVED
    calls.pass_time(61 * SECOND)
    assert state_of(calls) is ExecutorState.UNREGISTERED


@pytest.mark.parametrize("checkpoint", [None, True, False])
def test_a_silent_one_is_what_it_was_when_it_is_heard_again(checkpoint: bool | None) -> None:
    calls = lab()
    calls.do("worker", "addfunctionmsg", fun={"executorname": "worker", "colonyname": LAB, "funcname": "echo"})
    calls.pull()
    calls.pass_time(86_400 * SECOND)
    assert state_of(calls) is ExecutorState.UNREGISTERED
    if checkpoint is not None:
        calls.restart(checkpoint=checkpoint)
    assert calls.do("worker", "getcolonymsg", colonyname=LAB)["name"] == LAB
    assert state_of(calls) is ExecutorState.APPROVED
    assert len(calls.do("worker", "getfunctionsmsg", colonyname=LAB, executorname="worker")) == 1


@pytest.mark.parametrize("word", ["remove", "reject"])
def test_what_the_owner_said_of_a_silent_one_stands(word: str) -> None:
    calls = lab()
    calls.pull()
    calls.pass_time(86_400 * SECOND)
    calls.do("owner", f"{word}executormsg", colonyname=LAB, executorname="worker")
    assert calls.refused("worker", "getcolonymsg", colonyname=LAB)[0] == 403


def test_a_silent_one_that_waited_for_approval_waits_for_it_again() -> None:
    calls = lab()
    calls.pull()
    calls.engine.tables.executors[identity("worker")] = replace(
        calls.engine.tables.executors[identity("worker")], state=int(ExecutorState.PENDING)
    )
    calls.pass_time(86_400 * SECOND)
    assert calls.refused("worker", "getcolonymsg", colonyname=LAB)[0] == 403
    assert state_of(calls) is ExecutorState.PENDING


def test_one_that_never_asked_for_work_is_not_silent() -> None:
    calls = lab()
    calls.pass_time(86_400 * SECOND)
    assert state_of(calls) is ExecutorState.APPROVED


@pytest.mark.parametrize("sign", ["any message", "a long poll", "work with a deadline"])
def test_a_busy_executor_is_not_silent(sign: str) -> None:
    calls = lab()
    if sign == "a long poll":
        calls.call("worker", "assignprocessmsg", colonyname=LAB, timeout=10_000)
    elif sign == "work with a deadline":
        calls.submit(maxexectime=10_000)
        calls.pull()
    else:
        calls.pull()
    for _ in range(15):
        calls.pass_time(599 * SECOND)
        if sign == "any message":
            calls.answer("worker", "getpausestatusmsg", colonyname=LAB)
    assert state_of(calls) is ExecutorState.APPROVED


def test_what_a_silent_executor_pulled_goes_back() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    calls.pass_time(700 * SECOND)
    row = calls.row(processid)
    assert (row.state, row.retries) == (State.WAITING, 0)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_nobody_is_silent_because_the_coordinator_was_away(checkpoint: bool) -> None:
    calls = lab()
    calls.pull()
    calls.now += 86_400 * SECOND
    calls.restart(checkpoint=checkpoint)
    calls.pass_time(599 * SECOND)
    assert state_of(calls) is ExecutorState.APPROVED


def test_a_step_of_the_clock_makes_nobody_silent() -> None:
    calls = lab()
    calls.pull()
    calls.jump(40 * 365 * 86_400)
    calls.pass_time(599 * SECOND)
    assert state_of(calls) is ExecutorState.APPROVED
