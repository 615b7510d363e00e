"""How often something may happen: a bucket of tokens for each key, filled as steady time flows."""


class Rates:
    """Volatile: a restart fills every bucket. A full bucket and none are the same, so idle keys can be forgotten."""

    def __init__(self, burst: int, per_s: int) -> None:
        self._burst = burst
        self._ns_per_token = 1_000_000_000 // per_s
        self._empty_until: dict[str, int] = {}  # key -> steady time at which its bucket is full again

    def allows(self, key: str, steady: int) -> bool:
        """Is there a token?"""
        missing_ns = self._empty_until.get(key, steady) - steady
        return missing_ns <= (self._burst - 1) * self._ns_per_token

    def take(self, key: str, steady: int) -> None:
        """Use one."""
        self._empty_until[key] = max(self._empty_until.get(key, steady), steady) + self._ns_per_token

    def forget(self, key: str) -> None:
        """Nothing more will happen there."""
        self._empty_until.pop(key, None)
