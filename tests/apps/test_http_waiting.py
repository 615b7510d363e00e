"""Long polls over HTTP: woken, given up, left behind, a thousand at a time, and ended with the coordinator."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from colonies_edge.crypto.identity import Signer
from tests.support.http import envelope
from tests.support.http_colony import HttpColony, spec

ASSIGN = {"msgtype": "assignprocessmsg", "colonyname": "lab", "timeout": 60}
WAITING_ALL = 1_000
WORKERS = 20


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[HttpColony]:
    with HttpColony(tmp_path) as running:
        yield running


def client(colony: HttpColony) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx2.AsyncClient(base_url=colony.http, timeout=120, limits=limits, trust_env=False)


async def asked(http: httpx2.AsyncClient, who: Signer, message: dict[str, Any]) -> tuple[int, Any]:
    response = await http.post("/api", content=envelope(message, who))
    return response.status_code, json.loads(base64.b64decode(response.json()["payload"]))


async def until_waiting(colony: HttpColony, count: int) -> None:
    """So many long polls wait; the coordinator is looked into, since it tells nobody."""
    assert colony.running is not None
    offers = colony.running.coordinator.engine._live.offers
    while offers.polls_count != count:
        await asyncio.sleep(0.01)


def test_work_that_comes_later_wakes_who_waits(colony: HttpColony) -> None:
    worker = colony.worker()

    async def run() -> None:
        async with client(colony) as http:
            waiting = asyncio.ensure_future(asked(http, worker, ASSIGN))
            await until_waiting(colony, 1)
            _, submitted = await asked(http, colony.me, {"msgtype": "submitfuncspecmsg", "spec": spec()})
            status, process = await waiting
            assert (status, process["processid"], process["state"]) == (200, submitted["processid"], 1)

    asyncio.run(run())


def test_nothing_in_time_is_not_found_as_executors_expect(colony: HttpColony) -> None:
    worker = colony.worker()
    for timeout in (-1, 1):
        status, reply = colony.ask(worker, "assignprocessmsg", colonyname="lab", timeout=timeout)
        assert (status, reply["message"]) == (404, "No process available for assignment")
    assert colony.ask(worker, "assignprocessmsg", colonyname="lab")[0] == 400
    colony.do(colony.owner, "pauseassignmentsmsg", colonyname="lab")
    assert colony.ask(worker, "assignprocessmsg", colonyname="lab", timeout=-1)[0] == 503
    assert colony.ask(worker, "assignprocessmsg", colonyname="lab", timeout=1)[0] == 408


def test_who_left_is_given_no_work(colony: HttpColony) -> None:
    gone, there = colony.worker("gone"), colony.worker("there")
    body = envelope(ASSIGN, gone)

    async def run() -> None:
        left = socket.create_connection(("127.0.0.1", colony.port))
        left.sendall(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await until_waiting(colony, 1)
        left.close()
        await until_waiting(colony, 0)

    asyncio.run(run())
    process = colony.submit()
    assert colony.do(there, "assignprocessmsg", colonyname="lab", timeout=-1)["processid"] == process["processid"]


@pytest.mark.long
def test_a_thousand_wait_and_are_answered_in_the_order_in_which_they_came(colony: HttpColony) -> None:
    workers = [colony.worker(f"worker-{number}") for number in range(WORKERS)]

    async def run() -> None:
        async with client(colony) as http:
            waiting: list[asyncio.Future[tuple[int, Any]]] = []
            for number in range(WAITING_ALL):
                waiting.append(asyncio.ensure_future(asked(http, workers[number % WORKERS], ASSIGN)))
                await until_waiting(colony, number + 1)
            submitted = []
            for _ in range(WAITING_ALL):
                status, process = await asked(http, colony.me, {"msgtype": "submitfuncspecmsg", "spec": spec()})
                assert status == 200
                submitted.append(process["processid"])
            answers = await asyncio.gather(*waiting)
            assert [process["processid"] for _, process in answers] == submitted

    asyncio.run(run())


def test_a_coordinator_that_stops_tells_those_who_wait(colony: HttpColony) -> None:
    worker = colony.worker()

    async def run() -> None:
        async with client(colony) as http:
            waiting = asyncio.ensure_future(asked(http, worker, ASSIGN))
            await until_waiting(colony, 1)
            await asyncio.get_running_loop().run_in_executor(None, colony.stop)
            status, reply = await waiting
            assert (status, reply["message"]) == (503, "The coordinator stops")

    asyncio.run(run())
    colony.start()
    assert colony.do(colony.me, "getprocessesmsg", colonyname="lab", count=10, state=0) == []


def test_what_was_asked_over_http_is_in_the_ledger_and_survives(colony: HttpColony) -> None:
    from colonies_edge.crypto.identity import recover
    from colonies_edge.storage.ledger import verify

    process = colony.submit(funcname="kept")
    colony.stop()
    report = verify(colony.folder / "coordinator", colony.serverid, recover=recover)
    assert report.ok, report.findings
    assert report.callers[colony.me.identity]["submitfuncspecmsg"] == 1
    colony.start()
    found = colony.do(colony.me, "getprocessmsg", processid=process["processid"])
    assert found["spec"]["funcname"] == "kept"
