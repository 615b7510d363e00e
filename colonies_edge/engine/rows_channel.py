"""The row of a channel's entry. Channels themselves have none: they follow from the specs of processes."""

from dataclasses import dataclass

from colonies_edge.protocol.model import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """What was said on a channel; key is process id/place in the channel, 8 digits/name of the channel.

    `attempt` is that of the executor that said it, 0 for the submitter: an executor that runs a process once more
    counts its sequences from the start again. `payload` is base64, None when none was given.
    """

    sequence: int
    senderid: str
    timestamp: Time
    payload: str | None = None
    type: str = "data"
    inreplyto: int = 0
    attempt: int = 0


def entry_key(processid: str, place: int, name: str) -> str:
    """The name comes last, since it may be any text; process ids are hex."""
    return f"{processid}/{place:08d}/{name}"


def channel_of(key: str) -> tuple[str, str]:
    """Process id and name of the channel that an entry is in."""
    processid, _, rest = key.partition("/")
    return processid, rest.partition("/")[2]
