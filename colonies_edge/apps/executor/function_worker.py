"""Runs Python functions: plain ones in threads, async ones in a loop of their own, never in the loop that talks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from colonies_edge.apps.executor.context import Context
from colonies_edge.apps.executor.functions import DoesNotFit, RegisteredFunction, errors_of, output_of
from colonies_edge.apps.executor.jobs import Done, Failed, Job, Result, Returned
from colonies_edge.apps.executor.threads import JobThreads, Ticket
from colonies_edge.client.tasks import end_all_tasks

_log = logging.getLogger(__name__)

# Threads may be stuck in withdrawn work, as many as the capacity and these: each costs memory, none ends by force.
STUCK_MORE = 4


class FunctionWorker:
    """A `jobs.Worker` for registered functions."""

    def __init__(self, functions: Mapping[str, RegisteredFunction], capacity: int) -> None:
        self._functions = dict(functions)
        self._capacity = capacity
        self._threads = JobThreads(capacity)
        self._coroutines: CoroutineThread | None = None

    @property
    def functions(self) -> Sequence[RegisteredFunction]:
        return tuple(self._functions.values())

    def start(self, job: Job, done: Callable[[Result], None]) -> None:
        spec = job.process.spec
        function = self._functions.get(spec.funcname)
        if function is None:
            known = ", ".join(sorted(self._functions)) or "none"
            done(Failed(errors=(f"this executor has no function {spec.funcname!r}; it has: {known}",)))
            return
        try:
            bound = function.bind(spec.args, spec.kwargs)
        except DoesNotFit as error:
            done(Failed(errors=(str(error),)))
            return
        if self._threads.stuck >= self._capacity + STUCK_MORE:
            done(Returned(reason="every thread is held up by a function that does not stop"))
            return
        context = Context(job.process, job.attempt, job.notes, job.talk, job.cancelled)
        finished = partial(self._finished, job, done)
        if function.is_async:
            self._coroutines = self._coroutines or CoroutineThread()
            job.handle = self._coroutines.submit(function.run(bound, context), finished)
        else:
            job.handle = self._threads.submit(partial(function.run, bound, context), finished)

    def _finished(self, job: Job, done: Callable[[Result], None], value: Any, error: BaseException | None) -> None:
        if error is None:
            done(Done(out=output_of(value)))
            return
        if not job.unwanted:
            _log.info("process %s (%s) failed", job.processid, job.process.spec.funcname, exc_info=error)
        done(Failed(errors=errors_of(error)))

    def stop(self, job: Job) -> None:
        """A thread cannot be ended from outside: it is left alone, and another takes its place."""
        if isinstance(job.handle, Ticket):
            self._threads.abandon(job.handle)
        elif job.handle is not None:
            job.handle.cancel()

    async def close(self) -> None:
        self._threads.close()
        if self._coroutines is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._coroutines.close)


class CoroutineThread:
    """A loop in a thread of its own: an async function that forgets to be async delays others of its kind only."""

    def __init__(self) -> None:
        self._home = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="async-jobs", daemon=True)
        self._thread.start()

    def submit(
        self, coroutine: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]
    ) -> concurrent.futures.Future[Any]:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        future.add_done_callback(partial(self._hand_over, done))
        return future

    def _hand_over(
        self, done: Callable[[Any, BaseException | None], None], future: concurrent.futures.Future[Any]
    ) -> None:
        error = asyncio.CancelledError("the function was cancelled") if future.cancelled() else future.exception()
        value = future.result() if error is None else None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested
            self._home.call_soon_threadsafe(done, value, error)

    def close(self) -> None:
        """Waits for what was cancelled to clean up, but not for what refuses to."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(end_all_tasks())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
