"""What the groups of calls have in common: a colony, and a way to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from colonies_edge.client.paging import pages
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import BadReply, BadRequest
from colonies_edge.protocol.messages import GetCrons, GetGenerators, GetProcesses, GetProcessGraphs, Message

T = TypeVar("T")


class Calls:
    """Base of the groups; `AsyncClient` joins them."""

    colonyname: str

    async def call(
        self,
        message: Message | Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> Any:
        """Ask, and return the value in the coordinator's reply; see `AsyncClient.call`."""
        raise NotImplementedError

    async def first_of(
        self, message: GetProcesses | GetProcessGraphs | GetCrons | GetGenerators, key: str, count: int
    ) -> list[dict[str, Any]]:
        """Of a list that comes in pages, the first `count`; `key` is the field with the id of one.

        Raises NoPages for more than a server without pages can list.
        """
        return await pages(lambda size, after: self.call(replace(message, count=size, after=after)), key, count)

    @staticmethod
    def made(cls: type[T], value: Any) -> T:
        """What the coordinator says it has made. Raises BadReply: a BadRequest would say that it has made nothing."""
        try:
            return decode(cls, value)
        except BadRequest as error:
            raise BadReply(f"what was answered makes no sense: {error}") from error

    @staticmethod
    def many(cls: type[T], values: Any) -> list[T]:
        """A list as the coordinator sends it; an empty one may be null. Raises BadRequest for what is none."""
        if not isinstance(values, list | None):
            raise BadRequest(f"instead of a list of {cls.__name__} came {type(values).__name__}")
        return [decode(cls, value) for value in values or ()]
