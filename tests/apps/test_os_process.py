"""Commands as process groups: nothing that a job started outlives it, and nothing of it is lost or left as a zombie."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from colonies_edge.apps.executor import os_process
from colonies_edge.apps.executor.os_process import Ended, GroupProcess


class Seen:
    """What a command wrote, and a way to wait for a part of it."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self._changed = asyncio.Event()

    def stdout(self, data: bytes) -> None:
        self.out += data
        self._changed.set()

    def stderr(self, data: bytes) -> None:
        self.err += data

    async def until(self, part: bytes) -> None:
        while part not in self.out:
            self._changed.clear()
            await self._changed.wait()


def start(command: str, cwd: Path) -> tuple[GroupProcess, Seen]:
    seen = Seen()
    process = GroupProcess(["sh", "-c", command], env=os.environ, cwd=cwd, stdout=seen.stdout, stderr=seen.stderr)
    return process, seen


def run(command: str, cwd: Path) -> tuple[Ended, Seen]:
    async def go() -> tuple[Ended, Seen]:
        process, seen = start(command, cwd)
        return await process.wait(), seen

    return asyncio.run(go())


def gone(pid: int) -> bool:
    """Does the process end, now or in a moment? A kill is carried out when the kernel comes to it."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)


def test_output_and_exit_code_are_those_of_the_command(tmp_path: Path) -> None:
    ended, seen = run("echo out; echo err >&2; pwd; exit 3", tmp_path)
    assert ended == Ended(code=3)
    assert seen.out.decode().split() == ["out", str(tmp_path)]
    assert seen.err == b"err\n"


def test_large_output_arrives_in_full(tmp_path: Path) -> None:
    _, seen = run("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2", tmp_path)
    assert (len(seen.out), len(seen.err)) == (3_000_000, 2_000_000)


def test_output_appears_while_the_command_runs(tmp_path: Path) -> None:
    async def go() -> None:
        process, seen = start("echo first; read line < fifo; echo $line", tmp_path)
        waiting = asyncio.ensure_future(process.wait())
        await seen.until(b"first")
        assert not waiting.done()
        await asyncio.to_thread((tmp_path / "fifo").write_text, "second\n")
        assert await waiting == Ended(code=0)
        assert seen.out == b"first\nsecond\n"

    os.mkfifo(tmp_path / "fifo")
    asyncio.run(go())


def test_input_is_empty(tmp_path: Path) -> None:
    ended, seen = run("cat; echo done", tmp_path)
    assert (ended.code, seen.out) == (0, b"done\n")


def test_stopping_ends_children_and_grandchildren(tmp_path: Path) -> None:
    async def go() -> None:
        process, seen = start("sleep 1000 & echo $!; sh -c 'sleep 1000 & echo $! $$ ready; wait' & wait", tmp_path)
        await seen.until(b"ready")
        process.stop()
        assert await process.wait() == Ended(code=-signal.SIGTERM)
        pids = [int(word) for word in seen.out.split() if word.isdigit()]
        assert len(pids) == 3
        assert all(gone(pid) for pid in pids)

    asyncio.run(go())


def test_a_command_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_process, "KILL_GRACE_S", 0.2)

    async def go() -> None:
        process, seen = start("trap '' TERM; echo ready; while :; do sleep 1000; done", tmp_path)
        await seen.until(b"ready")
        process.stop()
        assert await process.wait() == Ended(code=-signal.SIGKILL)

    asyncio.run(go())


def test_a_command_may_clean_up_when_it_is_stopped(tmp_path: Path) -> None:
    async def go() -> None:
        process, seen = start("trap 'echo bye; exit 9' TERM; echo ready; sleep 1000 & wait", tmp_path)
        await seen.until(b"ready")
        process.stop()
        assert await process.wait() == Ended(code=9)
        assert seen.out == b"ready\nbye\n"

    asyncio.run(go())


def test_a_program_below_the_shell_may_clean_up_too(tmp_path: Path) -> None:
    async def go() -> None:
        inner = "trap 'sleep 0.3; echo bye; exit 1' TERM; echo ready; sleep 1000 & wait"
        process, seen = start(f'sh -c "{inner}"; true', tmp_path)
        await seen.until(b"ready")
        process.stop()
        await process.wait()
        assert seen.out == b"ready\nbye\n"

    asyncio.run(go())


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    ended, seen = run("sleep 1000 & echo $!", tmp_path)
    assert ended.code == 0
    assert gone(int(seen.out))


def test_no_zombie_is_left(tmp_path: Path) -> None:
    async def go() -> None:
        for command in ("true", "exit 1", "sleep 1000 & true", "kill -9 $$"):
            process, _ = start(command, tmp_path)
            await process.wait()
        process, _ = start("sleep 1000", tmp_path)
        process.stop()
        await process.wait()

    asyncio.run(go())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_end_is_seen_without_pidfd_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    ended, seen = run("echo hello; exit 4", tmp_path)
    assert (ended.code, seen.out) == (4, b"hello\n")


def test_cancelling_the_wait_ends_the_group_too(tmp_path: Path) -> None:
    async def go() -> int:
        process, seen = start("sleep 1000 & echo $!; wait", tmp_path)
        waiting = asyncio.ensure_future(process.wait())
        await seen.until(b"\n")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return int(seen.out)

    assert gone(asyncio.run(go()))


def test_a_program_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    async def go() -> None:
        with pytest.raises(FileNotFoundError):
            GroupProcess(["/no/such/program"], env={}, cwd=tmp_path, stdout=Seen().stdout, stderr=Seen().stderr)

    asyncio.run(go())


def test_ends_are_told_in_words() -> None:
    assert Ended(code=2).describe() == "exit code 2"
    assert Ended(code=-9).describe() == "killed by SIGKILL"
    assert Ended(code=-63).describe() == "killed by signal 63"


def test_the_group_of_the_command_is_not_ours(tmp_path: Path) -> None:
    ended, seen = run(f"{sys.executable} -c 'import os; print(os.getpgid(0) == os.getsid(0), os.getsid(0))'", tmp_path)
    same, session = seen.out.split()
    assert ended.code == 0
    assert same == b"True"
    assert int(session) != os.getsid(0)
