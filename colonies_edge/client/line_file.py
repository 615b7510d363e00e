"""JSON values on disk, one in a line and behind its checksum: what a power cut or a bad card damaged is seen, and only
that is lost."""

from __future__ import annotations

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
    """`read` once, then `replace`, then `append`. Blocks: call the latter two in a thread. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = self.lines = 0
        self.descriptor = -1

    def read(self, take: Callable[[Any], bool]) -> list[str]:
        """Hand over every value, in order; returns what was wrong. `take` says whether the value made sense."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        torn = lines.pop()  # what follows the last line end
        wrong = [
            f"{self.path}, line {number} is damaged and was left out"
            for number, line in enumerate(lines, 1)
            if line and not _understood(line, take)
        ]
        if torn and not _understood(torn, take):
            wrong.append(f"{self.path} ends in a line that was not written in full; it was left out")
        return wrong

    def append(self, data: bytes, *, sync: bool = True) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.size += len(data)
        self.lines += data.count(b"\n")
        if sync:
            os.fdatasync(self.descriptor)

    def replace(self, data: bytes) -> None:
        """Beside, synced, renamed: at every moment the old file or the new one is there in full."""
        beside = self.path.with_suffix(".new")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        old, self.descriptor = self.descriptor, file
        if old >= 0:
            os.close(old)
        self.size = self.lines = 0
        self.append(data)
        os.replace(beside, self.path)
        sync_folder(self.path.parent)

    def close(self) -> None:
        os.close(self.descriptor)


def _understood(line: bytes, take: Callable[[Any], bool]) -> bool:
    text = line[9:]
    if line[:9] != b"%08x " % zlib.crc32(text):
        return False
    try:
        return take(parse_json(text))
    except BadRequest:
        return False
