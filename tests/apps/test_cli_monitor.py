"""`monitor start` as Prometheus sees it: upstream's names, right numbers, and -1 while nobody is there."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.monitor.server import MonitorServer
from colonies_edge.protocol.limits import MONITOR_CONNECTIONS_MAX
from tests.support.colony import Dev, environment, typed

STATES = ("waiting", "running", "successful", "failed")
UPSTREAM = {
    "colonies_server_colonies",
    "colonies_server_executors",
    *(f"colonies_server_{kind}_{state}" for kind in ("processes", "workflows") for state in STATES),
}


class Monitor:
    """A `colonies-edge monitor start` in a folder."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "colonies_edge", "monitor", "start", "--json", *words],
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.ready = json.loads(line)

    def heard(self) -> str:
        """The next thing that it says."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def stop(self) -> str:
        self.process.terminate()
        _, said = self.process.communicate()
        assert self.process.returncode == 0, said
        return said


def got(url: str, path: str = "/metrics") -> tuple[int, str, str]:
    """Status, content type and body."""
    host, port = re.findall(r"//([^/]+):(\d+)/", url)[0]
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", path)
    reply = connection.getresponse()
    found = reply.status, reply.getheader("Content-Type", ""), reply.read().decode()
    connection.close()
    return found


def gauges(text: str) -> dict[str, int]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: int(value) for name, value in (line.split(" ") for line in lines)}


def finished(folder: Path, *words: str) -> None:
    process = typed(folder, *words)
    _, said = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.long
def test_the_numbers_are_right_and_minus_one_while_the_coordinator_is_away(tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--port", "0")
    spec = {"conditions": {"executortype": "cli"}, "funcname": "echo"}
    (tmp_path / "job.json").write_text(json.dumps(spec))
    (tmp_path / "pipeline.json").write_text(json.dumps([{**spec, "nodename": "a"}]))
    for _ in range(2):
        finished(tmp_path, "function", "submit", "--spec", "job.json")
    finished(tmp_path, "workflow", "submit", "--spec", "pipeline.json")
    monitor = Monitor(tmp_path, "--interval", "1", COLONIES_MONITOR_PORT="0")
    try:
        assert monitor.ready["url"].startswith("http://127.0.0.1:") and monitor.ready["interval"] == 1
        assert monitor.heard() == "The coordinator answers\n"
        status, kind, text = got(monitor.ready["url"])
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        found = gauges(text)
        assert set(found) >= UPSTREAM
        there = {name.removeprefix("colonies_server_"): value for name, value in found.items() if value}
        assert there == {"colonies": 1, "processes_waiting": 3, "workflows_waiting": 1}
        dev.stop()
        assert "gauges are -1 until it answers" in monitor.heard()
        assert set(gauges(got(monitor.ready["url"])[2]).values()) == {-1}
        dev = Dev(tmp_path)
        assert monitor.heard() == "The coordinator answers\n"
        assert gauges(got(monitor.ready["url"])[2]) == found
    finally:
        assert monitor.stop() == ""
        dev.stop()


def test_flags_beat_variables_which_beat_nothing(tmp_path: Path) -> None:
    variables = {"COLONIES_MONITOR_PORT": "1", "COLONIES_MONITOR_INTERVAL": "7", "COLONIES_SERVER_PRVKEY": "ab" * 32}
    monitor = Monitor(tmp_path, "--listen", "127.0.0.1:0", "--mqtt", "mqtt://127.0.0.1:1", **variables)
    assert monitor.ready["interval"] == 7 and not monitor.ready["url"].endswith(":1/metrics")
    assert "-1 until it answers" in monitor.heard()
    monitor.stop()


@pytest.mark.parametrize(
    ("variables", "code", "text"),
    [
        ({}, 2, "COLONIES_SERVER_PRVKEY is not set"),
        ({"COLONIES_MONITOR_PORT": "many"}, 2, "COLONIES_MONITOR_PORT (environment): 'many' is not a whole number"),
        ({"COLONIES_MONITOR_INTERVAL": "0"}, 2, "COLONIES_MONITOR_INTERVAL (environment): 0 is not between 1 and"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, variables: dict[str, str], code: int, text: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "colonies_edge", "monitor", "start"],
        cwd=tmp_path,
        env=environment(**variables),
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stdout) == (code, "")
    assert text in process.stderr and process.stderr.count("\n") == 1


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = subprocess.run(
            [sys.executable, "-m", "colonies_edge", "monitor", "start"],
            cwd=tmp_path,
            env=environment(COLONIES_SERVER_PRVKEY="ab" * 32, COLONIES_MONITOR_PORT=str(taken.getsockname()[1])),
            capture_output=True,
            text=True,
        )
    assert process.returncode == 1 and "is taken by another program" in process.stderr


def test_a_key_that_is_not_the_owners_ends_it_with_one_line(tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--port", "0")
    process = subprocess.run(
        [sys.executable, "-m", "colonies_edge", "monitor", "start", "--listen", "127.0.0.1:0", "--quiet"],
        cwd=tmp_path,
        env=environment(COLONIES_SERVER_PRVKEY="ab" * 32),
        capture_output=True,
        text=True,
        timeout=60,
    )
    dev.stop()
    assert process.returncode in (1, 3) and process.stderr.count("\n") == 1, process.stderr


@pytest.fixture
def server() -> Iterator[MonitorServer]:
    running = MonitorServer("127.0.0.1", 0)
    yield running
    running.stop()


def test_only_metrics_are_there(server: MonitorServer) -> None:
    url = f"http://127.0.0.1:{server.port}/"
    assert got(url, "/")[0] == 404 and got(url, "/metrics/../x")[0] == 404
    assert got(url, "/metrics?x=1")[0] == 200
    assert set(gauges(got(url)[2]).values()) == {-1}


def test_what_is_no_http_does_not_end_it(server: MonitorServer) -> None:
    for text in (b"\0\xff\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"GET " + b"x" * 100_000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
            try:
                link.sendall(text)
                while link.recv(4096):
                    pass
            except ConnectionError:
                pass  # it hung up in the middle of our text
    assert got(f"http://127.0.0.1:{server.port}/")[0] == 200


def test_who_comes_when_all_connections_are_taken_is_turned_away_and_the_next_is_served(
    server: MonitorServer,
) -> None:
    links = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(MONITOR_CONNECTIONS_MAX)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as late:
        assert late.recv(1) == b""
    for link in links:
        link.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert link.recv(12) == b"HTTP/1.0 200"
        while link.recv(4096):
            pass
        link.close()
