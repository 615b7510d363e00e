"""Loops that last as long as the bridge: what nobody thought of is said, and the loop begins anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)

DEFECT_S = 30.0  # what fails for a reason that nobody thought of is tried again, not at full speed


def background(what: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """A task that runs `loop` until it is cancelled. `what` it does is named when it fails."""
    return asyncio.get_running_loop().create_task(_kept_up(what, loop))


async def _kept_up(what: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            await loop()
            return
        except Exception:
            _log.exception("%s: a defect of the bridge; it begins anew", what)
            await asyncio.sleep(DEFECT_S)
