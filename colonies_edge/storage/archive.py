"""The archive of finished processes: one SQLite file, read by id and in history, never scanned."""

import zlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import GraphRow, ProcessRow, Purge, attribute_id
from colonies_edge.protocol.codec import pack, unpack
from colonies_edge.protocol.model import AttributeType, LogEntry
from colonies_edge.storage.archive_file import ArchiveFile
from colonies_edge.storage.archive_graphs import (
    FIND,
    NEWEST,
    NEWEST_BEFORE,
    NODES,
    NOT_IN_A_GRAPH,
    insert_graph,
    purge_graphs,
    take_back_graphs,
)
from colonies_edge.storage.archive_retention import (
    ended_before,
    forget_lines,
    forget_processes,
    graphs_ended_before,
    lines_before,
)
from colonies_edge.storage.archive_schema import short
from colonies_edge.storage.migrations import FORMAT, Migration
from colonies_edge.storage.quarantine import Quarantine
from colonies_edge.storage.stored_json import parse_object, text_of, to_bytes

T = TypeVar("T", ProcessRow, GraphRow, LogEntry)

_TABLES = {ProcessRow: "processes", GraphRow: "graphs", LogEntry: "logs"}

_NAMES_KNOWN_MAX = 4096
# What most rows have in common; deflate refers to it instead of repeating it. Part of the format: it never changes.
_COMMON = (
    b'"message":"timestamp":"processgraphid":"children":["parents":["waitforparents":true,"errors":["in":[],"losses":1,'
    b'"leased":true,"waitdeadline":1795197"kwargs":{"env":{"label":"maxretries":3,"maxwaittime":-1,"attributes":'
    b'[{"attributetype":3,"key":"value":"retries":1,{"processid":"colonyname":"executorname":"initiatorid":"'
    b'initiatorname":"spec":{"funcname":"args":["priority":"maxexectime":-1,"maxexectime":"conditions":{"colonyname":"'
    b'"executortype":"cli"}},"prioritytime":1795"submissiontime":1795"state":2,"assignedexecutorid":"","starttime":1795'
    b'"endtime":1795"execdeadline":1795"out":["attempt":1}0123456789abcdef'
)


def pressed(fields: dict[str, Any]) -> bytes:
    """A packed row as it is kept: a third of its JSON text."""
    text = to_bytes(text_of(fields))
    press = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_COMMON)
    return press.compress(text) + press.flush() + zlib.crc32(text).to_bytes(4, "big")


def unpressed(data: bytes) -> dict[str, Any]:
    """Raises ValueError or zlib.error when it is damaged."""
    text = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_COMMON).decompress(data[:-4])
    if zlib.crc32(text).to_bytes(4, "big") != data[-4:]:
        raise ValueError("a damaged row")
    return parse_object(text)


