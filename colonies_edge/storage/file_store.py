"""The store on disk: journal, checkpoint, archive and ledger of one folder, put together in the order that survives."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from colonies_edge.engine.outcome import Kind, Record, Write
from colonies_edge.engine.ports import Recovered
from colonies_edge.engine.rows import TABLES
from colonies_edge.protocol.codec import pack, unpack
from colonies_edge.storage.archive import Archive
from colonies_edge.storage.atomic_json import CheckedJson, Damaged, Rows
from colonies_edge.storage.chain import bytes_of, text_of
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.storage.files import DiskFiles, Files
from colonies_edge.storage.heads import Heads, SignHead
from colonies_edge.storage.journal import ALWAYS, Found, Journal, Position
from colonies_edge.storage.lock import FolderLock
from colonies_edge.storage.migrations import FORMAT, Migration
from colonies_edge.storage.quarantine import Quarantine
from colonies_edge.storage.records import decode_record, encode_record
from colonies_edge.storage.replay import bodies_of, ledger_end
from colonies_edge.storage.sealed import Sealed
from colonies_edge.storage.tinydb_store import CheckpointStorage

JOURNAL_BYTES_MIN = 16 * 1024 * 1024  # a checkpoint costs its own size in writes: not before the journal cost as much

Durability = Literal["always"] | int  # or an interval in milliseconds


def open_store(
    folder: Path | str,
    *,
    durability: Durability = "always",
    sign_head: SignHead | None = None,
    monotonic: Callable[[], int] | None = None,
    ledger_bytes_max: int | None = None,
    files: Files | None = None,
) -> "FileStore":
    """Open a data folder, made when missing. Raises FolderInUse, UnknownFormat, StoreFailed.

    `sign_head` signs the ledger's heads with the coordinator's key. `monotonic` (nanoseconds) is needed for an interval
    only. `ledger_bytes_max` bounds the sealed segments; None keeps all of them.
    """
    if durability != "always" and monotonic is None:
        raise ValueError("an interval needs a monotonic clock")
    sync_every_ns = ALWAYS if durability == "always" else int(durability) * 1_000_000
    path = Path(folder).absolute()
    files = files or DiskFiles()
    for part in (path, path / "journal", path / "ledger"):
        files.make_folder(part)
    lock = FolderLock(path)
    try:
        quarantine = Quarantine(files, path / "quarantine")
        journal = Journal(
            files, path / "journal", quarantine, sync_every_ns=sync_every_ns, monotonic=monotonic or (lambda: 0)
        )
        heads = Heads(files, path / "ledger" / "heads.jsonl", quarantine, sign_head)
        sealed = Sealed(files, path / "ledger", heads, ledger_bytes_max)
        archive = Archive(path / "archive.sqlite", quarantine)
        return FileStore(path, files, lock, quarantine, journal, heads, sealed, archive)
    except BaseException:
        lock.release()
        raise


class FileStore:
    """The engine's port `Store` over one folder; `history` is its archive."""

    def __init__(
        self,
        folder: Path,
        files: Files,
        lock: FolderLock,
        quarantine: Quarantine,
        journal: Journal,
        heads: Heads,
        sealed: Sealed,
        archive: Archive,
    ) -> None:
        self.folder = folder
        self.history = archive
        self._path = folder / "colony.json"
        self._files = files
        self._lock = lock
        self._quarantine = quarantine
        self._journal = journal
        self._heads = heads
        self._sealed = sealed
        self._cuts: dict[int, Position] = {}
        self._checkpoint_bytes = 0
        self._due = False
        self._notes: list[str] = []
        self._found: Found | None = None
        self._damage = ""

    # Opening.

    def load(self) -> Recovered:
        """See the port. Both iterables must be used up before the first commit."""
        notes = [*self.history.notes, *self._heads.load()]
        checkpoint, problem = self._checkpoint()
        sealed: list[int] = []
        if checkpoint is not None:
            start = _cut_of(checkpoint.about)
        else:
            start, sealed, trouble = ledger_end(self._sealed, self._journal)
            if trouble:
                damage = f"{problem or self._path.name + ' is missing'}, and {trouble}"
                self._journal.refuse_damage(damage)
                self._damage = damage
                return Recovered(rows=(), records=(), floor_ns=self._floor(start), damage=damage, notes=tuple(notes))
            if sealed or problem:
                notes.append(
                    f"{problem or self._path.name + ' is missing'}: all of history was replayed from the ledger"
                )
                self._due = True
        found = self._found = self._journal.load(start)
        self._damage = found.damage
        notes += found.notes
        if not found.damage:
            self._settle_archive(found, notes)
        return Recovered(
            rows=_rows_of(checkpoint) if checkpoint is not None else (),
            records=self._records(sealed, found),
            floor_ns=self._floor(start),
            damage=found.damage,
            notes=tuple(notes),
        )

    def _checkpoint(self) -> tuple[CheckedJson | None, str]:
        """The checkpoint, or why there is none although there was one."""
        if not self._path.exists():
            return None, ""
        try:
            checkpoint = CheckedJson(self._path)
        except Damaged as damaged:
            return None, f"{self._path} is damaged ({damaged}; kept as {self._quarantine.move(self._path)})"
        Migration(checkpoint.about.get("format"), str(self._path))
        self._checkpoint_bytes = checkpoint.size
        return checkpoint, ""

    def _settle_archive(self, found: Found, notes: list[str]) -> None:
        """Bring the archive to where the journal ends: a crash came between the two, in either order."""
        last = self._journal.position.number
        if last:
            count = self.history.take_back(last)
            if count:
                notes.append(f"{count} archived processes were taken back: the crash came before the journal had them")
        for body in found.purges:
            record = decode_record(body, Migration(FORMAT, self._path.name))
            self._purge(int(body[4 : body.index(b",")]), record)

    def _records(self, sealed: Sequence[int], found: Found) -> Iterator[Record]:
        for body, migration in bodies_of(self._sealed, sealed, found.segments):
            yield decode_record(body, migration)

    def _floor(self, start: Position) -> int:
        return max(start.time_ns, self._journal.position.time_ns, int(self._heads.last.get("time", 0)))

    # Working.

    def commit(self, records: Sequence[Record]) -> None:
        """See the port. Whatever fails here, nothing is accepted any more: nobody knows what the disk has."""
        if not records:
            return
        journal = self._journal
        journal.guard()
        entries = [(record.time_ns, encode_record(record)) for record in records]
        first = journal.position.number + 1
        try:
            retired = [
                (number, write.row)
                for number, record in enumerate(records, first)
                for write in record.writes
                if write.kind is Kind.RETIRE
            ]
            if retired:
                self.history.insert(retired)
            if not journal.is_open:
                journal.begin(self._heads.latest)
            journal.append(entries)
            for number, record in enumerate(records, first):
                self._purge(number, record)
        except StoreFailed as failed:
            journal.refusal = journal.refusal or str(failed)
            raise

    def _purge(self, number: int, record: Record) -> None:
        purges = [(write.key, write.row) for write in record.writes if write.table == "archive"]
        if purges:
            self._journal.sync()  # what is gone from the archive must not come back as never removed
            self.history.purge(number, purges)

    def accept_loss(self) -> str:
        """After `load` found damage: give up what cannot be read and go on after the last sound record.

        A person has to ask for this. What is given up stays in the quarantine, the ledger will always show the cut,
        and the store must be opened again. Returns a sentence; raises StoreFailed.
        """
        if not self._damage:
            raise StoreFailed(f"{self.folder} is not damaged: there is nothing to give up")
        if self._found is None:
            raise StoreFailed(f"{self._damage}; restore the folder from a backup")
        self._journal.cut_off_damage(self._heads.latest)
        self._heads.add(self._journal.position, "cut")
        self._settle_archive(self._found, self._notes)
        self._journal.refusal = f"{self.folder} must be opened again"
        number = self._journal.position.number
        return f"work goes on after record {number}; what came after it is in {self._quarantine.folder}"

    def sync_if_due(self) -> None:
        """For an interval durability: sync when it is over. Call it now and then while nothing is committed."""
        self._journal.sync_if_due()

    @property
    def refusal(self) -> str:
        """Why nothing is accepted any more, "" while all is well."""
        return self._journal.refusal

    def take_notes(self) -> tuple[str, ...]:
        """What happened in checkpoints that the log should say; each is given once."""
        notes, self._notes = tuple(self._notes), []
        return notes

    # Checkpoints.

    def checkpoint_due(self) -> bool:
        """See the port."""
        return self._due or self._journal.grown_bytes > max(JOURNAL_BYTES_MIN, self._checkpoint_bytes)

    def rotate(self) -> int:
        """See the port. Returns the number of the segment that begins here."""
        journal = self._journal
        journal.guard()
        if journal.is_open and journal.position.number > journal.base.number:
            journal.sync()
            self._heads.add(journal.position)
            journal.begin(self._heads.latest)
        self._due = False
        cut = journal.base if journal.is_open else journal.position
        self._cuts[cut.segment + 1] = cut
        return cut.segment + 1

    def checkpoint(self, rows: Iterable[Write], segment: int) -> None:
        """See the port. A failure leaves the old checkpoint and the journal as they are: work may go on.

        Rows come table by table.
        """
        cut = self._cuts.pop(segment)
        about = {
            "format": FORMAT,
            "segment": segment,
            "number": cut.number,
            "hash": text_of(cut.digest),
            "time": cut.time_ns,
        }
        storage = CheckpointStorage(self._path, self._files)
        self._checkpoint_bytes = storage.write_tables(_tables_of(rows), about)
        self._notes += self._sealed.take(self._journal, segment)

    def abandon(self) -> None:
        """Let go of everything without syncing or signing: what a kill does, for tests and simulations of one."""
        self._journal.abandon()
        self.history.close()
        self._lock.release()

    def close(self) -> None:
        """See the port. Signs the head, so that a clean end can be proven."""
        try:
            if self._journal.is_open and not self._journal.refusal:
                self._journal.sync()
                if self._journal.position.number > self._heads.last.get("number", 0):
                    self._heads.add(self._journal.position)
        finally:
            try:
                self._journal.close()
                self.history.close()
            finally:
                self._lock.release()


def _cut_of(about: dict[str, Any]) -> Position:
    return Position(
        segment=about["segment"] - 1, number=about["number"], digest=bytes_of(about["hash"]), time_ns=about["time"]
    )


def _rows_of(checkpoint: CheckedJson) -> Iterator[Write]:
    migration = Migration(checkpoint.about["format"], "colony.json")
    for table, key, fields in checkpoint.rows():
        if migration.needed:
            fields = migration.apply(table, fields)
        yield Write(table=table, key=key, kind=Kind.PUT, row=unpack(TABLES[table], fields))


def _tables_of(rows: Iterable[Write]) -> Iterator[tuple[str, Rows]]:
    for table, group in itertools.groupby(rows, key=lambda write: write.table):
        yield table, ((write.key, pack(write.row)) for write in group)
