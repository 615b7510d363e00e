"""The bridge's own file: every item and cursor, appended and synced before anybody is told anything."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from colonies_edge.apps.bridge.items import Item, item_of
from colonies_edge.apps.bridge.table import Write
from colonies_edge.client.folder_lock import FolderLock
from colonies_edge.protocol.codec import dump_json, parse_json
from colonies_edge.protocol.errors import BadRequest

FILE = "bridge.jsonl"
LOCK = "bridge.lock"
# Rewriting costs two syncs and all that is live; below this much it is not worth it.
COMPACT_BYTES_MIN = 4 * 1024 * 1024


class StoreBroken(Exception):
    """The disk does not take what the bridge has to remember; it stops rather than forget."""


def _line(value: Any) -> bytes:
    text = dump_json(value).encode("utf-8", "replace")
    return b"%08x %s\n" % (zlib.crc32(text), text)


class Store:
    """Rows by key and small notes (cursors) by name. One process (a lock says so), one asyncio loop.

    `put` queues; `settled` returns when all that was queued before is on the disk: one sync for whatever came together.
    """

    def __init__(self, folder: Path) -> None:
        """Reads what is there. Raises FolderBusy when another process has it, OSError for a disk that refuses."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.complaints: list[str] = []  # what was wrong with the file, for the log
        self._path = folder / FILE
        self._lock = FolderLock(folder / LOCK)
        self._rows: dict[str, dict[str, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._notes: dict[str, Any] = {}
        self._live = 0  # bytes of the file that are still needed, about
        self._due: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store")
        self._failure: OSError | None = None
        self._closed = False
        self._file = -1
        self._size = 0
        try:
            self._load()
            self._replace(self._snapshot())
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
                self.complaints.append(f"{self._path}: the item {key} makes no sense and is left out ({error!r})")
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
            raise StoreBroken(f"{self._path} cannot be written: {self._failure.strerror or self._failure}")

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
            os.close(self._file)
            self._lock.release()

    # -- what is live

    def _apply(self, write: Write) -> None:
        if write.row is not None:
            self._rows[write.key] = dict(write.row)
            self._measure(write.key)
        elif write.fields is not None:
            if write.key in self._rows:
                self._rows[write.key].update(write.fields)
                self._measure(write.key)
        else:
            self._rows.pop(write.key, None)
            self._live -= self._sizes.pop(write.key, 0)

    def _measure(self, key: str) -> None:
        """Roughly: exact sizes would mean writing every row twice."""
        row = self._rows[key]
        size = 400 + len(str(row.get("work"))) if key not in self._sizes else self._sizes[key]
        self._live += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def _snapshot(self) -> list[bytes]:
        notes = [_line({"note": [name, value]}) for name, value in self._notes.items()]
        return [*notes, *(_line({"put": [key, row]}) for key, row in self._rows.items())]

    # -- writing, in a thread of its own: an SD card may need a second for a sync

    def _queue(self, value: Any) -> None:
        self._due.append(_line(value))

    def _start(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._due:
                lines, self._due = self._due, []
                waiting, self._waiting = self._waiting, []
                try:
                    if self._size > max(COMPACT_BYTES_MIN, 4 * self._live):
                        await loop.run_in_executor(self._thread, self._replace, self._snapshot())
                    else:
                        await loop.run_in_executor(self._thread, self._append, lines)
                except OSError as error:
                    self._failure = error
                _release(waiting)
        finally:
            self._writer = None
            waiting, self._waiting = self._waiting, []
            _release(waiting)

    def _append(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._size += len(data)
        os.fdatasync(self._file)

    def _replace(self, lines: list[bytes]) -> None:
        """Beside, synced, renamed: at every moment the old file or the new one is there in full."""
        beside = self._path.with_suffix(".new")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        old, self._file = self._file, file
        if old >= 0:
            os.close(old)
        self._size = 0
        self._append(lines)
        os.replace(beside, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    # -- reading, once

    def _load(self) -> None:
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        torn = lines.pop()  # what follows the last line end
        for number, line in enumerate(lines, 1):
            if line and not self._read(line):
                self.complaints.append(f"{self._path}, line {number} is damaged and was left out")
        if torn:  # never synced, so nobody was told what it says
            self.complaints.append(f"{self._path} ends in a line that was not written in full; it was left out")

    def _read(self, line: bytes) -> bool:
        text = line[9:]
        if line[:9] != b"%08x " % zlib.crc32(text):
            return False
        try:
            match parse_json(text):
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
        except BadRequest:
            return False
        return True


def _release(waiting: Iterable[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
