"""The objects of the wire that channels consist of; `model.py` is the door."""

from dataclasses import dataclass, field

from colonies_edge.protocol.model_base import OMIT, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """What a party said on a channel: `payload` is base64, or null when none was given. The sequence is the sender's
    own count; the place of an entry is its place in the list."""

    sequence: int = 0
    inreplyto: int = field(default=0, metadata=OMIT)
    timestamp: Time = 0
    senderid: str = ""
    payload: str | None = None
    type: str = ""
    error: str = field(default="", metadata=OMIT)
