"""The doorkeeper of the embedded broker: how often an address may fail, how many connections one identity may hold."""

from __future__ import annotations

from collections import Counter, deque
from typing import TypeAlias

from colonies_edge.protocol.limits import (
    CONNECT_ATTEMPTS_PER_MINUTE,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_IDENTITY_MAX,
    ENROLLING_CONNECTIONS_MAX,
    STATUS_ONLY_PER_IDENTITY_MAX,
)
from colonies_edge.transports.admission import Access, Admission
from colonies_edge.transports.door import network_of

ADDRESSES_MAX = 4096  # remembered; 4096 addresses with 60 times each are 2 MB at the very worst
_MINUTE_S = 60.0

_Place: TypeAlias = tuple[str, Access | None]


class Gate:
    """Attempts that were refused are counted per address, and those of strangers; those of known identities are not,
    so that a whole fleet behind one router comes back after an outage, clocks or no clocks, while a guesser is slowed
    down."""

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
        self._connections: Counter[_Place] = Counter()
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

    def enter(self, admission: Admission, *, instead_of: Admission | None = None) -> bool:
        """Count a connection in, if there is a place for it; beside an older one that ends when it is there."""
        place = _place(admission)
        leaves = 0 if instead_of is None else 1
        leaves_place = 0 if instead_of is None or _place(instead_of) != place else 1
        taken = self._connections[place] - leaves_place
        if taken >= self._most(admission) or self.connection_count - leaves >= self._connections_max:
            self.turned_away += 1
            return False
        self._connections[place] += 1
        self.connection_count += 1
        return True

    def leave(self, admission: Admission) -> None:
        place = _place(admission)
        self.connection_count -= 1
        self._connections[place] -= 1
        if self._connections[place] <= 0:
            del self._connections[place]

    def _most(self, admission: Admission) -> int:
        if admission.stranger:
            return ENROLLING_CONNECTIONS_MAX
        return STATUS_ONLY_PER_IDENTITY_MAX if admission.access is Access.STATUS_ONLY else self._per_identity


def _place(admission: Admission) -> _Place:
    """What is counted together: strangers all of them, since they choose what they are called. A stale password can be
    one that somebody overheard, so those who show one take no place of those who show a fresh one."""
    return ("", None) if admission.stranger else (admission.identity, admission.access)
