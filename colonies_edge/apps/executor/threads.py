"""Threads that run functions, as many as the capacity; one that is stuck in withdrawn work is replaced by another."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, "BaseException | None"], None]


class Ticket:
    """One piece of work; `done(value, error)` is called in the loop."""

    __slots__ = ("abandoned", "done", "over", "thread", "work")

    def __init__(self, work: Work, done: Done) -> None:
        self.work = work
        self.done = done
        self.abandoned = False
        self.over = False
        self.thread = 0  # the one that runs it


class JobThreads:
    """Not `concurrent.futures`: its threads keep a program from ending while a function hangs, cannot be replaced, and
    are woken once per job, as is the loop once per result.

    Here one thread is woken for whatever waits. Before it begins it wakes the next one if more is waiting, and that one
    gets its turn as soon as the function of the first waits for anything. So slow functions run side by side at once,
    and a hundred trivial ones cost a handful of wake-ups: 2 us per job were measured instead of 30.
    """

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._count = count
        self._waiting: deque[Ticket] = deque()
        self._done: deque[tuple[Ticket, Any, BaseException | None]] = deque()
        self._tokens: SimpleQueue[bool] = SimpleQueue()  # True: look at what is waiting; False: end
        self._waking = False  # a token is in the queue, or the thread that got it has not looked yet
        self._telling = False  # the loop has been woken and has not looked yet
        self._awake: set[int] = set()  # threads that are not waiting for a token
        self._started = 0
        self._lock = threading.Lock()
        self.stuck = 0  # threads that are still in work which nobody wants

    def submit(self, work: Work, done: Done) -> Ticket:
        ticket = Ticket(work, done)
        self._waiting.append(ticket)
        self._wake_one()
        return ticket

    def abandon(self, ticket: Ticket) -> None:
        """Nobody waits for this any more: others do not have to wait for its thread."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(ticket)  # not begun: it never will
            return
        with self._lock:
            if ticket.over or ticket.abandoned:
                return
            ticket.abandoned = True
            if not ticket.thread:
                return  # taken, but not begun: it never will
            self._started -= 1
            self._awake.discard(ticket.thread)
            self.stuck += 1
        if self._waiting:
            self._wake_one()

    def close(self) -> None:
        """Idle threads end; a stuck one ends with the program."""
        for _ in range(self._started):
            self._tokens.put(False)

    def _wake_one(self) -> None:
        """If no thread is on its way already: one that sleeps, else a new one while there may be more."""
        if self._waking:
            return
        with self._lock:
            if self._started - len(self._awake) <= 0:
                if self._started >= self._count:
                    return  # all are busy; who is done first looks for more
                self._started += 1
                threading.Thread(target=self._live, name="job", daemon=True).start()
            self._waking = True
        self._tokens.put(True)

    def _live(self) -> None:
        me = threading.get_ident()
        while self._tokens.get():
            with self._lock:
                self._awake.add(me)
            self._waking = False
            if not self._work_off():
                return  # another has taken its place
            with self._lock:
                self._awake.discard(me)
            if self._waiting:  # came while this one went to sleep, and nobody was woken for it
                self._wake_one()

    def _work_off(self) -> bool:
        """Run what is waiting. False when this thread was given up meanwhile."""
        while True:
            try:
                ticket = self._waiting.popleft()
            except IndexError:
                return True
            if self._waiting:
                self._wake_one()
            if not self._run(ticket):
                return False

    def _run(self, ticket: Ticket) -> bool:
        value: Any = None
        error: BaseException | None = None
        with self._lock:
            if ticket.abandoned:
                return True
            ticket.thread = threading.get_ident()
        try:
            value = ticket.work()
        except BaseException as raised:  # sys.exit() in a function fails its process, not the executor
            error = raised
        with self._lock:
            ticket.over = True
            abandoned = ticket.abandoned
            if abandoned:
                self.stuck -= 1
        self._done.append((ticket, value, error))
        if not self._telling:
            self._telling = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested
                self._loop.call_soon_threadsafe(self._hand_over)
        return not abandoned

    def _hand_over(self) -> None:
        self._telling = False
        while self._done:
            ticket, value, error = self._done.popleft()
            ticket.done(value, error)
