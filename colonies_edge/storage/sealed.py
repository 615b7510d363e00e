"""The ledger's folder: journal segments that a checkpoint made unnecessary, compressed and kept as proof."""

import gzip
from pathlib import Path
from typing import BinaryIO, cast

from colonies_edge.storage.errors import telling
from colonies_edge.storage.files import Files, OpenFile
from colonies_edge.storage.heads import Heads
from colonies_edge.storage.journal import Journal, Position, end_of_segment, segment_name

_SUFFIX = ".gz"  # zcat and zgrep read it
_LEVEL = 6
_CHUNK_BYTES = 1 << 16


class _Sink:
    """What GzipFile needs of a file."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None


class Sealed:
    """The folder `ledger/`."""

    def __init__(self, files: Files, folder: Path, heads: Heads, bytes_max: int | None) -> None:
        self._files = files
        self.folder = folder
        self._heads = heads
        self._bytes_max = bytes_max

    def path(self, segment: int) -> Path:
        """Where a sealed segment is."""
        return self.folder / (segment_name(segment) + _SUFFIX)

    def segments(self) -> list[int]:
        """Numbers of the sealed segments."""
        return sorted(int(path.name.partition(".")[0]) for path in self.folder.glob("*.jsonl" + _SUFFIX))

    def take(self, journal: Journal, before: int) -> tuple[str, ...]:
        """Seal every segment of the journal before that one, then forget the oldest beyond the bound. Returns notes."""
        for segment in journal.segments():
            if segment < before:
                self._seal(journal.path(segment), self.path(segment))
        return self._forget()

    def _seal(self, source: Path, target: Path) -> None:
        beside = target.with_name(target.name + ".new")
        file = self._files.create(beside)
        try:
            # No time and no name inside: sealing again after a crash gives the same bytes.
            sink = cast(BinaryIO, _Sink(file))
            with (
                telling(source, "read"),
                source.open("rb") as stream,
                gzip.GzipFile("", "wb", _LEVEL, sink, mtime=0) as out,
            ):
                while data := stream.read(_CHUNK_BYTES):
                    out.write(data)
            file.sync()
        finally:
            file.close()
        self._files.replace(beside, target)
        self._files.sync_folder(self.folder)
        self._files.remove(source)
        self._files.sync_folder(source.parent)

    def _forget(self) -> tuple[str, ...]:
        if self._bytes_max is None:
            return ()
        sizes = [(segment, self.path(segment).stat().st_size) for segment in self.segments()]
        total = sum(size for _, size in sizes)
        last = 0
        for segment, size in sizes:
            if total <= self._bytes_max:
                break
            total -= size
            last = segment
        if not last:
            return ()
        end = self._end_of(last)
        # First the signed admission, then the removal: a gap without one is always a finding.
        self._heads.add(end, "forgotten")
        for segment, _ in sizes:
            if segment <= last:
                self._files.remove(self.path(segment))
        self._files.sync_folder(self.folder)
        return (f"the ledger is over its bound: segments up to {last} (record {end.number}) were removed",)

    def _end_of(self, segment: int) -> Position:
        with telling(self.path(segment), "read"), gzip.open(self.path(segment), "rb") as stream:
            return end_of_segment(segment, cast(BinaryIO, stream))
