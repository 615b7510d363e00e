"""The bridge's decisions: events in, rows to be written out; no clock, no network, no disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.apps.bridge.items import Event, Item, Kind, after, changes, row_of


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

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(tuple(self._items.values()))

    def get(self, key: str) -> Item | None:
        return self._items.get(key)

    def count(self, kind: Kind) -> int:
        """How many items of a kind are on their way."""
        return sum(1 for item in self._items.values() if item.kind is kind)

    def waiting(self) -> Counter[str]:
        """How many there are of each kind, for people."""
        return Counter(item.kind.value for item in self._items.values())

    def take(self, item: Item) -> list[Write]:
        """The source gave us work: new, or the same once more."""
        known = self._items.get(item.key)
        if known is not None:
            return self.tell(item.key, Event.AGAIN, attempt=item.attempt, work=item.work)
        self._items[item.key] = item
        return [Write(key=item.key, row=row_of(item))]

    def tell(self, key: str, event: Event, **facts: Any) -> list[Write]:
        """What happened to an item. Nothing to write when that does not concern it."""
        before = self._items.get(key)
        if before is None:
            return []
        now = after(before, event, facts)
        if now is None:
            del self._items[key]
            return [Write(key=key)]
        self._items[key] = now
        changed = changes(before, now)
        return [Write(key=key, fields=changed)] if changed else []
