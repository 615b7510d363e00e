"""Everything that must happen though nobody speaks, in one heap."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import count

COMPACT_AT_LEAST = 4096  # below this many entries a rebuild saves nothing worth the code path


class Timer(IntEnum):
    """What a timer is for; the key says for whom."""

    EXEC = 0  # process id: `maxexectime` is over
    WAIT = 1  # process id: `maxwaittime` is over
    LEASE = 2  # process id: the executor was silent too long
    POLL = 3  # caller/msgid: a long poll ends
    SUBSCRIPTION = 4  # party/conn/msgid
    PASS_OVER = 5  # executor id: what it released may be offered to it again
    SWEEP = 6  # "": look for silent executors
    CRON = 7  # cron id: due, or what it waited for has ended
    GENERATOR = 8  # generator id: its oldest argument has waited long enough
    RETENTION = 9  # "": look for what need not be kept any longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One timer that went off."""

    timer: Timer
    key: str


class Timers:
    """A heap of deadlines in steady nanoseconds.

    Steady time is the engine's `now` minus every step that the wall clock ever made (`clock_stepped`), so that a Pi
    without a battery clock, whose time jumps by years when the network comes, ends neither a lease nor a job by it.

    Entries are never removed early: whoever gets a `Due` looks whether it still matters. `alive` tells the same to the
    occasional rebuild, without which a million finished jobs with long deadlines would stay here.
    """

    def __init__(self, alive: Callable[[Timer, str, int], bool]) -> None:
        self._heap: list[tuple[int, int, Timer, str]] = []
        self._ties = count()
        self._alive = alive
        self._compact_at = COMPACT_AT_LEAST

    def set(self, steady: int, timer: Timer, key: str) -> None:
        """Have `due` yield this at or after `steady`."""
        heapq.heappush(self._heap, (steady, next(self._ties), timer, key))
        if len(self._heap) >= self._compact_at:
            self._compact()

    def due(self, steady: int) -> Iterator[Due]:
        """Take out what is due, earliest first, also what is set meanwhile."""
        while self._heap and self._heap[0][0] <= steady:
            _, _, timer, key = heapq.heappop(self._heap)
            yield Due(timer=timer, key=key)

    def next(self) -> int | None:
        """The earliest deadline, which may turn out not to matter any more."""
        return self._heap[0][0] if self._heap else None

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if self._alive(entry[2], entry[3], entry[0])]
        heapq.heapify(self._heap)
        self._compact_at = max(COMPACT_AT_LEAST, 2 * len(self._heap))
