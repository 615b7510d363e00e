"""The bridge's own file: every item and cursor, appended and synced before anybody is told anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from colonies_edge.apps.bridge.items import Item, item_of
from colonies_edge.apps.bridge.table import Write
from colonies_edge.client.folder_lock import FolderLock
from colonies_edge.client.line_file import LineFile, line_of

FILE = "bridge.jsonl"
LOCK = "bridge.lock"
COMPACT_BYTES_MIN = 4 * 1024 * 1024


class StoreBroken(Exception):
    """The disk does not take what the bridge has to remember; it stops rather than forget."""


class Store:
    """Rows by key and small notes (cursors) by name. One process (a lock says so), one asyncio loop.

    `put` queues; `settled` returns when all that was queued before is on the disk: one sync for whatever came together.
    """

    def __init__(self, folder: Path) -> None:
        """Reads what is there. Raises FolderBusy when another process has it, OSError for a disk that refuses."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FolderLock(folder / LOCK)
        self._rows: dict[str, dict[str, Any]] = {}
        self._notes: dict[str, Any] = {}
        self._due = bytearray()  # lines not yet written
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store")
        self._failure: OSError | None = None
        self._closed = False
        self._file = LineFile(folder / FILE, compact_bytes_min=COMPACT_BYTES_MIN)
        try:
            self.complaints = self._file.open(self._take, self._snapshot)  # what was wrong with the file, for the log
        except BaseException:
            self._lock.release()
            raise

    def items(self) -> list[Item]:
        """All that was on its way, in the order in which it came; what cannot be read is left out and said."""
        found = []
        for key, row in self._rows.items():
            try:
                found.append(item_of(key, row))
            except (KeyError, ValueError, TypeError) as error:
                self.complaints.append(f"{self._file.path}: the item {key} makes no sense and is left out ({error!r})")
        return found

    def note(self, name: str) -> Any:
        """A cursor, or None."""
        return self._notes.get(name)

    def put(self, writes: Iterable[Write]) -> None:
        for write in writes:
            self._apply(write)
            if write.row is not None:
                self._queue({"put": [write.key, write.row]})
            elif write.fields is not None:
                self._queue({"set": [write.key, write.fields]})
            else:
                self._queue({"gone": write.key})

    def put_note(self, name: str, value: Any) -> None:
        """None forgets it."""
        if value is None:
            self._notes.pop(name, None)
        else:
            self._notes[name] = value
        self._queue({"note": [name, value]})

    async def settled(self) -> None:
        """Raises StoreBroken when the disk refused."""
        if self._due or self._writer is not None:
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(written)
            self._start()
            await written
        if self._failure is not None:
            raise StoreBroken(f"{self._file.path} cannot be written: {self._failure.strerror or self._failure}")

    async def close(self) -> None:
        """Write what is due and let another process have the folder."""
        if self._closed:
            return
        try:
            if self._failure is None:
                await self.settled()
        finally:
            self._closed = True
            self._thread.shutdown()
            self._file.close()
            self._lock.release()

    # -- what is live

    def _apply(self, write: Write) -> None:
        if write.row is not None:
            self._rows[write.key] = dict(write.row)
        elif write.fields is not None:
            if write.key in self._rows:
                self._rows[write.key].update(write.fields)
        else:
            self._rows.pop(write.key, None)

    def _snapshot(self) -> bytes:
        notes = [line_of({"note": [name, value]}) for name, value in self._notes.items()]
        return b"".join([*notes, *(line_of({"put": [key, row]}) for key, row in self._rows.items())])

    # -- writing, in a thread of its own: an SD card may need a second for a sync

    def _queue(self, value: Any) -> None:
        self._due += line_of(value)

    def _start(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._due:
                data, self._due = bytes(self._due), bytearray()
                waiting, self._waiting = self._waiting, []
                try:
                    snapshot = self._snapshot() if self._file.is_due else None
                    await loop.run_in_executor(self._thread, self._file.write, data, snapshot)
                except OSError as error:
                    self._failure = error
                _release(waiting)
        finally:
            self._writer = None
            waiting, self._waiting = self._waiting, []
            _release(waiting)

    # -- reading, once

    def _take(self, value: Any) -> bool:
        match value:
            case {"put": [str(key), dict(row)]}:
                self._apply(Write(key=key, row=row))
            case {"set": [str(key), dict(changed)]}:
                self._apply(Write(key=key, fields=changed))
            case {"gone": str(key)}:
                self._apply(Write(key=key))
            case {"note": [str(name), None]}:
                self._notes.pop(name, None)
            case {"note": [str(name), value]}:
                self._notes[name] = value
            case _:
                return False
        return True


def _release(waiting: Iterable[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
