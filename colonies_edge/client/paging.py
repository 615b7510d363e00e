"""Lists longer than one answer, fetched page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from colonies_edge.protocol.errors import TooLarge, UsageError
from colonies_edge.protocol.limits import COUNT_MAX


class NoPages(UsageError):
    """The server gives the first page again and again, as a Go server does; `found` is what came."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        super().__init__(f"this server lists the first {len(found)} and no more: ask for at most {COUNT_MAX}")
        self.found = found


async def pages(ask: Callable[[int, str], Awaitable[Any]], key: str, count: int) -> list[dict[str, Any]]:
    """The first `count`. `ask` gets how many it shall ask for and the id of the one before, "" at first; `key` is the
    field with the id.

    Raises NoPages where a second page is wanted and none can be had, TooLarge for a single one that fits no message.
    """
    found: dict[str, dict[str, Any]] = {}  # by id: what moves within the list meanwhile may come twice
    after, most = "", COUNT_MAX
    while len(found) < count:
        size = min(most, count - len(found))
        try:
            page = await ask(size, after) or []
        except TooLarge:
            if size == 1:
                raise
            most = size // 2
            continue
        if after and page and all(one[key] in found for one in page):
            raise NoPages(list(found.values()))
        found.update((one[key], one) for one in page)
        if len(page) < size:
            break
        after = page[-1][key]
    return list(found.values())
