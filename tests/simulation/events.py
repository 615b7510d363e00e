"""asyncio in simulated time: what is written with tasks runs in the same time as what is written with a heap."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from tests.simulation.loop import SECOND, Loop

FAR_S = 86_400.0  # no pause of anybody is longer


class OrderedTask(asyncio.Task[Any]):
    """Sets of tasks are gone through in an order that does not depend on where they are in memory."""

    number: int

    def __new__(cls, _coro: Any, *, loop: Events, **_more: Any) -> OrderedTask:
        task = super().__new__(cls)
        task.number = next(loop.numbers)  # before it is put into the set of all tasks
        return task

    def __hash__(self) -> int:
        return self.number


class OrderedFuture(asyncio.Future[Any]):
    """As the tasks."""

    def __init__(self, *, loop: Events) -> None:
        super().__init__(loop=loop)
        self.number = next(loop.numbers)

    def __hash__(self) -> int:
        return self.number


def in_order(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """As they began. The set of all tasks has those of other loops in it, and keeps no order of its own."""
    return sorted(tasks, key=hash)


class _Selector(selectors.BaseSelector):
    """Waits for nothing real: the pause until the next timer is the time in which the simulated things happen."""

    def __init__(self, time: Loop) -> None:
        self._time = time
        self._files: dict[Any, selectors.SelectorKey] = {}
        self.stopped = False  # the history is over: whatever ends now ends at once

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._files[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._files

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files[fileobj]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            until = self._time.now + math.ceil((FAR_S if timeout is None else timeout) * SECOND)
            if self.stopped:
                self._time.now = until
            else:
                self._time.run(until, lambda: True)
        return []


class Events(asyncio.SelectorEventLoop):
    """The loop of asyncio. `thread` does what would be done in a thread, and says later what came of it."""

    def __init__(self, time: Loop, thread: Callable[[Callable[[], Any], asyncio.Future[Any]], None]) -> None:
        self.numbers = count()  # of what is hashed: from 0 in every history
        self._simulated = time
        self._simulated_selector = _Selector(time)
        super().__init__(self._simulated_selector)
        self._clock_resolution = 1e-6  # floats of seconds are not nanoseconds
        self._thread = thread
        self.set_task_factory(lambda loop, coro, **more: OrderedTask(coro, loop=loop, **more))

    def time(self) -> float:
        return self._simulated.now / SECOND

    def create_future(self) -> asyncio.Future[Any]:
        return OrderedFuture(loop=self)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = self.create_future()
        self._thread(lambda: func(*args), future)
        return future

    def put_away(self) -> None:
        """Whatever still runs is ended, and nobody hears of it."""
        self._simulated_selector.stopped = True
        self.set_exception_handler(lambda loop, context: None)
        left = in_order(asyncio.all_tasks(self))
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.wait(left, timeout=60))
        self.close()
