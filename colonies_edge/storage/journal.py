"""The journal: segments of chained lines, one append and one sync for a whole batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from colonies_edge.storage.chain import GENESIS, body_of, check, digest_of, frame
from colonies_edge.storage.errors import NoDescriptor, StoreFailed, telling
from colonies_edge.storage.files import Files, OpenFile
from colonies_edge.storage.migrations import FORMAT, Migration
from colonies_edge.storage.quarantine import Quarantine
from colonies_edge.storage.stored_json import parse_object

SUFFIX = ".jsonl"
ALWAYS = 0  # sync before every commit returns
# Opens the first line of a batch that was written when everything before it was on the disk: a broken line in front
# of such a mark was sound once, so it is damage and not the tail that a power cut tore.
_SYNCED = b'"s":1,'


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A point of the chain: the last record up to there, and the digest of the last line."""

    segment: int = 0
    number: int = 0
    digest: bytes = GENESIS
    time_ns: int = 0


def segment_name(segment: int) -> str:
    """The file name of a segment; sorts by number."""
    return f"{segment:08d}{SUFFIX}"


def header_body(position: Position, heads: str) -> bytes:
    """The first line of a segment that follows `position`; `heads` ties it to the signed heads."""
    return b'"format":%d,"segment":%d,"number":%d,"time":%d,"heads":"%s"' % (
        FORMAT,
        position.segment + 1,
        position.number,
        position.time_ns,
        heads.encode("ascii"),
    )


def number_of(body: bytes) -> int:
    """The number of a record, -1 for a body that is none."""
    start = body[:26].partition(b",")[0]
    return int(start[4:]) if start.startswith(b'"n":') and start[4:].isdigit() else -1


def time_of(body: bytes) -> int:
    """The time of a record."""
    return int(body[:60].partition(b'"t":')[2].partition(b",")[0])


def end_of_segment(segment: int, stream: BinaryIO) -> Position:
    """The last point of a sound segment, as its last line states it."""
    header = stream.readline()
    line = b""
    for line in stream:  # noqa: B007  # the last one counts
        pass
    if not line:
        fields, line = parse_object(header), header
        return Position(segment=segment, number=fields["number"], digest=digest_of(line), time_ns=fields["time"])
    body = body_of(line)
    return Position(segment=segment, number=number_of(body), digest=digest_of(line), time_ns=time_of(body))


class Walk:
    """Follows the chain through one segment, and stops at the first line that is not as it was written."""

    def __init__(self, stream: BinaryIO, start: Position, name: str) -> None:
        self._stream = stream
        self.name = name
        self.position = start
        self.header: bytes = b""
        self.end = 0  # bytes up to here are sound
        self.problem = ""

    def bodies(self) -> Iterator[bytes]:
        """The records' bodies in order."""
        line = self._stream.readline()
        checked = check(self.position.digest, line)
        if checked is None or not checked[0].startswith(b'"format":'):
            self.problem = "its first line"
            return
        self.header, digest = checked
        self.position = replace(self.position, segment=self.position.segment + 1, digest=digest)
        self.end = len(line)
        number = self.position.number
        body = b""
        for line in self._stream:
            checked = check(digest, line)
            if checked is None or number_of(checked[0]) != number + 1:
                self.problem = f"record {number + 1}"
                break
            body, digest = checked
            number += 1
            self.end += len(line)
            yield body
        if body:
            self.position = replace(self.position, number=number, digest=digest, time_ns=time_of(body))


@dataclass(slots=True)
class Found:
    """What opening the journal found: the sound part of each segment, and what is wrong."""

    segments: list[tuple[Path, int]]
    purges: list[bytes]  # bodies that tell the archive to forget something
    damage: str = ""
    notes: tuple[str, ...] = ()


