"""Long lists page by page: every process once, in one order, wherever it lies and whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine_bench import LAB, SECOND, Bench, colony, spec


def submit(bench: Bench, count: int, **fields: Any) -> list[str]:
    ids = []
    for _ in range(count):
        bench.now += SECOND
        ids.append(bench.do("ann", "submitfuncspecmsg", spec=spec(**fields))["processid"])
    return ids


def end(bench: Bench, count: int) -> None:
    for _ in range(count):
        bench.now += SECOND
        process = bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
        bench.do("worker", "closesuccessfulmsg", processid=process["processid"])


def page(bench: Bench, state: int, after: str = "", count: int = 3, **fields: Any) -> list[str]:
    rows = bench.do(
        "ann", "getprocessesmsg", **{"colonyname": LAB, "state": state, "count": count, "after": after, **fields}
    )
    return [row["processid"] for row in rows]


def all_pages(bench: Bench, state: int, **fields: Any) -> list[list[str]]:
    pages = [page(bench, state, **fields)]
    while pages[-1]:
        pages.append(page(bench, state, after=pages[-1][-1], **fields))
    return pages[:-1]


def test_pages_of_what_waits_are_in_the_order_in_which_it_is_served() -> None:
    bench = colony()
    ids = submit(bench, 7)
    urgent = submit(bench, 1, priority=1)
    assert all_pages(bench, 0) == [[*urgent, *ids[:2]], ids[2:5], ids[5:]]


def test_a_page_follows_a_process_that_has_begun_meanwhile() -> None:
    bench = colony()
    ids = submit(bench, 5)
    first = page(bench, 0, count=2)
    end(bench, 2)
    assert page(bench, 0, after=first[-1]) == ids[2:]


def test_pages_of_what_runs_begin_with_the_oldest_and_lose_nothing_when_the_cursor_ends() -> None:
    bench = colony()
    ids = submit(bench, 5)
    for _ in ids:
        bench.now += SECOND
        bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert all_pages(bench, 1) == [ids[:3], ids[3:]]
    bench.do("worker", "closesuccessfulmsg", processid=ids[2])
    assert page(bench, 1, after=ids[2]) == ids[3:]


def test_pages_of_what_ended_go_on_in_the_archive() -> None:
    bench = colony(finished_keep_s=3)
    ids = submit(bench, 8)
    end(bench, 8)
    bench.retire()
    assert 0 < len(bench.engine.tables.processes) < 8, "some are in memory, some are not"
    assert [one for ids in all_pages(bench, 2) for one in ids] == ids[::-1]


@pytest.mark.parametrize("archived", [False, True])
def test_of_processes_that_ended_in_the_same_moment_none_is_lost(archived: bool) -> None:
    bench = colony(finished_keep_s=0)
    specs = [spec(nodename=f"n{number}", label="mass") for number in range(8)]
    graph = bench.do("ann", "submitworkflowspecmsg", spec={"colonyname": LAB, "functionspecs": specs})
    bench.do("ann", "cancelprocessgraphmsg", processgraphid=graph["processgraphid"])
    if archived:
        bench.retire()
    pages = all_pages(bench, 4, label="mass")
    assert [len(one) for one in pages] == [3, 3, 2]
    assert [one for ids in pages for one in ids] == sorted(graph["processids"], reverse=True)


def test_pages_obey_the_filters() -> None:
    bench = colony()
    odd = submit(bench, 4, label="odd")
    submit(bench, 4)
    end(bench, 8)
    assert [one for ids in all_pages(bench, 2, label="odd") for one in ids] == odd[::-1]


def test_a_page_after_what_is_gone_is_refused_with_what_to_do() -> None:
    bench = colony()
    status, text = bench.refused("ann", "getprocessesmsg", colonyname=LAB, state=0, count=3, after="ab" * 32)
    assert status == 400
    assert text == f"Failed to get processes, {'ab' * 32} is not there any more: begin with the first page"


def test_pages_of_a_workflow_are_in_the_order_of_its_spec() -> None:
    bench = colony()
    specs = [spec(nodename=f"n{number}") for number in range(5)]
    graph = bench.do("ann", "submitworkflowspecmsg", spec={"colonyname": LAB, "functionspecs": specs})
    pages = all_pages(bench, -1, processgraphid=graph["processgraphid"])
    assert pages == [graph["processids"][:3], graph["processids"][3:]]
    fields = {"state": -1, "count": 3, "processgraphid": graph["processgraphid"], "after": "ab" * 32}
    assert bench.refused("ann", "getprocessesmsg", colonyname=LAB, **fields)[0] == 400
