"""The built files on a 64-bit Arm Debian 12, emulated: the demonstration, a coordinator, and an executor at work."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from build_zipapp import EXECUTOR_ONLY, FULL, build
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer
from colonies_edge.transports.system import SystemClock
from tests.support.arm import Arm
from tests.support.brokers import free_port
from tests.support.live_colony import LiveColony, working
from tests.support.notified import Manager

pytestmark = pytest.mark.emulated

PYTHON = "/usr/bin/python3"
JOBS = 20


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Arm:
    """With both files in its folder, built as they are released: with byte code."""
    folder = tmp_path_factory.mktemp("arm")
    found = Arm(folder)
    for edition in (FULL, EXECUTOR_ONLY):
        (folder / edition.file_name).write_bytes(build(edition))
    return found


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Numbers for people, whatever pytest does with output."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n  emulated Arm: {text}")

    yield tell


class Watched:
    """A program that runs there, and what the kernel says of it (and of the emulator around it)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process  # unshare, bash, chroot and env each became the next

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def written_bytes(self) -> int:
        found = re.search(r"(?<!cancelled_)write_bytes: (\d+)", Path(f"/proc/{self.process.pid}/io").read_text())
        assert found is not None
        return int(found[1])

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate()
        return self.process.returncode, err


def test_both_files_say_their_version_quickly(arm: Arm, tell: Callable[[str], None]) -> None:
    clock = SystemClock()
    for edition in (FULL, EXECUTOR_ONLY):
        before_ns = clock.monotonic_ns()
        code, out, err = arm.run(PYTHON, edition.file_name, "--version")
        took_s = (clock.monotonic_ns() - before_ns) / 1e9
        assert (code, err) == (0, "") and out.startswith("colonies-edge ")
        tell(f"{edition.file_name} --version: {took_s:.1f} s")
    code, out, _ = arm.run(PYTHON, EXECUTOR_ONLY.file_name, "executor", "os", "start", "--help")
    assert code == 0 and "--capacity" in out


def test_the_demonstration_passes_there(arm: Arm, tell: Callable[[str], None]) -> None:
    clock = SystemClock()
    before_ns = clock.monotonic_ns()
    code, out, err = arm.run(PYTHON, FULL.file_name, "demo")
    assert code == 0, err
    assert out.splitlines()[0] == "sayhello"
    tell(f"demo: {(clock.monotonic_ns() - before_ns) / 1e9:.1f} s")


def test_a_coordinator_there_serves_an_executor_and_a_client_here(
    arm: Arm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Its data is on this machine's disk, so that what it writes can be counted."""
    manager = Manager(f"@colonies-edge-arm-{os.getpid()}")
    colony = LiveColony(tmp_path)
    port = free_port()
    colony.url = f"mqtt://127.0.0.1:{port}"
    words = ("coordinator", "start", "--listen", f"127.0.0.1:{port}", "--data", "/mnt/data")
    clock = SystemClock()
    before_ns = clock.monotonic_ns()
    variables = {"COLONIES_SERVER_PRVKEY": colony.server_prvkey, "NOTIFY_SOCKET": manager.address}
    coordinator = Watched(arm.start(PYTHON, FULL.file_name, *words, **variables))
    try:
        assert "listens at" in manager.hears_until("READY")["STATUS"]
        ready_s, idle_mb = (clock.monotonic_ns() - before_ns) / 1e9, coordinator.peak_mb()
        asyncio.run(_found(colony))
        written, journal = coordinator.written_bytes(), journal_bytes(arm.folder / "data")
        executor = colony.os_executor("cli")
        with working(executor), colony.client() as client:
            before_ns = clock.monotonic_ns()
            for _ in range(JOBS):
                assert client.submit("echo here", executortype="cli").wait(120).output == "here"
            job_ms = (clock.monotonic_ns() - before_ns) / 1e6 / JOBS
        per_job = (coordinator.written_bytes() - written) / JOBS
        of_journal = (journal_bytes(arm.folder / "data") - journal) / JOBS
        tell(
            f"coordinator: ready after {ready_s:.1f} s, {idle_mb:.0f} MB with the emulator,"
            f" {job_ms:.0f} ms per job in turn, {of_journal / 1024:.1f} KiB of journal per job,"
            f" {per_job / 1024:.1f} KiB in the pages that the kernel writes"
        )
        assert coordinator.stop()[0] == 0
    finally:
        coordinator.process.kill()
        coordinator.process.communicate()
        manager.close()
        shutil.rmtree(arm.folder / "data", ignore_errors=True)


def journal_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "journal").iterdir())


async def _found(colony: LiveColony) -> None:
    endpoint = Endpoint(mqtt=colony.url, serverid=colony.serverid)
    async with AsyncClient(endpoint, Signer(colony.server_prvkey)) as server:
        await server.add_colony("lab", Signer(colony.colony_prvkey).identity)
    async with AsyncClient(endpoint, Signer(colony.colony_prvkey), "lab") as owner:
        await owner.add_user("me", Signer(colony.prvkey).identity)


def test_an_executor_there_works_for_a_coordinator_here(arm: Arm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """From the small file, and what it runs is an Arm program."""
    with LiveColony(tmp_path) as colony:
        variables = {name: value for name, value in colony.environment().items() if name.startswith("COLONIES_")}
        del variables["COLONIES_PRVKEY"]
        variables["COLONIES_DATA_DIR"] = "/tmp/data"
        words = ("executor", "os", "start", "--name", "pi", "--executortype", "pi")
        executor = Watched(arm.start(PYTHON, EXECUTOR_ONLY.file_name, *words, **variables))
        try:
            with colony.client() as client:
                assert client.submit("uname -m", executortype="pi").wait(120).output == "aarch64"
            tell(f"executor: {executor.peak_mb():.0f} MB with the emulator")
            assert executor.stop()[0] == 0
        finally:
            executor.process.kill()
            executor.process.communicate()


def test_its_signatures_are_made_by_the_native_library(arm: Arm) -> None:
    _, out, _ = arm.run(PYTHON, EXECUTOR_ONLY.file_name, "doctor", COLONIES_MQTT=f"mqtt://127.0.0.1:{_closed_port()}")
    assert "are made by libsecp256k1" in out


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
