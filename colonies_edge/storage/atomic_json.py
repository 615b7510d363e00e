"""A large JSON file written row by row beside the old one and swapped in whole; its digest tells any change."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from colonies_edge.storage.chain import text_of
from colonies_edge.storage.errors import telling
from colonies_edge.storage.files import Files
from colonies_edge.storage.stored_json import parse, parse_object, to_bytes
from colonies_edge.storage.stored_json import text_of as encoded

_SLICE_ROWS = 64  # about a millisecond of work
_PAUSE_S = 0.001
_TAIL_BYTES_MAX = 4096  # the last line, which describes the file, is far shorter
_ABOUT = b'"about": '
_DIGEST = b',"digest":"'
_END = b'"}}}\n'

Rows = Iterable[tuple[str, Mapping[str, Any]]]


class Damaged(Exception):
    """The file is not as it was written; the message says where."""


class AtomicJson:
    """Writes `{"table": {"key": {row}, ...}, ..., "checkpoint": {"about": {...}}}`, a line per row."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        self._beside = path.with_name(path.name + ".new")
        self._digest = hashlib.sha3_256()
        self._size = 0
        self._pause = _pause_of_this_thread()

    def write(self, tables: Iterable[tuple[str, Rows]], about: Mapping[str, Any]) -> int:
        """Write all of it and swap it in; returns its size. Durable when it returns, or else nothing has changed."""
        file = self._files.create(self._beside)
        try:
            for text in self._slices(tables):
                self._digest.update(text)
                self._size += len(text)
                file.write(text)
                self._pause()
            file.write(self._last_line(about))
            file.sync()
        except BaseException:
            file.close()
            self._files.remove(self._beside)
            raise
        file.close()
        self._files.replace(self._beside, self._path)
        self._files.sync_folder(self._path.parent)
        return self._size

    @staticmethod
    def _slices(tables: Iterable[tuple[str, Rows]]) -> Iterator[bytes]:
        lines = ["{\n"]
        names = set()
        for name, rows in tables:
            if name in names:
                raise ValueError(f"rows of the table {name} must come in one piece")
            names.add(name)
            lines.append(f"{encoded(name)}: {{\n")
            comma = ""
            for key, row in rows:
                lines.append(f"{comma}{encoded(key)}: {encoded(row)}")
                comma = ",\n"
                if len(lines) >= _SLICE_ROWS:
                    yield to_bytes("".join(lines))
                    lines.clear()
            lines.append("\n},\n")
        lines.append('"checkpoint": {\n')
        yield to_bytes("".join(lines))

    def _last_line(self, about: Mapping[str, Any]) -> bytes:
        text = _ABOUT + to_bytes(encoded(about)[:-1])
        self._digest.update(text)
        line = text + _DIGEST + text_of(self._digest.digest()).encode() + _END
        self._size += len(line)
        return line


class CheckedJson:
    """Reads what AtomicJson wrote: first that it is all there and unchanged, then row by row."""

    def __init__(self, path: Path) -> None:
        """Raises Damaged."""
        self._path = path
        with telling(path, "read"), path.open("rb") as stream:
            self.size = stream.seek(0, 2)
            self.about = self._check(stream)

    def _check(self, stream: BinaryIO) -> dict[str, Any]:
        tail_at = max(0, self.size - _TAIL_BYTES_MAX)
        stream.seek(tail_at)
        tail = stream.read()
        about_at, digest_at = tail.rfind(b"\n" + _ABOUT) + 1, tail.rfind(_DIGEST)
        if not 0 < about_at < digest_at:
            raise Damaged("its end is missing")
        digest = hashlib.sha3_256()
        stream.seek(0)
        left = tail_at + digest_at
        while left:
            data = stream.read(min(left, 1 << 20))
            digest.update(data)
            left -= len(data)
        if tail[digest_at:] != _DIGEST + text_of(digest.digest()).encode() + _END:
            raise Damaged("its digest does not fit its content")
        try:
            about = parse_object(tail[about_at + len(_ABOUT) : digest_at] + b"}")
        except ValueError:
            raise Damaged("its last line is not JSON") from None
        return about

    def rows(self) -> Iterator[tuple[str, str, Any]]:
        """(table, key, row) of every row, parsed only when it is asked for."""
        table = ""
        with telling(self._path, "read"), self._path.open("rb") as stream:
            next(stream)
            for line in stream:
                if line.endswith(b": {\n"):
                    table = parse(line[:-4])
                    if table == "checkpoint":
                        return
                elif line not in (b"},\n", b"\n"):
                    ((key, row),) = parse(b"{" + line.rstrip(b",\n") + b"}").items()
                    yield table, key, row


def _pause_of_this_thread() -> Callable[[], object]:
    """Beside the coordinator's loop, give way after each slice: a thread that never waits makes the loop wait instead.

    The main thread writes only when nobody else has work, at shutdown.
    """
    if threading.current_thread() is threading.main_thread():
        return lambda: None
    never = threading.Event()
    return lambda: never.wait(_PAUSE_S)
