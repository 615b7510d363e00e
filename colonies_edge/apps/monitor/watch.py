"""Asks again and again, and tells when the coordinator comes and goes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from colonies_edge.apps.monitor.server import MonitorServer
from colonies_edge.apps.prometheus import exposition, upstream
from colonies_edge.protocol.errors import NoConnection
from colonies_edge.transports.ports import NotAdmitted

# Asks for the statistics once; raises NoConnection, and whatever the coordinator refuses with.
Ask = Callable[[], Awaitable[Mapping[str, Any]]]


async def watch(
    server: MonitorServer, ask: Ask, every_s: float, stopping: asyncio.Event, told: Callable[[str], None]
) -> None:
    """Keep the page up to date until the event is set. A refusal is raised, and so is the broker's at the first try:
    time does not heal a wrong key."""
    reachable: bool | None = None
    while not stopping.is_set():
        asking = asyncio.ensure_future(ask())
        stop = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({asking, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return
            problem = _shown(server, asking, first=reachable is None)
        finally:
            for task in (asking, stop):
                task.cancel()
            await asyncio.gather(asking, stop, return_exceptions=True)
        if reachable is not (problem == ""):
            reachable = problem == ""
            told(problem or "The coordinator answers")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), every_s)


def _shown(server: MonitorServer, asking: "asyncio.Future[Mapping[str, Any]]", *, first: bool) -> str:
    """Why there are no numbers, or ""."""
    try:
        server.page = exposition(upstream(asking.result()))
    except NoConnection as error:
        if first and isinstance(error, NotAdmitted):
            raise
        server.page = exposition(upstream(None))
        return f"{error}; gauges are -1 until it answers"
    return ""
