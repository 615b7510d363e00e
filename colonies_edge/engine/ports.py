"""What the engine needs of the world, as ports: the archive to read from, the store that is committed to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from colonies_edge.engine.outcome import Record, Write
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.protocol.limits import (
    FINISHED_IN_MEMORY_MAX,
    FINISHED_KEEP_S,
    GRACE_S,
    LEASE_S,
    PASS_OVER_S,
    STALE_EXECUTOR_S,
)
from colonies_edge.protocol.model import Backend, LogEntry


class Shelf(Protocol):
    """The bytes of files, read side: what is whole and on disk."""

    def size(self, colony: str, sha256: str) -> int | None:
        """How many bytes, or None when they are not, or not all, there."""


class _EmptyShelf:
    def size(self, colony: str, sha256: str) -> int | None:
        return None


NO_SHELF: Shelf = _EmptyShelf()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose; seconds unless the name says otherwise."""

    lease_s: float = LEASE_S
    grace_s: float = GRACE_S
    pass_over_s: float = PASS_OVER_S
    stale_executor_s: float = STALE_EXECUTOR_S
    allow_reregister: bool = True
    finished_keep_s: float = FINISHED_KEEP_S
    finished_in_memory_max: int = FINISHED_IN_MEMORY_MAX
    retention_s: float | None = None  # how long successful work and logs are kept; None means for ever
    build_version: str = ""
    build_time: str = ""
    backends: tuple[Backend, ...] = ()  # how the server says it can be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What the archive keeps of a finished process."""

    process: ProcessRow
    logs: tuple[LogEntry, ...] = ()


class History(Protocol):
    """The archive of finished processes, read side. Every method sees what was committed, nothing later."""

    def process(self, processid: str) -> ProcessRow | None:
        """One archived process, or None."""

    def process_of_attribute(self, attributeid: str) -> ProcessRow | None:
        """The archived process that has this attribute (of `env` or added), or None."""

    def graph(self, graphid: str) -> GraphRow | None:
        """One archived workflow, or None."""

    def nodes_of_graph(self, graphid: str) -> Sequence[ProcessRow]:
        """The processes of an archived workflow, in the order in which they were archived."""

    def newest_graphs(
        self, colony: str, state: int, count: int, *, before: tuple[int, str] | None = None
    ) -> Sequence[GraphRow]:
        """Up to `count` workflows in that state, latest (`submissiontime`, `processgraphid`) first, and only those
        below `before` if it is given."""

    def newest(
        self,
        colony: str,
        state: int,
        count: int,
        *,
        executortype: str = "",
        label: str = "",
        initiatorname: str = "",
        before: tuple[int, str] | None = None,
    ) -> Sequence[ProcessRow]:
        """Up to `count` processes in that state, latest (`endtime`, `processid`) first, and only those below `before`
        if it is given; empty filters do not filter."""

    def ended_after(self, colony: str, state: int, endtime: int, processid: str, count: int) -> Sequence[ProcessRow]:
        """Up to `count` processes in that state that ended later, or then with a greater id: in that order."""

    def submitted_since(self, colony: str, state: int, since_ns: int, executorid: str = "") -> Sequence[ProcessRow]:
        """Processes in that state submitted at or after `since_ns`, oldest first; `executorid` "" means anybody's."""

    def logs(
        self, *, colony: str, processid: str = "", executorname: str = "", since_ns: int = 0, latest: bool, count: int
    ) -> Sequence[LogEntry]:
        """Up to `count` entries with a time stamp above `since_ns`, oldest first: the last ones if `latest`, else the
        first."""

    def search_logs(self, colony: str, text: str, since_ns: int, count: int) -> Sequence[LogEntry]:
        """Up to `count` entries newer than `since_ns` that contain `text`, newest first."""

    # What retention asks for. Workflows are whole in the archive, and their processes are not counted here.

    def ended_before(self, colony: str, state: int, since_ns: int, before_ns: int, count: int) -> tuple[int, int]:
        """How many processes outside of workflows ended in [`since_ns`, the second number), about `count` at most: the
        second number is `before_ns` when these are all."""

    def graphs_ended_before(
        self, colony: str, state: int, before_ns: int, count: int, but: Collection[str]
    ) -> Sequence[GraphRow]:
        """Up to `count` workflows in that state that ended before, first submitted first; `but` are left out."""

    def lines_before(self, before_ns: int, count: int) -> int:
        """Before which time the oldest `count` lines of logs were written, `before_ns` when these are all that are
        older, 0 when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a store found when it opened: the rows of the checkpoint, then what happened after it.

    `floor_ns` is the newest time that was ever written: the coordinator's clock starts no earlier. `damage` is "" or
    one sentence that says what is broken; then the coordinator starts read-only. `notes` are for the log.
    """

    rows: Iterable[Write]
    records: Iterable[Record]
    floor_ns: int
    damage: str = ""
    notes: tuple[str, ...] = ()


class Store(Protocol):
    """Makes decisions durable. One thread at a time calls it."""

    def load(self) -> Recovered:
        """Read what is there; called once, first."""

    def commit(self, records: Sequence[Record]) -> None:
        """Make these durable, in order, all or a prefix; when it returns they survive a power cut.

        Rows of RETIRE writes (`Archived`, or a workflow's `GraphRow`) are in the archive before the record that retires
        them is in the journal; `archive` writes (Purge) are carried out after the journal has them. Raises StoreFailed
        when the disk refuses.
        """

    def sync_if_due(self) -> None:
        """For a durability of an interval: sync when it is over. Called now and then while nothing is committed."""

    def take_notes(self) -> Sequence[str]:
        """What happened beside the work that the log should say; each note is given once."""

    def checkpoint_due(self) -> bool:
        """The journal has grown enough since the last checkpoint."""

    def rotate(self) -> int:
        """Start a new journal segment; everything committed so far belongs to the checkpoint that follows."""

    def checkpoint(self, rows: Iterable[Write], segment: int) -> None:
        """Write the rows (all tables as of that `rotate`, one after the other) beside the old checkpoint and swap them;
        may run in a thread of its own while `commit` goes on into the new segment. Raises StoreFailed; then the old
        checkpoint stays."""

    def close(self) -> None:
        """Release files and the lock on the folder."""
