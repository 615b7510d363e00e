"""A token bucket, one second deep: what may be had so often and no more."""

from __future__ import annotations


class Allowance:
    """`take` is asked before each; False means not now. Times in ns that never decrease."""

    __slots__ = ("_at_ns", "_left", "_per_s")

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._at_ns = 0

    def take(self, now_ns: int) -> bool:
        gained = (now_ns - self._at_ns) * self._per_s / 1_000_000_000
        self._left = min(float(self._per_s), self._left + gained)
        self._at_ns = now_ns
        if self._left < 1:
            return False
        self._left -= 1
        return True
