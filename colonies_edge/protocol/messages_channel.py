"""Messages about the channels of a process (`protocol-rest.md` 6); `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model_base import OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAppend(Stamp):
    """Say something on a channel. `payload` is base64 or a list of bytes as numbers, as SDKs of upstream send it; it is
    looked at where it is stored."""

    msgtype: ClassVar[str] = "channelappendmsg"
    failure: ClassVar[str] = "Failed to append to channel"
    processid: str = ""
    name: str = ""
    sequence: int = 0
    inreplyto: int = field(default=0, metadata=OMIT)
    payload: Any = None
    payloadtype: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRead(Stamp):
    """What was said on a channel after the first `afterseq` entries; `limit` 0 means all that fit into a message."""

    msgtype: ClassVar[str] = "channelreadmsg"
    failure: ClassVar[str] = "Failed to read from channel"
    processid: str = ""
    name: str = ""
    afterseq: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeChannel(Stamp):
    """Tell me what is there after the first `afterseq` entries, and what is said from now on, for `timeout` seconds."""

    msgtype: ClassVar[str] = "subscribechannelmsg"
    failure: ClassVar[str] = "Failed to subscribe to channel"
    processid: str = ""
    name: str = ""
    afterseq: int = 0
    timeout: int = 0
