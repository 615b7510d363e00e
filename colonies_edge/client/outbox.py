"""Results on disk until the coordinator's signed reply: what an executor has finished survives its death."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from colonies_edge.client.folder_lock import FolderLock
from colonies_edge.client.line_file import LineFile, line_of

FILE = "outbox.jsonl"
LOCK = "outbox.lock"
COMPACT_BYTES_MIN = 512 * 1024  # a thousand results or so that nobody needs any more
RETRY_S = 10.0  # after the disk refused
# How long the note "this one was answered" may wait for company. If it gets lost, the result is sent once more and the
# coordinator answers again as it did: harmless, so it is not worth a sync of its own.
FORGET_LATENCY_S = 0.5

Key: TypeAlias = tuple[str, int]  # process id, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result: the message that closes a process, and the `msgid` under which it is sent, however often."""

    processid: str
    attempt: int
    msgid: str
    message: dict[str, Any]

    @property
    def key(self) -> Key:
        return self.processid, self.attempt

    def line(self) -> bytes:
        """Raises BadRequest when the message is not JSON."""
        return line_of({"put": [self.processid, self.attempt, self.msgid, self.message]})


class Outbox:
    """The results in one folder, kept in memory too. Belongs to one process (a lock says so) and one asyncio loop."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderBusy when another process has it."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FolderLock(folder / LOCK)
        self._entries: dict[Key, Entry] = {}
        self._due = bytearray()  # lines not yet written
        self._waiting: list[asyncio.Future[None]] = []  # for the lines above to be on disk
        self._writer: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._closed = False
        self._file = LineFile(folder / FILE, compact_bytes_min=COMPACT_BYTES_MIN)
        try:
            self.notes = self._file.open(self._take, self._snapshot)  # what was wrong with the file, for the log
        except BaseException:
            self._lock.release()
            raise

    # -- what is in it

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def entries(self) -> list[Entry]:
        """All results without an answer, oldest first."""
        return list(self._entries.values())

    # -- changing it

    async def keep(self, entry: Entry) -> None:
        """Return when the entry is on disk, together with all that were kept meanwhile: one sync for the batch.

        Raises BadRequest when it is not JSON. Raises OSError when the disk refuses; the entry is kept in memory then,
        and written as soon as the disk allows.
        """
        line = entry.line()
        self._entries[entry.key] = entry
        self._due += line
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self._start_writing()
        await written

    def forget(self, key: Key) -> None:
        """The signed reply came."""
        if self._entries.pop(key, None) is None or self._closed:
            return
        self._due += line_of({"done": list(key)})
        self._write_within(FORGET_LATENCY_S)

    async def close(self) -> None:
        """Write what is due and let another process have the folder."""
        try:
            if self._due and not self._closed:
                self._start_writing()
            if self._writer is not None:
                await self._writer
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go at once; what is in memory only is lost, as if power had been."""
        if self._closed:
            return
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        self._thread.shutdown()
        self._file.close()
        self._lock.release()

    # -- writing, in a thread of its own: an SD card may need a second for a sync

    def _write_within(self, delay_s: float) -> None:
        if self._later is None and self._writer is None:
            self._later = asyncio.get_running_loop().call_later(delay_s, self._start_writing)

    def _start_writing(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        loop, refused = asyncio.get_running_loop(), False
        try:
            while self._due and not refused:
                data, self._due = bytes(self._due), bytearray()
                waiting, self._waiting = self._waiting, []
                try:
                    snapshot = self._snapshot() if self._file.is_due else None
                    write = partial(self._file.write, data, snapshot, sync=bool(waiting))
                    await loop.run_in_executor(self._thread, write)
                except OSError as error:
                    refused = True
                    self._due[:0] = data
                    _settle([*waiting, *self._waiting], error)
                    self._waiting = []
                else:
                    _settle(waiting, None)
        finally:
            self._writer = None
        if refused:
            self._write_within(RETRY_S)

    def _snapshot(self) -> bytes:
        return b"".join(entry.line() for entry in self._entries.values())

    # -- reading, once

    def _take(self, value: Any) -> bool:
        match value:
            case {"put": [str(processid), int(attempt), str(msgid), dict(message)]}:
                entry = Entry(processid=processid, attempt=attempt, msgid=msgid, message=message)
                self._entries[entry.key] = entry
            case {"done": [str(processid), int(attempt)]}:
                self._entries.pop((processid, attempt), None)
            case _:
                return False
        return True


def _settle(waiting: Iterable[asyncio.Future[None]], error: OSError | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
