"""What parties say on a channel, as their programs see it: bytes, text or JSON."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from colonies_edge.protocol.codec import dump_json, parse_json
from colonies_edge.protocol.model import ChannelEntry

END = "end"  # the type of a message after which its sender says no more


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMessage:
    """What somebody said; `sequence` is that sender's number, `index` the place in the channel."""

    payload: bytes
    sequence: int
    index: int
    sender: str
    time: int  # nanoseconds since 1970
    type: str = "data"
    inreplyto: int = 0

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return self.payload.decode("utf-8", "replace")

    def json(self) -> Any:
        """The payload as JSON. Raises BadRequest when it is none."""
        return parse_json(self.payload)

    @property
    def is_end(self) -> bool:
        return self.type == END


def message_of(index: int, entry: ChannelEntry) -> ChannelMessage:
    return ChannelMessage(
        payload=base64.b64decode(entry.payload or ""),
        sequence=entry.sequence,
        index=index,
        sender=entry.senderid,
        time=entry.timestamp,
        type=entry.type,
        inreplyto=entry.inreplyto,
    )


def payload_of(payload: Any) -> bytes:
    """Bytes as they are, text as UTF-8, everything else as JSON. Raises BadRequest for what is none of it."""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    return (payload if isinstance(payload, str) else dump_json(payload)).encode("utf-8", "replace")
