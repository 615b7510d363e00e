"""The page Submit: what is typed arrives as it was typed, and what is wrong is said where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.dashboard import Worker, dashboard, signed_in

LONG = 12345678901234567891


def test_what_is_typed_arrives_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        parameters: list[dict[str, Any]] = [{"name": "sensor", "type": "int", "required": True}]
        parameters += [{"name": name, "type": "any"} for name in ("unit", "*more", "exact", "**opts")]
        worker.offer("read", *parameters)

        def submitted() -> Any:
            browser.click("form:not([hidden]) button.primary", "Submit")
            browser.until("location.hash.startsWith('#/process/')")
            return worker.take()["spec"]

        signed_in(colony, browser)
        browser.go("#/submit", "Submit")
        browser.fill("sensor", str(LONG))
        browser.fill("*more", '["a"]')
        browser.click("button.primary", "Submit")
        browser.until_text("Give unit too", "#notices")
        browser.fill("unit", "1.0")
        browser.fill("**opts", '{"k": [2.50]}')
        first = submitted()
        assert (first["args"], first["kwargs"]) == ([LONG, 1.0, "a"], {"k": [2.5]})
        assert isinstance(first["args"][1], float)

        browser.click(".heading button", "Submit again")
        browser.until("document.querySelector('main h1').textContent === 'Submit'")
        again = submitted()
        assert (again["args"], again["kwargs"]) == (first["args"], first["kwargs"])
        assert isinstance(again["args"][1], float)

        browser.go("#/submit", "Submit")
        browser.click(".choice button", "A workflow")
        for text in ("5", "null", '{"a": 1}', "[1]"):
            browser.fill("Workflow", text)
            browser.run("document.querySelector('#notices').replaceChildren()")
            browser.click("form:not([hidden]) button.primary", "Submit")
            browser.until_text("A workflow is a list of function specs", "#notices")
        browser.click(".choice button", "Any function")
        browser.fill("Function", "work")
        browser.fill("Arguments", "5")
        browser.click("form:not([hidden]) button.primary", "Submit")
        browser.until_text("Arguments: a JSON list", "#notices")
        browser.fill("Arguments", '["\\u202e and \u202e"]')
        browser.fill("Retries", "1.5")
        browser.click(".choice button", "A workflow")
        browser.click(".choice button", "Any function")
        folded = "document.querySelector('form:not([hidden]) details')"
        assert browser.run(f"{folded}.open") is False
        browser.click("form:not([hidden]) button.primary", "Submit")
        browser.until(f"{folded}.open && {folded}.contains(document.activeElement)")
        browser.run("[...document.querySelectorAll('form:not([hidden]) details input')].at(-1).value = 2")
        last = submitted()
        assert (last["args"], last["maxretries"]) == (["\u202e and \u202e"], 2)
        assert browser.problems == []
