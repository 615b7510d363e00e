"""Where work came from, written on it: what makes a repeat findable and an echo impossible."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

ORIGIN = "COLONIES_ORIGIN"  # in the environment of everything that a bridge submits: where it was, hop by hop
LABEL = "COLONIES_LABEL"  # the label that people gave: the origin stands in its place
HOPS_MAX = 8  # bridges one after the other; what came over more goes round in a circle
INPUT = "in"  # the suffix of the node that brings the inputs
_SIGHT = 16  # digits of a server's identity or of the digest of its address: enough to tell one's own sites apart
_LABEL = re.compile(r"(edge|cloud):([0-9a-f]{16}):([0-9a-f]{64}):([0-9]+|h)(:in)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A process at the source and which round of it; `h` is the record of one that has ended."""

    side: str
    site: str
    processid: str
    round: str

    @property
    def label(self) -> str:
        return f"{self.side}:{self.site}:{self.processid}:{self.round}"

    @property
    def input_label(self) -> str:
        return f"{self.label}:{INPUT}"

    @property
    def msgid(self) -> str:
        """The same submit has the same id for ever, so a coordinator that honours it makes one process of it."""
        return hashlib.sha3_256(f"bridge\n{self.label}".encode()).hexdigest()


def site_of(serverid: str, url: str, colony: str) -> str:
    """A server's identity if it is known, else its address; with the colony, as one server has several."""
    return hashlib.sha3_256(f"{serverid or url}\n{colony}".encode()).hexdigest()[:_SIGHT]


def parse_label(label: str) -> Origin | None:
    """None for a label that people gave. The label of an input node is that of its item."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    return Origin(side=found[1], site=found[2], processid=found[3], round=found[4])


def chain_of(env: Mapping[str, str]) -> tuple[str, ...]:
    """The bridges that this came over, the first one first."""
    return tuple(env.get(ORIGIN, "").split())


def carried(env: Mapping[str, str]) -> bool:
    """Did a bridge bring this?"""
    return bool(chain_of(env))


def turned_back(env: Mapping[str, str], site: str) -> bool:
    """Would this go back to where it was before, or further than any honest work goes?"""
    chain = chain_of(env)
    origins = [parse_label(label) for label in chain]
    return len(chain) >= HOPS_MAX or any(origin is None or origin.site == site for origin in origins)


def call_id(*parts: str) -> str:
    """A msgid that follows from what is said: said again after a crash, it is the same call."""
    return hashlib.sha3_256("\n".join(("bridge", *parts)).encode()).hexdigest()
