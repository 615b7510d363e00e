"""Runs processes as commands: output streams to the log, the exit code decides, nothing outlives its process."""

from __future__ import annotations

import asyncio
import codecs
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from colonies_edge.apps.executor import os_input
from colonies_edge.apps.executor.functions import RegisteredFunction
from colonies_edge.apps.executor.jobs import Done, Failed, Job, Result
from colonies_edge.apps.executor.os_command import Refused, Rules, environment
from colonies_edge.apps.executor.os_leftovers import VARIABLE, Leftovers
from colonies_edge.apps.executor.os_process import Ended, GroupProcess
from colonies_edge.protocol.codec import dump_json

_log = logging.getLogger(__name__)

# The output has to fit into one message together with everything around it, as JSON in base64; what is no text grows in
# JSON, up to sixfold, so both forms have a bound.
OUTPUT_BYTES_MAX = 128 * 1024
OUTPUT_JSON_BYTES_MAX = 160 * 1024
ERROR_TAIL_BYTES = 4 * 1024  # of what a failed command said last, for its errors


class Output:
    """What one stream wrote: all of it to the log, as much as is kept here for the result."""

    def __init__(self, log: Callable[[str], None], *, head_max: int, tail_max: int) -> None:
        self._log = log
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head_max = head_max
        self._tail_max = tail_max
        self._head = bytearray()
        self._tail = b""
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        if len(self._head) < self._head_max:
            self._head += data[: self._head_max - len(self._head)]
        if self._tail_max:
            self._tail = (self._tail + data)[-self._tail_max :]
        text = self._decoder.decode(data)
        if text:
            self._log(text)

    def text(self) -> str:
        """Without the final line end, as a shell's $(...) gives it; that something is missing stands in the text."""
        text = bytes(self._head).decode("utf-8", "replace")
        whole = len(text)
        while len(dump_json(text).encode("utf-8", "replace")) > OUTPUT_JSON_BYTES_MAX:
            text = text[: len(text) // 2]
        if self.bytes > len(self._head) or len(text) < whole:
            kept = len(text.encode("utf-8", "replace"))
            return f"{text}\n[truncated: {kept} of {self.bytes} bytes; the whole output was written to the log]"
        return text[:-1] if text.endswith("\n") else text

    def tail(self) -> str:
        return self._tail.decode("utf-8", "replace").strip()


class CommandWorker:
    """A `jobs.Worker` for commands of this machine."""

    functions: Sequence[RegisteredFunction] = ()  # anything may be asked

    def __init__(
        self,
        *,
        rules: Rules,
        base_env: Mapping[str, str],
        own_env: Mapping[str, str],
        leftovers: Leftovers,
        workdir: Path | None = None,
        private_key: str = "",
    ) -> None:
        self._rules = rules
        self._base_env = base_env
        self._own_env = own_env
        self._leftovers = leftovers
        self._workdir = workdir
        self._private_key = private_key
        self._tasks: set[asyncio.Task[None]] = set()

    def rekeyed(self, own_env: Mapping[str, str], private_key: str) -> None:
        """For commands that start from now on."""
        self._own_env, self._private_key = own_env, private_key

    def start(self, job: Job, done: Callable[[Result], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(job, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, job: Job) -> None:
        if isinstance(job.handle, GroupProcess):
            job.handle.stop()

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry_out(self, job: Job, done: Callable[[Result], None]) -> None:
        own: Path | None = None
        result: Result
        try:
            own = Path(tempfile.mkdtemp(prefix="colonies-"))
            result = await self._run(job, own)
        except (Refused, OSError) as error:
            result = Failed(errors=(_reason(error),))
        except Exception as error:
            _log.exception("process %s could not be run", job.processid)
            result = Failed(errors=(f"the executor could not run it: {error}",))
        finally:
            if own is not None:
                await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)
        done(result)

    async def _run(self, job: Job, own: Path) -> Result:
        """`own` is this process's folder: what it may read of itself, and where it runs unless all run in one place."""
        spec = job.process.spec
        self._rules.check_env(spec.env)
        argv = self._rules.argv(spec)
        out = Output(job.notes.log, head_max=OUTPUT_BYTES_MAX, tail_max=0)
        err = Output(job.notes.log, head_max=0, tail_max=ERROR_TAIL_BYTES)
        about = {
            **self._own_env,
            **await asyncio.to_thread(os_input.written, job.process, own),
            VARIABLE: job.processid,
            "COLONIES_ATTEMPT": str(job.attempt),
        }
        env = environment(self._base_env, spec, about, private_key=self._private_key)
        folder = self._workdir or own / "work"
        if self._workdir is None:
            folder.mkdir()
        if job.unwanted:
            return Failed(errors=("stopped before it began",))
        process = GroupProcess(argv, env=env, cwd=folder, stdout=out.write, stderr=err.write)
        job.handle = process
        with self._leftovers.noted(process.pid, job.processid):
            return _judged(await process.wait(), out, err)


def _judged(ended: Ended, out: Output, err: Output) -> Result:
    if ended.code == 0:
        return Done(out=[out.text()])
    return Failed(errors=tuple(filter(None, (ended.describe(), err.tail()))))


def _reason(error: Refused | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return str(error)
