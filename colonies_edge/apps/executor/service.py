"""An executor as a program: connects, works until a signal, and comes back from every interruption in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

from colonies_edge.apps.executor.functions import RegisteredFunction
from colonies_edge.apps.executor.jobs import Worker
from colonies_edge.apps.executor.membership import Membership
from colonies_edge.apps.executor.rotation import Keys, LiveRotation, settled_in_time
from colonies_edge.apps.executor.runtime import Runtime
from colonies_edge.apps.executor.settings import ExecutorSettings
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.outbox import Outbox
from colonies_edge.client.tasks import end_tasks
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import TRY_FIRST_S, TRY_MAX_S
from colonies_edge.transports.notify import Notifier
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
        self.rekey: asyncio.Event  # not a wish to stop: to have another key

    def bind(self) -> None:
        """In the loop that shall hear of it."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self.stop, self.hurry, self.rekey = asyncio.Event(), asyncio.Event(), asyncio.Event()
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
    rekeyed: Callable[[Signer], None],
    notifier: Notifier | None = None,
    runs: Callable[[], None] = lambda: None,
) -> None:
    """Work until told to stop. `rekeyed` hears of another key, also before the worker is made; `runs` that work can
    come, once. Raises UsageError (the outbox is in use) and what no retry can help.

    `notifier` hears that the executor is ready, or what it waits for: that is for somebody else to change, so the
    service itself has started, and a machine that boots without a network does not wait for it.
    """
    notifier = notifier or Notifier()
    outbox = Outbox(settings.folder)
    stopping.bind()  # not before: a wish for somebody who could not begin would go to a loop that is closed
    watching = asyncio.ensure_future(notifier.watch())
    try:
        for note in outbox.notes:
            _log.warning("%s", note)
        with _signals(stopping):
            settings = await _settled(settings, stopping, rekeyed)
            membership = Membership(settings.registration, functions, settings.owner, tell=notifier.ready)
            client = await _unless(stopping.stop, _connected(settings, membership, notifier.ready))
            if client is None:
                return
            runtime = Runtime(
                client,
                make_worker(),
                outbox,
                capacity=settings.capacity,
                grace_s=settings.grace_s,
                become_member=membership.become,
                tell=notifier.ready,
                runs=runs,
            )
            changing = asyncio.ensure_future(_change_keys(settings, client, membership, stopping, rekeyed))
            try:
                await runtime.run(stopping.stop, stopping.hurry)
            finally:
                await end_tasks([changing])
                await client.close()
    finally:
        notifier.stopping()
        stopping.unbind()
        await end_tasks([watching])
        await outbox.close()
        _log.info("the executor has stopped")


async def _settled(
    settings: ExecutorSettings, stopping: Stopping, rekeyed: Callable[[Signer], None]
) -> ExecutorSettings:
    """A change of the key that a crash interrupted is finished before anything else."""
    keys = Keys(settings.folder)
    if not keys.changing:
        return settings
    settling = asyncio.ensure_future(settled_in_time(keys, settings.signer, partial(_client, settings)))
    stopped = asyncio.ensure_future(stopping.stop.wait())
    try:
        await asyncio.wait((settling, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not settling.done():
            await end_tasks([settling])
            return settings
        signer = settling.result()
    finally:
        stopped.cancel()
    if signer.identity == settings.signer.identity:
        return settings
    rekeyed(signer)
    return settings.rekeyed(signer)


async def _change_keys(
    settings: ExecutorSettings,
    client: AsyncClient,
    membership: Membership,
    stopping: Stopping,
    rekeyed: Callable[[Signer], None],
) -> None:
    """Whenever SIGUSR1 asks for it; not SIGHUP, which a terminal sends when it is closed."""

    def adopted(signer: Signer) -> None:
        membership.rekeyed(signer.identity)
        rekeyed(signer)

    signer = settings.signer
    rotation = LiveRotation(Keys(settings.folder), client, partial(_client, settings), adopted)
    while True:
        await stopping.rekey.wait()
        stopping.rekey.clear()
        try:
            signer = await rotation.change(signer)
        except (ColoniesError, NoConnection, OSError, UsageError) as error:
            _log.error("the key was not changed: %s", error)


def _client(settings: ExecutorSettings, signer: Signer) -> AsyncClient:
    """Somebody at this executor's coordinator."""
    return AsyncClient(settings.endpoint, signer, settings.registration.colonyname)


async def _connected(settings: ExecutorSettings, membership: Membership, tell: Callable[[str], None]) -> AsyncClient:
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
            tell(f"waits: {problem}")
            said = problem
        await asyncio.sleep(jitter(pause_s))
        pause_s = min(2 * pause_s, float(TRY_MAX_S))


async def _opened(settings: ExecutorSettings) -> AsyncClient:
    client = AsyncClient(settings.endpoint, settings.signer, settings.registration.colonyname, executor=True)
    client.introduce(settings.registration.executorname, settings.registration.executortype)
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
    """SIGTERM and SIGINT are wishes to stop, SIGUSR1 is one for another key, where this thread may listen for them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stopping.wish)
    loop.add_signal_handler(signal.SIGUSR1, stopping.rekey.set)
    try:
        yield
    finally:
        for number in (*numbers, signal.SIGUSR1):
            loop.remove_signal_handler(number)
