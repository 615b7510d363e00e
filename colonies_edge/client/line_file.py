"""JSON values on disk, one in a line and behind its checksum: what a power cut or a bad card damaged is seen, and only
that is lost."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colonies_edge.client.whole_file import sync_folder
from colonies_edge.protocol.codec import dump_json, parse_json
from colonies_edge.protocol.errors import BadRequest


def line_of(value: Any) -> bytes:
    """Raises BadRequest when it is not JSON."""
    text = dump_json(value).encode("utf-8", "replace")
    return b"%08x %s\n" % (zlib.crc32(text), text)


class LineFile:
    """`open` once, then `write`, which blocks: call it in a thread. Both raise OSError."""

    def __init__(self, path: Path, *, compact_bytes_min: int) -> None:
        """Writing all anew costs two syncs and all that is live: not while the file is smaller than that."""
        self.path = path
        self._compact_bytes_min = compact_bytes_min
        self._size = 0
        self._size_anew = 0  # when it was last written anew: most of that was live
        self._sound = True  # it ends with a whole line, and all of it is on the disk
        self._descriptor = -1

    def open(self, take: Callable[[Any], bool], snapshot: Callable[[], bytes]) -> list[str]:
        """Hand over every value, in order; returns what was wrong. `take` says whether the value made sense, `snapshot`
        gives all lines that are needed after that. A file in order is left as it is: on a full disk there is no room
        for another one."""
        wrong, whole = self._read(take)
        if wrong or not whole:
            self._replace(snapshot())
            return wrong
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.fdatasync(self._descriptor)  # what was read may not have reached the disk before we were killed
        self._size = os.fstat(self._descriptor).st_size
        return wrong

    @property
    def is_due(self) -> bool:
        """Whether the next `write` should have a snapshot: the file is mostly dead lines, or not in order."""
        return not self._sound or self._size > max(self._compact_bytes_min, 4 * self._size_anew)

    def write(self, data: bytes, snapshot: bytes | None = None, *, sync: bool = True) -> None:
        """Append whole lines; or put `snapshot`, which contains them, in the place of everything. Where there is no
        room for that, they are appended all the same. After an error the lines have to be written again."""
        if snapshot is not None:
            try:
                self._replace(snapshot)
                return
            except OSError:
                if not self._sound:
                    raise
                self._size_anew = self._size  # not tried again until there is much more
        self._append(data, sync)

    def _read(self, take: Callable[[Any], bool]) -> tuple[list[str], bool]:
        """What was wrong, and whether the file is there and ends with a whole line."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return [], False
        torn = lines.pop()  # what follows the last line end
        wrong = [
            f"{self.path}, line {number} is damaged and was left out"
            for number, line in enumerate(lines, 1)
            if line and not _understood(line, take)
        ]
        if torn and not _understood(torn, take):
            wrong.append(f"{self.path} ends in a line that was not written in full; it was left out")
        return wrong, not torn

    def _append(self, data: bytes, sync: bool) -> None:
        sound, self._sound = self._sound, False
        try:
            _write_all(self._descriptor, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)  # the next line must not begin behind half a one
                self._sound = sound
            raise
        self._size += len(data)
        if sync:  # what a failed one leaves on the disk nobody knows
            os.fdatasync(self._descriptor)
        self._sound = sound

    def _replace(self, data: bytes) -> None:
        """Beside, synced, renamed: at every moment the old file or the new one is there in full."""
        beside = self.path.with_suffix(".new")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, data)
            os.fdatasync(file)
            os.replace(beside, self.path)
        except OSError:
            os.close(file)
            beside.unlink(missing_ok=True)
            raise
        self.close()
        self._descriptor = file
        self._size = self._size_anew = len(data)
        self._sound = False
        sync_folder(self.path.parent)
        self._sound = True

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _understood(line: bytes, take: Callable[[Any], bool]) -> bool:
    text = line[9:]
    if line[:9] != b"%08x " % zlib.crc32(text):
        return False
    try:
        return take(parse_json(text))
    except BadRequest:
        return False
