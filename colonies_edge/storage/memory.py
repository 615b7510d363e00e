"""The same store without a disk, for tests and the simulator: what was committed survives `reopen`, nothing else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from colonies_edge.engine.outcome import Kind, Record, Write
from colonies_edge.engine.ports import Archived, Recovered
from colonies_edge.engine.rows import GraphRow, ProcessRow, Purge
from colonies_edge.protocol.model import LogEntry
from colonies_edge.storage.archive import attribute_ids
from colonies_edge.storage.archive_retention import bounded
from colonies_edge.storage.errors import StoreFailed

RECORDS_PER_CHECKPOINT = 10_000
ALWAYS = 1 << 63  # after every time stamp


class MemoryHistory:
    """The engine's `History` over dictionaries."""

    def __init__(self) -> None:
        self.processes: dict[str, ProcessRow] = {}
        self.graphs: dict[str, GraphRow] = {}
        self.entries: dict[int, LogEntry] = {}
        self._by_attribute: dict[str, str] = {}

    def insert(self, archived: Archived | GraphRow) -> None:
        """Keep one; repeating it changes nothing."""
        if isinstance(archived, GraphRow):
            self.graphs[archived.processgraphid] = archived
            return
        row = archived.process
        self.processes[row.processid] = row
        self._by_attribute.update((identity, row.processid) for identity in attribute_ids(row))
        self.entries.update((entry.timestamp, entry) for entry in archived.logs)

    def purge(self, processid: str, purge: Purge) -> None:
        """Carry out one write of the table `archive`."""
        if purge.only_lines:
            self.entries = {time: entry for time, entry in self.entries.items() if time >= purge.before_ns}
            return
        if purge.graphs:
            graphs = _chosen(self.graphs, processid, purge)
            for key in graphs:
                del self.graphs[key]
            gone = [key for key, row in self.processes.items() if row.processgraphid in graphs]
        else:
            until = purge.before_ns or ALWAYS
            outside = {k: row for k, row in self.processes.items() if not row.processgraphid and row.endtime < until}
            gone = _chosen(outside, processid, purge)
        for key in gone:
            for identity in attribute_ids(self.processes.pop(key)):
                self._by_attribute.pop(identity, None)
        if purge.logs:
            self.entries = {t: entry for t, entry in self.entries.items() if entry.colonyname != purge.colonyname}

    def process(self, processid: str) -> ProcessRow | None:
        return self.processes.get(processid)

    def process_of_attribute(self, attributeid: str) -> ProcessRow | None:
        return self.processes.get(self._by_attribute.get(attributeid, ""))

    def graph(self, graphid: str) -> GraphRow | None:
        return self.graphs.get(graphid)

    def nodes_of_graph(self, graphid: str) -> Sequence[ProcessRow]:
        return [row for row in self.processes.values() if row.processgraphid == graphid]

    def newest_graphs(
        self, colony: str, state: int, count: int, *, before: tuple[int, str] | None = None
    ) -> Sequence[GraphRow]:
        found = [row for row in self.graphs.values() if (row.colonyname, row.state) == (colony, state)]
        found.sort(key=lambda row: (row.submissiontime, row.processgraphid), reverse=True)
        return [row for row in found if before is None or (row.submissiontime, row.processgraphid) < before][:count]

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
        found = [
            row
            for row in self.processes.values()
            if (row.colonyname, row.state) == (colony, state)
            and executortype in ("", row.spec.conditions.executortype)
            and label in ("", row.spec.label)
            and initiatorname in ("", row.initiatorname)
            and (before is None or (row.endtime, row.processid) < before)
        ]
        return sorted(found, key=lambda row: (row.endtime, row.processid), reverse=True)[:count]

    def ended_after(self, colony: str, state: int, endtime: int, processid: str, count: int) -> Sequence[ProcessRow]:
        found = [
            row
            for row in self.processes.values()
            if (row.colonyname, row.state) == (colony, state) and (row.endtime, row.processid) > (endtime, processid)
        ]
        return sorted(found, key=lambda row: (row.endtime, row.processid))[:count]

    def submitted_since(self, colony: str, state: int, since_ns: int, executorid: str = "") -> Sequence[ProcessRow]:
        found = [
            row
            for row in self.processes.values()
            if (row.colonyname, row.state) == (colony, state)
            and row.submissiontime >= since_ns
            and executorid in ("", row.assignedexecutorid)
        ]
        return sorted(found, key=lambda row: row.submissiontime)

    def logs(
        self, *, colony: str, processid: str = "", executorname: str = "", since_ns: int = 0, latest: bool, count: int
    ) -> Sequence[LogEntry]:
        found = [
            entry
            for time, entry in sorted(self.entries.items())
            if time > since_ns
            and entry.colonyname == colony
            and processid in ("", entry.processid)
            and executorname in ("", entry.executorname)
        ]
        return (found[-count:] if count else []) if latest else found[:count]

    def search_logs(self, colony: str, text: str, since_ns: int, count: int) -> Sequence[LogEntry]:
        found = [
            entry
            for time, entry in sorted(self.entries.items(), reverse=True)
            if time > since_ns and entry.colonyname == colony and text in entry.message
        ]
        return found[:count]

    def ended_before(self, colony: str, state: int, since_ns: int, before_ns: int, count: int) -> tuple[int, int]:
        rows = self.processes.values()
        outside = (row for row in rows if (row.colonyname, row.state) == (colony, state) and not row.processgraphid)
        return bounded(sorted(row.endtime for row in outside if since_ns <= row.endtime < before_ns), before_ns, count)

    def graphs_ended_before(
        self, colony: str, state: int, before_ns: int, count: int, but: Collection[str]
    ) -> Sequence[GraphRow]:
        rows = (row for row in self.graphs.values() if row.endtime < before_ns and row.processgraphid not in but)
        found = [row for row in rows if (row.colonyname, row.state) == (colony, state)]
        return sorted(found, key=lambda row: row.submissiontime)[:count]

    def lines_before(self, before_ns: int, count: int) -> int:
        times = sorted(time for time in self.entries if time < before_ns)
        return bounded(times, before_ns, count)[1] if times else 0


