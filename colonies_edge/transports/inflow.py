"""Clients' messages come in no faster than the coordinator takes them, and everybody's in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

# Messages that one connection may hand over in its turn; between two turns of it, all others who wait have had theirs.
PER_TURN = 16
# Between two looks for room while somebody waits: half of what a quick disk takes for a commit.
LOOK_S = 0.002


class Inflow:
    """Who would publish asks how much; where the coordinator is behind, he stands in line, and his socket is not read.

    So nobody's message is dropped and memory is bounded, and a flood of one makes others wait for a turn of each of its
    connections, not for all that it sends.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._line: deque[asyncio.Future[int]] = deque()
        self._next: asyncio.Handle | None = None

    @property
    def room(self) -> int:
        """How many messages may come at once, without standing in line."""
        return 0 if self._line else max(0, self._room())

    async def turn(self) -> int:
        """How many messages may come, when it is one's turn; what is done with it is done before the next wait."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[int] = loop.create_future()
        self._line.append(mine)
        if self._next is None:
            self._next = loop.call_later(LOOK_S, self._look)
        return await mine

    def _look(self) -> None:
        """One at a time: only when he has published is it known how much room is left."""
        loop = asyncio.get_running_loop()
        while self._line and self._line[0].done():  # its connection has ended
            self._line.popleft()
        self._next = None
        room = self._room()
        if self._line and room > 0:
            self._line.popleft().set_result(min(PER_TURN, room))
            self._next = loop.call_soon(self._look)  # after him
        elif self._line:
            self._next = loop.call_later(LOOK_S, self._look)