class Journal:
    """The folder of live segments. `append` is the only way in; a failed journal refuses everything."""

    def __init__(
        self, files: Files, folder: Path, quarantine: Quarantine, *, sync_every_ns: int, monotonic: Callable[[], int]
    ) -> None:
        self._files = files
        self.folder = folder
        self._quarantine = quarantine
        self._sync_every_ns = sync_every_ns
        self._monotonic = monotonic
        self._synced_at = 0
        self._unsynced = False
        self._file: OpenFile | None = None
        self.refusal = f"{folder} was not loaded yet"  # why nothing can be written, "" while all is well
        self.position = Position()
        self.base = Position()  # where the segment that is being written begins
        self.grown_bytes = 0  # since the last rotation
        self._sound_bytes = 0  # of the segment that is damaged

    def segments(self) -> list[int]:
        """Numbers of the segments in the folder."""
        return sorted(int(path.stem) for path in self.folder.glob("*" + SUFFIX) if path.stem.isdigit())

    def path(self, segment: int) -> Path:
        """Where a segment is."""
        return self.folder / segment_name(segment)

    # Reading what is there.

    def load(self, start: Position) -> Found:
        """Check every segment after `start`, cut off a torn tail, and stand at the end."""
        found = Found([], [])
        self.refusal = ""
        self.position = self.base = start
        last = max(self.segments(), default=0)
        wanted = max(last, start.segment + 1) if start.segment else last
        while self.position.segment < wanted:
            missing = self.position.segment + 1
            if not self.path(missing).exists():
                found.damage = f"{self.path(missing)} is missing, with all records after {self.position.number}"
                break
            if not self._load_segment(self.path(missing), found, is_last=missing == last):
                break
        if found.damage:
            self.refuse_damage(found.damage)
        else:
            self._open(last)
        return found

    def _load_segment(self, path: Path, found: Found, *, is_last: bool) -> bool:
        with telling(path, "read"), path.open("rb") as stream:
            walk = Walk(stream, self.position, path.name)
            self.base = self.position
            for body in walk.bodies():
                if b'["archive"' in body:
                    found.purges.append(body)
            if walk.header:
                self._check_format(walk)
            rest = b""
            if walk.problem or stream.seek(0, 2) > walk.end:
                stream.seek(walk.end)
                rest = stream.read()
        found.segments.append((path, walk.end))
        self.grown_bytes += walk.end
        sound = not walk.problem
        if sound or (is_last and is_torn(rest)):
            if not sound:
                kept = self._quarantine.keep(f"{path.name}.{walk.end}.torn", rest)
                self._files.truncate(path, walk.end)
                if rest:
                    found.notes += (f"the last {len(rest)} bytes of {path} were torn by a crash and cut off{kept}",)
            self.position = walk.position
            return sound
        kept = self._quarantine.keep(f"{path.name}.{walk.end}.damaged", rest)
        found.damage = (
            f"{path} is damaged at {walk.problem} (byte {walk.end}): everything up to record {walk.position.number} "
            f"was loaded, {len(rest)} bytes after it were not{kept}"
        )
        self.position = walk.position
        self._sound_bytes = walk.end
        return False

    def _check_format(self, walk: Walk) -> None:
        Migration(parse_object(b"{" + walk.header + b"}").get("format"), walk.name)

    def _open(self, last: int) -> None:
        if self.position.segment and self.position.segment == last:  # else its first line was torn: `begin` again
            self._file = self._files.append(self.path(last))
            self._unsynced = True  # a crash of this process alone leaves lines that are written but not synced
            self.sync()

    # Writing.

    @property
    def is_open(self) -> bool:
        """There is a segment to append to."""
        return self._file is not None

    def begin(self, heads: str) -> None:
        """Start the next segment; what was appended before is on the disk first. After NoDescriptor the one before is
        written on."""
        self.guard()
        with self._failing():
            self.sync()
            opened = self._files.create(self.path(self.position.segment + 1))
            if self._file is not None:
                self._file.close()
            self._file = opened
            line, digest = frame(self.position.digest, header_body(self.position, heads))
            self._file.write(line)
            self._file.sync()
            self._files.sync_folder(self.folder)
        self.base = self.position
        self.position = replace(self.position, segment=self.position.segment + 1, digest=digest)
        self.grown_bytes = 0

    def append(self, entries: Sequence[tuple[int, bytes]]) -> None:
        """Write (time, rest of the body) of consecutive records, as durably as the setting says."""
        self.guard()
        file = self._file
        if file is None:
            raise StoreFailed(f"{self.folder} is not open for writing: it was closed, or not loaded")
        position, digest = self.position, self.position.digest
        mark = b"" if self._unsynced else _SYNCED
        lines = []
        for number, (time_ns, rest) in enumerate(entries, position.number + 1):
            line, digest = frame(digest, b'"n":%d,%s"t":%d,%s' % (number, mark, time_ns, rest))
            lines.append(line)
            mark = b""
        data = b"".join(lines)
        with self._failing():
            self._unsynced = True
            file.write(data)
            if self._sync_every_ns == ALWAYS:
                self.sync()
            else:
                self.sync_if_due()
        self.grown_bytes += len(data)
        self.position = replace(position, number=position.number + len(entries), digest=digest, time_ns=entries[-1][0])

    def sync(self) -> None:
        """Everything appended is on the disk when this returns."""
        if self._unsynced and self._file is not None:
            with self._failing():
                self._file.sync()
            self._unsynced = False
            self._synced_at = self._monotonic()

    def sync_if_due(self) -> None:
        """Sync when the interval of the durability setting is over."""
        if self._unsynced and self._monotonic() - self._synced_at >= self._sync_every_ns:
            self.sync()

    def close(self) -> None:
        """Sync, unless the journal failed before, and let go of the file."""
        if self._file is not None:
            try:
                if not self.refusal:
                    self.sync()
            finally:
                self._file.close()
                self._file = None
        self.refusal = self.refusal or f"{self.folder} was closed"

    def refuse_damage(self, damage: str) -> None:
        """From now on nothing is written: what is there has to be looked at first."""
        self.refusal = f"the coordinator runs read-only: {damage}"

    def cut_off_damage(self, heads: str) -> None:
        """Go on after the last sound record. What comes after it goes to the quarantine. Raises StoreFailed."""
        for segment in self.segments():
            if segment > self.position.segment:
                self._quarantine.move(self.path(segment))
        path = self.path(self.position.segment)
        if self._sound_bytes and path.exists():
            self._files.truncate(path, self._sound_bytes)
        self.refusal = ""
        self._open(self.position.segment if path.exists() else 0)
        if self._file is None:
            self.begin(heads)

    def abandon(self) -> None:
        """Let go of the file without a sync, as the kernel does for a killed process."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.refusal = f"{self.folder} was abandoned"

    def guard(self) -> None:
        """Raise when nothing may be written any more."""
        if self.refusal:
            raise StoreFailed(self.refusal)

    def _failing(self) -> "_Failing":
        return _Failing(self)


class _Failing:
    """After a failed write nobody knows what is on the disk: from then on the journal refuses. Not where no file could
    be opened to write to."""

    __slots__ = ("_journal",)

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and not isinstance(error, NoDescriptor) and not self._journal.refusal:
            self._journal.refusal = str(error) or repr(error)


def is_torn(rest: bytes) -> bool:
    """Did a power cut leave this, or was it sound once?

    What was never synced may end anywhere or hold blocks of zeros; a later line that was written after a sync proves
    that everything in front of it had been on the disk.
    """
    whole = rest.endswith(b"\n") and b"\0" not in rest
    synced_later = any(_SYNCED in line[:90] and line.startswith(b'{"h":"') for line in rest.split(b"\n")[1:])
    return not whole and not synced_later