def _chosen(rows: Mapping[str, ProcessRow] | Mapping[str, GraphRow], key: str, purge: Purge) -> list[str]:
    if key:
        return [key] if key in rows else []
    return [key for key, row in rows.items() if row.colonyname == purge.colonyname and purge.state in (-1, row.state)]


class MemoryStore:
    """The engine's port `Store` in memory."""

    def __init__(self, records_per_checkpoint: int = RECORDS_PER_CHECKPOINT) -> None:
        self.history = MemoryHistory()
        self._records_per_checkpoint = records_per_checkpoint
        self._rows: tuple[Write, ...] = ()
        self._segments: dict[int, list[Record]] = {1: []}
        self._floor_ns = 0
        self._refusal = "the store was not loaded yet"

    def reopen(self) -> "MemoryStore":
        """As after a crash: a new store with what was committed; this one refuses from now on."""
        other = MemoryStore(self._records_per_checkpoint)
        other.history, other._rows, other._floor_ns = self.history, self._rows, self._floor_ns
        other._segments = {number: list(records) for number, records in self._segments.items()}
        self._refusal = "the store was lost in a crash"
        return other

    def load(self) -> Recovered:
        self._refusal = ""
        records = tuple(record for segment in self._segments.values() for record in segment)
        return Recovered(rows=self._rows, records=records, floor_ns=self._floor_ns)

    def commit(self, records: Sequence[Record]) -> None:
        self._guard()
        live = self._segments[max(self._segments)]
        for record in records:
            for write in record.writes:
                if write.kind is Kind.RETIRE:
                    self.history.insert(write.row)
            live.append(replace(record, writes=tuple(_as_journaled(write) for write in record.writes)))
            self._floor_ns = max(self._floor_ns, record.time_ns)
            for write in record.writes:
                if write.table == "archive":
                    self.history.purge(write.key, write.row)

    def sync_if_due(self) -> None:
        self._guard()

    def take_notes(self) -> Sequence[str]:
        return ()

    def checkpoint_due(self) -> bool:
        return sum(map(len, self._segments.values())) > self._records_per_checkpoint

    def rotate(self) -> int:
        self._guard()
        segment = max(self._segments) + 1
        self._segments[segment] = []
        return segment

    def checkpoint(self, rows: Iterable[Write], segment: int) -> None:
        self._rows = tuple(rows)
        self._segments = {number: records for number, records in self._segments.items() if number >= segment}

    def close(self) -> None:
        self._refusal = "the store was closed"

    def _guard(self) -> None:
        if self._refusal:
            raise StoreFailed(self._refusal)


def _as_journaled(write: Write) -> Write:
    return replace(write, row=None) if write.kind in (Kind.PATCH, Kind.RETIRE) else write
