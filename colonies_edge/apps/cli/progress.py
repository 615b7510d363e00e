"""How far it is, on a terminal: one line on stderr, only of what lasts, gone when it is over."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType

from colonies_edge.apps.cli.console import Console
from colonies_edge.transports.system import SystemClock

_CELLS = 40
AFTER_S = 1.0  # what is over sooner needs no bar, and would only flicker
_TICK_S = 0.5
_CLOCK = SystemClock()


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def _bar(percent: int, text: str) -> str:
    cells = _CELLS * percent // 100
    return f"[{'#' * cells}{'.' * (_CELLS - cells)}] {percent:3d} %  {text}"


class Bar:
    """So many of all the bytes: drawn anew when the percentage changes."""

    def __init__(
        self,
        console: Console,
        total: int,
        *,
        after_s: float = AFTER_S,
        monotonic_ns: Callable[[], int] = _CLOCK.monotonic_ns,
    ) -> None:
        self._console = console
        self._total = total
        self._done = 0
        self._shown = -1
        self._monotonic_ns = monotonic_ns
        self._from_ns = monotonic_ns() + int(after_s * 1e9)

    def __call__(self, count: int) -> None:
        self._done = min(self._total, self._done + count)
        percent = 100 * self._done // max(1, self._total)
        if self._total > 0 and percent != self._shown and self._monotonic_ns() >= self._from_ns:
            self._shown = percent
            self._console.passing(_bar(percent, f"{size(self._done)} of {size(self._total)}"))

    def close(self) -> None:
        self._console.passing("")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Waiting:
    """For what cannot say how far it is: the seconds, against the most that it may take if that is known.

    They are counted in a thread, as what is waited for may be a program of the system.
    """

    def __init__(self, console: Console, within_s: float = 0, *, after_s: float = AFTER_S) -> None:
        self._console = console
        self._within_s = within_s
        self._after_s = after_s
        self._over = Event()
        self._thread = Thread(target=self._count, daemon=True)

    def __enter__(self) -> Waiting:
        if self._console.watched:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._console.passing("")

    def _count(self) -> None:
        began_ns = _CLOCK.monotonic_ns()
        wait_s = self._after_s
        while not self._over.wait(wait_s):
            wait_s = min(_TICK_S, self._after_s)
            seconds = (_CLOCK.monotonic_ns() - began_ns) / 1e9
            if self._within_s:
                percent = min(100, int(100 * seconds / self._within_s))
                self._console.passing(_bar(percent, f"{seconds:.0f} s of {self._within_s:g} s at most"))
            else:
                self._console.passing(f"{seconds:.0f} s so far")
