"""The dashboard while its coordinator is away, and what is told of errors."""

from __future__ import annotations

from pathlib import Path

from tests.support.dashboard import dashboard, signed_in

ACTIVE = "document.activeElement"


def test_while_the_coordinator_is_away_a_person_is_told_and_left_in_peace(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser)
        browser.run("window.first = performance.now()")
        colony.stop()
        browser.run("location.hash = '#/locations'")  # a page that was never looked at
        browser.until_text("cannot be reached", ".problem")
        browser.until("!document.querySelector('#banner').hidden")
        browser.run("document.querySelector('#find input').focus()")
        browser.run("document.querySelector('main h1').setAttribute('data-left', '')")
        browser.until("!document.querySelector('main h1').hasAttribute('data-left')")
        assert browser.run(f"{ACTIVE}.type") == "search", "a retry takes the keyboard from nobody"
        assert browser.run("document.querySelector('#banner').hidden") is False, "nor the bar away"
        colony.start()
        browser.until_text("There are no locations")
        browser.until("document.querySelector('#banner').hidden")
        assert browser.run(f"{ACTIVE}.type") == "search"
        assert browser.run("window.first > 0"), "without being loaded again"


def test_errors_are_sentences_that_stay_until_they_are_read(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        process = colony.submit()
        signed_in(colony, browser)
        for hash_, name, text in (
            ("#/executor/%E0%A4%A", "Executor", "There is no such executor."),
            ("#/process/" + "0" * 64, "Process", "There is no such process."),
            ("#/workflow/" + "0" * 64, "Workflow", "There is no such workflow."),
        ):
            browser.go(hash_, name)
            browser.until_text(text, ".problem")
        browser.go(f"#/process/{process['processid']}", "work")
        browser.until(f"{ACTIVE}.textContent === 'work'")  # all of the page was read
        colony.do(colony.me, "removeprocessmsg", processid=process["processid"])
        browser.click(".heading button", "Cancel")
        browser.click("dialog button", "Cancel it")
        browser.until_text("There is no such process.", "#notices [role=alert]")
        browser.until_text("This process was removed.", ".problem")
        browser.click("#notices [role=alert] button")
        assert browser.text("#notices") == ""
        assert [one for one in browser.problems if "404" not in one and "500" not in one] == []


def test_a_question_does_not_outlive_its_page(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        process = colony.submit()
        signed_in(colony, browser)
        browser.go(f"#/process/{process['processid']}", "work")
        browser.click(".heading button", "Cancel")
        browser.until("document.querySelector('dialog[open]')")
        browser.run("history.back()")
        browser.until("document.querySelector('main h1').textContent === 'Overview'")
        browser.until("document.querySelectorAll('dialog').length === 0")
        assert colony.do(colony.me, "getprocessmsg", processid=process["processid"])["state"] == 0
        assert browser.problems == []
