"""The dashboard in a real browser, before a real coordinator: what a person sees, does and is told."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.dashboard import ATTACK, Worker, dashboard, furnish, signed_in, workflow
from tests.support.http_colony import HttpColony

PAGES = {
    "#/": "Overview",
    "#/processes?state=0": "Processes",
    "#/processes?state=2&label=nightly": "Processes",
    "#/processes?state=3": "Processes",
    "#/workflows?state=0": "Workflows",
    "#/submit": "Submit",
    "#/crons": "Crons",
    "#/generators": "Generators",
    "#/executors": "Executors",
    "#/executor/worker": "worker",
    "#/functions": "Functions",
    "#/locations": "Locations",
    "#/blueprints": "Blueprints",
    "#/files": "Files",
    "#/files?label=%2Fpictures%2Foak": "Files",
    "#/files?label=%2Fpictures%2Foak&name=oak.jpg": "Files",
    "#/logs?text=halfway": "Logs",
    "#/users": "Users",
    "#/server": "Server",
    "#/keys": "Keys",
}


def foreign(colony: HttpColony, browser: Browser) -> list[str]:
    """Requests to anywhere else."""
    ours = (colony.http, colony.http.replace("http", "ws", 1), "about:")
    return [one for one in browser.requests if not one.split(" ", 1)[1].startswith(ours)]


def test_every_page_shows_what_is_there_and_nothing_goes_wrong_on_any(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        ids = furnish(colony, Worker(colony))
        signed_in(colony, browser, owner=True)
        everywhere = {**PAGES, f"#/process/{ids['process']}": "work", f"#/workflow/{ids['graph']}": "Workflow"}
        for width, phone, dark in ((1280, False, False), (1024, False, True), (820, False, False), (390, True, True)):
            browser.screen(width, 844, phone=phone, dark=dark)
            for hash_, heading in everywhere.items():
                browser.go(hash_, heading)
                browser.until("!document.querySelector('.problem')")
                overflow = browser.run("document.documentElement.scrollWidth - innerWidth")
                assert overflow <= 0, f"{hash_} scrolls sideways by {overflow} at {width}"
                cut = "[...document.querySelectorAll('.table')].some((one) => one.scrollWidth > one.clientWidth + 1)"
                assert not browser.run(cut), f"{hash_} has a table that does not fit at {width}"
                unnamed = browser.run(
                    "[...document.querySelectorAll('main button, main a, main input, main select, main textarea')]"
                    ".filter((one) => !one.textContent.trim() && !one.labels?.length && !one.ariaLabel)"
                    ".map((one) => one.outerHTML)"
                )
                assert unnamed == [], f"{hash_} has what a screen reader cannot name: {unnamed}"
        assert browser.run("window.attacked") is None, "a text became HTML"
        assert browser.run("document.querySelectorAll('main img, main script').length") == 0
        assert browser.problems == []
        assert foreign(colony, browser) == []


def test_hostile_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        ids = furnish(colony, Worker(colony))
        signed_in(colony, browser)
        for hash_, heading in {
            f"#/process/{ids['process']}": "work",
            "#/functions": "Functions",
            "#/crons": "Crons",
            "#/locations": "Locations",
            "#/processes?state=3": "Processes",
            "#/logs?text=begun": "Logs",
        }.items():
            browser.go(hash_, heading)
            browser.until_text(ATTACK)
        browser.go(f"#/process/{ids['process']}", "work")
        browser.until_text(f"begun {ATTACK}", ".log")
        browser.until_text("12345678901234567890")
        browser.go(f"#/workflow/{ids['graph']}", "Workflow")
        browser.until(
            "[...document.querySelectorAll('.node title')]"
            f".some((one) => one.textContent.includes({json.dumps(ATTACK)}))"
        )
        assert browser.run("window.attacked") is None
        assert browser.problems == []


def test_lists_follow_what_happens_without_being_asked_again(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        signed_in(colony, browser)
        browser.go("#/processes?state=0", "Processes")
        browser.until("document.querySelector('.pager')?.textContent.includes('page 1')")
        asked = len(browser.requests)
        ids = [colony.submit()["processid"] for _ in range(3)]
        browser.until("document.querySelectorAll('tbody tr').length === 3")
        shown = browser.run("[...document.querySelectorAll('tbody a.id')].map((one) => one.title)")
        assert shown == ids
        process = worker.take()
        browser.until("document.querySelectorAll('tbody tr').length === 2")
        since = [one for one in browser.requests[asked:] if "POST" in one]
        assert since == [], "events carry what changed"
        worker.succeed(process)
        browser.click(".choice button", "successful")
        browser.until("document.querySelectorAll('tbody tr').length === 1")
        assert browser.problems == []


def test_a_workflow_changes_its_colours_as_its_processes_do(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        graph = workflow(colony, first=[], left=["first"], right=["first"], last=["left", "right"])
        signed_in(colony, browser)
        browser.go(f"#/workflow/{graph['processgraphid']}", "Workflow")
        browser.until("document.querySelectorAll('.node.s0').length === 4")
        first = worker.take()
        browser.until("document.querySelector('.node.s1 title')?.textContent === 'first: running'")
        worker.succeed(first)
        browser.until("document.querySelectorAll('.node.s2').length === 1")
        worker.fail(worker.take(), "no")
        browser.until_text("failed", ".heading .badge")
        browser.until("document.querySelectorAll('.node.s3').length === 3")
        browser.click(".heading button", "Remove")
        browser.click("dialog button", "Remove")
        browser.until("document.querySelector('main h1').textContent === 'Workflows'")
        assert colony.do(colony.me, "getprocessgraphsmsg", colonyname="lab", state=3, count=9) == []
        assert browser.problems == []


def test_who_waits_for_work_is_online(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        waiting = Worker(colony).wait()
        signed_in(colony, browser)
        browser.go("#/executors", "Executors")
        browser.until_text("online", "tbody .presence.on")
        browser.go("#/", "Overview")
        browser.until_text("1 of 1", ".tiles")
        colony.submit()
        waiting.join()


# --- a link that breaks, a clock that is wrong, and quiet


@pytest.mark.long
def test_a_coordinator_that_is_away_is_told_and_found_again(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser)
        browser.go("#/processes?state=0", "Processes")
        browser.until("document.querySelector('.pager')")
        colony.stop()
        browser.until("!document.querySelector('#banner').hidden")
        browser.until_text("cannot be reached", "#banner")
        colony.start()
        browser.until("document.querySelector('#banner').hidden")
        colony.submit()
        browser.until("document.querySelectorAll('tbody tr').length === 1")


def test_a_computer_whose_clock_is_wrong_is_told_the_time_once(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        browser.say(
            "Page.addScriptToEvaluateOnNewDocument",
            source="{ const real = Date.now; Date.now = () => real() - 7 * 86400000; }",
        )
        worker = Worker(colony)
        signed_in(colony, browser)
        browser.until_text("0", ".tile.s0 strong")
        refused = [one for one in browser.problems if "425" in one]
        assert len(refused) <= 4, "those that were under way when the first answer came"
        browser.go("#/processes?state=0", "Processes")
        browser.until("document.querySelector('.pager')")
        colony.submit()
        browser.until("document.querySelectorAll('tbody tr').length === 1")
        browser.until("/now|s ago/.test(document.querySelector('tbody time').textContent)")
        worker.take()
        browser.until("document.querySelectorAll('tbody tr').length === 0")


@pytest.mark.long
def test_a_page_that_nobody_touches_asks_for_little(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        furnish(colony, Worker(colony))
        signed_in(colony, browser)
        browser.until_text("ended in the last")
        browser.quiet(1)
        assert len(browser.quiet(6.5)) <= 3, "counters every few seconds"
        for hash_, heading in {
            "#/processes?state=2": "Processes",
            "#/workflows?state=0": "Workflows",
            "#/files": "Files",
        }.items():
            browser.go(hash_, heading)
            browser.until("document.querySelector('table')")
            browser.quiet(0.5)
            assert browser.quiet(4) == [], f"{hash_} is told what happens and does not ask"


@pytest.mark.long
def test_a_page_that_nobody_sees_asks_for_nothing_and_is_up_to_date_when_it_is_seen_again(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser)
        browser.quiet(1)
        other = browser.say("Target.createTarget", url="about:blank")["targetId"]
        browser.say("Target.activateTarget", targetId=other)
        browser.until("document.hidden")
        colony.submit()
        assert browser.quiet(7) == []
        browser.say("Page.bringToFront")
        browser.until_text("1", ".tile.s0 strong")
        assert browser.problems == []


def test_the_keyboard_is_enough(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        browser.screen(1280, 800)  # where the list of pages is beside them
        signed_in(colony, browser)
        reached = []
        for _ in range(40):
            for kind in ("keyDown", "keyUp"):
                browser.say("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            reached.append(
                browser.run("document.activeElement.textContent || document.activeElement.getAttribute('aria-label')")
            )
        assert {"Skip to the content", "Processes", "Executors", "Keys", "Submit work"} <= set(reached)
        outlined = browser.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outlined == "solid", "where the keyboard is can be seen"


def test_threads_of_this_file_have_ended() -> None:
    assert [one.name for one in threading.enumerate() if one.name in ("chromium", "coordinator")] == []
