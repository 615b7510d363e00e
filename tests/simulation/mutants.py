"""Engines with one thing broken each: the auditor must notice every one of them, or it does not guard that thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from colonies_edge.engine import assigning, crons, executing, generators, lifecycle, processes, schedule_timers
from colonies_edge.engine import engine as door
from colonies_edge.engine.answers import Answers
from colonies_edge.engine.engine import Engine
from colonies_edge.engine.leases import Leases
from colonies_edge.engine.live import Live
from colonies_edge.engine.offers import Offers
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.subscriptions import Subscription, Subscriptions
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.timers import Timer, Timers
from colonies_edge.engine.waiting import Waiting
from colonies_edge.protocol.model import State
from tests.simulation.shell import Shell

Change = tuple[Any, str, Any]  # owner, name of the attribute, what it is instead


@contextmanager
def changed(*changes: Change) -> Iterator[None]:
    """With these attributes replaced."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def attempt_not_checked() -> list[Change]:
    def closable(step: Step, row: ProcessRow, attempt: int, state: State) -> ProcessRow | None:
        return row if row.state in (State.RUNNING, State.WAITING) else None

    return [(processes, "_closable_attempt", closable)]


def answers_forgotten_at_restart() -> list[Change]:
    restore = Engine.restore

    def forgetful(engine: Engine, rows: Any, records: Any, now: int) -> None:
        restore(engine, rows, [replace(record, answer=None) for record in records], now)
        engine._answers = Answers()

    return [(Engine, "restore", forgetful)]


def refusals_not_remembered() -> list[Change]:
    remember = Answers.remember

    def only_success(answers: Answers, caller: str, msgid: str, answer: Any, steady: int) -> None:
        if not answer.error:
            remember(answers, caller, msgid, answer, steady)

    return [(Answers, "remember", only_success)]


def leases_never_end() -> list[Change]:
    return [(Leases, "over", lambda leases, processid, steady: False)]


def leases_end_at_half_time() -> list[Change]:
    start = Leases.start

    def short(leases: Leases, processid: str, conn: str, until: int) -> None:
        start(leases, processid, conn, until - 30_000_000_000)

    return [(Leases, "start", short)]


def a_will_of_an_older_connection_counts() -> list[Change]:
    def presence(engine: Engine, executorid: str, conn: str, online: bool, now: int) -> Any:
        offer = engine._live.offers.get(executorid)
        return original(engine, executorid, offer.conn if offer is not None else conn, online, now)

    original = Engine.presence
    return [(Engine, "presence", presence)]


def spoken_before_written() -> list[Change]:
    return [(Shell, "speaks_first", True)]


def deadlines_lost_at_restart() -> list[Change]:
    start = Engine._start

    def without_timers(engine: Engine, now: int) -> None:
        start(engine, now)
        heap = engine._live.timers._heap
        heap[:] = [entry for entry in heap if entry[2] not in (Timer.EXEC, Timer.WAIT)]

    return [(Engine, "_start", without_timers)]


def retries_not_counted() -> list[Change]:
    def run_out(step: Step, row: ProcessRow, text: str, reason: str) -> None:
        lifecycle.withdraw(step, row, reason)
        lifecycle.requeue(step, row, endtime=step.now)

    return [(lifecycle, "run_out", run_out)]


def one_retry_too_many() -> list[Change]:
    run_out = lifecycle.run_out

    def generous(step: Step, row: ProcessRow, text: str, reason: str) -> None:
        spec = replace(row.spec, maxretries=row.spec.maxretries + (row.spec.maxretries >= 0))
        run_out(step, replace(row, spec=spec), text, reason)

    return [(lifecycle, "run_out", generous)]


def priority_ignored() -> list[Change]:
    add = Waiting.add

    def by_age(waiting: Waiting, row: ProcessRow) -> None:
        add(waiting, replace(row, prioritytime=row.submissiontime))

    return [(Waiting, "add", by_age)]


def location_ignored() -> list[Change]:
    add = Waiting.add

    def anywhere(waiting: Waiting, row: ProcessRow) -> None:
        add(waiting, replace(row, spec=replace(row.spec, conditions=replace(row.spec.conditions, locationname=""))))

    return [(Waiting, "add", anywhere)]


def pauses_ignored_by_pushes() -> list[Change]:
    fill = assigning.fill

    def regardless(step: Step, live: Live, executorid: str) -> None:
        pauses, live.tables.pauses = live.tables.pauses, {}
        try:
            fill(step, live, executorid)
        finally:
            live.tables.pauses = pauses

    return [(assigning, "fill", regardless)]


def resuming_wakes_nobody() -> list[Change]:
    return [(Live, "wake", lambda live, colony: None)]


def capacity_ignored() -> list[Change]:
    ready = Offers.ready

    def more(offers: Offers, executor: Any, conn: str, capacity: int) -> None:
        ready(offers, executor, conn, capacity + 1)

    return [(Offers, "ready", more)]


