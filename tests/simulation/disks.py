"""Where the coordinator's store lives between two crashes: in memory, or in files that are really written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from colonies_edge.engine.outcome import Record
from colonies_edge.engine.ports import History, Store
from colonies_edge.storage.file_store import FileStore, open_store
from colonies_edge.storage.files import DiskFiles, OpenFile
from colonies_edge.storage.memory import MemoryStore
from tests.support.engine_bench import identity


class Disk(Protocol):
    """What a crash leaves."""

    def open(self) -> tuple[Store, History]:
        """The store, as after a crash of whoever had it."""

    def crash_in_commit(self, records: Sequence[Record], rng: Random) -> int:
        """Power fails while these are written: how many of them are durable."""

    def destroy(self) -> None:
        """The history is over."""


class MemoryDisk:
    """The store without files."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def open(self) -> tuple[Store, History]:
        self._store = self._store.reopen()
        return self._store, self._store.history

    def crash_in_commit(self, records: Sequence[Record], rng: Random) -> int:
        durable = rng.randint(0, len(records))
        self._store.commit(records[:durable])
        return durable

    def destroy(self) -> None:
        """Nothing to clean up."""


class _HastyFile:
    """Says that it is on the disk; nobody pulls the plug of this machine."""

    def __init__(self, file: OpenFile) -> None:
        self.write = file.write
        self.close = file.close

    def sync(self) -> None:
        """What is cut off is decided by the simulator, not by a kernel."""


class _HastyFiles(DiskFiles):
    """Files without waiting for the disk."""

    def create(self, path: Path) -> OpenFile:
        return _HastyFile(super().create(path))

    def append(self, path: Path) -> OpenFile:
        return _HastyFile(super().append(path))

    def sync_folder(self, path: Path) -> None:
        """Nothing to wait for."""


class FolderDisk:
    """The store that the coordinator really uses, in a temporary folder."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="colonies-edge-simulation-"))
        self._store: FileStore | None = None

    def open(self) -> tuple[Store, History]:
        if self._store is not None:
            self._abandon(self._store)
        self._store = open_store(
            self._folder / "data", files=_HastyFiles(), sign_head=lambda text: identity("head") * 2
        )
        return self._store, self._store.history

    @staticmethod
    def _abandon(store: FileStore) -> None:
        """As the kernel does for a process that was killed: descriptors and lock go, nothing else happens."""
        store._journal._file = None
        store.history.close()
        store._lock.release()

    def crash_in_commit(self, records: Sequence[Record], rng: Random) -> int:
        assert self._store is not None
        durable = rng.randint(0, len(records))
        self._store.commit(records[:durable])
        if durable < len(records):
            self._tear(rng)
        return durable

    def _tear(self, rng: Random) -> None:
        """The next line reached the disk only in part."""
        segments = sorted((self._folder / "data" / "journal").iterdir())
        if segments:
            line = segments[-1].read_bytes().splitlines(keepends=True)[-1:]
            torn = line[0][: rng.randint(0, len(line[0]) - 1)] if line else b""
            with segments[-1].open("ab") as file:
                file.write(torn)

    def destroy(self) -> None:
        if self._store is not None:
            self._abandon(self._store)
        shutil.rmtree(self._folder, ignore_errors=True)
