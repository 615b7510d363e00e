"""What services tell their manager and its journal: real processes, real datagram sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.journal_log import JournalHandler, read_by_journal
from colonies_edge.transports.notify import Notifier
from tests.support.live_colony import LiveColony
from tests.support.notified import LIMIT_S, PATIENCE_S, Manager
from tests.support.site import REPOSITORY, Site


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = f"@colonies-edge-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    listening = Manager(address)
    yield listening
    listening.close()


def test_a_coordinator_is_ready_when_it_listens_and_says_who_it_is(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in manager.environment().items():
        monkeypatch.setenv(name, value)
    site = Site(tmp_path)
    site.start()
    try:
        heard = manager.hears_until("READY")
        assert heard["READY"] == "1"
        assert site.keys["server"].identity in heard["STATUS"] and str(site.port) in heard["STATUS"]
        socket.create_connection(("127.0.0.1", site.port)).close()  # ready is not said before it listens
        assert manager.hears_until("WATCHDOG")["WATCHDOG"] == "1"
        assert site.stop() == 0
        assert manager.hears_until("STOPPING")["STOPPING"] == "1"
    finally:
        site.close()


def test_signs_of_life_end_when_the_process_hangs_and_come_again_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    for name, value in manager.environment().items():
        monkeypatch.setenv(name, value)
    site = Site(tmp_path)
    site.start()
    assert site.process is not None
    try:
        manager.hears_until("WATCHDOG")
        site.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, site.process.pid, os.WSTOPPED)
        manager.drain()
        assert manager.silent_for(3 * LIMIT_S)
        site.process.send_signal(signal.SIGCONT)
        manager.hears_until("WATCHDOG")
    finally:
        site.close()
        manager.close()


def test_a_coordinator_whose_disk_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    """The loop turns, but the work does not: what a watchdog is for."""
    manager = Manager(str(tmp_path / "notify"))
    hanging = """
import os, sys, threading
from colonies_edge.storage import journal
sync, first = journal.Journal.sync, []
def stuck(self):
    if os.path.exists("hang"):
        threading.Event().wait()
    sync(self)
journal.Journal.sync = stuck
from colonies_edge.__main__ import main
sys.exit(main())
"""
    site = Site(tmp_path)
    environment = {**os.environ, **manager.environment(), "PYTHONPATH": str(REPOSITORY)}
    environment["COLONIES_SERVER_PRVKEY"] = site.keys["server"].private_key
    words = ["coordinator", "start", "--listen", f"127.0.0.1:{site.port}", "--data", str(site.data)]
    process = subprocess.Popen([sys.executable, "-c", hanging, *words], cwd=tmp_path, env=environment)
    try:
        manager.hears_until("WATCHDOG")
        (tmp_path / "hang").touch()
        asyncio.run(_ask_in_vain(site))
        manager.drain()
        assert manager.silent_for(3 * LIMIT_S)
    finally:
        process.kill()
        process.wait()
        manager.close()


def test_a_coordinator_that_still_waits_for_its_broker_stops_when_it_is_told(tmp_path: Path) -> None:
    with socket.socket() as silent:  # takes connections, and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        words = [sys.executable, "-m", "colonies_edge", "coordinator", "start", "--mqtt", url, "--data", "data"]
        process = subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
        connection, _ = silent.accept()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        connection.close()


async def _ask_in_vain(site: Site) -> None:
    """A request that changes something, whose commit never ends."""
    client = site.client("server")
    await client.open()
    asking = asyncio.ensure_future(client.add_colony("lab", site.keys["owner"].identity))
    await asyncio.wait({asking}, timeout=2 * LIMIT_S)
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await client.close()


def test_an_executor_is_ready_when_it_said_so_and_before_it_says_whom_it_waits_for(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with LiveColony(tmp_path) as colony:
        environment = {**colony.environment(), **manager.environment()}
        del environment["COLONIES_COLONY_PRVKEY"], environment["COLONIES_PRVKEY"]
        words = ["executor", "os", "start", "--name", "pi", "--executortype", "cli"]
        process = subprocess.Popen([sys.executable, "-m", "colonies_edge", *words], env=environment)
        try:
            heard = manager.hears_until("READY")
            assert "colonies-edge executor add --name pi" in heard["STATUS"]
            identity = heard["STATUS"].split("--executorid ")[1].split()[0]
            colony.as_owner(lambda client: client.add_executor("pi", identity, "cli"))
            colony.as_owner(lambda client: client.approve_executor("pi"))
            while "ready for 1 processes" not in manager.hears_until("STATUS")["STATUS"]:
                pass
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        finally:
            process.kill()
            process.wait()
            manager.close()


def test_what_a_service_starts_cannot_speak_in_its_name() -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "x"}
    assert Notifier.from_environment(environ).listened_to
    assert environ == {"HOME": "x"}


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    Notifier().ready("listens")
    Notifier(str(tmp_path / "gone")).ready("listens")


# --- the journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal"))
        listening.settimeout(PATIENCE_S)
        yield listening


def unpacked(entry: bytes) -> dict[str, str]:
    """An entry in the journal's protocol, as journald reads it."""
    fields = {}
    while entry:
        head, _, entry = entry.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            length = int.from_bytes(entry[:8], "little")
            value, entry = entry[8 : 8 + length], entry[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    with (tmp_path / "stderr").open("w") as stderr:
        handler = JournalHandler("colonies-edge", stderr, str(tmp_path / "journal"))
        logger = logging.Logger("colonies_edge.test")
        logger.addHandler(handler)
        yield logger
        handler.close()


def test_an_event_is_one_entry_with_its_fields(journal: socket.socket, logger: logging.Logger) -> None:
    logger.warning("two lines\nof %s", "text")
    entry = unpacked(journal.recv(65536))
    assert entry["MESSAGE"] == "two lines\nof text"
    assert (entry["PRIORITY"], entry["LOGGER"], entry["SYSLOG_IDENTIFIER"]) == (
        "4",
        "colonies_edge.test",
        "colonies-edge",
    )
    assert entry["CODE_FILE"] == __file__ and entry["CODE_FUNC"].startswith("test_an_event")


def test_a_failure_keeps_its_text_and_its_level(journal: socket.socket, logger: logging.Logger) -> None:
    try:
        json.loads("{")
    except ValueError:
        logger.exception("not JSON")
    entry = unpacked(journal.recv(65536))
    assert entry["PRIORITY"] == "3" and "JSONDecodeError" in entry["EXCEPTION"]


@pytest.mark.parametrize("text", ["no journal is there", "x" * 10_000_000])
def test_what_the_journal_does_not_take_goes_to_stderr_with_its_level(
    text: str, logger: logging.Logger, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if text.startswith("x"):
        request.getfixturevalue("journal")
    logger.error("%s", text)
    assert (tmp_path / "stderr").read_text() == f"<3>{text}\n"


def test_the_journal_is_used_only_by_whose_stderr_it_reads(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        there = os.fstat(stream.fileno())
        assert read_by_journal(stream, {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"})
        assert not read_by_journal(stream, {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino + 1}"})
        assert not read_by_journal(stream, {})
