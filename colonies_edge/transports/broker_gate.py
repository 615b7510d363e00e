"""The doorkeeper of the embedded broker: how often an address may fail, how many connections one identity may hold."""

from __future__ import annotations

from collections import Counter, deque

from colonies_edge.protocol.limits import (
    CONNECT_ATTEMPTS_PER_MINUTE,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_IDENTITY_MAX,
    ENROLLING_CONNECTIONS_MAX,
)
from colonies_edge.transports.door import network_of

ADDRESSES_MAX = 4096  # remembered; 4096 addresses with 60 times each are 2 MB at the very worst
_MINUTE_S = 60.0


class Gate:
    """Attempts that were not fully admitted are counted per address; admitted ones are not, so that a whole fleet
    behind one router comes back after an outage while a guesser is slowed down."""

    def __init__(
        self,
        *,
        attempts_per_minute: int = CONNECT_ATTEMPTS_PER_MINUTE,
        per_identity: int = CONNECTIONS_PER_IDENTITY_MAX,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._attempts_max = attempts_per_minute
        self._per_identity = per_identity
        self._connections_max = connections_max
        self._attempts: dict[str, deque[float]] = {}
        self._connections: Counter[str] = Counter()
        self._enrolling = 0
        self.connection_count = 0
        self.turned_away = 0

    def may_try(self, address: str, now_s: float) -> bool:
        attempts = self._attempts.get(network_of(address))
        if attempts is None or len(attempts) < self._attempts_max or attempts[0] < now_s - _MINUTE_S:
            return True
        self.turned_away += 1
        return False

    def note_failure(self, address: str, now_s: float) -> None:
        network = network_of(address)
        attempts = self._attempts.pop(network, None) or deque(maxlen=self._attempts_max)
        attempts.append(now_s)
        self._attempts[network] = attempts  # now the newest
        if len(self._attempts) > ADDRESSES_MAX:
            del self._attempts[next(iter(self._attempts))]

    def enter(self, identity: str) -> bool:
        if self._connections[identity] >= self._per_identity or self.connection_count >= self._connections_max:
            self.turned_away += 1
            return False
        self._connections[identity] += 1
        self.connection_count += 1
        return True

    def enter_to_enrol(self, _identity: str) -> bool:
        """Strangers with a token, all of them together."""
        if self._enrolling >= ENROLLING_CONNECTIONS_MAX or self.connection_count >= self._connections_max:
            self.turned_away += 1
            return False
        self._enrolling += 1
        self.connection_count += 1
        return True

    def leave_enrolled(self, _identity: str) -> None:
        self.connection_count -= 1
        self._enrolling -= 1

    def leave(self, identity: str) -> None:
        self.connection_count -= 1
        self._connections[identity] -= 1
        if self._connections[identity] <= 0:
            del self._connections[identity]
