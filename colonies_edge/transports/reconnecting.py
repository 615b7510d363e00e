"""When to try again, and when to stop because somebody else holds the same name."""

from __future__ import annotations

from colonies_edge.transports.ports import LinkTakenOver
from colonies_edge.transports.system import jitter

FIRST_S = 0.5
LONGEST_S = 30.0

# A connection that lived this long was a real one: the next loss starts from the shortest delay again.
HEALTHY_S = 15.0
# So many connections in a row that the broker accepted and that ended at once, with no failed attempt between them: a
# bad network or a restarting broker shows failed attempts, two clients with one id never do.
SHORT_LIVES_MAX = 5


class Backoff:
    """Delays that double from half a second to half a minute, with jitter."""

    __slots__ = ("_next_s",)

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def delay_s(self) -> float:
        delay, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return jitter(delay)

    def reset(self) -> None:
        self._next_s = FIRST_S


class TakeoverWatch:
    """Tells two clients that throw each other off from a connection that is merely bad."""

    __slots__ = ("_short_lives",)

    def __init__(self) -> None:
        self._short_lives = 0

    def attempt_failed(self) -> None:
        self._short_lives = 0

    def lost(self, lived_s: float) -> bool:
        """The broker ended a connection it had accepted. Is it time to give up?"""
        self._short_lives = self._short_lives + 1 if lived_s < HEALTHY_S else 0
        return self._short_lives >= SHORT_LIVES_MAX


def taken_over(url: str, client_id: str) -> LinkTakenOver:
    return LinkTakenOver(
        f"{url} accepts this connection (client id {client_id!r}) and drops it again, {SHORT_LIVES_MAX} times in a row:"
        " another client uses the same id, probably a second coordinator; or a message is over the broker's size limit"
    )
