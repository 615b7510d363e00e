"""What a page that shows a colony asks for: jobs per minute, who is there, news of everything or of one workflow."""

from __future__ import annotations

from colonies_edge.protocol.limits import PACE_MINUTES_MAX
from tests.engine.calls import lab
from tests.engine.test_subscriptions import heard, watch_all
from tests.support.engine_bench import LAB, SECOND, Bench, add_executor, colony, found_colony, identity, running, spec


def pace(bench: Bench, minutes: int) -> tuple[list[int], list[int]]:
    statistics = bench.do("ann", "getcolonystatsmsg", colonyname=LAB, minutes=minutes)
    return statistics["endedperminute"], statistics["failedperminute"]


def test_ends_are_counted_by_the_minute() -> None:
    bench = colony()
    for _ in range(2):
        bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.sleep(60)
    bench.do("worker", "closefailedmsg", processid=running(bench)["processid"], errors=["no"])
    assert pace(bench, 3) == ([0, 2, 1], [0, 0, 1])
    bench.sleep(60)
    assert pace(bench, 3) == ([2, 1, 0], [0, 1, 0])


def test_a_restart_counts_again_what_is_in_memory() -> None:
    bench = colony()
    bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.sleep(60)
    bench.restart()
    assert pace(bench, 2) == ([1, 0], [0, 0])


def test_the_counts_are_there_only_when_they_are_asked_for_and_within_bounds() -> None:
    bench = colony()
    assert "endedperminute" not in bench.do("ann", "getcolonystatsmsg", colonyname=LAB)
    assert len(pace(bench, PACE_MINUTES_MAX)[0]) == PACE_MINUTES_MAX
    for minutes in (-1, PACE_MINUTES_MAX + 1):
        assert bench.refused("ann", "getcolonystatsmsg", colonyname=LAB, minutes=minutes)[0] == 400


def test_days_of_work_take_no_more_room_than_the_latest_hours() -> None:
    bench = colony(finished_keep_s=0)
    for _ in range(3 * PACE_MINUTES_MAX):
        bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
        bench.retire()
        bench.now += 60_000_000_000
    assert sum(pace(bench, PACE_MINUTES_MAX)[0]) == PACE_MINUTES_MAX - 1
    assert len(bench.engine._live.pace._ended[LAB]) <= 2 * PACE_MINUTES_MAX


def test_a_colony_that_is_founded_again_begins_with_nothing() -> None:
    bench = colony()
    bench.do("worker", "closesuccessfulmsg", processid=running(bench)["processid"])
    bench.do("server", "removecolonymsg", colonyname=LAB)
    found_colony(bench)
    user = {"colonyname": LAB, "userid": "ab" * 32, "name": "bo", "email": "", "phone": ""}
    bench.do("owner", "addusermsg", user=user)
    add_executor(bench, "other")
    assert bench.do("other", "getcolonystatsmsg", colonyname=LAB, minutes=2)["endedperminute"] == [0, 0]


def test_who_is_ready_is_online_until_its_connection_breaks() -> None:
    calls = lab()

    def online() -> bool:
        return bool(calls.answer("ann", "getexecutorsmsg", colonyname=LAB)[1][0].get("online", False))

    assert not online()
    calls.answer("worker", "readymsg", colonyname=LAB, capacity=1, holding=[], conn="conn0007")
    assert online()
    worker = calls.answer("ann", "getexecutormsg", colonyname=LAB, executorname="worker")[1]
    assert worker["online"] is True
    calls.engine.presence(worker["executorid"], "conn0007", False, calls.now + 1)
    assert not online()
    shown = calls.answer("ann", "getexecutormsg", colonyname=LAB, executorname="worker")[1]
    assert shown["left"] is True, "it need not be silent for long to be known as gone"
    calls.now += SECOND
    calls.answer("worker", "readymsg", colonyname=LAB, capacity=1, holding=[], conn="conn0008")
    assert "left" not in calls.answer("ann", "getexecutormsg", colonyname=LAB, executorname="worker")[1]


def test_who_waits_in_a_long_poll_is_online_while_it_does() -> None:
    bench = colony()
    bench.say("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 5})
    assert bench.do("ann", "getexecutorsmsg", colonyname=LAB)[0]["online"] is True
    bench.sleep(5)
    assert "online" not in bench.do("ann", "getexecutorsmsg", colonyname=LAB)[0]


def test_an_executor_does_not_register_itself_as_online() -> None:
    bench = colony()
    add_executor(bench, "boaster", online=True)
    assert "online" not in bench.do("ann", "getexecutormsg", colonyname=LAB, executorname="boaster")


def test_an_empty_type_means_every_type() -> None:
    calls = lab()
    assert watch_all(calls, 0, kind="") == 200
    calls.submit()
    calls.submit(conditions={"executortype": "other"})
    calls.submit(conditions={"executortype": ""})
    assert heard(calls) == [(".1", 0), (".2", 0), (".3", 0)], "each once"


def test_the_processes_of_one_workflow_are_heard_of_and_no_others() -> None:
    calls = lab()
    workflow = {"colonyname": LAB, "functionspecs": [spec(nodename="only")]}
    graph = calls.answer("ann", "submitworkflowspecmsg", spec=workflow)[1]
    assert watch_all(calls, 0, 1, 2, kind="", processgraphid=graph["processgraphid"]) == 200
    calls.pull()
    calls.submit()
    calls.pull()
    assert heard(calls) == [(".1", 1)]
    assert calls.events == []


def test_processes_of_an_unknown_workflow_cannot_be_watched() -> None:
    calls = lab()
    status, value = calls.answer(
        "ann", "subscribeprocessesmsg", colonyname=LAB, processgraphid="ab" * 32, states=[1], timeout=9
    )
    assert (status, value["message"]) == (
        400,
        f"Failed to subscribe to processes, colony <{LAB}> has no workflow {'ab' * 32}",
    )


def test_a_bridge_is_shown_with_its_executor_while_it_is_there() -> None:
    calls = lab()
    worker = calls.do("ann", "getexecutormsg", colonyname=LAB, executorname="worker")
    assert "bridge" not in worker
    told = {"edge": {"line": "up"}, "cloud": {"line": "down", "lasterror": "no route"}}
    calls.engine.presence(worker["executorid"], "conn0007", True, calls.now, told)
    assert calls.do("ann", "getexecutorsmsg", colonyname=LAB)[0]["bridge"] == told
    calls.engine.presence(worker["executorid"], "conn0007", False, calls.now + 1)
    assert "bridge" not in calls.do("ann", "getexecutorsmsg", colonyname=LAB)[0]


def test_nobody_registers_as_a_bridge_that_he_is_not() -> None:
    calls = lab()
    executor = {"colonyname": LAB, "executorid": identity("new"), "executorname": "new", "executortype": "t"}
    claims = {"bridge": {"edge": {"line": "up"}}, "online": True}
    added = calls.do("owner", "addexecutormsg", executor={**executor, **claims})
    assert "bridge" not in added and "online" not in added
