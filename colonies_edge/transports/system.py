"""The only reader of clocks and entropy: everything else is told the time and given its luck."""

from __future__ import annotations

import random
import secrets
import time
from typing import Protocol

# A wall clock that is ahead by more than this was stepped (NTP after boot, an operator), not slewed: adjtime slews at
# 500 ppm, so between two readings a second apart the largest honest difference is half a millisecond.
STEP_NS = 1_000_000_000


class Clock(Protocol):
    """Two readings in nanoseconds: what the wall says, and how much time has passed."""

    def wall_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...


class SystemClock:
    """The clocks of this machine."""

    __slots__ = ()

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


class CoordinatorClock:
    """The coordinator's time: never runs backwards, not over a restart either (`floor_ns`, the newest journaled time).

    Between two readings it runs on monotonic time. It follows the wall forward, silently for small differences; a jump
    of more than a second is followed too and kept for `take_step`, so that stored deadlines can move with it. A wall
    clock that is behind is ignored: a Pi without a battery clock boots in the past, and its coordinator must not.
    """

    __slots__ = ("_clock", "_last_mono", "_now", "_step")

    def __init__(self, floor_ns: int = 0, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._last_mono = self._clock.monotonic_ns()
        self._now = max(floor_ns, self._clock.wall_ns())
        self._step = 0

    def now_ns(self) -> int:
        mono = self._clock.monotonic_ns()
        self._now += max(0, mono - self._last_mono)
        self._last_mono = mono
        ahead = self._clock.wall_ns() - self._now
        if ahead > 0:
            self._now += ahead
            if ahead > STEP_NS:
                self._step += ahead
        return self._now

    def take_step(self) -> int:
        """Nanoseconds the time was stepped forward since the last call; 0 almost always."""
        step, self._step = self._step, 0
        return step


class PartyClock:
    """A client's idea of the coordinator's time: its own wall clock until the coordinator said better.

    Once learnt it runs on monotonic time, so that NTP stepping the wall on the device does not undo what was learnt.
    """

    __slots__ = ("_anchor_mono", "_anchor_ms", "_clock")

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._anchor_ms: int | None = None
        self._anchor_mono = 0

    def now_ms(self) -> int:
        if self._anchor_ms is None:
            return self._clock.wall_ns() // 1_000_000
        return self._anchor_ms + (self._clock.monotonic_ns() - self._anchor_mono) // 1_000_000

    def learn(self, coordinator_ms: int) -> None:
        self._anchor_ms = coordinator_ms
        self._anchor_mono = self._clock.monotonic_ns()

    @property
    def offset_ms(self) -> int:
        """Coordinator's time minus this machine's wall clock; what `doctor` shows."""
        return self.now_ms() - self._clock.wall_ns() // 1_000_000


def entropy(n: int) -> bytes:
    return secrets.token_bytes(n)


def new_msgid() -> str:
    """22 url-safe characters, 128 bits: unique per call without asking anybody."""
    return secrets.token_urlsafe(16)


def new_conn() -> str:
    """12 url-safe characters, 72 bits: the name of one connection in topics."""
    return secrets.token_urlsafe(9)


def jitter(seconds: float) -> float:
    """Between half of `seconds` and all of it, so that a fleet does not come back in step after an outage."""
    return seconds * random.uniform(0.5, 1.0)
