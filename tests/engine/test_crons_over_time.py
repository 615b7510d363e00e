"""Crons over time: they wait for their previous run, and survive restarts, leaping clocks and each other's company."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine.timers import COMPACT_AT_LEAST
from tests.engine.calls import Calls
from tests.support.engine_bench import LAB, SECOND, START, Bench, add_executor, colony, found_colony, identity
from tests.support.schedules import add_cron, cron, finish, node, waiting, workflow

DAY = 86_400


def calls() -> Calls:
    """A coordinator with the colony `lab`, `worker` and `ann`, whose clock can be set forward."""
    bench = Calls()
    found_colony(bench)
    add_executor(bench, "worker")
    user = {"colonyname": LAB, "userid": identity("ann"), "name": "ann", "email": "", "phone": ""}
    bench.do("owner", "addusermsg", user=user)
    return bench


def shown(bench: Bench, cronid: str) -> dict[str, Any]:
    found: dict[str, Any] = bench.do("ann", "getcronmsg", cronid=cronid)
    return found


def add_cron_stamped(bench: Calls, **fields: Any) -> str:
    status, added = bench.answer("ann", "addcronmsg", cron=cron(**fields))
    assert status == 200
    return str(added["cronid"])


# Waiting for the previous run


def end_successfully(bench: Bench, process: dict[str, Any]) -> None:
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"], out=[])


def end_failed(bench: Bench, process: dict[str, Any]) -> None:
    bench.do("worker", "closefailedmsg", processid=process["processid"], errors=["no"])


def end_cancelled(bench: Bench, process: dict[str, Any]) -> None:
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=process["processgraphid"])


def end_removed(bench: Bench, process: dict[str, Any]) -> None:
    bench.do("owner", "removeallprocessgraphsmsg", colonyname=LAB, state=-1)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("end", [end_successfully, end_failed, end_cancelled, end_removed])
def test_a_cron_that_waits_runs_as_soon_as_the_previous_run_has_ended(end: Any, restarted: bool) -> None:
    bench = colony()
    cronid = add_cron(bench, interval=10, waitforprevprocessgraph=True)
    bench.sleep(11)
    first = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    bench.sleep(50)
    assert waiting(bench) == [], "it waits"
    due = shown(bench, cronid)["nextrun"]
    if restarted:
        bench.restart()
        bench.sleep(0)
        assert waiting(bench) == [] and shown(bench, cronid)["nextrun"] == due
    end(bench, first)
    bench.sleep(0)
    (second,) = waiting(bench)
    assert second["processgraphid"] == shown(bench, cronid)["prevprocessgraphid"] != first["processgraphid"]
    bench.sleep(9)
    assert len(waiting(bench)) == 1, "the next run is an interval after this one"


def test_a_cron_that_waits_is_not_looked_at_again_and_again() -> None:
    bench = colony(stale_executor_s=10**6)
    add_cron(bench, interval=10, waitforprevprocessgraph=True)
    bench.sleep(11)
    bench.sleep(20)
    deadline = bench.engine.next_deadline()
    assert deadline is not None and deadline > bench.now + 1000 * SECOND


def test_the_end_of_an_earlier_run_starts_nothing() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=1000, waitforprevprocessgraph=True)
    bench.do("ann", "runcronmsg", cronid=cronid)
    finish(bench)
    bench.sleep(1)
    assert waiting(bench) == []


# Restarts, clocks, many


@pytest.mark.parametrize("checkpoint", [True, False])
@pytest.mark.parametrize(
    "times", [{"interval": 60}, {"cronexpression": "0 * * * * *"}, {"cronexpression": "@every 1m"}]
)
def test_runs_missed_while_the_coordinator_was_away_run_once(times: dict[str, Any], checkpoint: bool) -> None:
    bench = colony()
    cronid = add_cron(bench, **times)
    bench.now += 3600 * SECOND
    bench.restart(checkpoint=checkpoint)
    bench.sleep(0)
    assert len(waiting(bench)) == 1
    after = shown(bench, cronid)
    bench.restart(checkpoint=checkpoint)
    bench.sleep(0)
    assert len(waiting(bench)) == 1 and shown(bench, cronid) == after
    bench.sleep(61)
    assert len(waiting(bench)) == 2


@pytest.mark.parametrize("times", [{"interval": 60}, {"cronexpression": "@every 60s"}])
def test_a_step_of_the_wall_clock_does_not_shorten_a_length_of_time(times: dict[str, Any]) -> None:
    bench = calls()
    add_cron_stamped(bench, **times)
    bench.pass_time(30 * SECOND)
    bench.jump(5 * DAY)
    bench.pass_time(29 * SECOND)
    assert bench.engine.tables.graphs == {}
    bench.pass_time(2 * SECOND)
    assert len(bench.engine.tables.graphs) == 1
    bench.restart(checkpoint=False)
    bench.pass_time(58 * SECOND)
    assert len(bench.engine.tables.graphs) == 1
    bench.pass_time(3 * SECOND)
    assert len(bench.engine.tables.graphs) == 2


def test_a_time_of_day_that_a_step_of_the_wall_clock_leaps_over_runs_once_and_a_later_one_when_it_comes() -> None:
    bench = calls()
    leapt = add_cron_stamped(bench, name="leapt", cronexpression="@hourly")
    later = add_cron_stamped(bench, name="later", cronexpression="0 0 0 * * *")
    midnight = bench.engine.tables.schedule.crons[later].nextrun
    bench.jump((midnight - bench.now) // SECOND - 10)
    bench.pass_time(0)
    crons = bench.engine.tables.schedule.crons
    assert crons[leapt].runs == 1 and crons[later].runs == 0
    bench.pass_time(11 * SECOND)
    assert crons[leapt].runs == 2 and crons[later].runs == 1


def test_a_thousand_crons_due_in_the_same_second_run_in_a_few_short_ticks() -> None:
    bench = colony()
    for number in range(1000):
        add_cron(bench, name=f"c{number}", cronexpression="0 0 0 29 2 *")
    due = next(iter(bench.engine.tables.schedule.crons.values())).nextrun
    bench.now = due
    ticks = 0
    while (deadline := bench.engine.next_deadline()) is not None and deadline <= due:
        bench._take(bench.engine.tick(due))
        ticks += 1
        assert all(len(record.writes) <= 3 * 256 for record in bench.outcome.records)
    assert len(bench.engine.tables.graphs) == 1000 and ticks <= 5


def test_a_tick_of_large_workflows_ends_early_and_the_rest_follows() -> None:
    bench = colony()
    large = workflow(*(node(f"n{number}") for number in range(1500)))
    for number in range(4):
        add_cron(bench, name=f"c{number}", cronexpression="0 0 0 29 2 *", workflowspec=large)
    bench.now = next(iter(bench.engine.tables.schedule.crons.values())).nextrun
    bench._take(bench.engine.tick(bench.now))
    assert len(bench.engine.tables.graphs) == 2
    bench.sleep(0)
    assert len(bench.engine.tables.graphs) == 4


def test_timers_that_do_not_matter_any_more_are_swept_out() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=10**6)
    for _ in range(COMPACT_AT_LEAST + 10):
        bench.engine._live.timers.set(bench.now + 10**15, 7, cronid)  # type: ignore[arg-type]
        bench.engine._live.timers.set(bench.now, 7, "0" * 64)  # type: ignore[arg-type]
    assert len(bench.engine._live.timers._heap) < 2 * COMPACT_AT_LEAST


def test_a_removed_colony_takes_its_crons_along() -> None:
    bench = colony()
    add_cron(bench, interval=10)
    bench.do("server", "removecolonymsg", colonyname=LAB)
    bench.sleep(20)
    assert bench.engine.tables.graphs == {} and bench.engine.tables.schedule.crons == {}
    assert bench.engine.tables.schedule.crons_in == {} and bench.engine.tables.schedule.cron_names == {}


def test_start_is_far_from_a_change_of_clocks() -> None:
    """The expectations above on times of day in Stockholm hold in winter."""
    assert START // SECOND // DAY == 20_775