def released_work_comes_straight_back() -> list[Change]:
    return [(Live, "excluded", lambda live, executorid: {})]


def everything_held_is_kept() -> list[Change]:
    return [(executing, "_runs_at", lambda step, processid, attempt: step.tables.processes.get(processid) is not None)]


def the_end_is_not_the_end() -> list[Change]:
    moves = {**lifecycle.MOVES, (State.SUCCESS, lifecycle.Move.FAIL): State.FAILED}
    moves[State.CANCELLED, lifecycle.Move.SUCCEED] = State.SUCCESS
    return [(lifecycle, "MOVES", moves)]


def removal_of_an_executor_leaves_its_work() -> list[Change]:
    return [(lifecycle, "requeue_removed", lambda step, executorid: None)]


def steps_of_the_clock_count_as_time() -> list[Change]:
    def told_nothing(engine: Engine, by_ns: int, now: int) -> Any:
        return engine.tick(now)

    return [(Engine, "clock_stepped", told_nothing)]


def waiting_deadlines_ignored() -> list[Change]:
    set_timer = Timers.set

    def others(timers: Timers, steady: int, timer: Timer, key: str) -> None:
        if timer is not Timer.WAIT:
            set_timer(timers, steady, timer, key)

    return [(Timers, "set", others)]


def attempts_not_counted() -> list[Change]:
    assign = lifecycle.assign

    def same_attempt(step: Step, row: ProcessRow, executorid: str, *, leased: bool) -> ProcessRow:
        row = assign(step, row, executorid, leased=leased)
        return step.patch_process(row, attempt=1)

    return [(lifecycle, "assign", same_attempt)]


def a_table_not_indexed() -> list[Change]:
    return [(Tables, "_index_holder", lambda tables, key, before, after: None)]


def patches_lost_in_the_journal() -> list[Change]:
    restore = Engine.restore

    def without_output(engine: Engine, rows: Any, records: Any, now: int) -> None:
        thinned = [
            replace(
                record, writes=tuple(replace(write, changes=_without_errors(write.changes)) for write in record.writes)
            )
            for record in records
        ]
        restore(engine, rows, thinned, now)

    return [(Engine, "restore", without_output)]


def _without_errors(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name != "errors"}


def a_refusal_that_changes_something() -> list[Change]:
    close = processes.HANDLERS["closefailedmsg"]

    def hasty(step: Step, message: Any) -> Any:
        row = step.process(message.processid)
        if row is not None and row.processid in step.tables.processes:
            step.tables.processes[row.processid] = replace(row, errors=("touched",))
        return close(step, message)

    return [(door, "HANDLERS", {**door.HANDLERS, "closefailedmsg": hasty})]


def events_of_failures_forgotten() -> list[Change]:
    def concerning(subscriptions: Subscriptions, row: ProcessRow) -> Iterator[Subscription]:
        return iter(()) if row.state is State.FAILED else heard(subscriptions, row)

    heard = Subscriptions.concerning
    return [(Subscriptions, "concerning", concerning)]


def nodes_that_start_after_one_parent() -> list[Change]:
    return [(Live, "met", lambda live, row, parentid: True)]


def inputs_in_another_order() -> list[Change]:
    assign = lifecycle.assign

    def reversed_in(step: Step, row: ProcessRow, executorid: str, *, leased: bool) -> ProcessRow:
        row = assign(step, row, executorid, leased=leased)
        return step.patch_process(row, in_=row.in_[::-1])

    return [(lifecycle, "assign", reversed_in)]


def crons_that_never_wait() -> list[Change]:
    return [(crons, "_must_wait", lambda step, row: False)]


def schedules_forgotten_at_restart() -> list[Change]:
    return [(schedule_timers, "start", lambda live: None)]


def the_oldest_argument_left_behind() -> list[Change]:
    queue = generators._queue
    return [(generators, "_queue", lambda step, generatorid: queue(step, generatorid)[1:])]


# Found within a few histories, so that every test run can afford them.
QUICK: list[Callable[[], list[Change]]] = [
    answers_forgotten_at_restart, refusals_not_remembered, leases_end_at_half_time, spoken_before_written,
    deadlines_lost_at_restart, retries_not_counted, one_retry_too_many, priority_ignored, location_ignored,
    pauses_ignored_by_pushes, resuming_wakes_nobody, capacity_ignored, released_work_comes_straight_back,
    everything_held_is_kept, steps_of_the_clock_count_as_time, waiting_deadlines_ignored, attempts_not_counted,
    a_table_not_indexed, patches_lost_in_the_journal, nodes_that_start_after_one_parent, inputs_in_another_order,
    crons_that_never_wait, schedules_forgotten_at_restart, the_oldest_argument_left_behind,
]  # fmt: skip
RARE: list[Callable[[], list[Change]]] = [
    attempt_not_checked, leases_never_end, a_will_of_an_older_connection_counts, the_end_is_not_the_end,
    removal_of_an_executor_leaves_its_work, a_refusal_that_changes_something, events_of_failures_forgotten,
]  # fmt: skip