class Archive:
    """The engine's `History`, with the write side that only the store uses."""

    def __init__(self, path: Path, quarantine: Quarantine) -> None:
        """Opens, or begins anew when what is there is damaged; `notes` says so. Raises StoreFailed."""
        self._file = ArchiveFile(path, quarantine)
        self.notes = self._file.notes
        self._names: dict[str, int] = {}
        self.damaged_rows = 0

    # Writing.

    def insert(self, retired: Iterable[tuple[int, Archived | GraphRow]]) -> None:
        """Keep these (record number, what it retires), durably; repeating it changes nothing."""
        with self._file.writing() as execute:
            for record, archived in retired:
                if isinstance(archived, GraphRow):
                    colony = self._name(execute, archived.colonyname)
                    insert_graph(execute, record, archived, colony, pressed(pack(archived)))
                    continue
                self._insert_process(execute, record, archived.process)
                for entry in archived.logs:
                    row = (
                        entry.timestamp,
                        short(entry.processid),
                        record,
                        self._name(execute, entry.colonyname),
                        self._name(execute, entry.executorname),
                        FORMAT,
                        pressed(pack(entry)),
                    )
                    execute("INSERT OR REPLACE INTO logs VALUES(?,?,?,?,?,?,?)", row)

    def _insert_process(self, execute: Any, record: int, row: ProcessRow) -> None:
        self._delete(execute, self._numbers(row.processid))
        values = (
            short(row.processid),
            record,
            self._name(execute, row.colonyname),
            int(row.state),
            row.endtime,
            row.submissiontime,
            *(
                self._name(execute, name) if name else None
                for name in (row.spec.conditions.executortype, row.spec.label, row.initiatorname)
            ),
            short(row.assignedexecutorid),
            FORMAT,
            pressed(pack(row)),
        )
        number = execute("INSERT INTO processes VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?)", values).lastrowid
        if row.processgraphid:
            execute("INSERT OR REPLACE INTO nodes VALUES(?,?)", (number, short(row.processgraphid)))
        for identity in attribute_ids(row):
            execute("INSERT OR IGNORE INTO attributes VALUES(?,?)", (short(identity), number))

    def purge(self, record: int, purges: Iterable[tuple[str, Purge]]) -> None:
        """Carry out a record's writes of the table `archive` (key, what): forget one thing, those of a colony in a
        state, or what is too old.

        Whatever was retired by a later record stays, so repeating it after a crash removes nothing new.
        """
        with self._file.writing() as execute:
            for key, purge in purges:
                self._purge(execute, record, key, purge)

    def _purge(self, execute: Any, record: int, processid: str, purge: Purge) -> None:
        if purge.only_lines:
            forget_lines(execute, record, purge)
            return
        colony = self._name(execute, purge.colonyname)
        if purge.graphs:
            purge_graphs(execute, record, processid, purge, colony)
        elif processid:
            self._delete(execute, self._numbers(processid, before=record))
        elif purge.before_ns:
            forget_processes(execute, record, purge, colony)
        else:
            chosen = (
                "SELECT number FROM processes WHERE colony = ? AND record < ? AND (? < 0 OR state = ?) "
                f"AND {NOT_IN_A_GRAPH}"
            )
            values = (colony, record, purge.state, purge.state)
            execute(f"DELETE FROM attributes WHERE process IN ({chosen})", values)
            execute(f"DELETE FROM processes WHERE number IN ({chosen})", values)
            if purge.logs:
                execute("DELETE FROM logs WHERE colony = ? AND record < ?", (colony, record))

    def take_back(self, after: int) -> int:
        """Forget what records retired that never reached the journal: those processes are still in memory."""
        with self._file.writing() as execute:
            chosen = "SELECT number FROM processes WHERE record > ?"
            execute(f"DELETE FROM attributes WHERE process IN ({chosen})", (after,))
            take_back_graphs(execute, after)
            count = int(execute("DELETE FROM processes WHERE record > ?", (after,)).rowcount)
            execute("DELETE FROM logs WHERE record > ?", (after,))
        return count

    def close(self) -> None:
        """Fold everything into the one file, and let go of it."""
        self._file.close()

    def _delete(self, execute: Any, numbers: Iterable[int]) -> None:
        for number in numbers:
            execute("DELETE FROM attributes WHERE process = ?", (number,))
            execute("DELETE FROM nodes WHERE process = ?", (number,))
            execute("DELETE FROM processes WHERE number = ?", (number,))

    def _numbers(self, processid: str, before: int = 1 << 62) -> list[int]:
        found = self._file.written(
            "SELECT number, format, row FROM processes WHERE short = ? AND record < ?", (short(processid), before)
        )
        return [number for number, version, data in found if self._is_row(version, data, processid)]

    def _is_row(self, version: int, data: bytes, processid: str) -> bool:
        row = self._unpacked(ProcessRow, version, data)
        return row is not None and row.processid == processid

    def _name(self, execute: Any, name: str) -> int:
        """Names stand in the file once."""
        known = self._names.get(name)
        if known is None:
            execute("INSERT OR IGNORE INTO names(name) VALUES(?)", (name,))
            known = int(execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()[0])
            if len(self._names) >= _NAMES_KNOWN_MAX:
                self._names.clear()
            self._names[name] = known
        return known

    # Reading: the engine's port.

    def process(self, processid: str) -> ProcessRow | None:
        found = self._file.read("SELECT format, row FROM processes WHERE short = ?", (short(processid),))
        return next((row for row in self._rows(ProcessRow, found) if row.processid == processid), None)

    def process_of_attribute(self, attributeid: str) -> ProcessRow | None:
        found = self._file.read(
            "SELECT format, row FROM attributes JOIN processes ON number = process WHERE attributes.short = ?",
            (short(attributeid),),
        )
        return next((row for row in self._rows(ProcessRow, found) if attributeid in attribute_ids(row)), None)

    def graph(self, graphid: str) -> GraphRow | None:
        found = self._rows(GraphRow, self._file.read(FIND, (short(graphid),)))
        return next((row for row in found if row.processgraphid == graphid), None)

    def nodes_of_graph(self, graphid: str) -> Sequence[ProcessRow]:
        found = self._rows(ProcessRow, self._file.read(NODES, (short(graphid),)))
        return [row for row in found if row.processgraphid == graphid]

    def newest_graphs(
        self, colony: str, state: int, count: int, *, before: tuple[int, str] | None = None
    ) -> Sequence[GraphRow]:
        known = self._known(colony)
        if before is None:
            return self._rows(GraphRow, self._file.read(NEWEST, (known, state, count)))
        below = (before[0], before[0], short(before[1]))
        return self._rows(GraphRow, self._file.read(NEWEST_BEFORE, (known, state, *below, count)))

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
        where, values = ["colony = ?", "state = ?"], [self._known(colony), state]
        for column, name in (("executortype", executortype), ("label", label), ("initiator", initiatorname)):
            if name:
                where.append(f"{column} = ?")
                values.append(self._known(name))
        if before is not None:
            where.append("endtime <= ? AND (endtime < ? OR short < ?)")
            values += [before[0], before[0], short(before[1])]
        found = self._file.read(
            f"SELECT format, row FROM processes WHERE {' AND '.join(where)} ORDER BY endtime DESC, short DESC LIMIT ?",
            (*values, count),
        )
        return self._rows(ProcessRow, found)

    def ended_after(self, colony: str, state: int, endtime: int, processid: str, count: int) -> Sequence[ProcessRow]:
        found = self._file.read(
            "SELECT format, row FROM processes WHERE colony = ? AND state = ? AND endtime >= ? "
            "AND (endtime > ? OR short > ?) ORDER BY endtime, short, number LIMIT ?",
            (self._known(colony), state, endtime, endtime, short(processid) if processid else -1, count),
        )
        return self._rows(ProcessRow, found)

    def submitted_since(self, colony: str, state: int, since_ns: int, executorid: str = "") -> Sequence[ProcessRow]:
        found = self._file.read(
            "SELECT format, row FROM processes WHERE colony = ? AND state = ? AND submitted >= ? "
            "AND (? OR executor = ?) ORDER BY submitted, number",
            (self._known(colony), state, since_ns, not executorid, short(executorid)),
        )
        return [row for row in self._rows(ProcessRow, found) if executorid in ("", row.assignedexecutorid)]

    def logs(
        self, *, colony: str, processid: str = "", executorname: str = "", since_ns: int = 0, latest: bool, count: int
    ) -> Sequence[LogEntry]:
        where, values = ["+colony = ?"] if processid else ["colony = ?"], [self._known(colony)]
        if processid:
            where.append("short = ?")
            values.append(short(processid))
        if executorname:
            where.append("executor = ?")
            values.append(self._known(executorname))
        order = "DESC" if latest else "ASC"
        found = self._file.read(
            f"SELECT format, row FROM logs WHERE {' AND '.join(where)} AND time > ? ORDER BY time {order} LIMIT ?",
            (*values, since_ns, count),
        )
        entries = [entry for entry in self._rows(LogEntry, found) if processid in ("", entry.processid)]
        return entries[::-1] if latest else entries

    def search_logs(self, colony: str, text: str, since_ns: int, count: int) -> Sequence[LogEntry]:
        found: list[LogEntry] = []
        upper = 1 << 62
        while len(found) < count:  # the text is inside the pressed rows, so they are looked at a page at a time
            page = self._file.read(
                "SELECT time, format, row FROM logs WHERE time > ? AND time < ? AND +colony = ? "
                "ORDER BY time DESC LIMIT 500",
                (since_ns, upper, self._known(colony)),
            )
            if not page:
                break
            upper = page[-1][0]
            found += [entry for entry in self._rows(LogEntry, (row[1:] for row in page)) if text in entry.message]
        return found[:count]

    def ended_before(self, colony: str, state: int, since_ns: int, before_ns: int, count: int) -> tuple[int, int]:
        return ended_before(self._file, self._known(colony), state, since_ns, before_ns, count)

    def graphs_ended_before(
        self, colony: str, state: int, before_ns: int, count: int, but: Collection[str]
    ) -> Sequence[GraphRow]:
        found = graphs_ended_before(self._file, self._known(colony), state, before_ns, count, but)
        return self._rows(GraphRow, found)

    def lines_before(self, before_ns: int, count: int) -> int:
        return lines_before(self._file, before_ns, count)

    def _known(self, name: str) -> int:
        """The number of a name, 0 when no row has it."""
        known = self._names.get(name)
        if known is not None:
            return known
        found = self._file.read("SELECT id FROM names WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def _rows(self, cls: type[T], found: Iterable[Any]) -> list[T]:
        rows = (self._unpacked(cls, version, data) for version, data in found)
        return [row for row in rows if row is not None]

    def _unpacked(self, cls: type[T], version: int, data: bytes) -> T | None:
        """The row, or None when it is damaged: one bad sector must not hide the rest of history."""
        try:
            fields = unpressed(data)
            if version != FORMAT:
                fields = Migration(version, "archive").apply(_TABLES[cls], fields)
            return unpack(cls, fields)
        except (ValueError, zlib.error):
            self.damaged_rows += 1
            return None


def attribute_ids(row: ProcessRow) -> set[str]:
    """Ids of the environment variables and of what the executor added (`protocol-core.md` 4.11)."""
    ids = {attribute_id(row.processid, key, int(AttributeType.ENV)) for key in row.spec.env}
    ids.update(attribute_id(row.processid, attr.key, attr.attributetype) for attr in row.attributes)
    return ids
