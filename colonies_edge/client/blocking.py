"""The client for programs without asyncio: the same calls, waited for; a loop in a thread of its own does the work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.client.handles import ProcessHandle, RunHandle, WritableWorkflow
from colonies_edge.client.specs_workflow import AnyWorkflow
from colonies_edge.client.tasks import end_all_tasks
from colonies_edge.crypto.identity import InvalidKey, Signer
from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.protocol.model import FunctionSpec

__all__ = ["BlockingClient", "LoopThread", "ProcessHandle"]

T = TypeVar("T")


class LoopThread:
    """An asyncio loop in a daemon thread: a program that forgets to close it can end all the same."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="colonies-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine; callable from any thread but the loop's own."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise UsageError("a blocking call in the client's own loop would wait for ever: use AsyncClient there")
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise NoConnection("the client is closed") from None
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise NoConnection("the client was closed while this was under way") from None
        except BaseException:
            future.cancel()  # Ctrl-C while waiting: nobody wants the answer any more
            raise

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # stopped before
            self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(end_all_tasks())
        finally:
            self._loop.close()


class BlockingClient:
    """One identity at one coordinator. Connects at the first call; may be used from several threads.

    Every method of `AsyncClient` is here too, by the same name and with the same arguments, and returns when the
    coordinator has answered: `client.get_executors()`.
    """

    def __init__(self, endpoint: Endpoint, prvkey: str, colonyname: str = "") -> None:
        try:
            signer = Signer(prvkey)
        except InvalidKey:
            raise UsageError("this is no private key; a private key is 64 hex digits") from None
        self._make: Callable[[], AsyncClient] = lambda: AsyncClient(endpoint, signer, colonyname)
        self._client: AsyncClient | None = None
        self._thread: LoopThread | None = None
        self._closed = False
        self._opening = threading.Lock()
        self.identity = signer.identity
        self.colonyname = colonyname

    def __enter__(self) -> BlockingClient:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect now instead of at the first call. Raises NoConnection."""
        with self._opening:
            if self._closed:
                raise NoConnection("the client is closed")
            if self._client is not None:
                return
            thread = self._thread or LoopThread()
            self._thread = thread
            self._client = thread.run(self._opened())

    async def _opened(self) -> AsyncClient:
        client = self._make()
        return await client.__aenter__()

    def close(self) -> None:
        """Disconnect, for good. Calls under way in other threads end with NoConnection."""
        with self._opening:
            self._closed = True
            client, self._client = self._client, None
            thread, self._thread = self._thread, None
        if thread is not None:
            if client is not None:
                thread.run(client.close())
            thread.stop()

    @property
    def asynchronous(self) -> AsyncClient:
        """The client underneath; to be used in its own loop only."""
        self.open()
        assert self._client is not None
        return self._client

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine of `asynchronous`."""
        thread = self._thread
        if thread is None:
            coroutine.close()
            raise NoConnection("the client is closed")
        return thread.run(coroutine)

    # -- what most programs need

    def submit(
        self, funcname: str = "", *args: Any, spec: FunctionSpec | Mapping[str, Any] | None = None, **options: Any
    ) -> ProcessHandle:
        """`submit("resize", "in.png", executortype="img", maxexectime=60, quality=80)`: fields of a function spec by
        their names, everything else goes to the function. Or `submit(spec=...)` with a whole spec."""
        return ProcessHandle(self, self.run(self.asynchronous.submit(funcname, *args, spec=spec, **options)))

    def process(self, processid: str) -> ProcessHandle:
        """A process by its id."""
        return ProcessHandle(self, self.run(self.asynchronous.get_process(processid)))

    def workflow(self, **options: Any) -> WritableWorkflow:
        """A workflow to be written node by node; `options` are those of every node that has no others."""
        return WritableWorkflow(self, options)

    def submit_workflow(self, workflow: AnyWorkflow) -> RunHandle:
        """Start a workflow that is there as a whole: the object of the wire, as JSON, or only its function specs."""
        return RunHandle(self, self.run(self.asynchronous.submit_workflow(workflow)))

    def workflow_run(self, processgraphid: str) -> RunHandle:
        """A workflow that was submitted before, by its id."""
        return RunHandle(self, self.run(self.asynchronous.workflow_run(processgraphid)))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(AsyncClient, name, None)
        if name.startswith("_") or not asyncio.iscoroutinefunction(method):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def blocking(*args: Any, **kwargs: Any) -> Any:
            return self.run(getattr(self.asynchronous, name)(*args, **kwargs))

        blocking.__name__, blocking.__doc__ = name, method.__doc__
        return blocking
