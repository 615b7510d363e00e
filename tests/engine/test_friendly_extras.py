"""What existing SDKs and dashboards send although the Go server never understood it, each with what it does here."""

from __future__ import annotations

import json

import pytest

from tests.support.engine_bench import LAB, add_executor, colony, running, spec
from tests.support.workflows import DIAMOND, Graph, workflow


@pytest.mark.parametrize("key", ["fun", "function"])
def test_a_function_is_registered_under_the_key_of_either_sdk(key: str) -> None:
    bench = colony()
    function = {"colonyname": LAB, "executorname": "worker", "funcname": "render"}
    bench.do("worker", "addfunctionmsg", **{key: function})
    for msgtype in ("getfunctionsmsg", "getfunctionsbyexecutormsg"):
        found = bench.do("ann", msgtype, colonyname=LAB, executorname="worker")
        assert [row["funcname"] for row in found] == ["render"]


def test_old_names_of_removals_remove() -> None:
    bench = colony()
    add_executor(bench, "spare")
    processid = bench.do("ann", "submitfuncspecmsg", spec=spec())["processid"]
    assert bench.do("ann", "deleteprocessmsg", processid=processid) == {}
    assert bench.refused("ann", "getprocessmsg", processid=processid)
    assert bench.do("owner", "deleteexecutormsg", colonyname=LAB, executorname="spare") == {}
    states = {row["executorname"]: row["state"] for row in bench.do("ann", "getexecutorsmsg", colonyname=LAB)}
    assert states["spare"] != 1


def test_all_processes_of_a_workflow_whatever_their_state() -> None:
    bench = colony()
    graph = Graph(bench, DIAMOND)
    graph.run("a")
    found = bench.do("ann", "getprocessesmsg", colonyname=LAB, processgraphid=graph.id, state=-1, count=100)
    assert {row["processid"] for row in found} == set(graph.ids.values())


def test_a_cron_waits_also_when_the_word_is_cut_short() -> None:
    bench = colony()
    cron = {"colonyname": LAB, "name": "c", "workflowspec": json.dumps(workflow({"a": []})), "interval": 60}
    added = bench.do("ann", "addcronmsg", cron={**cron, "waitforprevprocessgrap": True})
    assert added["waitforprevprocessgraph"] is True


def test_rusts_number_for_variables_of_the_environment_is_taken_and_given_back() -> None:
    bench = colony()
    processid = running(bench)["processid"]
    attribute = {"targetid": processid, "targetcolonyname": LAB, "attributetype": 4, "key": "k", "value": "v"}
    added = bench.do("worker", "addattributemsg", attribute=attribute)
    assert (added["attributetype"], added["value"]) == (4, "v")
    assert bench.do("ann", "getattributemsg", attributeid=added["attributeid"]) == added


def test_a_process_without_a_time_limit_is_not_out_of_time_after_a_second() -> None:
    bench = colony(stale_executor_s=1e9)
    processid = running(bench, maxexectime=0, maxwaittime=0)["processid"]
    bench.sleep(10_000)
    assert bench.do("ann", "getprocessmsg", processid=processid)["state"] == 1
