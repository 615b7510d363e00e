"""Retention: what is removed when it is old, what stays whatever its age, and the counters beside it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from colonies_edge.engine import retention
from tests.support.engine_bench import LAB, Bench, colony, running, spec
from tests.support.workflows import Graph, workflow

HOUR = 3600
CHAIN = {"a": [], "b": ["a"], "c": ["b"]}


def kept(**settings: Any) -> Bench:
    """A colony with a retention of an hour, whose executor may be silent for as long as it likes."""
    return colony(**{"retention_s": HOUR, "finished_keep_s": 0, "stale_executor_s": 1e9, **settings})


def settle(bench: Bench, archived: bool) -> None:
    if archived:
        bench.sleep(1)
        bench.retire()


def done(bench: Bench, msgtype: str = "closesuccessfulmsg", **fields: Any) -> str:
    """A process that ended."""
    processid: str = running(bench, **fields)["processid"]
    bench.do("worker", "addlogmsg", processid=processid, message=f"of {processid[:4]}")
    bench.do("worker", msgtype, processid=processid)
    return processid


def is_there(bench: Bench, processid: str) -> bool:
    status, _ = bench.ask("ann", {"msgtype": "getprocessmsg", "processid": processid})
    return status == 200


def stats(bench: Bench) -> dict[str, int]:
    found: dict[str, int] = bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    return {key: number for key, number in found.items() if number and key.endswith(("processes", "workflows"))}


def lines(bench: Bench) -> list[str]:
    found = bench.do("ann", "getlogsmsg", colonyname=LAB, executorname="worker", count=500)
    return [entry["message"] for entry in found]


@pytest.mark.parametrize("archived", [False, True], ids=["in memory", "archived"])
def test_successful_work_goes_when_it_is_old_enough_and_the_rest_stays(archived: bool) -> None:
    bench = kept()
    good, bad = done(bench), done(bench, "closefailedmsg")
    waiting = bench.do("ann", "submitfuncspecmsg", spec=spec())["processid"]
    bench.do("ann", "cancelprocessmsg", processid=waiting)
    settle(bench, archived)
    bench.sleep(HOUR - 60)
    young = done(bench)
    assert is_there(bench, good)
    bench.sleep(121)
    assert [is_there(bench, key) for key in (good, bad, waiting, young)] == [False, True, True, True]
    assert stats(bench) == {"successfulprocesses": 1, "failedprocesses": 1, "cancelledprocesses": 1}
    for checkpoint in (False, True):
        bench.restart(checkpoint=checkpoint)
        bench.sleep(1)
        assert [is_there(bench, key) for key in (good, bad, waiting, young)] == [False, True, True, True]
        assert stats(bench) == {"successfulprocesses": 1, "failedprocesses": 1, "cancelledprocesses": 1}


def test_without_it_nothing_ever_goes() -> None:
    bench = colony()
    good = done(bench)
    bench.sleep(1_000 * HOUR)
    assert is_there(bench, good) and len(lines(bench)) == 1


def test_age_counts_from_the_end_not_from_the_submission() -> None:
    bench = kept()
    old = bench.do("ann", "submitfuncspecmsg", spec=spec())["processid"]
    bench.sleep(2 * HOUR)
    bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    bench.do("worker", "closesuccessfulmsg", processid=old)
    bench.sleep(HOUR - 60)
    assert is_there(bench, old)
    bench.sleep(121)
    assert not is_there(bench, old)


@pytest.mark.parametrize("archived", [False, True], ids=["in memory", "archived"])
def test_a_workflow_leaves_whole_and_only_when_all_of_it_succeeded(archived: bool) -> None:
    bench = kept()
    whole, half = Graph(bench, CHAIN), Graph(bench, {"a": [], "b": ["a"]})
    whole.run("abc")
    half.run("a")
    nodes = [*whole.ids.values(), *half.ids.values()]
    settle(bench, archived)
    bench.sleep(2 * HOUR)
    assert [is_there(bench, key) for key in nodes] == [False] * 3 + [True] * 2
    assert stats(bench)["successfulprocesses"] == 1, "the first node of what still runs"
    assert bench.refused("ann", "getprocessgraphmsg", processgraphid=whole.id)
    half.run("b")
    bench.sleep(2 * HOUR)
    assert stats(bench) == {}
    bench.restart(checkpoint=False)
    assert stats(bench) == {} and not bench.store.history.graphs


def test_a_workflow_that_failed_keeps_what_succeeded_in_it() -> None:
    bench = kept()
    graph = Graph(bench, {"a": [], "b": ["a"]})
    graph.run("a")
    graph.take("b")
    graph.fail("b")
    settle(bench, True)
    bench.sleep(2 * HOUR)
    assert all(is_there(bench, key) for key in graph.ids.values())
    assert stats(bench) == {"successfulprocesses": 1, "failedprocesses": 1, "failedworkflows": 1}


@pytest.mark.parametrize("archived", [False, True], ids=["in memory", "archived"])
def test_the_last_workflow_of_a_cron_stays_for_its_output(archived: bool) -> None:
    bench = kept()
    cron = {"colonyname": LAB, "name": "rare", "workflowspec": json.dumps(workflow({"a": []})), "interval": 10 * HOUR}
    cronid = bench.do("ann", "addcronmsg", cron=cron)["cronid"]
    bench.do("ann", "runcronmsg", cronid=cronid)
    first = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["processid"]
    bench.do("worker", "closesuccessfulmsg", processid=first, out=["for the next"])
    settle(bench, archived)
    bench.sleep(11 * HOUR)
    process = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert process["in"] == ["for the next"]
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"])
    bench.sleep(HOUR + 121)
    assert stats(bench) == {"successfulprocesses": 1, "successfulworkflows": 1}, "the first one went"


@pytest.mark.parametrize("archived", [False, True], ids=["in memory", "archived"])
def test_lines_of_logs_go_by_their_own_age(archived: bool) -> None:
    bench = kept()
    done(bench, "closefailedmsg")
    bench.do("worker", "addexecutorlogmsg", colonyname=LAB, executorname="worker", message="own")
    settle(bench, archived)
    bench.sleep(HOUR - 60)
    bench.do("worker", "addexecutorlogmsg", colonyname=LAB, executorname="worker", message="young")
    assert len(lines(bench)) == 3
    bench.sleep(121)
    assert lines(bench) == ["young"]
    bench.restart(checkpoint=False)
    assert lines(bench) == ["young"] and stats(bench) == {"failedprocesses": 1}


@pytest.mark.parametrize("archived", [False, True], ids=["in memory", "archived"])
def test_much_goes_in_batches_and_all_of_it_goes(archived: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH", 4)
    monkeypatch.setattr(retention, "GRAPHS_AT_A_TIME", 2)
    bench = kept()
    for _ in range(10):
        done(bench)
    for _ in range(5):
        Graph(bench, {"a": []}).run("a")
    settle(bench, archived)
    bench.sleep(HOUR - 60)
    counts = []
    for _ in range(300):
        bench.sleep(0.5)
        counts.append(sum(stats(bench).values()))
    steps = [before - after for before, after in itertools.pairwise(counts) if before != after]
    assert counts[0] == 20 and counts[-1] == 0 and max(steps) <= 3 * 4
    assert lines(bench) == []


def test_a_workflow_larger_than_a_batch_goes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH", 2)
    bench = kept()
    Graph(bench, CHAIN).run("abc")
    bench.sleep(HOUR + 121)
    assert stats(bench) == {} and not bench.engine.tables.processes


def test_what_was_closed_again_counts_from_then_and_hides_nobody() -> None:
    bench = kept()
    first, second = done(bench), done(bench)
    bench.sleep(HOUR / 2)
    bench.do("worker", "closesuccessfulmsg", processid=first)
    bench.sleep(HOUR / 2 + 121)
    assert (is_there(bench, first), is_there(bench, second)) == (True, False)
    bench.sleep(1)
    bench.retire()
    bench.sleep(HOUR / 2)
    assert stats(bench) == {}
