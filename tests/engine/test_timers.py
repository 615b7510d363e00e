"""What happens though nobody speaks: the heap of deadlines, ticks, steps of the clock, and all of it over a restart."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from colonies_edge.engine import engine as door
from colonies_edge.engine import timers as module
from colonies_edge.engine.timers import Due, Timer, Timers
from colonies_edge.protocol.model import State
from tests.engine.calls import lab
from tests.support.engine_bench import LAB, SECOND, START, spec

YEARS = 40 * 365 * 86_400


def due(timers: Timers, steady: int) -> list[str]:
    return [one.key for one in timers.due(steady)]


# The heap


def test_timers_go_off_in_order_and_equal_ones_in_the_order_in_which_they_were_set() -> None:
    timers = Timers(lambda timer, key, steady: True)
    for steady, key in ((5, "c"), (3, "a"), (5, "d"), (4, "b"), (9, "e")):
        timers.set(steady, Timer.EXEC, key)
    assert timers.next() == 3
    assert due(timers, 2) == []
    assert due(timers, 5) == ["a", "b", "c", "d"]
    assert (timers.next(), due(timers, 100), timers.next()) == (9, ["e"], None)


def test_what_is_set_while_others_go_off_goes_off_too_if_it_is_due() -> None:
    timers = Timers(lambda timer, key, steady: True)
    timers.set(1, Timer.LEASE, "first")
    found = []
    for one in timers.due(10):
        found.append(one)
        if one.key == "first":
            timers.set(7, Timer.WAIT, "again")
            timers.set(11, Timer.WAIT, "later")
    assert found == [Due(timer=Timer.LEASE, key="first"), Due(timer=Timer.WAIT, key="again")]


def test_what_does_not_matter_any_more_is_swept_out_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_AT_LEAST", 16)
    alive = {"keep-1", "keep-2"}
    timers = Timers(lambda timer, key, steady: key in alive)
    timers.set(10, Timer.EXEC, "keep-1")
    for number in range(10_000):
        timers.set(number, Timer.EXEC, f"gone-{number}")
    timers.set(20, Timer.EXEC, "keep-2")
    assert len(timers._heap) <= 4096
    assert [key for key in due(timers, 100_000) if key in alive] == ["keep-1", "keep-2"]


def test_a_million_finished_jobs_with_long_deadlines_do_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = lab()
    monkeypatch.setattr(calls.engine._live.timers, "_compact_at", 64)
    monkeypatch.setattr(module, "COMPACT_AT_LEAST", 64)
    kept = calls.submit(maxexectime=1000, priority=9)
    calls.ready(capacity=2)
    for _ in range(200):
        processid = calls.submit(maxexectime=100_000, maxwaittime=100_000)
        calls.answer("worker", "closesuccessfulmsg", processid=processid, attempt=1)
    assert len(calls.engine._live.timers._heap) <= 128
    for _ in range(20):
        calls.pass_time(50 * SECOND)
        calls.answer("worker", "heartbeatmsg", colonyname=LAB)
    assert calls.row(kept).errors == ("Maximum execution time limit exceeded",)


# Ticks


def test_the_next_deadline_is_when_something_may_happen() -> None:
    calls = lab()
    calls.submit(maxwaittime=10)
    assert calls.engine.next_deadline() == calls.now + 10 * SECOND


def test_a_tick_before_anything_is_due_does_nothing() -> None:
    calls = lab()
    calls.submit(maxwaittime=10)
    outcome = calls.engine.tick(calls.now + 10 * SECOND - 1)
    assert (outcome.records, outcome.replies, outcome.pushes, outcome.events) == ((), (), (), ())


def test_a_thousand_deadlines_fall_in_several_ticks_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMERS_PER_TICK_MAX", 10)
    calls = lab()
    ids = [calls.submit(maxwaittime=10) for _ in range(95)]
    calls.now += 10 * SECOND
    ticks = 0
    while (deadline := calls.engine.next_deadline()) is not None and deadline <= calls.now:
        calls._take(calls.engine.tick(calls.now))
        ticks += 1
        assert sum(len(record.writes) for record in calls.outcome.records) <= 10
    assert ticks == 10
    assert {calls.row(processid).state for processid in ids} == {State.FAILED}


def test_several_deadlines_of_one_process_at_one_moment_count_once() -> None:
    calls = lab()
    processid = calls.submit(maxexectime=60, maxretries=1)
    calls.ready()
    calls.pass_time(60 * SECOND)  # the lease ends in the same nanosecond
    row = calls.row(processid)
    assert (row.attempt, row.retries, row.state) == (2, 1, State.RUNNING)


def test_a_late_tick_is_as_good_as_one_in_time() -> None:
    calls = lab()
    processid = calls.submit(maxwaittime=10)
    calls.now += 86_400 * SECOND
    calls._take(calls.engine.tick(calls.now))
    assert (calls.row(processid).state, calls.row(processid).endtime) == (State.FAILED, calls.now)


# Steps of the wall clock


def test_every_deadline_moves_with_the_clock() -> None:
    calls = lab()
    running = calls.submit(maxexectime=100)
    calls.ready()
    calls.answer("owner", "pauseassignmentsmsg", colonyname=LAB)
    waiting = calls.submit(maxwaittime=100)
    assert calls.call("worker", "assignprocessmsg", colonyname=LAB, timeout=100) == []
    calls.pass_time(40 * SECOND)
    calls.answer("worker", "heartbeatmsg", colonyname=LAB)
    calls.jump(YEARS)
    assert calls.row(waiting).waitdeadline == calls.now + 60 * SECOND
    assert calls.row(running).execdeadline == calls.now + 60 * SECOND
    calls.pass_time(60 * SECOND - 1)
    assert (calls.row(waiting).state, calls.row(running).state) == (State.WAITING, State.RUNNING)
    assert calls.engine._live.offers.polls_count == 1
    calls.pass_time(1)
    assert (calls.row(waiting).state, calls.row(running).state) == (State.FAILED, State.FAILED)
    assert calls.engine._live.offers.polls_count == 0


def test_a_step_is_one_line_in_the_journal_and_replayed_with_it() -> None:
    calls = lab()
    waiting = calls.submit(maxwaittime=100)
    calls.pass_time(40 * SECOND)
    calls.jump(YEARS)
    assert [[write.table for write in record.writes] for record in calls.outcome.records] == [["clock"]]
    before = calls.row(waiting)
    calls.restart(checkpoint=False)
    assert calls.row(waiting) == before
    calls.pass_time(60 * SECOND - 1)
    assert calls.row(waiting).state is State.WAITING
    calls.pass_time(1)
    assert calls.row(waiting).state is State.FAILED


def test_several_steps_add_up() -> None:
    calls = lab()
    waiting = calls.submit(maxwaittime=100)
    for _ in range(5):
        calls.jump(3600)
        calls.pass_time(10 * SECOND)
    assert calls.row(waiting).waitdeadline == calls.now + 50 * SECOND


# Restarts


def test_deadlines_that_passed_while_it_was_away_are_met_at_once() -> None:
    calls = lab()
    waiting, running = calls.submit(maxwaittime=10, priority=-1), calls.submit(maxexectime=10)
    calls.pull()
    calls.now += 3600 * SECOND
    calls.restart(checkpoint=False)
    assert (calls.row(waiting).state, calls.row(running).state) == (State.WAITING, State.RUNNING)
    calls.pass_time(0)
    assert (calls.row(waiting).state, calls.row(running).state) == (State.FAILED, State.FAILED)


class Script:
    """The same requests, drawn from a seed, for two coordinators of which one restarts all the time."""

    def __init__(self, seed: int, restarts: bool) -> None:
        self.rng = Random(seed)
        self.luck = Random(seed + 1)
        self.restarts = restarts
        self.calls = lab()
        self.told: list[Any] = []

    def step(self, number: int) -> None:
        calls, rng = self.calls, self.rng
        ids = list(calls.engine.tables.processes)
        one = rng.choice(sorted(ids)) if ids else "none"
        seconds, chance = rng.choice((0, 1, 7, 20)), rng.random()
        fields: dict[str, Any] = {
            "maxwaittime": rng.choice((-1, 30)),
            "maxexectime": rng.choice((-1, 15)),
            "maxretries": rng.choice((0, 1, -1)),
        }
        if chance < 0.35:
            self.told.append(
                calls.answer("ann", "submitfuncspecmsg", spec=spec(**fields), msgid=f"submit-{number:012d}")
            )
        elif chance < 0.65:
            self.told.append(calls.pull())
        elif chance < 0.8:
            msgtype = rng.choice(("closesuccessfulmsg", "closefailedmsg"))
            self.told.append(calls.answer("worker", msgtype, processid=one, out=[number], errors=[str(number)]))
        elif chance < 0.9:
            msgtype = rng.choice(("cancelprocessmsg", "removeprocessmsg", "getprocessmsg"))
            self.told.append(calls.answer("ann", msgtype, processid=one))
        else:
            msgtype = rng.choice(("pauseassignmentsmsg", "resumeassignmentsmsg"))
            self.told.append(calls.answer("owner", msgtype, colonyname=LAB))
        calls.pass_time(seconds * SECOND + SECOND // 1000)
        if chance > 0.97:
            calls.jump(100_000)
        if self.restarts:
            calls.restart(checkpoint=self.luck.random() < 0.5)


@pytest.mark.parametrize("seed", range(8))
def test_starting_again_is_the_same_as_going_on(seed: int) -> None:
    steady, broken = Script(seed, restarts=False), Script(seed, restarts=True)
    for number in range(120):
        steady.step(number)
        broken.step(number)
    assert steady.told == broken.told
    assert steady.calls.engine.tables.by_name == broken.calls.engine.tables.by_name
    assert steady.calls.now == broken.calls.now > START
