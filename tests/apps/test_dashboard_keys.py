"""Keys in the dashboard: where they come from, where they are kept, and that they never leave the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colonies_edge.crypto.identity import Signer
from tests.support.dashboard import address, dashboard, signed_in
from tests.support.http_colony import HttpColony

KEY = "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6"


def test_keys_in_the_address_are_taken_out_of_it_and_never_sent(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser)
        assert browser.run("location.href") == f"{colony.http}/#/"
        history = browser.say("Page.getNavigationHistory")["entries"]
        assert not [one for one in history if colony.prvkey in one["url"]]
        assert not [one for one in browser.requests if colony.prvkey in one.split("#")[0]]
        kept = browser.run("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
        assert kept == '[{},{},""]'


def test_keys_are_kept_in_the_tab_only_if_that_was_asked_for(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        browser.open(colony.http)
        browser.until("document.querySelector('main h1')?.textContent === 'Keys'")
        browser.fill("Your private key", colony.prvkey)
        browser.fill("Colony", "lab")
        browser.click("button.primary", "Use these keys")
        browser.until("document.querySelector('main h1')?.textContent === 'Overview'")
        browser.open(colony.http)
        browser.until("document.querySelector('main h1')?.textContent === 'Keys'")
        browser.fill("Your private key", colony.prvkey)
        browser.fill("Colony", "lab")
        browser.run("document.querySelector('.check input').checked = true")
        browser.click("button.primary", "Use these keys")
        browser.until("document.querySelector('main h1')?.textContent === 'Overview'")
        browser.open(colony.http)
        browser.until("document.querySelector('main h1')?.textContent === 'Overview'")
        browser.go("#/keys", "Keys")
        browser.click("button", "Forget the keys")
        browser.until("document.querySelector('#who').textContent === 'Keys'")
        assert browser.run("sessionStorage.length") == 0
        assert browser.problems == []


@pytest.mark.parametrize(
    ("key", "colony", "said"),
    [("abc", "lab", "64 hexadecimal"), (KEY, "lab", "not a member"), ("", "lab", "Give your")],
)
def test_wrong_keys_are_refused_with_a_sentence_and_not_kept(tmp_path: Path, key: str, colony: str, said: str) -> None:
    with dashboard(tmp_path) as (place, browser):
        browser.open(place.http)
        browser.fill("Your private key", key)
        browser.fill("Colony", colony)
        browser.click("button.primary", "Use these keys")
        browser.until_text(said, "#notices")
        assert browser.run("document.querySelector('main h1').textContent") == "Keys"
        assert [one for one in browser.problems if "403" not in one] == []


def test_keys_are_changed_only_for_others_that_work(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        browser.open(f"{colony.http}/#/locations")
        browser.until("document.querySelector('main h1')?.textContent === 'Keys'")
        browser.fill("Your private key", f" {colony.prvkey}")
        browser.fill("Colony", "lab")
        browser.click("button.primary", "Use these keys")
        browser.until("document.querySelector('main h1').textContent === 'Locations'")

        def refused(label: str, value: str, said: str) -> None:
            browser.fill(label, value)
            browser.click("button.primary", "Use these keys")
            browser.until_text(said, "#notices")
            browser.fill(label, "")

        browser.go("#/keys", "Keys")
        browser.run("document.querySelector('[type=file]').dispatchEvent(new Event('change'))")
        refused("Your private key", KEY, "not a member")
        refused("Colony owner's private key", KEY, "not the key of the owner of lab")
        browser.fill("Colony", "nowhere")
        browser.click("button.primary", "Use these keys")
        browser.until_text("There is no colony \u201cnowhere\u201d.", "#notices")
        assert "Look at" not in browser.text("#notices")
        browser.go("#/locations", "Locations")
        browser.until_text("There are no locations")
        browser.go("#/keys", "Keys")
        browser.fill("Colony owner's private key", colony.colony_prvkey)
        browser.click("button.primary", "Use these keys")
        browser.until("document.querySelector('main h1').textContent === 'Overview'")
        browser.until_text("Pause assignments")
        assert browser.run("document.querySelector('#who').textContent") == Signer(colony.prvkey).identity[:8]
        assert [one for one in browser.problems if "403" not in one] == []


def test_signatures_made_in_the_browser_are_those_of_python(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        browser.open(colony.http)
        texts = ["", "hello", "x" * 5000]
        made = browser.run(
            f"""import("/dashboard/app/identity.js").then(({{ Signer }}) => {{
              const signer = new Signer("{KEY}");
              return [signer.identity, ...{json.dumps(texts)}.map((text) => signer.sign(text))];
            }})"""
        )
        signer = Signer(KEY)
        assert made == [signer.identity, *(signer.sign(text.encode()) for text in texts)]


def test_the_address_is_what_dev_prints(tmp_path: Path) -> None:
    colony = HttpColony(tmp_path)
    assert address(colony).startswith(f"{colony.http}/#key={colony.prvkey}&colony=lab&server=")
