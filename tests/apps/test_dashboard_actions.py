"""What people do in the dashboard, and what becomes of it: submitting, cancelling, approving, running, downloading."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from colonies_edge.crypto.identity import Signer
from tests.support.dashboard import ATTACK, Worker, dashboard, furnish, signed_in

KEY = "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6"


def test_a_job_is_submitted_and_watched_until_it_ends(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        worker.offer("echo", {"name": "text", "type": "string", "required": True}, {"name": "times", "type": "int"})
        signed_in(colony, browser)
        browser.go("#/submit", "Submit")
        browser.fill("text", "hello from the page")
        browser.fill("times", "3")
        browser.click("button.primary", "Submit")
        browser.until("document.querySelector('main h1').textContent === 'echo'")
        browser.until_text("waiting", ".heading .badge")
        process = worker.take()
        assert process["spec"]["kwargs"] == {"text": "hello from the page", "times": 3}
        assert process["initiatorname"] == "me"
        browser.until_text("running", ".heading .badge")
        worker.log(process, "half of it\n")
        browser.until_text("half of it", ".log")
        worker.log(process, "all of it\n")
        worker.succeed(process, "hello", {"n": 3})
        browser.until_text("successful", ".heading .badge")
        browser.until_text('"n": 3')
        browser.until_text("all of it", ".log")
        assert browser.problems == []


def test_channels_of_a_process_are_heard_each_in_its_place(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        worker = Worker(colony)
        colony.submit(channels=["left", "right"])
        process = worker.take()

        def say(who: Signer, name: str, sequence: int, text: str) -> None:
            payload = base64.b64encode(text.encode()).decode()
            fields = {"processid": process["processid"], "name": name, "sequence": sequence, "payload": payload}
            colony.do(who, "channelappendmsg", **fields)

        say(worker.signer, "left", 1, "early")
        signed_in(colony, browser)
        browser.go(f"#/process/{process['processid']}", "work")
        left, right = "[aria-label='Channel left']", "[aria-label='Channel right']"
        browser.until_text("early", left)
        browser.until(f"document.querySelector({json.dumps(right)})")
        say(worker.signer, "right", 1, "to the right")
        say(colony.me, "left", 1, ATTACK)
        browser.until_text("to the right", right)
        browser.until_text(ATTACK, left)
        assert (browser.text(left).strip(), browser.text(right).strip()) == (f"early\n{ATTACK}", "to the right")
        worker.succeed(process)
        browser.until_text("successful", ".heading .badge")
        assert browser.problems == []


def test_what_waits_can_be_cancelled_submitted_again_and_removed(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        process = colony.submit(args=["a", 1])
        signed_in(colony, browser)
        browser.go(f"#/process/{process['processid']}", "work")
        browser.click(".heading button", "Cancel")
        browser.click("dialog button", "Keep")
        browser.until("!document.querySelector('dialog')")
        browser.click(".heading button", "Cancel")
        browser.click("dialog button", "Cancel it")
        browser.until_text("cancelled", ".heading .badge")
        browser.until_text("It wrote no lines.")
        browser.click(".heading button", "Submit again")
        browser.until("document.querySelector('main h1').textContent === 'Submit'")
        browser.click("button.primary", "Submit")
        browser.until(f"location.hash.startsWith('#/process/') && !location.hash.includes('{process['processid']}')")
        assert colony.do(colony.me, "getprocessesmsg", colonyname="lab", state=0, count=9)[0]["spec"]["args"] == [
            "a",
            1,
        ]
        browser.go(f"#/process/{process['processid']}", "work")
        browser.click(".heading button", "Remove")
        browser.click("dialog button", "Remove")
        browser.until("location.hash === '#/processes'")
        assert colony.ask(colony.me, "getprocessmsg", processid=process["processid"])[0] == 404
        assert browser.problems == []


def test_the_owner_approves_and_removes_and_others_are_told_how(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        pending = {
            "colonyname": "lab",
            "executorid": Signer(KEY).identity,
            "executorname": "new",
            "executortype": "cli",
        }
        colony.do(colony.owner, "addexecutormsg", executor=pending)
        signed_in(colony, browser)
        browser.go("#/executors", "Executors")
        browser.until_text("waits for approval", "tbody")
        assert browser.run("document.querySelectorAll('td.actions button').length") == 0
        browser.until_text("owner's key")
        signed_in(colony, browser, owner=True)
        browser.go("#/executors", "Executors")
        browser.click("td.actions button", "Approve")
        browser.until_text("offline", "tbody")
        assert colony.do(colony.me, "getexecutormsg", colonyname="lab", executorname="new")["state"] == 1
        browser.click("td.actions button", "Remove")
        browser.click("dialog button", "Remove")
        browser.until_text("No executor fits")
        assert browser.problems == []


def test_the_owner_pauses_the_colony_and_resumes_it(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        signed_in(colony, browser, owner=True)
        browser.click("button", "Pause assignments")
        browser.click("dialog button", "Not now")
        browser.until("!document.querySelector('dialog')")
        browser.click("button", "Pause assignments")
        browser.click("dialog button", "Pause")
        browser.until_text("Nothing is assigned")
        assert colony.do(colony.me, "getpausestatusmsg", colonyname="lab")["ispaused"] is True
        browser.click("button", "Resume assignments")
        browser.until("!document.querySelector('main').textContent.includes('Nothing is assigned')")
        assert colony.do(colony.me, "getpausestatusmsg", colonyname="lab")["ispaused"] is False
        assert browser.problems == []


def test_a_file_is_downloaded_whole_and_checked(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_200  # three parts
    sha256 = hashlib.sha256(content).hexdigest()
    with dashboard(tmp_path) as (colony, browser):
        blob = {"colonyname": "lab", "sha256": sha256, "size": len(content)}
        for offset in range(0, len(content), 131_072):
            data = base64.b64encode(content[offset : offset + 131_072]).decode()
            colony.do(colony.me, "putblobmsg", **blob, offset=offset, data=data)
        file = {"colonyname": "lab", "label": "/a", "name": "b.bin", "size": len(content), "checksum": sha256}
        stored = {"protocol": "blob", "s3object": {"object": sha256}}
        colony.do(colony.me, "addfilemsg", file={**file, "checksumalg": "SHA256", "ref": stored})
        signed_in(colony, browser)
        browser.go("#/files?label=%2Fa&name=b.bin", "Files")
        browser.until_text("with the coordinator")
        browser.run("URL.createObjectURL = (blob) => { window.got = blob; document.title = 'got'; return '#/files'; }")
        browser.click("td.actions button", "Download")
        browser.until("window.got")
        got = browser.run(
            "got.arrayBuffer().then((b) => btoa(String.fromCharCode(...new Uint8Array(b).slice(0, 999))))"
        )
        assert base64.b64decode(got) == content[:999]
        assert browser.run("window.got.size") == len(content)
        assert browser.problems == []


def test_a_blueprint_is_shown_with_what_it_wants(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        furnish(colony, Worker(colony))
        signed_in(colony, browser)
        browser.go("#/blueprints", "Blueprints")
        browser.click("td.actions button", "Show")
        browser.until_text('"level": 1', "pre")
        browser.click("td.actions button", "Reconcile")
        browser.until_text("being reconciled", "#notices")
        assert browser.run("window.attacked") is None
        assert browser.problems == []


def test_a_cron_is_run_now(tmp_path: Path) -> None:
    with dashboard(tmp_path) as (colony, browser):
        furnish(colony, Worker(colony))
        signed_in(colony, browser)
        browser.go("#/crons", "Crons")
        browser.until("document.querySelector('tbody time')?.textContent.startsWith('in ')")
        browser.click("td.actions button", "Run now")
        browser.until("document.querySelector('tbody a.id[href^=\"#/workflow/\"]')")
        browser.go("#/generators", "Generators")
        browser.until_text("batch", "tbody")
        browser.run("document.querySelector('form.inline input').value = 'two'")
        browser.click("form.inline button", "Add")
        browser.until("document.querySelector('td[data-name=Waiting]').textContent === '2'")
        assert browser.problems == []
