"""What every message carries besides its own: the three fields of `PROTOCOL.md` 2 that Colonies servers ignore."""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from colonies_edge.protocol.limits import MSGID_MAX, MSGID_MIN
from colonies_edge.protocol.model import OMIT

# Visible ASCII: a message id is a line of a signed text and a key of the journal.
_MSGID = re.compile(rf"[!-~]{{{MSGID_MIN},{MSGID_MAX}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who asks once: `msgid` names the call, `ts` is the sender's idea of the coordinator's time in Unix milliseconds,
    `serverid` is the coordinator that the message is meant for; "" and 0 are absent."""

    msgtype: ClassVar[str] = ""
    failure: ClassVar[str] = ""  # what error texts begin with (`protocol-core.md` 1.5)
    mismatch: ClassVar[str] = ""  # the same for a msgtype that is not the payloadtype, where upstream differs
    msgid: str = field(default="", metadata=OMIT)
    ts: int = field(default=0, metadata=OMIT)
    serverid: str = field(default="", metadata=OMIT)

    @property
    def confidential(self) -> bool:
        """Does it hold something that must not be kept, not even as proof of what was asked?"""
        return False


def msgid_in(value: Any) -> str:
    """The call that a refusal refers to when its message cannot be decoded; "" for what no reply can carry."""
    msgid = value.get("msgid") if isinstance(value, dict) else None
    return msgid if isinstance(msgid, str) and len(msgid) <= MSGID_MAX and msgid.isprintable() else ""


def is_msgid(text: str) -> bool:
    return _MSGID.fullmatch(text) is not None
