"""Logs: order, bounds, and memory and archive as one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine_bench import LAB, STEP, Bench, add_executor, colony, found_colony, running


def lines(bench: Bench, **query: Any) -> list[str]:
    found = bench.do("ann", "getlogsmsg", **{"colonyname": LAB, "count": 100, **query})
    return [entry["message"] for entry in found]


def log(bench: Bench, processid: str, *messages: str) -> None:
    for message in messages:
        bench.do("worker", "addlogmsg", processid=processid, message=message)


def own(bench: Bench, *messages: str) -> None:
    for message in messages:
        bench.do("worker", "addexecutorlogmsg", colonyname=LAB, executorname="worker", message=message)


def mixed() -> tuple[Bench, str]:
    """Lines of a process in the archive, of the executor itself, and of a running process, in turns."""
    bench = colony(finished_keep_s=0)
    own(bench, "1 own")
    first = running(bench)["processid"]
    log(bench, first, "2 archived", "3 archived")
    own(bench, "4 own")
    bench.do("worker", "closesuccessfulmsg", processid=first)
    bench.retire()
    second = running(bench)["processid"]
    log(bench, second, "5 running")
    own(bench, "6 own")
    return bench, first


def test_an_executors_lines_come_in_order_from_memory_and_archive() -> None:
    bench, _ = mixed()
    whole = ["1 own", "2 archived", "3 archived", "4 own", "5 running", "6 own"]
    assert lines(bench, executorname="worker") == whole
    for count in range(len(whole) + 1):
        assert lines(bench, executorname="worker", count=count) == whole[:count]
        assert lines(bench, executorname="worker", count=count, latest=True) == whole[len(whole) - count :]


def test_a_reader_that_goes_on_after_the_last_time_stamp_sees_every_line_once() -> None:
    bench, _ = mixed()
    seen: list[str] = []
    since = 0
    while True:
        page = bench.do("ann", "getlogsmsg", colonyname=LAB, executorname="worker", count=2, since=since)
        if not page:
            break
        seen += [entry["message"] for entry in page]
        since = page[-1]["timestamp"]
    assert seen == lines(bench, executorname="worker")


def test_lines_in_one_instant_get_time_stamps_of_their_own() -> None:
    bench = colony()
    processid = running(bench)["processid"]
    for number in range(5):
        bench.now -= STEP  # the time does not pass
        log(bench, processid, str(number))
    found = bench.do("ann", "getlogsmsg", processid=processid, count=100)
    assert [entry["message"] for entry in found] == ["0", "1", "2", "3", "4"]
    assert len({entry["timestamp"] for entry in found}) == 5


def test_an_archived_process_still_shows_its_lines() -> None:
    bench, first = mixed()
    assert lines(bench, processid=first) == ["2 archived", "3 archived"]
    assert lines(bench, processid=first, latest=True, count=1) == ["3 archived"]


def test_a_search_finds_lines_in_memory_and_archive_newest_first() -> None:
    bench, _ = mixed()
    found = bench.do("ann", "searchlogsmsg", colonyname=LAB, text="r", days=1, count=100)
    assert [entry["message"] for entry in found] == ["5 running", "3 archived", "2 archived"]
    found = bench.do("ann", "searchlogsmsg", colonyname=LAB, text="own", days=1, count=2)
    assert [entry["message"] for entry in found] == ["6 own", "4 own"]
    bench.sleep(2 * 86_400)
    assert bench.do("ann", "searchlogsmsg", colonyname=LAB, text="", days=1, count=100) == []


@pytest.mark.parametrize("restart", [False, True])
def test_lines_of_a_removed_process_stay_lines_of_their_executor(restart: bool) -> None:
    bench = colony()
    processid = running(bench)["processid"]
    log(bench, processid, "line")
    bench.do("worker", "closefailedmsg", processid=processid, errors=["x"])
    bench.do("ann", "removeprocessmsg", processid=processid)
    if restart:
        bench.restart()
    assert lines(bench, executorname="worker") == ["line"]
    assert bench.refused("ann", "getlogsmsg", processid=processid, count=1)[0] == 500


@pytest.mark.parametrize("restart", [False, True])
def test_the_oldest_lines_of_an_executor_go_and_those_of_its_running_process_stay(
    monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    monkeypatch.setattr("colonies_edge.engine.logs.LOGS_PER_EXECUTOR_MAX", 4)
    bench = colony()
    removed = running(bench)["processid"]
    log(bench, removed, "removed 1", "removed 2")
    bench.do("worker", "closefailedmsg", processid=removed, errors=[])
    bench.do("ann", "removeprocessmsg", processid=removed)
    log(bench, running(bench)["processid"], "running")
    if restart:
        bench.restart()
    own(bench, "a", "b", "c")
    assert lines(bench, executorname="worker") == ["removed 2", "running", "a", "b", "c"]
    own(bench, "d", "e")
    assert lines(bench, executorname="worker") == ["running", "b", "c", "d", "e"]


def test_a_process_that_says_too_much_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.engine.logs.LOGS_PER_PROCESS_MAX", 2)
    bench = colony()
    processid = running(bench)["processid"]
    log(bench, processid, "1", "2")
    assert bench.refused("worker", "addlogmsg", processid=processid, message="3")[0] == 400
    assert lines(bench, processid=processid) == ["1", "2"]


def test_a_line_has_a_largest_size_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.engine.logs.LOG_MESSAGE_BYTES_MAX", 4)
    bench = colony()
    processid = running(bench)["processid"]
    log(bench, processid, "åå")
    assert bench.refused("worker", "addlogmsg", processid=processid, message="ååå")[0] == 413
    refused = bench.refused("worker", "addexecutorlogmsg", colonyname=LAB, executorname="worker", message="12345")
    assert refused[0] == 413


def test_a_count_below_zero_is_refused() -> None:
    bench = colony()
    processid = running(bench)["processid"]
    assert bench.refused("ann", "getlogsmsg", processid=processid, count=-1)[0] == 400
    assert bench.refused("ann", "searchlogsmsg", colonyname=LAB, text="", days=1, count=-1)[0] == 400


def test_lines_of_an_executor_of_the_same_name_next_door_are_not_ours() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    foreigner = {"executorname": "worker", "colonyname": "next"}
    add_executor(bench, "foreigner", owner="landlord", approve=False, **foreigner)
    bench.do("landlord", "approveexecutormsg", **foreigner)
    bench.do("foreigner", "addexecutorlogmsg", **foreigner, message="theirs")
    own(bench, "ours")
    assert lines(bench, executorname="worker") == ["ours"]
