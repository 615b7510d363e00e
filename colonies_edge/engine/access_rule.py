"""What a row of the access table consists of (`access.py`)."""

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Role(str, Enum):
    """Who a caller must be, in the colony that the message concerns."""

    ANYBODY = "anybody, unsigned"
    SERVER_OWNER = "server owner"
    COLONY_OWNER = "colony owner"
    MEMBER = "member"  # approved executor or user; the colony owner is none (protocol-core.md 2.1)
    MEMBER_OR_PENDING = "member, or executor that waits for approval"
    BEARER = "bearer of a token of the colony owner"
    MEMBER_OR_OWNER = "member, or colony owner"


class Memory(str, Enum):
    """What a repeated call finds (`PROTOCOL.md` 2, exactly one effect)."""

    NONE = "none"  # a read: saying it again has no effect
    VOLATILE = "volatile"  # effect dies with the process: remembered in memory, refused when stamped before the start
    DURABLE = "durable"  # remembered in the journal, refusals too


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a message says which colony it concerns.

    Either `path`, a dotted path of fields to the colony's name, whose first part may be absent (`absent` is then the
    text of the 400); or `of`, a kind of object, and `path` to its id, with `missing` as answer when there is none. An
    empty path hands the whole message to the finder.
    """

    path: str = ""
    of: str = ""
    absent: str = ""
    missing: tuple[int, str] = (404, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    role: Role
    target: Target | None = None
    memory: Memory = Memory.NONE
    unknown_colony: str = ""  # when set: an unknown colony is a 400 with this text ({} = name), whatever the role


def memory_of(rule: Rule, message: Any, now: int) -> Memory:
    """What a repeat of this message finds.

    One that is stamped ahead of the coordinator's time would still look as if sent after a restart that forgot it, so
    its answer is kept on disk even when its effect is volatile.
    """
    if rule.memory is Memory.VOLATILE and message.ts * 1_000_000 > now:
        return Memory.DURABLE
    return rule.memory
