"""Threads that run functions, as many as the capacity; one that is stuck in withdrawn work is replaced by another."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, "BaseException | None"], None]


class Ticket:
    """One piece of work; `done(value, error)` is called in the loop."""

    __slots__ = ("abandoned", "done", "over", "work")

    def __init__(self, work: Work, done: Done) -> None:
        self.work = work
        self.done = done
        self.abandoned = False
        self.over = False


class JobThreads:
    """Not `concurrent.futures`: its threads keep a program from ending while a function hangs, cannot be replaced, and
    wake the loop once per result, where one wake-up for all that are done is half of the cost at 1,000 jobs/s."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._done: deque[tuple[Ticket, Any, BaseException | None]] = deque()
        self._woken = False
        self._lock = threading.Lock()  # between "it is over" and "it is abandoned"
        self._count = count
        self._started = 0
        self._busy = 0
        self.stuck = 0  # threads that are still in work which nobody wants

    def submit(self, work: Work, done: Done) -> Ticket:
        ticket = Ticket(work, done)
        self._busy += 1
        if self._started < min(self._count, self._busy):
            self._start_thread()
            self._started += 1
        self._queue.put(ticket)
        return ticket

    def abandon(self, ticket: Ticket) -> None:
        """Nobody waits for this any more: others do not have to wait for its thread."""
        with self._lock:
            if ticket.over or ticket.abandoned:
                return
            ticket.abandoned = True
        self.stuck += 1
        self._start_thread()

    def close(self) -> None:
        """Idle threads end; a stuck one ends with the program."""
        for _ in range(self._started):
            self._queue.put(None)

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, name="job", daemon=True).start()

    def _work(self) -> None:
        while (ticket := self._queue.get()) is not None:
            value: Any = None
            error: BaseException | None = None
            try:
                value = ticket.work()
            except BaseException as raised:  # sys.exit() in a function fails its process, not the executor
                error = raised
            with self._lock:
                ticket.over = True
            self._done.append((ticket, value, error))
            if not self._woken:
                self._woken = True
                try:
                    self._loop.call_soon_threadsafe(self._hand_over)
                except RuntimeError:  # the loop is closed: nobody is interested
                    return
            if ticket.abandoned:
                return

    def _hand_over(self) -> None:
        self._woken = False
        while self._done:
            ticket, value, error = self._done.popleft()
            if ticket.abandoned:
                self.stuck -= 1
            else:
                self._busy -= 1
            ticket.done(value, error)
