"""The power goes at every single write, sync and rename: what was acknowledged is there, nothing is half there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.crypto.identity import recover
from colonies_edge.engine.outcome import Kind, Record, Write
from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import ProcessRow, Purge
from colonies_edge.protocol.model import State
from colonies_edge.storage.archive import Archive
from colonies_edge.storage.file_store import Durability, FileStore, open_store
from colonies_edge.storage.ledger import verify
from tests.storage.cut_disk import RecordingFiles, lay_out
from tests.storage.samples import SERVER, Author, identity, put

Rows = dict[tuple[str, str], Any]
ARCHIVE = ("archive.sqlite", "archive.sqlite-wal")


def fold(rows: Rows, record: Record) -> Rows:
    """The rows after a record; a second, smaller interpreter than the engine's."""
    rows = dict(rows)
    for write in record.writes:
        at = (write.table, write.key)
        if write.kind is Kind.PATCH:
            rows[at] = replace(rows[at], **write.changes)
        elif write.table == "archive":
            continue
        elif write.kind is Kind.PUT:
            rows[at] = write.row
        else:
            rows.pop(at)
    return rows


def archived_after(known: dict[str, ProcessRow], record: Record) -> dict[str, ProcessRow]:
    known = dict(known)
    for write in record.writes:
        if write.kind is Kind.RETIRE:
            known[write.key] = write.row.process
        elif write.table == "archive" and write.row.before_ns:
            known = {key: row for key, row in known.items() if row.endtime >= write.row.before_ns}
        elif write.table == "archive" and isinstance(write.row, Purge):
            known = {key: row for key, row in known.items() if key != write.key} if write.key else {}
    return known


class WatchedArchive:
    """The archive, whose files are noted whenever it has committed; in between, SQLite answers for itself."""

    def __init__(self, inner: Archive, files: RecordingFiles, folder: Path) -> None:
        self._inner, self._files, self._folder = inner, files, folder

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("insert", "purge", "take_back"):
            return found

        def watched(*values: Any) -> Any:
            result = found(*values)
            for file in ARCHIVE:
                self._files.disk.whole[Path(file)] = (self._folder / file).read_bytes()
            self._files.moment()
            return result

        return watched


class History:
    """A scripted history in a recorded folder."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self.files = RecordingFiles(folder)
        self.author = Author()
        self.rows: list[Rows] = [{}]
        self.archived: list[dict[str, ProcessRow]] = [{}]
        self._now = 0
        self._always = durability == "always"
        self.store = open_store(
            folder,
            files=self.files,
            durability=durability,
            sign_head=SERVER.sign,
            monotonic=lambda: self._now,
            ledger_bytes_max=4000,
        )
        self.store.history = WatchedArchive(self.store.history, self.files, folder)  # type: ignore[assignment]
        list(self.store.load().records)

    def commit(self, *records: Record) -> None:
        for record in records:
            self.rows.append(fold(self.rows[-1], record))
            self.archived.append(archived_after(self.archived[-1], record))
        self.store.commit(records)
        if self._always:
            self.files.acknowledged = len(self.rows) - 1

    def sync(self) -> None:
        self._now += 10**12
        self.store.sync_if_due()
        self.files.acknowledged = len(self.rows) - 1

    def checkpoint(self) -> None:
        rows = [put(table, key, row) for (table, key), row in sorted(self.rows[-1].items(), key=lambda item: item[0])]
        segment = self.store.rotate()
        self.files.acknowledged = len(self.rows) - 1
        self.commit(self.author.submit(1000 + segment))  # work goes on while the checkpoint is written
        self.store.checkpoint(rows, segment)

    def retire(self, *numbers: int) -> Record:
        """Retire processes as they are in memory now."""
        items = [Archived(process=self.rows[-1]["processes", identity(number)]) for number in numbers]
        writes = [Write(table="processes", key=item.process.processid, kind=Kind.RETIRE, row=item) for item in items]
        self.author.now += 1
        return Record(time_ns=self.author.now, writes=tuple(writes))

    def play(self) -> None:
        author = self.author
        self.commit(author.founding())
        self.commit(*author.job(1), author.refuse())
        self.checkpoint()
        self.commit(*author.job(2))
        self.commit(*author.job(3))
        self.commit(self.retire(1, 2), author.submit(4))
        self.sync()
        self.commit(author.purge(identity(2), State.SUCCESS))
        self.checkpoint()
        self.commit(author.assign(4))
        self.commit(author.close(4))
        self.commit(self.retire(3))
        self.commit(author.older(self.rows[-2]["processes", identity(3)].endtime, 1))
        self.commit(author.purge(), self.retire(4))
        self.checkpoint()
        self.commit(author.refuse())
        self.store.close()


def state_of(store: FileStore) -> tuple[Rows, dict[str, ProcessRow]]:
    found = store.load()
    assert found.damage == ""
    rows: Rows = {(write.table, write.key): write.row for write in found.rows}
    for record in found.records:
        rows = fold(rows, record)
    archive = store.history.newest("dev", State.SUCCESS, 100)
    return rows, {row.processid: row for row in archive}


def number_of(history: History, found: tuple[Rows, dict[str, ProcessRow]], acknowledged: int) -> int:
    """After which record things are as they were found; the newest if several look alike."""
    for number in range(len(history.rows) - 1, acknowledged - 1, -1):
        if (history.rows[number], history.archived[number]) == found:
            return number
    raise AssertionError(f"what was found is not as after any record from {acknowledged} on")


def check(history: History, acknowledged: int, folder: Path) -> None:
    store = open_store(folder, sign_head=SERVER.sign)
    found = state_of(store)
    number_of(history, found, acknowledged)
    # Life goes on, and the ledger still proves everything.
    author = Author(now=history.author.now + 1)
    more: Sequence[Record] = [author.submit(5000), author.assign(5000)]
    store.commit(more)
    store.close()
    report = verify(folder, SERVER.identity, recover=recover)
    assert report.findings == []
    store = open_store(folder, sign_head=SERVER.sign)
    rows = found[0]
    for record in more:
        rows = fold(rows, record)
    assert state_of(store) == (rows, found[1])
    store.close()


@pytest.mark.parametrize("durability", ["always", 1000])
def test_nothing_acknowledged_is_lost_wherever_the_power_goes(durability: Durability, tmp_path: Path) -> None:
    history = History(tmp_path / "recorded", durability)
    history.play()
    assert len(history.files.moments) > 100
    for index, (acknowledged, contents) in enumerate(history.files.moments):
        folder = tmp_path / str(index)
        lay_out(contents, folder)
        try:
            check(history, acknowledged, folder)
        except Exception as error:
            files = sorted(map(str, contents))
            raise AssertionError(
                f"moment {index}, {acknowledged} acknowledged, {files} in {folder}: {error}"
            ) from error
