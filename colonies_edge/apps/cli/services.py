"""Programs that run until they are told to stop: the coordinator, alone or with everything it needs around it."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.exits import SUCCESS, Failed
from colonies_edge.protocol.errors import Forbidden

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Options, Running


async def serve(
    options: Options,
    ready: Callable[[Running], Awaitable[None]],
    *,
    busy: str,
    beside: Callable[[Running, asyncio.Event], Awaitable[None]] | None = None,
) -> int:
    """Run a coordinator until SIGINT or SIGTERM; `ready` is called once it listens. `busy` is what to do about a port
    that is taken. `beside` runs with it until the event that it gets, and ends before the coordinator does."""
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
    busy: str,
    beside: Callable[[Running, asyncio.Event], Awaitable[None]] | None = None,
) -> None:
    """The same until an event. Raises what ended it, and what `ready` or `beside` raised."""
    from colonies_edge.apps.certificates import ClockNotSet, CryptographyMissing
    from colonies_edge.apps.coordinator import coordinating, run_until
    from colonies_edge.storage.errors import StoreFailed

    try:
        async with coordinating(options) as running:
            ending = asyncio.Event()
            work = asyncio.ensure_future(run_until(running.coordinator, ending))
            greeting = asyncio.ensure_future(ready(running))
            company = asyncio.ensure_future((beside or _nobody)(running, stopping))
            company.add_done_callback(lambda _: ending.set())
            try:
                await asyncio.wait({work, greeting}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    await greeting
                await work
                stopping.set()
                await company
            finally:
                stopping.set()
                greeting.cancel()
                await asyncio.gather(company, return_exceptions=True)
                ending.set()
                await asyncio.gather(work, greeting, return_exceptions=True)
    except (StoreFailed, CryptographyMissing, ClockNotSet) as error:
        raise Failed(str(error)) from error
    except Forbidden as error:
        raise Failed(f"{error}; use the keys it was made with, or another folder with --data") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE and not options.mqtt:
            where = f"port {options.port} of {options.host}"
            raise Failed(f"{where} is taken by another program; {busy}") from error
        raise


async def _nobody(_: Running, stopping: asyncio.Event) -> None:
    await stopping.wait()
