"""Programs that run until they are told to stop: the coordinator, alone or with everything it needs around it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.exits import SUCCESS, Failed
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import Forbidden

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Options, Running
    from colonies_edge.transports.notify import Notifier


def manager() -> Notifier:
    """Who started this service, if a service manager did. Should its watchdog end us (SIGABRT), the journal then shows
    where each thread was stuck."""
    from colonies_edge.transports.notify import Notifier

    notifier = Notifier.from_environment(os.environ)
    if notifier.listened_to:
        import faulthandler

        faulthandler.enable()
    return notifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """What to do about a port that is taken: the broker's, that of HTTP."""

    mqtt: str
    http: str


async def serve(
    options: Options,
    ready: Callable[[Running], Awaitable[None]],
    *,
    busy: Busy,
    beside: Callable[[Running, asyncio.Event], Awaitable[None]] | None = None,
) -> int:
    """Run a coordinator until SIGINT or SIGTERM; `ready` is called once it listens. `beside` runs with it until the
    event that it gets, and ends before the coordinator does."""
    await run(options, ready, until_told(), busy=busy, beside=beside)
    return SUCCESS


def until_told() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def run(
    options: Options,
    ready: Callable[[Running], Awaitable[None]],
    stopping: asyncio.Event,
    *,
    busy: Busy,
    beside: Callable[[Running, asyncio.Event], Awaitable[None]] | None = None,
) -> None:
    """The same until an event. Raises what ended it, and what `ready` or `beside` raised."""
    from colonies_edge.apps.certificates import ClockNotSet, CryptographyMissing
    from colonies_edge.apps.coordinator import HttpPortTaken, coordinating, run_until
    from colonies_edge.storage.errors import StoreFailed

    notifier = manager()
    try:
        async with AsyncExitStack() as stack:
            running = await _unless(stopping, stack.enter_async_context(coordinating(options)))
            if running is None:
                return
            ending = asyncio.Event()
            work = asyncio.ensure_future(run_until(running.coordinator, ending))
            greeting = asyncio.ensure_future(ready(running))
            watching = asyncio.ensure_future(notifier.watch(running.coordinator.progresses))
            company = asyncio.ensure_future((beside or _nobody)(running, stopping))
            company.add_done_callback(lambda _: ending.set())
            notifier.ready(_status(running))
            try:
                await asyncio.wait({work, greeting}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    await greeting
                await work
                stopping.set()
                await company
            finally:
                notifier.stopping("says goodbye and writes a checkpoint")
                stopping.set()
                await asyncio.gather(company, return_exceptions=True)
                ending.set()
                await end_tasks((greeting, watching))
                await asyncio.gather(work, return_exceptions=True)
    except (StoreFailed, CryptographyMissing, ClockNotSet) as error:
        raise Failed(str(error)) from error
    except Forbidden as error:
        raise Failed(f"{error}; use the keys it was made with, or another folder with --data") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE and not options.mqtt:
            where = f"port {options.port} of {options.host}"
            raise Failed(f"{where} is taken by another program; {busy.mqtt}") from error
        raise
    except HttpPortTaken as error:
        raise Failed(f"{error}; {busy.http}") from error


async def _nobody(_: Running, stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _unless(stopping: asyncio.Event, starting: Coroutine[Any, Any, Running]) -> Running | None:
    """What has started, or None when it shall stop before: to read a journal or to wait for a broker may take long."""
    task, stop = asyncio.ensure_future(starting), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        await end_tasks((task, stop))
    return None


def _status(running: Running) -> str:
    """For `systemctl status`: the id is what a person compares, the reason why nothing is accepted what he must see."""
    text = f"coordinator {running.server_id} listens at {without_password(running.url)}"
    return f"{text}; READ-ONLY: {running.coordinator.read_only}" if running.coordinator.read_only else text
