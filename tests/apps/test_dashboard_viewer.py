"""Looking without a key: on this machine, if that is wanted; the coordinator lets such a person look and do nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from colonies_edge.apps.coordinator.front_desk import VIEWED
from colonies_edge.apps.dashboard import pages
from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.engine.access import RULES, Memory, Role
from colonies_edge.transports.http_gateway_app import is_at_home
from colonies_edge.transports.system import entropy
from tests.support.browser import Browser
from tests.support.http import envelope, said
from tests.support.http_colony import HttpColony

VIEWER = Signer(new_private_key(entropy(32)))
SIGNED = sorted(kind for kind, rule in RULES.items() if rule.role is not Role.ANYBODY)


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[HttpColony]:
    with HttpColony(tmp_path, viewer=VIEWER.identity, pages=pages("lab")) as running:

        async def add() -> None:
            async with AsyncClient(running.endpoint, running.owner, "lab") as client:
                await client.add_user("viewer", VIEWER.identity)

        asyncio.run(add())
        yield running


def unsigned(colony: HttpColony, msgtype: str, headers: dict[str, str] | None = None, **fields: Any) -> int:
    body = envelope({"msgtype": msgtype, **fields}, None)
    return said(colony.http, "POST", "/api", body, headers=headers).status


def test_questions_without_a_signature_are_answered(colony: HttpColony) -> None:
    process = colony.submit()
    assert colony.do(None, "getcolonystatsmsg", colonyname="lab")["waitingprocesses"] == 1
    assert colony.do(None, "getprocessmsg", processid=process["processid"])["state"] == 0
    assert [one["name"] for one in colony.do(None, "getusersmsg", colonyname="lab")] == ["me", "viewer"]


@pytest.mark.parametrize("payload", ["[]", "null", '"x"'])
def test_what_is_no_question_is_a_bad_request(colony: HttpColony, payload: str) -> None:
    body = {"payloadtype": "getcolonystatsmsg", "payload": base64.b64encode(payload.encode()).decode(), "signature": ""}
    assert said(colony.http, "POST", "/api", json.dumps(body).encode()).status == 400


def test_nothing_that_changes_anything_is_taken(colony: HttpColony) -> None:
    process = colony.submit()
    before = (colony.folder / "coordinator" / "journal").glob("*")
    sizes = {path: path.stat().st_size for path in before}
    for msgtype in SIGNED:
        if msgtype not in VIEWED:
            fields = {"processid": process["processid"], "spec": process["spec"]}
            assert unsigned(colony, msgtype, colonyname="lab", **fields) == 403, msgtype
    assert {path: path.stat().st_size for path in sizes} == sizes
    assert colony.do(None, "getprocessmsg", processid=process["processid"])["state"] == 0


def test_what_may_be_asked_is_what_changes_nothing_that_lasts() -> None:
    assert {kind for kind in VIEWED if RULES[kind].memory is Memory.DURABLE} == set()
    assert VIEWED & {"assignprocessmsg", "readymsg", "heartbeatmsg", "putblobmsg", "beginblobmsg"} == set()
    assert {"getprocessesmsg", "getlogsmsg", "searchlogsmsg", "subscribeprocessesmsg", "getblobmsg"} <= VIEWED


def test_a_stamp_of_the_future_brings_nothing_unsigned_into_the_journal(colony: HttpColony) -> None:
    journal = next((colony.folder / "coordinator" / "journal").glob("*.jsonl"))
    colony.submit()
    size = journal.stat().st_size
    fields = {"colonyname": "lab", "executortype": "", "states": [0], "timeout": 60}
    stamp = {"msgid": "0123456789abcdef", "ts": time.time_ns() // 1_000_000 + 200_000}
    with connect(f"ws://127.0.0.1:{colony.port}/pubsub", proxy=None) as socket:
        socket.send(envelope({"msgtype": "subscribeprocessesmsg", **fields, **stamp, "confirm": True}, None).decode())
        told = json.loads(socket.recv(30))
        assert json.loads(base64.b64decode(told["payload"])) == {"msgid": stamp["msgid"]}
        assert journal.stat().st_size == size
        submitted = colony.submit()
        event = json.loads(base64.b64decode(json.loads(socket.recv(30))["payload"]))
        assert event["processid"] == submitted["processid"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Host": "elsewhere.example:50080"},
        {"Host": "127.0.0.1.elsewhere.example"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
def test_pages_from_elsewhere_and_those_behind_a_proxy_see_nothing(colony: HttpColony, headers: dict[str, str]) -> None:
    assert unsigned(colony, "getcolonystatsmsg", headers, colonyname="lab") == 403
    try:
        with connect(f"ws://127.0.0.1:{colony.port}/pubsub", additional_headers=headers, proxy=None) as socket:
            fields = {"colonyname": "lab", "executortype": "", "states": [0], "timeout": 60}
            socket.send(envelope({"msgtype": "subscribeprocessesmsg", **fields, "confirm": True}, None).decode())
            with pytest.raises(ConnectionClosed):  # without a word
                socket.recv(30)
    except InvalidStatus:
        assert "Host" in headers  # two of them, which is no request at all


def test_this_machines_own_pages_are_at_home(colony: HttpColony) -> None:
    headers = {"Origin": colony.http}
    assert unsigned(colony, "getcolonystatsmsg", headers, colonyname="lab") == 200


@pytest.mark.parametrize(
    ("client", "host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:50080", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "[::1]:50080", True),
        ("192.0.2.7", "127.0.0.1:50080", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("", "localhost", False),
    ],
)
def test_who_is_at_home(client: str, host: str, expected: bool) -> None:
    scope = {"type": "http", "client": (client, 5) if client else None, "headers": [(b"host", host.encode())]}
    assert is_at_home(scope) is expected


def test_without_being_asked_for_it_a_coordinator_shows_nothing(tmp_path: Path) -> None:
    with HttpColony(tmp_path, pages=pages()) as colony:
        assert unsigned(colony, "getcolonystatsmsg", colonyname="lab") == 403
        assert json.loads(said(colony.http, "GET", "/dashboard/viewer").body) == {"colonyname": ""}


def test_a_viewer_who_is_no_user_sees_nothing(tmp_path: Path) -> None:
    with HttpColony(tmp_path, viewer=VIEWER.identity) as colony:
        assert unsigned(colony, "getcolonystatsmsg", colonyname="lab") == 403


def test_the_page_shows_and_changes_nothing_without_a_key(colony: HttpColony, tmp_path: Path) -> None:
    process = colony.submit()
    (tmp_path / "browser").mkdir()
    with Browser(tmp_path / "browser") as browser:
        browser.open(colony.http)
        browser.until_text("Overview")
        browser.until_text("read-only", "#who")
        browser.until_text("1", ".tile.s0 strong")
        browser.go("#/processes?state=0", "Processes")
        browser.until("document.querySelectorAll('tbody tr').length === 1")
        colony.submit()
        browser.until("document.querySelectorAll('tbody tr').length === 2")
        browser.go(f"#/process/{process['processid']}", "work")
        assert browser.run("[...document.querySelectorAll('.heading button')].every((one) => one.disabled)")
        browser.go("#/submit", "Submit")
        assert browser.run("document.querySelector('button.primary').disabled"), "and not what it would refuse"
        browser.go("#/keys", "Keys")
        browser.fill("Your private key", colony.prvkey)
        browser.click("button.primary", "Use these keys")
        browser.until("document.querySelector('main h1').textContent === 'Overview'")
        assert browser.run("document.querySelector('#who').textContent") == identity_of(colony.prvkey)[:8]
        assert browser.problems == []


def test_the_flag_needs_a_gateway_and_a_colony(tmp_path: Path) -> None:
    for more, text in (((), "add --http"), (("--http", "127.0.0.1:0"), "--colonyname")):
        words = ["coordinator", "start", "--http-viewer", VIEWER.identity, *more]
        done = subprocess.run(
            [sys.executable, "-m", "colonies_edge", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert text in done.stderr and "Traceback" not in done.stderr
