"""Simulated time: a heap of things to do, and the clocks of machines that are wrong in their own ways."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

SECOND = 1_000_000_000
BASE_NS = 1_795_000_000 * SECOND  # what a right wall clock shows when a history begins

Act = Callable[[], None]


class Task:
    """Something that will be done, unless it is cancelled."""

    __slots__ = ("act",)

    def __init__(self, act: Act) -> None:
        self.act: Act | None = act

    def cancel(self) -> None:
        self.act = None


class Loop:
    """`now` is true time in ns since the history began. Ties are broken by who asked first."""

    def __init__(self) -> None:
        self.now = 0
        self.done = 0
        self._heap: list[tuple[int, int, Task]] = []
        self._ties = count()

    def at(self, when: int, act: Act) -> Task:
        task = Task(act)
        heapq.heappush(self._heap, (max(when, self.now), next(self._ties), task))
        return task

    def after(self, seconds: float, act: Act) -> Task:
        return self.at(self.now + int(seconds * SECOND), act)

    def run(self, until: int, stop: Callable[[], bool] | None = None) -> None:
        """Go on until then, or until `stop` says so."""
        while self._heap and self._heap[0][0] <= until:
            when, _, task = heapq.heappop(self._heap)
            if task.act is None:
                continue
            self.now = when
            self.done += 1
            task.act()
            if stop is not None and stop():
                return
        self.now = max(self.now, until)


class MachineClock:
    """A machine's two clocks (the port `Clock`): the wall is off by `error_ns`, which may change at any moment."""

    def __init__(self, loop: Loop, error_ns: int = 0) -> None:
        self._loop = loop
        self.error_ns = error_ns

    def wall_ns(self) -> int:
        return BASE_NS + self._loop.now + self.error_ns

    def monotonic_ns(self) -> int:
        return self._loop.now
