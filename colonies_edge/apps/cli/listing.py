"""Lists of any length: how many are wanted, and a word where there are more."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from colonies_edge.apps.cli.command import flag
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import count
from colonies_edge.apps.cli.session import Session

_ID = re.compile(r"[0-9a-f]{64}")
_LISTED = 20
_LISTED_MAX = 100_000
COUNT_FLAG = flag("--count", type=count(_LISTED_MAX), default=_LISTED, metavar="N", help=f"at most so many ({_LISTED})")


async def first_of(session: Session, msgtype: str, key: str, **fields: Any) -> list[dict[str, Any]]:
    """As many as --count says; on stderr, whether that is not all. `key` is the field that names one."""
    from colonies_edge.client.paging import NoPages, pages

    ask = _asker(session, msgtype, **fields)
    wanted = session.args.count
    try:
        found = await pages(ask, key, wanted + 1)
    except NoPages as error:
        if len(error.found) < wanted:
            raise
        found = error.found  # nobody knows whether there are more
    if len(found) > wanted:
        session.console.info(f"The first {wanted} of more; --count N shows up to N")
    return found[:wanted]


def is_id(typed: str) -> bool:
    return _ID.fullmatch(typed) is not None


async def id_of(session: Session, msgtype: str, key: str, typed: str) -> str:
    """An id as it was typed, or that of the one with the name that was typed. `key` is the field with the id."""
    from colonies_edge.client.paging import pages

    if is_id(typed):
        return typed
    for one in await pages(_asker(session, msgtype), key, _LISTED_MAX):
        if one["name"] == typed:
            return str(one[key])
    kind = key.removesuffix("id")
    raise Failed(f"there is no {kind} named {typed!r}; `{PROGRAM} {kind} ls` lists them")


def _asker(session: Session, msgtype: str, **fields: Any) -> Callable[[int, str], Awaitable[Any]]:
    async def ask(size: int, after: str) -> Any:
        cursor: dict[str, Any] = {"after": after} if after else {}
        return await session.ask(msgtype, colonyname=session.colony, count=size, **fields, **cursor)

    return ask
