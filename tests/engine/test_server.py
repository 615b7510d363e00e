"""What the server says of itself, its counters, and pausing."""

from __future__ import annotations

from colonies_edge.protocol.model import Backend
from tests.support.engine_bench import LAB, Bench, add_executor, colony, found_colony, identity, running, spec

COUNTERS = [
    "colonies", "executors", "activeexecutors", "unregisteredexecutors",
    "waitingprocesses", "runningprocesses", "successfulprocesses", "failedprocesses", "cancelledprocesses",
    "waitingworkflows", "runningworkflows", "successfulworkflows", "failedworkflows", "cancelledworkflows",
]  # fmt: skip


def test_the_server_says_its_build_and_how_to_reach_it() -> None:
    bench = Bench(
        build_version="1.2.3", build_time="then", backends=(Backend(type="mqtt", port=1883, host="10.0.0.5", tls=True),)
    )
    assert bench.ask(None, {"msgtype": "versionmsg"}) == (
        200,
        {"buildversion": "1.2.3", "buildtime": "then", "msgtype": "versionmsg"},
    )
    assert bench.ask(None, {"msgtype": "getserverinfomsg"})[1] == {
        "buildversion": "1.2.3",
        "buildtime": "then",
        "backends": [{"type": "mqtt", "port": 1883, "host": "10.0.0.5", "tls": True}],
    }
    cluster = bench.do("server", "getclustermsg")
    assert cluster["nodes"] == [cluster["leader"]]
    assert (cluster["leader"]["host"], cluster["leader"]["apiport"]) == ("10.0.0.5", 1883)


def test_the_counters_of_the_server_are_all_filled_over_all_colonies() -> None:
    bench = colony(finished_keep_s=0)
    found_colony(bench, "next", owner="landlord")
    add_executor(bench, "foreigner", owner="landlord", colonyname="next")
    add_executor(bench, "gone")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="gone")
    bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.do("worker", "closefailedmsg", processid=running(bench)["processid"], errors=["x"])
    bench.do("ann", "cancelprocessmsg", processid=running(bench)["processid"])
    bench.retire()
    running(bench)
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    bench.do("foreigner", "submitfuncspecmsg", spec=spec("next"))
    counters = bench.do("server", "getstatisticsmsg")
    assert list(counters) == COUNTERS
    assert list(counters.values()) == [2, 2, 2, 1, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    bench.restart()
    assert bench.do("server", "getstatisticsmsg") == counters
    bench.restart(checkpoint=False)
    assert bench.do("server", "getstatisticsmsg") == counters


def test_counters_follow_what_is_removed_from_the_archive() -> None:
    bench = colony(finished_keep_s=0)
    first = running(bench)["processid"]
    bench.do("worker", "closesuccessfulmsg", processid=first)
    bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.do("worker", "closefailedmsg", processid=running(bench)["processid"], errors=["x"])
    bench.retire()
    bench.do("ann", "removeprocessmsg", processid=first)
    counters = bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    assert (counters["successfulprocesses"], counters["failedprocesses"]) == (1, 1)
    bench.do("owner", "removeallprocessesmsg", colonyname=LAB, state=2)
    counters = bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    assert (counters["successfulprocesses"], counters["failedprocesses"]) == (0, 1)


def test_another_owner_of_the_server_takes_over_and_replies_stay_those_of_the_same_coordinator() -> None:
    bench = Bench()
    assert bench.refused("server", "changeserveridmsg", serverid="A" * 64)[0] == 400
    bench.do("server", "changeserveridmsg", serverid=identity("heir"))
    assert bench.refused("server", "getcoloniesmsg")[0] == 403
    assert bench.do("heir", "getcoloniesmsg") == []
    assert bench.engine.tables.identity == identity("server")


def test_a_pause_survives_a_restart_and_a_resume_wakes_a_waiting_executor() -> None:
    bench = colony()
    bench.do("owner", "pauseassignmentsmsg", colonyname=LAB)
    bench.restart(checkpoint=False)
    process = bench.do("ann", "submitfuncspecmsg", spec=spec())
    call = bench.say("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 60})
    assert bench.reply(call) is None
    bench.do("owner", "resumeassignmentsmsg", colonyname=LAB)
    answer = bench.reply(call)
    assert answer is not None
    assert answer[1]["processid"] == process["processid"]


def test_pausing_twice_writes_once() -> None:
    bench = colony()
    for msgtype in ("pauseassignmentsmsg", "resumeassignmentsmsg"):
        bench.do("owner", msgtype, colonyname=LAB)
        assert len(bench.outcome.records[0].writes) == 1
        bench.do("owner", msgtype, colonyname=LAB)
        assert not bench.outcome.records[0].writes


def test_a_paused_colony_pushes_nothing_until_it_is_resumed() -> None:
    bench = colony()
    bench.do("owner", "pauseassignmentsmsg", colonyname=LAB)
    bench.do("worker", "readymsg", colonyname=LAB, capacity=1, holding=[])
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    assert bench.pushes == []
    bench.do("owner", "resumeassignmentsmsg", colonyname=LAB)
    assert [push.payloadtype for push in bench.pushes] == ["assignprocessmsg"]
