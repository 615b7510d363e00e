"""Who wants to hear of which processes and channels; every subscriber of a change gets it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from colonies_edge.engine.outcome import Route
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.timers import Timer, Timers


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One subscription of one connection; `sent` counts its events."""

    route: Route
    msgid: str
    states: frozenset[int]
    topic: tuple[str, ...]  # ("process", id), ("processes", colony, executor type or ""), ("channel", process id, name)
    until: int  # steady ns
    sent: int = 0

    def next_msgid(self) -> str:
        """The `msgid` of its next event: a subscriber sees by the number when one was lost."""
        self.sent += 1
        return f"{self.msgid}.{self.sent}"


class Subscriptions:
    """All subscriptions. They live in memory only; clients subscribe again when the coordinator's epoch changes."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._all: dict[str, Subscription] = {}
        self._by_topic: dict[tuple[str, ...], dict[str, None]] = {}
        self._by_conn: dict[tuple[str, str], dict[str, None]] = {}
        self._ended: list[Route] = []

    @staticmethod
    def key(route: Route, msgid: str) -> str:
        """The key of a subscription: the same call sent again replaces itself."""
        return f"{route.party}/{route.conn}/{msgid}"

    def add(self, subscription: Subscription) -> None:
        """Begin."""
        key = self.key(subscription.route, subscription.msgid)
        self._all[key] = subscription
        self._by_topic.setdefault(subscription.topic, {})[key] = None
        self._by_conn.setdefault((subscription.route.party, subscription.route.conn), {})[key] = None
        self._timers.set(subscription.until, Timer.SUBSCRIPTION, key)

    def get(self, key: str) -> Subscription | None:
        """The subscription with this key."""
        return self._all.get(key)

    def end(self, key: str) -> Subscription | None:
        """Stop, and say what it was; harmless when it ended before."""
        subscription = self._all.pop(key, None)
        if subscription is not None:
            self._ended.append(subscription.route)
            _discard(self._by_topic, subscription.topic, key)
            _discard(self._by_conn, (subscription.route.party, subscription.route.conn), key)
        return subscription

    def end_all(self, route: Route) -> None:
        """The connection is gone, and with it all of its subscriptions."""
        for key in tuple(self._by_conn.get((route.party, route.conn), ())):
            self.end(key)

    def take_ended(self) -> list[Route]:
        """The connections of the subscriptions that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def count(self, route: Route) -> int:
        """How many subscriptions a connection has."""
        return len(self._by_conn.get((route.party, route.conn), ()))

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._all)

    def on(self, topic: tuple[str, ...]) -> list[Subscription]:
        """Who wants to hear of exactly this; a copy, so that they can be ended."""
        return [self._all[key] for key in self._by_topic.get(topic, ())]

    def concerning(self, row: ProcessRow) -> Iterator[Subscription]:
        """Who wants to hear that this process is in its state now."""
        for topic in _topics(row):
            for key in self._by_topic.get(topic, ()):
                if int(row.state) in self._all[key].states:
                    yield self._all[key]


def _topics(row: ProcessRow) -> Iterator[tuple[str, ...]]:
    yield ("process", row.processid)
    yield ("processes", row.colonyname, "")
    if row.spec.conditions.executortype:
        yield ("processes", row.colonyname, row.spec.conditions.executortype)
    if row.processgraphid:
        yield ("nodes", row.processgraphid)


def _discard(index: dict[Any, dict[str, None]], at: Any, key: str) -> None:
    keys = index[at]
    del keys[key]
    if not keys:
        del index[at]
