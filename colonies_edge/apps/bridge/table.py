"""The bridge's decisions: events in, rows to be written out; no clock, no network, no disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, after, changes, row_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One line for the file: a whole row, some fields of one, or that it is gone."""

    key: str
    row: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] | None = None


class Table:
    """All items, in the order in which they came."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._items = {item.key: item for item in items}
        self._kinds = Counter(item.kind for item in self)
        self._taking_room = Counter(_rule_of(item) for item in self if item.stage is not Stage.KEPT)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(tuple(self._items.values()))

    def get(self, key: str) -> Item | None:
        return self._items.get(key)

    def count(self, kind: Kind) -> int:
        """How many items of a kind are on their way."""
        return self._kinds[kind]

    def taking_room(self, kind: Kind, rule: str) -> int:
        """How many of a rule are on their way. What is kept takes none: it waits where it came from, and comes back
        only to somebody who asks for work."""
        return self._taking_room[kind, rule]

    def waiting(self) -> Counter[str]:
        """How many there are of each kind, for people."""
        return Counter({kind.value: count for kind, count in self._kinds.items() if count})

    def take(self, item: Item) -> list[Write]:
        """The source gave us work: new, or the same once more."""
        known = self._items.get(item.key)
        if known is not None:
            return self.tell(item.key, Event.AGAIN, attempt=item.attempt, work=item.work)
        self._change(item.key, None, item)
        return [Write(key=item.key, row=row_of(item))]

    def tell(self, key: str, event: Event, **facts: Any) -> list[Write]:
        """What happened to an item. Nothing to write when that does not concern it."""
        before = self._items.get(key)
        if before is None:
            return []
        now = after(before, event, facts)
        self._change(key, before, now)
        if now is None:
            return [Write(key=key)]
        changed = changes(before, now)
        return [Write(key=key, fields=changed)] if changed else []

    def _change(self, key: str, before: Item | None, now: Item | None) -> None:
        """The one place where an item comes, changes or goes."""
        for item, by in ((before, -1), (now, 1)):
            if item is not None:
                self._kinds[item.kind] += by
                self._taking_room[_rule_of(item)] += by * (item.stage is not Stage.KEPT)
        if now is None:
            del self._items[key]
        else:
            self._items[key] = now


def _rule_of(item: Item) -> tuple[Kind, str]:
    return item.kind, item.rule
