"""What follows from the rows of entries: each channel in its order, what was said before, and how much it takes."""

from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.rows_channel import EntryRow, channel_of, entry_key
from colonies_edge.protocol.model import State

OPEN = (State.WAITING, State.RUNNING)
ENTRY_BYTES = 400  # of an entry's objects in memory, beside its payload


class Channel:
    """The entries of one channel, in the order in which they came, which is their order for everybody and for good."""

    __slots__ = ("_said", "entries")

    def __init__(self) -> None:
        self.entries: list[EntryRow] = []
        self._said: dict[tuple[str, int, int], int] = {}

    def add(self, row: EntryRow) -> None:
        """A new last one."""
        self._said[row.senderid, row.attempt, row.sequence] = len(self.entries)
        self.entries.append(row)

    def said(self, senderid: str, attempt: int, sequence: int) -> EntryRow | None:
        """The entry that this sender gave this number, in this attempt."""
        place = self._said.get((senderid, attempt, sequence))
        return self.entries[place] if place is not None else None


class ChannelIndex:
    """The table of entries and its index, kept by `Tables.apply`. Channels without entries are not in it."""

    def __init__(self) -> None:
        self.rows: dict[str, EntryRow] = {}
        self.bytes_in_all = 0
        self._of: dict[str, dict[str, Channel]] = {}  # process id -> name -> channel
        self._bytes: dict[str, int] = {}  # process id -> what its entries take

    def channel(self, processid: str, name: str) -> Channel:
        """The channel as it is. Not to be changed."""
        return self._of.get(processid, {}).get(name) or Channel()

    def bytes_of(self, processid: str) -> int:
        """What the entries of all channels of a process take in memory."""
        return self._bytes.get(processid, 0)

    def see_entry(self, key: str, row: EntryRow | None) -> None:
        """A row came; rows go with their process only."""
        if row is None:
            return
        processid, name = channel_of(key)
        self._of.setdefault(processid, {}).setdefault(name, Channel()).add(row)
        self._bytes[processid] = self.bytes_of(processid) + entry_bytes(row.payload)
        self.bytes_in_all += entry_bytes(row.payload)

    def see_process(self, before: ProcessRow | None, after: ProcessRow | None) -> None:
        """Channels end with their process, whatever ended it: part of that write, so the journal lists no entry."""
        if before is None or (after is not None and after.state in OPEN):
            return
        for name, channel in self._of.pop(before.processid, {}).items():
            for place in range(len(channel.entries)):
                del self.rows[entry_key(before.processid, place, name)]
        self.bytes_in_all -= self._bytes.pop(before.processid, 0)


def entry_bytes(payload: str | None) -> int:
    """What an entry takes in memory, roughly."""
    return ENTRY_BYTES + len(payload or "")
