"""Calls over HTTP: to a gateway that honours request ids, to a server that does not, to what is no server at all."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import (
    ClockSkew,
    ColoniesError,
    Forbidden,
    Internal,
    NoConnection,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UsageError,
    WaitTimeout,
)
from colonies_edge.protocol.limits import SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.protocol.model import State
from colonies_edge.transports.http_caller import CONNECTIONS_MAX, HttpCaller, checked_url
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.ports import CallsWait, ProxyRefused
from colonies_edge.transports.system import new_msgid
from tests.support.certificates import Issuer, needs_cryptography
from tests.support.forgetful import Forgetful
from tests.support.http_colony import HttpColony
from tests.support.proxy import Proxy


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpColony]:
    with HttpColony(tmp_path_factory.mktemp("colony")) as colony:
        yield colony


def client(colony: HttpColony, signer: Signer | None = None, *, url: str = "", **options: Any) -> AsyncClient:
    return AsyncClient(Endpoint(mqtt=url or colony.http, patience_s=3), signer or colony.me, "lab", **options)


def test_a_gateway_is_recognised_and_everything_works_over_it(colony: HttpColony) -> None:
    worker = colony.worker("one", "over-http")

    async def run() -> None:
        async with client(colony) as me, client(colony, worker) as executor:
            assert me.honours_msgids
            process = await me.submit("f", 1, executortype="over-http")
            waiting = asyncio.create_task(me.wait(process, 20))
            assigned = await executor.assign_process(5)
            await executor.add_log(assigned.processid, "x\n")
            await executor.close_successful(assigned.processid, [7])
            assert (await waiting).out == (7,)
            with pytest.raises(NotFound):
                await executor.assign_process(-1)
            with pytest.raises(UsageError, match="HTTP"):
                _ = me.link

    asyncio.run(run())


def test_the_same_call_is_one_call_at_a_gateway(colony: HttpColony) -> None:
    async def run() -> None:
        async with client(colony) as me:
            msgid = new_msgid()
            spec = {"funcname": "f", "conditions": {"executortype": "once"}}
            ids = {(await me.submit_func_spec(spec, msgid=msgid)).processid for _ in range(3)}
            assert len(ids) == 1

    asyncio.run(run())


def test_a_clock_that_is_wrong_is_set_by_the_first_answer(colony: HttpColony) -> None:
    async def run() -> None:
        me = client(colony)
        me.clock.learn(1)
        async with me:
            await me.submit("f", executortype="late")
            assert me.clock.now_ms() > 1_700_000_000_000

    asyncio.run(run())


def test_an_answer_that_gets_lost_is_asked_for_again_where_that_is_safe(colony: HttpColony) -> None:
    async def run(url: str) -> None:
        async with client(colony, url=url) as me:
            assert me.honours_msgids
            for number in range(20):
                await me.submit("f", number, executortype="cut")
            assert len(await me.get_processes(State.WAITING, executortype="cut")) == 20

    with Proxy(colony.http) as proxy:
        done = threading.Event()

        def cut() -> None:
            while not done.wait(0.1):
                proxy.cut_at_random(40_000)
                proxy.cut()

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            asyncio.run(run(proxy.url))
        finally:
            done.set()
            cutting.join()


def test_without_request_ids_a_submit_whose_answer_is_lost_is_left_to_the_caller(
    colony: HttpColony, tmp_path: Path
) -> None:
    async def run(server: Forgetful) -> None:
        async with client(colony, url=server.url) as me:
            assert not me.honours_msgids
            server.lost = 1.0
            with pytest.raises(NoConnection, match="got lost"):
                await me.submit("f", executortype="unsure")
            with pytest.raises(NoConnection, match="no answer"):
                await me.call({"msgtype": "getcolonymsg", "colonyname": "lab"}, timeout_s=1)
            server.lost = 0.0
            assert len(await me.get_processes(State.WAITING, executortype="unsure")) == 1
        assert server.asked["submitfuncspecmsg"] == 1
        assert server.asked["getcolonymsg"] > 2

    with Forgetful(colony.http, [colony.prvkey], tmp_path) as server:
        asyncio.run(run(server))


def test_waiting_is_woken_by_events_and_goes_on_after_the_line_was_cut(colony: HttpColony) -> None:
    worker = colony.worker("two", "events")

    async def run(proxy: Proxy) -> None:
        async with client(colony, url=proxy.url) as me, client(colony, worker) as executor:
            processes = [await me.submit("f", number, executortype="events") for number in range(6)]
            waits = [asyncio.create_task(me.wait(process, 30)) for process in processes]
            await asyncio.sleep(0.2)
            await asyncio.to_thread(proxy.cut)
            for _ in processes:
                assigned = await executor.assign_process(5)
                await executor.close_successful(assigned.processid, assigned.spec.args)
            assert [process.out for process in await asyncio.gather(*waits)] == [(n,) for n in range(6)]
            never = await me.submit("f", executortype="nobody")
            with pytest.raises(WaitTimeout):
                await me.wait(never, 0.2)

    with Proxy(colony.http) as proxy:
        asyncio.run(run(proxy))


def test_subscriptions_are_bounded(colony: HttpColony) -> None:
    async def run() -> None:
        async with client(colony) as me:
            caller = me.caller
            assert isinstance(caller, HttpCaller)
            caller._events._tasks |= {asyncio.create_task(asyncio.sleep(0)) for _ in range(SUBSCRIPTIONS_PER_CONN_MAX)}
            with pytest.raises(TooManyRequests):
                await me.subscribe_processes("x", [2], 10)

    asyncio.run(run())


@needs_cryptography
def test_tls_is_checked_against_the_authority_that_is_given(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    certificate, key = issuer.server("gateway", "127.0.0.1")
    served = ServerTls(certfile=str(certificate), keyfile=str(key))

    async def run(colony: HttpColony) -> None:
        trusting = Endpoint(mqtt=colony.http, tls=Tls(cafile=str(issuer.ca)), patience_s=3)
        async with AsyncClient(trusting, colony.me, "lab") as me:
            process = await me.submit("f", executortype="tls")
            with pytest.raises(WaitTimeout):  # its websocket is checked likewise
                await me.wait(process, 0.3)
        with pytest.raises(NoConnection, match="certificate"):
            await client(colony).open()

    with HttpColony(tmp_path / "colony", tls=served) as colony:
        asyncio.run(run(colony))


def envelope_of(failure: ColoniesError) -> bytes:
    payload = base64.b64encode(json.dumps(failure.body()).encode()).decode()
    return json.dumps({"payloadtype": "error", "payload": payload, "error": True}).encode()


class _Answers(BaseHTTPRequestHandler):
    """Says the same to everybody."""

    answer: tuple[int, bytes] = (200, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what went wrong."""


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", Forbidden),
        (500, b"", Internal),
        (200, b"<html>hello</html>", NoConnection),
        (404, b"404 page not found", NoConnection),
        (200, b"{}", NoConnection),
        (502, b"bad gateway", NoConnection),
        (200, b'{"payloadtype":"x","payload":"%%","error":false}', NoConnection),
        (400, b'{"payloadtype":"error","payload":"e30=","error":true}', Internal),
    ],
)
def test_whatever_answers_there_is_an_error_with_a_text(status: int, body: bytes, expected: type[Exception]) -> None:
    handler = type("Handler", (_Answers,), {"answer": (status, body)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    async def run() -> None:
        caller = HttpCaller(f"http://127.0.0.1:{server.server_port}", Signer("1" * 64), patience_s=2)
        try:
            try:
                await caller.open()
            except NoConnection as error:
                assert expected is NoConnection
                assert "127.0.0.1" in str(error)
                return
            with pytest.raises(expected):
                await caller.call({"msgtype": "getcolonymsg"}, timeout_s=2)
        finally:
            await caller.close()

    try:
        asyncio.run(run())
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


class _Server:
    """Answers the requests in turn as it is told, the last answer for good; each takes its time."""

    def __init__(self, *answers: tuple[int, bytes], takes_s: float = 0) -> None:
        left = list(answers)
        lock = threading.Lock()

        class Handler(_Answers):
            def do_POST(self) -> None:
                with lock:
                    self.answer = left.pop(0) if len(left) > 1 else left[0]
                time.sleep(takes_s)
                super().do_POST()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._serving = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HttpCaller:
        self._serving.start()
        return HttpCaller(self.url, Signer("1" * 64), patience_s=5)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()


GO = (200, b'{"payloadtype":"getcolonymsg","payload":"e30=","error":false}')
OURS = (425, envelope_of(ClockSkew("late", ts=1_800_000_000_000_000_000)))
PROXY = b"<html>no</html>"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [((413, PROXY), TooLarge), ((413, b""), TooLarge), ((403, PROXY), ProxyRefused), ((404, PROXY), ProxyRefused)],
)
def test_what_a_proxy_refuses_is_the_fault_of_this_request_and_not_of_the_line(
    answer: tuple[int, bytes], expected: type[Exception]
) -> None:
    async def run(caller: HttpCaller) -> None:
        lost: list[str] = []
        caller.on_disconnect.append(lost.append)
        await caller.open()
        with pytest.raises(expected):
            await caller.call({"msgtype": "getcolonymsg"}, timeout_s=5)
        assert await caller.call({"msgtype": "getcolonymsg"}, timeout_s=5) == {}
        assert lost == []
        await caller.close()

    with _Server(GO, answer, GO) as caller:
        asyncio.run(run(caller))


@pytest.mark.parametrize("refusal", [TooManyRequests(), Unavailable(), Internal()])
def test_a_server_that_is_busy_when_it_is_greeted_is_asked_again_whether_it_honours_request_ids(
    refusal: ColoniesError,
) -> None:
    async def run(caller: HttpCaller) -> None:
        await caller.open()
        assert caller.honours_msgids
        await caller.close()

    with _Server((refusal.status, envelope_of(refusal)), OURS) as caller:
        asyncio.run(run(caller))


def test_a_call_that_found_no_room_beside_the_others_says_nothing_about_the_line() -> None:
    async def run(caller: HttpCaller) -> None:
        lost: list[str] = []
        caller.on_disconnect.append(lost.append)
        await caller.open()
        read = {"msgtype": "getcolonymsg"}
        many = [asyncio.ensure_future(caller.call(read, timeout_s=30)) for _ in range(CONNECTIONS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(CallsWait):
            await caller.call(read, timeout_s=0.1)
        assert await asyncio.gather(*many) == [{}] * CONNECTIONS_MAX
        assert lost == []
        await caller.close()

    with _Server(GO, takes_s=0.5) as caller:
        asyncio.run(run(caller))


def test_a_call_that_is_sent_late_is_not_what_the_line_is_judged_by_and_one_in_time_is() -> None:
    async def run(caller: HttpCaller) -> None:
        await caller.open()
        read = {"msgtype": "getcolonymsg"}
        many = [asyncio.ensure_future(caller.call(read, timeout_s=30)) for _ in range(CONNECTIONS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(CallsWait):
            await caller.call(read, timeout_s=1.4)
        await asyncio.gather(*many)
        with pytest.raises(NoConnection) as silence:
            await caller.call(read, timeout_s=0.2)
        assert not isinstance(silence.value, CallsWait)
        await caller.close()

    with _Server(GO, takes_s=1) as caller:
        asyncio.run(run(caller))


def test_nobody_there_is_said_with_the_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        async def run() -> None:
            caller = HttpCaller(url, Signer("1" * 64), patience_s=1)
            with pytest.raises(NoConnection, match=url):
                await caller.open()
            await caller.close()

        asyncio.run(run())


@pytest.mark.parametrize("url", ["ftp://h", "http://", "http://h:x", "http://user:secret@h", "http://h?x=1"])
def test_what_is_no_address_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked_url(url)
    assert "secret" not in str(refused.value)
