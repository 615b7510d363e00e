"""A look at a data folder, also while a coordinator works in it: nothing is locked, cut off, moved or written."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from colonies_edge.storage.atomic_json import CheckedJson, Damaged
from colonies_edge.storage.chain import bytes_of
from colonies_edge.storage.errors import UnknownFormat, failure, telling
from colonies_edge.storage.heads import parse_head
from colonies_edge.storage.journal import Position, Walk, is_torn, segment_name
from colonies_edge.storage.migrations import FORMAT, Migration
from colonies_edge.storage.reading import Progress, nothing, reading
from colonies_edge.storage.stored_json import parse_object

TRIES = 5  # a checkpoint that ends meanwhile moves segments from the journal to the ledger: then look again


@dataclass(slots=True)
class Look:
    """What was seen. `problems` are sentences; without any, this program can start here and lose nothing."""

    problems: list[str] = field(default_factory=list)
    formats: set[int] = field(default_factory=set)  # what the files say
    records: int = 0  # the number of the last one
    segments: int = 0
    torn_bytes: int = 0  # at the end: of a crash, or just being written

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def one_way(self) -> bool:
        """Whether this program, once it wrote there, leaves files that the one before it cannot read."""
        return any(version < FORMAT for version in self.formats)


class _Moved(Exception):
    """A file that was there is not there any more."""


def look(folder: Path, progress: Progress = nothing) -> Look:
    """Check the checkpoint and every line of journal and ledger, by their chain. Raises StoreFailed for what cannot be
    read at all."""
    for attempt in range(TRIES):
        try:
            return _Looking(folder, progress, last_try=attempt == TRIES - 1).seen()
        except _Moved:
            continue
    raise AssertionError("the last try takes what is missing for missing")


class _Looking:
    def __init__(self, folder: Path, progress: Progress, *, last_try: bool) -> None:
        self._folder = folder
        self._progress = progress
        self._last_try = last_try
        self._look = Look()
        self._point: Position | None = Position()  # of the chain; None: it was lost

    def seen(self) -> Look:
        cut = self._checkpoint()
        numbers = self._numbers()
        self._begin(numbers, cut)
        for number in numbers:
            if not self._follows(number):
                break
            self._segment(number, is_last=number == numbers[-1])
        if cut is not None and self._point is not None and self._point.number < cut.number:
            self._find(f"colony.json knows record {cut.number}, the journal ends at record {self._point.number}")
        return self._look

    def _find(self, sentence: str) -> None:
        self._look.problems.append(sentence)

    def _checkpoint(self) -> Position | None:
        path = self._folder / "colony.json"
        try:
            about = CheckedJson(path).about if path.exists() else None
        except Damaged as damaged:
            self._find(f"{path} is damaged: {damaged}")
            return None
        if about is None:
            return None
        self._check_format(about.get("format"), path)
        return Position(segment=about["segment"] - 1, number=about["number"], digest=bytes_of(about["hash"]))

    def _check_format(self, version: object, path: Path) -> None:
        try:
            Migration(version, str(path))
        except UnknownFormat as error:
            self._find(str(error))
        if isinstance(version, int):
            self._look.formats.add(version)

    def _numbers(self) -> list[int]:
        names = [*(self._folder / "journal").glob("*.jsonl"), *(self._folder / "ledger").glob("*.jsonl.gz")]
        stems = {path.name.partition(".")[0] for path in names}
        return sorted(int(stem) for stem in stems if stem.isdigit())

    def _begin(self, numbers: list[int], cut: Position | None) -> None:
        """Where the chain starts: at its beginning, after what a signed note says was removed, or at the checkpoint."""
        first = numbers[0] if numbers else 1
        if first == 1:
            return
        self._point = self._forgotten(first - 1) or (cut if cut is not None and cut.segment == first - 1 else None)
        if self._point is None:
            self._find(f"segments 1 to {first - 1} are missing, and no signed note says that they were removed")

    def _forgotten(self, segment: int) -> Position | None:
        path = self._folder / "ledger" / "heads.jsonl"
        if not path.exists():
            return None
        with telling(path, "read"), path.open("rb") as stream:
            for line in stream:
                try:
                    fields = parse_head(line)[0]
                except ValueError:
                    continue
                if fields["kind"] == "forgotten" and fields["segment"] == segment:
                    return Position(segment=segment, number=fields["number"], digest=bytes_of(fields["hash"]))
        return None

    def _follows(self, number: int) -> bool:
        if self._point is None:
            return False
        if number == self._point.segment + 1:
            return True
        self._find(f"segments {self._point.segment + 1} to {number - 1} are missing")
        self._point = None
        return False

    def _segment(self, number: int, *, is_last: bool) -> None:
        assert self._point is not None
        try:
            with self._opened(number) as (stream, path):
                walk = Walk(stream, self._point, path.name)
                for _ in walk.bodies():
                    pass
                stream.seek(walk.end)
                rest = stream.read() if walk.problem else b""
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._find(f"segment {number} of the ledger is damaged: {error}")
            self._point = None
            return
        self._look.segments += 1
        if walk.header:
            self._check_format(parse_object(b"{" + walk.header + b"}").get("format"), path)
        self._point = walk.position if not walk.problem or is_last else None
        self._look.records = walk.position.number
        if walk.problem and is_last and is_torn(rest):
            self._look.torn_bytes = len(rest)
        elif walk.problem:
            if is_last and not self._last_try:
                raise _Moved  # a line that was half written when it was read may be whole by now
            self._find(f"{path} is damaged at {walk.problem} (byte {walk.end}), {len(rest)} bytes are not readable")

    @contextmanager
    def _opened(self, number: int) -> Iterator[tuple[BinaryIO, Path]]:
        live = self._folder / "journal" / segment_name(number)
        sealed = self._folder / "ledger" / f"{segment_name(number)}.gz"
        path = sealed if sealed.exists() else live
        try:
            with reading(path, self._progress) as raw:
                yield cast(BinaryIO, gzip.GzipFile(fileobj=raw) if path is sealed else raw), path
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not self._last_try:
                raise _Moved from None
            raise failure(path, "read", error) from error
