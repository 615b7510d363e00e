"""Ending asyncio tasks for certain: before Python 3.12, `wait_for` loses a cancellation that comes with a result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.5  # a task that is still there was either not told or is cleaning up: telling it twice does no harm


async def end_tasks(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel until they have ended; what they raise is not looked at."""
    left = everything = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*everything, return_exceptions=True)


async def end_all_tasks() -> None:
    """The same for whatever else runs in this loop."""
    await end_tasks(asyncio.all_tasks() - {asyncio.current_task()})
