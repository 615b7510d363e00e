"""Refusals in words for people. The texts of the wire are upstream's, word for word, which recordings hold us to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.protocol.errors import ColoniesError

_NIL = re.compile(r"(?P<failed>.+), (?P<thing>\w+) (is nil|does not exist)")
_COLONY = re.compile(r"Colony with name <(?P<name>.*)> (does not exists|not found)")
_MISSPELT = (("does not exists", "does not exist"), ("does not exits", "does not exist"))
# What is absent, as people say it, and the command that lists what there is.
_THINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "executor": ("executor of that name", "executor ls"),
        "user": ("user of that name", "user ls"),
        "location": ("location of that name", "location ls"),
        "process": ("process of that id", "process ps"),
        "graph": ("workflow of that id", "workflow ps"),
        "cron": ("cron of that id", "cron ls"),
        "generator": ("generator of that id", "generator ls"),
        "function": ("function of that id", "executor get"),
    }
)
_CONFIG = f"`{PROGRAM} config` shows which key and colony are used, and where they come from"
_REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        400: "correct the request and try again",
        403: _CONFIG,
        404: "check the name or id",
        408: "try again later",
        409: "look at its present state first",
        413: "send less, keep big data in files",
        429: "wait a little and try again",
        503: "try again later",
    }
)


def in_words(error: ColoniesError) -> str:
    """What is wrong and what a person can do about it."""
    text = " ".join(str(error).split())
    colony = _COLONY.fullmatch(text)
    if colony is not None:
        return f"there is no colony {colony['name']} here; {_CONFIG}"
    absent = _NIL.fullmatch(text)
    if absent is not None and absent["thing"] in _THINGS:
        thing, lister = _THINGS[absent["thing"]]
        thing = thing.replace("name", "id") if absent["failed"].endswith("by ID") else thing
        failed = absent["failed"].replace("processgraph", "workflow")
        return f"{failed}: there is no {thing}; `{PROGRAM} {lister}` lists them"
    for wrong, right in _MISSPELT:
        text = text.replace(wrong, right)
    return as_on_the_wire(error, text)


def as_on_the_wire(error: ColoniesError, text: str = "") -> str:
    """The text that came, its status, and what a person can do about that."""
    remedy = _REMEDIES.get(error.status, "check the name or id, the coordinator's log may say more")
    return f"{text or ' '.join(str(error).split())} (status {error.status}); {remedy}"
