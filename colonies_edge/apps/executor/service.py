"""An executor as a program: connects, works until a signal, and comes back from every interruption in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from colonies_edge.apps.executor.functions import RegisteredFunction
from colonies_edge.apps.executor.jobs import Worker
from colonies_edge.apps.executor.membership import Membership
from colonies_edge.apps.executor.runtime import Runtime
from colonies_edge.apps.executor.settings import ExecutorSettings
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.outbox import Outbox
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import ColoniesError, NoConnection
from colonies_edge.protocol.limits import TRY_FIRST_S, TRY_MAX_S
from colonies_edge.transports.ports import NotAdmitted
from colonies_edge.transports.system import jitter

_log = logging.getLogger(__name__)


class Stopping:
    """A wish to stop that may come from a signal, from another thread, or before anything runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stop: asyncio.Event
        self.hurry: asyncio.Event

    def bind(self) -> None:
        """In the loop that shall hear of it."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self.stop, self.hurry = asyncio.Event(), asyncio.Event()
            self._tell()

    def unbind(self) -> None:
        with self._lock:
            self._loop = None
            self._wishes = 0

    def wish(self) -> None:
        """The first means stop, the second means now."""
        with self._lock:
            self._wishes += 1
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._wishes >= 1:
            self.stop.set()
        if self._wishes >= 2:
            self.hurry.set()


async def serve(
    settings: ExecutorSettings,
    make_worker: Callable[[], Worker],
    functions: Sequence[RegisteredFunction],
    stopping: Stopping,
) -> None:
    """Work until told to stop. Raises UsageError (the outbox is in use) and what no retry can help."""
    stopping.bind()
    outbox = Outbox(settings.folder)
    try:
        for note in outbox.notes:
            _log.warning("%s", note)
        membership = Membership(settings.registration, functions, settings.owner)
        with _signals(stopping):
            client = await _unless(stopping.stop, _connected(settings, membership))
            if client is None:
                return
            runtime = Runtime(
                client,
                make_worker(),
                outbox,
                capacity=settings.capacity,
                grace_s=settings.grace_s,
                become_member=membership.become,
            )
            try:
                await runtime.run(stopping.stop, stopping.hurry)
            finally:
                await client.close()
    finally:
        stopping.unbind()
        await outbox.close()
        _log.info("the executor has stopped")


async def _connected(settings: ExecutorSettings, membership: Membership) -> AsyncClient:
    pause_s = float(TRY_FIRST_S)
    said = ""
    enrolled = False
    while True:
        try:
            return await _opened(settings)
        except NotAdmitted as error:
            problem = str(error) if enrolled else await _enrol(settings, membership)
            if not problem:
                enrolled = True
                continue
        except NoConnection as error:
            problem = str(error)
        if problem != said:  # once, not every half minute of a night without a network
            _log.warning("%s; trying again", problem)
            said = problem
        await asyncio.sleep(jitter(pause_s))
        pause_s = min(2 * pause_s, float(TRY_MAX_S))


async def _opened(settings: ExecutorSettings) -> AsyncClient:
    client = AsyncClient(settings.endpoint, settings.signer, settings.registration.colonyname, executor=True)
    client.caller.shown_as = settings.registration.executorname, settings.registration.executortype
    try:
        await client.open()
    except BaseException:
        await client.close()
        raise
    return client


async def _enrol(settings: ExecutorSettings, membership: Membership) -> str:
    """The broker does not know us. Returns what is in the way of changing that, "" when it was changed."""
    if settings.owner is None:
        return (
            f"the broker does not admit executor {settings.registration.executorname};"
            f" the colony's owner can register it: {settings.registration.how_to()}"
        )
    try:
        await membership.enrol()
    except (ColoniesError, NoConnection) as error:
        return f"cannot register with the owner's key: {error}"
    return ""


async def _unless(stop: asyncio.Event, opening: Coroutine[Any, Any, AsyncClient]) -> AsyncClient | None:
    """What comes of `opening`, or None when the wish to stop comes first."""
    task = asyncio.ensure_future(opening)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            return task.result()
        await end_tasks([task])
        if not task.cancelled() and task.exception() is None:
            await task.result().close()
        return None
    finally:
        stopped.cancel()


@contextlib.contextmanager
def _signals(stopping: Stopping) -> Iterator[None]:
    """SIGTERM and SIGINT are wishes, where this thread may listen for them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stopping.wish)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
