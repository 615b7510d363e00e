"""Where somebody is in the dashboard: the keyboard, the page of a list, and what is shown stay what they were."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.browser import Browser
from tests.support.dashboard import Worker, dashboard, furnish, signed_in
from tests.support.http_colony import spec

ACTIVE = "document.activeElement"
FASTER = "{ const real = setInterval; window.setInterval = (run, ms) => real(run, ms / 20); }"
LATER = "{ const real = Date.now; Date.now = () => real() + 15000; }"


def press(browser: Browser, selector: str, text: str) -> None:
    """As somebody at the keyboard does, who is at the button then."""
    found = (
        f"[...document.querySelectorAll({json.dumps(selector)})].find((one) => one.textContent === {json.dumps(text)})"
    )
    browser.until(found)
    browser.run(f"(() => {{ const one = {found}; one.focus(); one.click(); }})()")


def test_the_keyboard_stays_where_it_was(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        ids = furnish(colony, worker)
        browser.say("Page.addScriptToEvaluateOnNewDocument", source=FASTER)
        signed_in(colony, browser, owner=True)
        browser.go("#/crons", "Crons")
        press(browser, "td.actions button", "Run now")
        browser.until_text("was started", "#notices")
        browser.until("document.querySelector('tbody a.id')")
        assert browser.run(f"{ACTIVE}.textContent") == "Run now"
        press(browser, "td.actions button", "Remove")
        browser.click("dialog button", "Keep")
        browser.until("!document.querySelector('dialog')")
        assert browser.run(f"{ACTIVE}.textContent") == "Remove"
        press(browser, "td.actions button", "Remove")
        browser.click("dialog button", "Remove")
        browser.until("!document.querySelector('tbody').textContent.includes('night')")
        assert browser.run(f"{ACTIVE}.textContent") == "Crons", "what it was at is gone"

        browser.go("#/generators", "Generators")
        browser.until_text("batch", "tbody")
        browser.run("document.querySelector('form.inline input').value = 'two'")
        browser.run("document.querySelector('form.inline input').focus()")
        browser.run("document.querySelector('form.inline').requestSubmit()")
        browser.until("document.querySelector('td[data-name=Waiting]').textContent === '2'")
        browser.until("!document.querySelector('[aria-disabled]')")
        assert browser.run(f"{ACTIVE}.placeholder") == "argument"

        browser.go("#/executors", "Executors")
        press(browser, "td.actions button", "Reject")
        browser.until_text("goes back to the queue", "dialog")
        first = worker.take()
        browser.until("document.querySelector('td[data-name=Holds]').textContent === '1'")  # its row was drawn again
        browser.click("dialog button", "Keep")
        browser.until("!document.querySelector('dialog')")
        assert browser.run(f"{ACTIVE}.textContent") == "Reject"

        browser.go(f"#/workflow/{ids['graph']}", "Workflow")
        browser.until_text("running", ".heading .badge")
        cancel = "document.querySelector('.heading button')"
        browser.run(f"{cancel}.focus()")
        worker.succeed(first)
        browser.until("document.querySelectorAll('.node.s2').length === 1")
        browser.until_text("successful", ".tallies")
        assert browser.run(f"{ACTIVE} === {cancel}")
        assert browser.problems == []


def test_pages_of_a_list_are_turned_one_by_one_and_found_again(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        nodes = [{**spec(), "nodename": f"n{number}"} for number in range(120)]
        graph = colony.do(colony.me, "submitworkflowspecmsg", spec={"colonyname": "lab", "functionspecs": nodes})
        signed_in(colony, browser)
        browser.go(f"#/workflow/{graph['processgraphid']}", "Workflow")
        browser.until_text("page 1 of 3", ".pager")

        def offline(yes: bool) -> None:
            browser.say(
                "Network.emulateNetworkConditions", offline=yes, latency=0, downloadThroughput=-1, uploadThroughput=-1
            )

        offline(True)
        browser.click(".pager button", "Next")
        browser.until_text("cannot be reached", "#notices")
        assert "page 1 of 3" in browser.text(".pager")
        offline(False)
        browser.run(
            "(() => { const next = document.querySelector('.pager').lastChild; next.click(); next.click(); })()"
        )
        browser.until_text("page 2 of 3", ".pager")
        browser.until_text("n50", "tbody")
        browser.run("scrollTo(0, 900)")
        browser.run("document.querySelectorAll('tbody a.id')[20].click()")
        browser.until("document.querySelector('main h1').textContent === 'work'")
        assert browser.run("scrollY") == 0
        browser.run("history.back()")
        browser.until_text("page 2 of 3", ".pager")
        browser.until("scrollY === 900")
        press(browser, ".pager button", "Next")
        browser.until_text("page 3 of 3", ".pager")
        browser.until(f"{ACTIVE}.textContent === 'Previous'")  # the last page has no next one
        assert [one for one in browser.problems if "ERR_INTERNET_DISCONNECTED" not in one] == []


def test_what_nobody_tells_is_found_out_and_who_works_is_at_work_everywhere(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        processes = [colony.submit(funcname=f"f{number}", executortype="nobody") for number in range(2)]
        colony.submit()
        held = worker.take()
        for number in range(40):
            worker.log(held, f"line {number}\n")
        for source in (FASTER, LATER):
            browser.say("Page.addScriptToEvaluateOnNewDocument", source=source)
        signed_in(colony, browser)
        browser.go("#/executors", "Executors")
        browser.until_text("at work", "tbody .presence")
        browser.go("#/executor/worker", "worker")
        browser.until_text("at work", ".heading .presence")
        browser.until_text("line 39", ".log")
        end = "(({ scrollTop, clientHeight, scrollHeight }) => scrollTop + clientHeight >= scrollHeight - 4)"
        assert browser.run(f"{end}(document.querySelector('.log'))"), "the newest lines are seen"
        browser.run("document.querySelector('.log').firstChild.setAttribute('data-kept', '')")
        worker.log(held, "line 40\n")
        browser.until_text("line 40", ".log")
        assert browser.run("document.querySelectorAll('.log [data-kept]').length") == 1
        worker.offer("late")
        browser.until_text("late", "main")
        browser.go("#/functions", "Functions")
        worker.offer("later")
        browser.until_text("later", "tbody")

        browser.go("#/processes?state=0", "Processes")
        browser.until_text("f0", "tbody")
        colony.do(colony.me, "removeprocessmsg", processid=processes[0]["processid"])
        browser.until("!document.querySelector('tbody').textContent.includes('f0')")
        browser.fill("Executor type", "nobody")
        browser.until("location.hash === '#/processes?state=0&type=nobody'")
        browser.until_text("f1", "tbody")
        assert browser.problems == []


def test_a_drawing_lets_one_finger_pass_and_takes_two(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        nodes = [{**spec(), "nodename": f"n{number}"} for number in range(60)]
        graph = colony.do(colony.me, "submitworkflowspecmsg", spec={"colonyname": "lab", "functionspecs": nodes})
        browser.screen(390, 844, phone=True)
        browser.say("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        signed_in(colony, browser)
        browser.go(f"#/workflow/{graph['processgraphid']}", "Workflow")
        browser.until_text("page 1 of 2", ".pager")
        view = "document.querySelector('.graph').getAttribute('viewBox')"
        whole = browser.run(view)
        top = browser.run("document.querySelector('.graph').getBoundingClientRect().top")

        def drag(*paths: tuple[int, int, int, int]) -> None:
            """Fingers from one place to another, in ten steps."""
            for step in range(11):
                at = [
                    {"x": x + (to_x - x) * step / 10, "y": top + y + (to_y - y) * step / 10, "id": number}
                    for number, (x, y, to_x, to_y) in enumerate(paths)
                ]
                browser.say("Input.dispatchTouchEvent", type="touchMove" if step else "touchStart", touchPoints=at)
            browser.say("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

        drag((180, 200, 120, 150), (210, 200, 270, 250))
        browser.until(f"{view} !== {whole!r}")
        closer = browser.run(view)
        assert float(closer.split()[2]) < float(whole.split()[2]), "they went apart: it is larger"
        assert browser.run("scrollY") == 0
        drag((200, 300, 200, 100))
        browser.until("scrollY > 50")
        assert browser.run(view) == closer
        assert browser.problems == []
