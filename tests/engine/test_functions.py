"""The registry of functions and its figures."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.protocol import limits
from tests.support.engine_bench import LAB, Bench, add_executor, colony, running

RENDER = {"colonyname": LAB, "executorname": "worker", "funcname": "render"}


def figures(bench: Bench) -> dict[str, Any]:
    function: dict[str, Any] = bench.do("ann", "getfunctionsmsg", colonyname=LAB, executorname="worker")[0]
    return function


def run(bench: Bench, seconds: float, **fields: Any) -> str:
    process = running(bench, funcname="render", **fields)
    bench.sleep(seconds)
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"])
    return str(process["processid"])


def test_what_a_function_says_of_its_past_and_its_type_is_not_believed() -> None:
    bench = colony()
    boast = {"counter": 7, "avgexectime": 1.5, "executortype": "gpu", "locationname": "moon"}
    stored = bench.do("worker", "addfunctionmsg", fun={**RENDER, **boast})
    assert (stored["counter"], stored["avgexectime"], stored["executortype"]) == (0, 0, "cli")
    assert "locationname" not in stored


def test_figures_are_those_of_upstream() -> None:
    bench = colony()
    bench.do("worker", "addfunctionmsg", fun=RENDER)
    run(bench, 2)
    assert figures(bench)["counter"] == 1
    first = figures(bench)["maxexectime"]
    assert first == pytest.approx(2, abs=0.01)
    run(bench, 1)
    second = figures(bench)["minexectime"]
    assert second == pytest.approx(1, abs=0.01)
    assert figures(bench)["avgexectime"] == pytest.approx((first + second) / 2)
    run(bench, 4)
    assert figures(bench)["maxexectime"] == pytest.approx(4, abs=0.01)
    assert figures(bench)["avgexectime"] == pytest.approx(((first + second) / 2 + figures(bench)["maxexectime"]) / 2)


def test_all_rows_of_one_name_get_the_same_figures() -> None:
    bench = colony()
    for _ in range(2):
        bench.do("worker", "addfunctionmsg", fun=RENDER)
    run(bench, 1)
    rows = bench.do("ann", "getfunctionsmsg", colonyname=LAB, executorname="worker")
    assert [row["counter"] for row in rows] == [1, 1]
    assert len({row["functionid"] for row in rows}) == 2


def test_a_late_result_is_counted_for_who_brought_it() -> None:
    bench = colony()
    bench.do("worker", "addfunctionmsg", fun=RENDER)
    process = running(bench, funcname="render", maxexectime=1, maxretries=3)
    bench.sleep(5)
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["state"] == 0
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"], attempt=1)
    assert figures(bench)["counter"] == 1


def test_a_result_repeated_from_the_archive_is_not_counted_twice() -> None:
    bench = colony(finished_keep_s=0)
    bench.do("worker", "addfunctionmsg", fun=RENDER)
    processid = run(bench, 1)
    bench.retire()
    bench.do("worker", "closesuccessfulmsg", processid=processid)
    assert figures(bench)["counter"] == 1


def test_an_id_of_ones_own_is_kept_and_cannot_be_taken_twice() -> None:
    bench = colony()
    add_executor(bench, "second")
    assert bench.do("worker", "addfunctionmsg", fun={**RENDER, "functionid": "mine"})["functionid"] == "mine"
    theirs = {**RENDER, "executorname": "second", "functionid": "mine"}
    assert bench.refused("second", "addfunctionmsg", fun=theirs)[0] == 400
    assert bench.refused("second", "removefunctionmsg", functionid="mine")[0] == 403


def test_the_number_of_functions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.engine.functions.FUNCTIONS_PER_EXECUTOR_MAX", 3)
    bench = colony()
    for _ in range(3):
        bench.do("worker", "addfunctionmsg", fun=RENDER)
    assert bench.refused("worker", "addfunctionmsg", fun=RENDER)[0] == 400
    assert limits.FUNCTIONS_PER_EXECUTOR_MAX >= 100


def test_functions_go_with_their_executor_and_with_its_name() -> None:
    bench = colony()
    bench.do("worker", "addfunctionmsg", fun=RENDER)
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    assert bench.do("ann", "getfunctionsmsg", colonyname=LAB) == []
