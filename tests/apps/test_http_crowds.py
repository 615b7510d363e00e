"""Crowds at the gateway: who asks for nothing keeps nobody out, and the process goes on with few descriptors."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.coordinator import run
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import entropy
from tests.support.brokers import free_port
from tests.support.http import do, envelope, said
from tests.support.http_colony import HttpColony
from tests.support.until import until

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
ELSEWHERE = "127.0.0.2"  # another address of this machine, where strangers come from


@contextlib.contextmanager
def crowd(port: int, count: int, say: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 30, (ELSEWHERE, 0))))
            with contextlib.suppress(OSError):
                found[-1].sendall(say)
        yield found


@pytest.mark.parametrize("say", [b"", HEALTH, b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12"])
def test_a_crowd_keeps_nobody_out_and_ends_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: bytes
) -> None:
    monkeypatch.setattr(run, "HTTP_CONNECTIONS_MAX", 8)
    with HttpColony(tmp_path) as colony:
        worker = colony.worker()
        waiting = http.client.HTTPConnection("127.0.0.1", colony.port, timeout=60)
        assign = {"msgtype": "assignprocessmsg", "colonyname": "lab", "timeout": 50}
        waiting.request("POST", "/api", envelope(assign, worker))
        assert colony.running is not None
        offers = colony.running.coordinator.engine._live.offers
        until(lambda: offers.polls_count == 1)
        with crowd(colony.port, 40, say):
            for _ in range(3):
                assert said(colony.http, "GET", "/health").status == 200
            process = colony.submit()
            answer = json.loads(waiting.getresponse().read())
            assert not answer["error"] and process["processid"]
        waiting.close()


def test_a_process_with_few_descriptors_goes_on_while_strangers_knock(tmp_path: Path) -> None:
    """A hard limit of 256 stands for the 1,024 of a small board, so that the test is quick."""
    keys = [new_private_key(entropy(32)) for _ in range(3)]
    server, owner, me = map(Signer, keys)
    port, http_port = free_port(), free_port()
    command = [sys.executable, "-m", "colonies_edge", "coordinator", "start", "--data", str(tmp_path / "data")]
    command += ["--listen", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http_port}"]
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            stderr=stderr,
            stdout=stderr,
            env={**os.environ, "COLONIES_SERVER_PRVKEY": keys[0]},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256)),
        )
    url = f"http://127.0.0.1:{http_port}"
    try:
        until(lambda: _healthy(url))
        do(url, server, "addcolonymsg", colony={"name": "lab", "colonyid": owner.identity})
        with crowd(port, 300), crowd(http_port, 300):
            do(url, owner, "addusermsg", user=_user(me))
            spec = {"funcname": "f", "conditions": {"colonyname": "lab", "executortype": "cli"}}
            for _ in range(3):
                assert do(url, me, "submitfuncspecmsg", spec=spec)["processid"]
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert len(log.read_text().splitlines()) < 20, log.read_text()
    assert "Traceback" not in log.read_text()


def _healthy(url: str) -> bool:
    try:
        return said(url, "GET", "/health").status == 200
    except OSError:
        return False


def _user(who: Signer) -> dict[str, Any]:
    return {"colonyname": "lab", "userid": who.identity, "name": "me", "email": "", "phone": ""}
