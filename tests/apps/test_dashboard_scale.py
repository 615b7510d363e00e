"""The dashboard before a colony with ten thousand processes, and before a workflow of a thousand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer
from tests.support.dashboard import dashboard, signed_in
from tests.support.http_colony import HttpColony, spec

WAITING, CANCELLED = 8_000, 2_000
AT_ONCE = 500  # calls that are under way
PAGE = 50


def crowd(colony: HttpColony) -> tuple[list[str], list[str]]:
    """Ten thousand processes: those that wait, in the order of their submission, and those that were cancelled."""

    async def submit_all() -> tuple[list[str], list[str]]:
        async with AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as client:
            ids: list[str] = []
            for start in range(0, WAITING + CANCELLED, AT_ONCE):
                calls = (client.submit(spec=spec(label=f"batch-{start}", args=[start + n])) for n in range(AT_ONCE))
                ids += [process.processid for process in await asyncio.gather(*calls)]
            for start in range(WAITING, WAITING + CANCELLED, AT_ONCE):
                await asyncio.gather(*(client.cancel_process(processid) for processid in ids[start : start + AT_ONCE]))
            return ids[:WAITING], ids[WAITING:]

    return asyncio.run(submit_all())


@pytest.mark.long
def test_ten_thousand_processes_are_paged_filtered_and_found(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        waiting, cancelled = crowd(colony)
        signed_in(colony, browser)
        browser.until_text("8 000", ".tile.s0")
        browser.until_text("2 000", ".tile.s4")

        def ids() -> list[str]:
            browser.until("document.querySelectorAll('tbody tr').length > 0")
            found: list[str] = browser.run("[...document.querySelectorAll('tbody a.id')].map((one) => one.title)")
            return found

        for state, all_ids in ((0, waiting), (4, cancelled)):
            browser.go(f"#/processes?state={state}", "Processes")
            seen: list[str] = []
            for number in range(1, 6):
                browser.until_text(f"page {number}", ".pager")
                seen += ids()
                browser.click(".pager button", "Next")
            browser.until_text("page 6", ".pager")
            assert len(set(seen)) == 5 * PAGE and set(seen) <= set(all_ids), "each once, and of that state"
            browser.click(".pager button", "Previous")
            browser.until_text("page 5", ".pager")
            assert ids() == seen[-PAGE:]

        browser.go("#/processes?state=0&label=batch-7500", "Processes")
        assert set(ids()) <= set(waiting[7500:])
        browser.run(f"document.querySelector('#find input').value = '{waiting[7777]}'")
        browser.run("document.querySelector('#find').requestSubmit()")
        browser.until(f"location.hash === '#/process/{waiting[7777]}'")
        browser.until_text("7777", "pre")
        assert browser.problems == []


@pytest.mark.long
def test_a_list_with_more_news_than_can_be_followed_is_read_now_and_then_and_follows_again(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser)
        browser.go("#/processes?state=0", "Processes")
        browser.until_text("No waiting process", ".table")
        assert browser.run("document.querySelector('p[role=status]').hidden")
        for number in range(60):
            colony.submit(label=f"batch-{number}")
        browser.until("!document.querySelector('p[role=status]').hidden")
        heard = len(browser.frames)
        browser.until("document.querySelectorAll('tbody tr').length === 50 && !document.querySelector('.pager').hidden")
        browser.until("document.querySelector('p[role=status]').hidden")
        browser.quiet(0.5)
        assert heard < 50, "the coordinator wrote no more of them than a person could read"
        assert len(browser.frames) - heard <= 2, "and then only that it tells again"
        worker = colony.worker()
        first = colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)["processid"]
        browser.until(f"!document.querySelector('a[title=\"{first}\"]')")
        assert browser.problems == []


@pytest.mark.long
def test_long_lists_of_workflows_crons_and_generators_are_paged(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        flow = {"colonyname": "lab", "functionspecs": [{**spec(), "nodename": "only"}]}
        made = {"colonyname": "lab", "workflowspec": json.dumps(flow)}
        graphs = [colony.do(colony.me, "submitworkflowspecmsg", spec=flow)["processgraphid"] for _ in range(103)]
        for number in range(60):
            colony.do(colony.me, "addcronmsg", cron={**made, "name": f"cron-{number}", "interval": 3_600})
        generators = []
        for number in range(21):
            generator = {**made, "name": f"generator-{number}", "trigger": 5}
            generators.append(colony.do(colony.me, "addgeneratormsg", generator=generator)["generatorid"])
        colony.do(colony.me, "packgeneratormsg", generatorid=generators[20], arg="one")
        signed_in(colony, browser)

        def first_cells(rows: int) -> list[str]:
            browser.until(f"document.querySelectorAll('tbody tr').length === {rows}")
            cells = "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[0])"
            found: list[str] = browser.run(f"{cells}.map((cell) => cell.querySelector('a')?.title || cell.textContent)")
            return found

        browser.go("#/workflows?state=0", "Workflows")
        seen = first_cells(PAGE)
        browser.click(".pager button", "Next")
        browser.until_text("page 2", ".pager")
        seen += first_cells(PAGE)
        browser.click(".pager button", "Next")
        assert seen + first_cells(3) == graphs[::-1], "each once, the latest first"
        assert browser.run("[...document.querySelectorAll('.pager button')].map((one) => one.disabled)") == [
            False,
            True,
        ]
        colony.do(colony.me, "cancelprocessgraphmsg", processgraphid=graphs[0])
        assert first_cells(2) == [graphs[2], graphs[1]], "a later page follows too"
        browser.click(".pager button", "Previous")
        browser.until_text("page 2", ".pager")
        assert first_cells(PAGE) == seen[PAGE:]
        colony.do(colony.me, "cancelprocessgraphmsg", processgraphid=seen[PAGE])
        browser.until(f"document.querySelector('tbody a.id').title === {seen[PAGE + 1]!r}")
        assert first_cells(PAGE) == [*seen[PAGE + 1 :], graphs[2]], "what follows moves up"

        browser.go("#/crons", "Crons")
        assert first_cells(PAGE) == [f"cron-{number}" for number in range(PAGE)]
        browser.click(".pager button", "Next")
        assert first_cells(10) == [f"cron-{number}" for number in range(PAGE, 60)]

        browser.go("#/generators", "Generators")
        assert first_cells(20) == [f"generator-{number}" for number in range(20)]
        browser.click(".pager button", "Next")
        assert first_cells(1) == ["generator-20"]
        assert browser.run("document.querySelector('tbody tr').cells[2].textContent") == "1"
        colony.do(colony.me, "removegeneratormsg", generatorid=generators[19])
        browser.until_text("generator-0", "tbody")  # where the page before ended is gone: the list begins again
        assert browser.problems == [one for one in browser.problems if "400" in one]


def test_a_workflow_of_a_thousand_is_drawn_and_stays_alive(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        nodes: list[dict[str, Any]] = []
        for number in range(1_000):
            before = [f"n{number - 20}", f"n{max(0, number - 27)}"] if number >= 20 else []
            conditions = {"executortype": "cli", "dependencies": before}
            nodes.append({"nodename": f"n{number}", "funcname": "f", "conditions": conditions})
        graph = colony.do(colony.me, "submitworkflowspecmsg", spec={"colonyname": "lab", "functionspecs": nodes})
        worker = colony.worker()
        browser.screen(1280, 900)
        signed_in(colony, browser)
        browser.go(f"#/workflow/{graph['processgraphid']}", "Workflow")
        browser.until("document.querySelectorAll('.node.s0').length === 1000")
        assert browser.run("document.querySelectorAll('.edges path').length") == 1_959
        before = browser.run("document.querySelector('.graph').getAttribute('viewBox')")
        box = browser.run(
            "(({ x, y, width }) => [x + width / 2, y + 200])(document.querySelector('.graph').getBoundingClientRect())"
        )
        wheel = {"type": "mouseWheel", "x": box[0], "y": box[1], "deltaX": 0}
        browser.say("Input.dispatchMouseEvent", **wheel, deltaY=100)
        browser.until("scrollY > 0")  # who only comes by is not held up
        assert browser.run("document.querySelector('.graph').getAttribute('viewBox')") == before
        browser.run("scrollTo(0, 0)")
        browser.say("Input.dispatchMouseEvent", **wheel, deltaY=-100, modifiers=2)
        browser.until(f"document.querySelector('.graph').getAttribute('viewBox') !== {before!r}")
        for _ in range(20):
            process = colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)
            colony.do(worker, "closesuccessfulmsg", processid=process["processid"])
        browser.until("document.querySelectorAll('.node.s2').length === 20")
        browser.until_text("page 1 of 20", ".pager")
        browser.click(".pager button", "Next")
        browser.until_text("n50", "tbody")
        assert browser.problems == []
