"""The SQLite file of the archive: one connection that writes, one that reads, and what to do when it is damaged."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.storage.archive_schema import SCHEMA, SETTINGS, WORKFLOWS
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.storage.files import FILE_MODE
from colonies_edge.storage.migrations import Migration
from colonies_edge.storage.quarantine import Quarantine

if TYPE_CHECKING:
    import sqlite3

    Execute = Callable[..., sqlite3.Cursor]

_SUSPECT = ".suspect"


class ArchiveFile:
    """Statements go in, rows come out; every error leaves as StoreFailed with a sentence."""

    def __init__(self, path: Path, quarantine: Quarantine) -> None:
        self._path = path
        self._quarantine = quarantine
        self._sqlite = _import_sqlite()
        self._lock = threading.Lock()  # of the reading connection; the writing one has one thread at a time
        self.notes: tuple[str, ...] = ()
        if not self._is_sound():
            self._set_aside()
        self._writer = self._connect()
        self._reader = self._connect()

    @contextmanager
    def writing(self) -> "Iterator[Execute]":
        """One transaction, durable at the end of the block, undone by an exception."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer.execute
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.execute("COMMIT")
        except self._sqlite.Error as error:
            raise self._failure("written", error) from error

    def read(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Rows as of the last commit."""
        try:
            with self._lock:
                return self._reader.execute(statement, values).fetchall()
        except self._sqlite.Error as error:
            raise self._failure("read", error) from error

    def written(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Rows as the open transaction sees them."""
        return self._writer.execute(statement, values).fetchall()

    def close(self) -> None:
        """Closing the last connection folds the log of SQLite into the file."""
        self._reader.close()
        self._writer.close()

    def _connect(self) -> "sqlite3.Connection":
        try:
            connection: sqlite3.Connection = self._sqlite.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=30
            )
            for setting in SETTINGS.strip().splitlines():
                connection.execute(setting)
            return connection
        except self._sqlite.Error as error:
            raise self._failure("opened", error) from error

    def _is_sound(self) -> bool:
        """Make the tables when there are none; False for a damaged file.

        Looking at all of a large file takes a Pi minutes, so that is done only after an error while running.
        """
        self._path.touch(mode=FILE_MODE)
        suspect = self._path.with_name(self._path.name + _SUSPECT)
        connection = self._connect_plainly()
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not tables:
                connection.executescript(SCHEMA)
            elif version == 0:
                return False
            else:
                Migration(version, str(self._path))
                connection.executescript(WORKFLOWS)
                connection.execute("SELECT max(number), max(record) FROM processes").fetchone()
                connection.execute("SELECT max(time) FROM logs").fetchone()
            if suspect.exists():
                if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                    return False
                suspect.unlink()
        except self._sqlite.OperationalError as error:
            raise self._failure("opened", error) from error
        except self._sqlite.DatabaseError:
            return False
        finally:
            connection.close()
        return True

    def _connect_plainly(self) -> "sqlite3.Connection":
        try:
            connection: sqlite3.Connection = self._sqlite.connect(self._path, isolation_level=None)
            return connection
        except self._sqlite.Error as error:
            raise self._failure("opened", error) from error

    def _set_aside(self) -> None:
        kept = self._quarantine.move(self._path)
        for suffix in ("-wal", "-shm", _SUSPECT):
            companion = self._path.with_name(self._path.name + suffix)
            if suffix == "-wal" and companion.exists():
                self._quarantine.move(companion)
            else:
                companion.unlink(missing_ok=True)
        self.notes = (
            f"{self._path} was damaged and is kept as {kept}; a new archive was begun, older history is there",
        )
        self._is_sound()

    def _failure(self, doing: str, error: "sqlite3.Error") -> StoreFailed:
        if type(error) is self._sqlite.DatabaseError:  # its subclasses are about space, locks and our own mistakes
            self._path.with_name(self._path.name + _SUSPECT).touch(mode=FILE_MODE)
            remedy = "start the coordinator again: it checks the file and sets it aside if it is damaged"
        else:
            remedy = "see that there is space and the right to write, then start the coordinator again"
        return StoreFailed(f"{self._path} cannot be {doing}: {error}; {remedy}")


def _import_sqlite() -> Any:
    try:
        import sqlite3
    except ImportError as error:
        raise StoreFailed(
            "this Python was built without sqlite3, which the archive of finished processes needs: "
            "use the Python of the system (Debian: apt install python3) or build one with libsqlite3-dev installed"
        ) from error
    return sqlite3
