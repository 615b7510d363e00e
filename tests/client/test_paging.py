"""Lists longer than one answer: whole, in order, each once; and a server that knows no pages is found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from colonies_edge.client.paging import NoPages, pages
from colonies_edge.protocol.errors import TooLarge
from colonies_edge.protocol.limits import COUNT_MAX

ALL = [{"id": str(number)} for number in range(250)]


class Server:
    """A list that is asked for as the protocol has it."""

    def __init__(self, knows_pages: bool = True, fit: int = COUNT_MAX) -> None:
        self._knows_pages = knows_pages
        self._fit = fit  # so many go into one message
        self.sizes: list[int] = []
        self.rows = list(ALL)

    async def ask(self, size: int, after: str) -> Any:
        self.sizes.append(size)
        if size > self._fit:
            raise TooLarge("ask for fewer at a time")
        ids = [row["id"] for row in self.rows]
        begin = ids.index(after) + 1 if after and self._knows_pages else 0
        return self.rows[begin : begin + size] or None


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 249, 250, 251, 1000])
def test_the_first_so_many_come_in_order_with_as_few_questions_as_it_takes(count: int) -> None:
    server = Server()
    assert asyncio.run(pages(server.ask, "id", count)) == ALL[:count]
    assert max(server.sizes) <= COUNT_MAX and sum(server.sizes[:-1]) <= min(count, len(ALL))


def test_what_moves_back_between_two_pages_is_there_once() -> None:
    server = Server()

    async def ask(size: int, after: str) -> Any:
        page = await server.ask(size, after)
        if not after:
            server.rows.insert(150, server.rows.pop(3))
        return page

    found = asyncio.run(pages(ask, "id", 1000))
    assert sorted(found, key=lambda row: int(row["id"])) == ALL


@pytest.mark.parametrize("fit", [1, 2, 30, 99])
def test_pages_that_fit_no_message_are_made_smaller(fit: int) -> None:
    assert asyncio.run(pages(Server(fit=fit).ask, "id", 1000)) == ALL


def test_what_fits_no_message_alone_is_said() -> None:
    with pytest.raises(TooLarge):
        asyncio.run(pages(Server(fit=0).ask, "id", 1000))


def test_a_server_without_pages_is_said_to_be_one_only_when_more_is_wanted() -> None:
    assert asyncio.run(pages(Server(knows_pages=False).ask, "id", 100)) == ALL[:100]
    with pytest.raises(NoPages, match="at most 100") as refused:
        asyncio.run(pages(Server(knows_pages=False).ask, "id", 101))
    assert refused.value.found == ALL[:100]
