"""A steady pace: so many per second go through, in the order in which they came."""

from __future__ import annotations

import asyncio

BURST_S = 0.25  # what was not used in the last quarter of a second may go at once


class Pace:
    """`await pace.turn()` before each one."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1 / per_s
        self._next = 0.0  # when the next one may go, in the loop's time

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(self._next, now - BURST_S)
        self._next = at + self._gap_s
        if at > now:
            await asyncio.sleep(at - now)
