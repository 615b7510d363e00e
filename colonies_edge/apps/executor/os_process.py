"""One command as a process group of its own: its output as it appears, its exit, and its end whatever it started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024  # what a pipe holds
KILL_GRACE_S = 5.0  # between SIGTERM and SIGKILL: time to remove a temporary file, not to finish the work
DRAIN_S = 2.0  # after the group is gone its pipes end at once, unless somebody outside the group holds them

Sink = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the command ended: its exit code, or minus the signal that ended it."""

    code: int

    def describe(self) -> str:
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return f"killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"killed by signal {-self.code}"


class GroupProcess:
    """A running command. The kernel's process group is the handle: what the command starts belongs to it.

    The group is ended while its leader, dead or alive, is not yet reaped: only so long is the group's number its own.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdout: Sink, stderr: Sink) -> None:
        """Starts at once. Raises OSError when there is no such program or folder."""
        self._popen = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._popen.stdout is not None and self._popen.stderr is not None
        self._pipes = [_Pipe(self._popen.stdout.fileno(), stdout), _Pipe(self._popen.stderr.fileno(), stderr)]
        self._stop = asyncio.Event()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def stop(self) -> None:
        """End the group: SIGTERM, and SIGKILL if that is not enough."""
        self._stop.set()

    async def wait(self) -> Ended:
        """Return when the command, everything in its group, and its output have ended."""
        exited = asyncio.ensure_future(_exited(self.pid))
        try:
            await self._until_stopped_or(exited)
            await exited
        finally:
            self._signal(signal.SIGKILL)
            exited.cancel()
            await self._drain()
            code = self._reap()
        return Ended(code=code)

    async def _until_stopped_or(self, exited: asyncio.Future[None]) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((exited, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                self._signal(signal.SIGTERM)
                # The shell dies first; what it started holds the pipes for as long as it needs to clean up.
                ends = [exited, *(pipe.ended for pipe in self._pipes)]
                await asyncio.wait(ends, timeout=KILL_GRACE_S)
                self._signal(signal.SIGKILL)
        finally:
            stopping.cancel()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or a setuid program that is not ours
            os.killpg(self.pid, number)

    async def _drain(self) -> None:
        ends = [pipe.ended for pipe in self._pipes]
        _, still_open = await asyncio.wait(ends, timeout=DRAIN_S)
        if still_open:
            _log.warning(
                "process %d left a program behind that keeps its output open; it is not read any more", self.pid
            )
        for pipe in self._pipes:
            pipe.close()
        for stream in (self._popen.stdout, self._popen.stderr):
            assert stream is not None
            stream.close()

    def _reap(self) -> int:
        code = self._popen.wait()
        # As the first process of a container we inherit orphans: those of the group end here, none stays a zombie.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass
        return code


async def _exited(pid: int) -> None:
    """Return when a child has exited, without reaping it."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or one older than 5.3
        await _exited_by_thread(pid)
        return
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _wake, readable)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _exited_by_thread(pid: int) -> None:
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[None] = loop.create_future()

    def watch() -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_wake, exited)

    threading.Thread(target=watch, daemon=True, name=f"wait-{pid}").start()
    await exited


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Pipe:
    """Reads one end of a pipe whenever there is something, until the other end is closed everywhere."""

    def __init__(self, descriptor: int, sink: Sink) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._descriptor = descriptor
        self._sink = sink
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._sink(data)
        else:
            self.close()

    def close(self) -> None:
        if not self.ended.done():
            self._loop.remove_reader(self._descriptor)
            self.ended.set_result(None)
