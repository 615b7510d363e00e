"""The flags of the gateway, and what a person is told about it."""

from __future__ import annotations

import io
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.coordinator_http import is_loopback, tell_of_http
from tests.support.brokers import free_port
from tests.support.colony import Shell, environment
from tests.support.http import said


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--http-tls",), "add --http HOST:PORT"),
        (("--http-cert", "c.pem"), "add --http HOST:PORT"),
        (("--metrics-for-all",), "add --http HOST:PORT"),
        (("--http", "127.0.0.1:0", "--http-key", "k.pem"), "--http-key goes with --http-cert"),
        (("--http", "127.0.0.1:0", "--http-cert", "none.pem"), "none.pem"),
    ],
)
def test_flags_that_make_no_sense_are_told_what_would(shell: Shell, words: tuple[str, ...], text: str) -> None:
    said_ = shell.refused("coordinator", "start", "--listen", "127.0.0.1:0", "--data", "d", *words, code=2)
    assert text in said_


@pytest.mark.parametrize(
    ("url", "host", "warned"),
    [
        ("http://127.0.0.1:50080", "127.0.0.1", False),
        ("http://[::1]:50080", "::1", False),
        ("http://localhost:50080", "localhost", False),
        ("http://127.0.0.1:50080", "0.0.0.0", True),
        ("http://192.0.2.7:50080", "192.0.2.7", True),
        ("https://192.0.2.7:50080", "192.0.2.7", False),
    ],
)
def test_plain_http_that_others_reach_is_warned_of(url: str, host: str, warned: bool) -> None:
    err = io.StringIO()
    tell_of_http(Console(err=err), url, host)
    assert url in err.getvalue()
    assert ("not encrypted" in err.getvalue() and "--http-tls" in err.getvalue()) is warned
    assert is_loopback(host) or url.startswith("https") or warned


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    port = free_port()
    words = [
        "coordinator",
        "start",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "d",
        "--http",
        f"127.0.0.1:{port}",
        "--http-tls",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", *words],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    yield process, lines[1], tmp_path / "d" / "tls" / "ca.crt"
    if process.poll() is None:
        process.kill()
        process.communicate()


def test_a_coordinator_with_its_own_certificate_says_where_it_is_and_stops_cleanly(
    started: tuple[subprocess.Popen[str], str, Path],
) -> None:
    process, line, authority = started
    assert line.startswith("HTTP at https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(authority))
    url = line.removeprefix("HTTP at ").strip()
    assert said(url, "GET", "/health", tls=context).status == 200
    assert said(url, "GET", "/metrics", tls=context).body.startswith(b"# HELP colonies_server_colonies")
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate()
    assert (process.returncode, rest) == (0, "")
