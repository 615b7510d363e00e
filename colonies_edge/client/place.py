"""A folder on this machine that files are put into by others: no name of theirs leads out of it.

Everything goes by descriptors of folders that were opened without following a link, one level after the other, so that
neither `..` nor a symbolic link that somebody puts there meanwhile can lead elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colonies_edge.client import ours
from colonies_edge.protocol.codec import parse_json
from colonies_edge.protocol.errors import BadRequest, UsageError

OURS = ".cfs"  # the file with a folder's label, and what every name that we use for ourselves begins with
KEPT = ".cfs-kept"  # where local files go that are replaced and that nobody else has
PART = ".part"
READ_BYTES = 2**20
NAME_BYTES_MAX = 255  # of what file systems take
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not stop us for ever
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[str, ...]  # names of folders below the place, from the top


class UnsafeName(ValueError):
    """A name or label that has no place in a folder of ours."""


class Ours(UnsafeName):
    """It belongs to this program, which gives it to nobody."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file."""

    name: str
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Listing:
    """What is directly in a folder; `others` are neither files nor folders, `ours` belong to this program."""

    files: dict[str, LocalFile] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


def require_safe_name(name: str) -> str:
    """One level of a path that came from elsewhere. Raises UnsafeName."""
    if name in ("", ".", "..") or "/" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise UnsafeName(f"{name!r} is no name of a file")
    if name.startswith(OURS):
        raise UnsafeName(f"{name!r}: names that begin with {OURS} are for colonies-edge itself")
    if ours.is_our_name(name):
        raise Ours(f"{name!r} is where colonies-edge keeps its keys")
    try:
        too_long = len(os.fsencode(name)) > NAME_BYTES_MAX
    except UnicodeEncodeError:
        raise UnsafeName(f"{name!r} is no name of a file here") from None
    if too_long:
        raise UnsafeName(f"{name[:40]!r}… is longer than {NAME_BYTES_MAX} bytes")
    return name


def place_of_a_person(root: Path) -> Place:
    """A folder that somebody named. Raises UsageError for one in which this program keeps what is its own."""
    if any(ours.is_our_name(part) for part in root.resolve().parts):
        raise UsageError(f"{root} belongs to colonies-edge: its keys are not for others; name a folder of your own")
    return Place(root)


class Place:
    """The folder and what is below it. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, parts: Parts, name: str = "") -> Path:
        """For people to read."""
        return self.root.joinpath(*parts, *([name] if name else []))

    @contextlib.contextmanager
    def folder(self, parts: Parts, *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder below, with `make` made. The root itself may be a link: it is the user's."""
        if make:
            self.root.mkdir(parents=True, exist_ok=True)
        at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for number, part in enumerate(parts):
                at = self._below(at, part, parts[: number + 1], make=make)
            yield at
        finally:
            os.close(at)

    def _below(self, at: int, part: str, parts: Parts, *, make: bool) -> int:
        if part != KEPT:
            require_safe_name(part)
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=at)
        try:
            below = os.open(part, _FOLDER_FLAGS, dir_fd=at)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise UnsafeName(f"{self.path(parts)} is not a folder") from None
            raise
        os.close(at)
        return below

    def list(self, parts: Parts) -> Listing:
        """What is there; nothing, when the folder is missing. Names that begin with `.cfs` are left out. Raises Ours
        for a folder in which this program works."""
        listing = Listing()
        try:
            with self.folder(parts) as at, os.scandir(at) as scanned:
                entries = list(scanned)
                if ours.is_our_folder({entry.name for entry in entries}):
                    raise Ours(f"{self.path(parts)} is a data folder of colonies-edge")
                for entry in entries:
                    if not entry.name.startswith(OURS):
                        self._sort(listing, entry, at)
        except FileNotFoundError:
            return listing
        listing.folders.sort()
        return listing

    @staticmethod
    def _sort(listing: Listing, entry: os.DirEntry[str], at: int) -> None:
        found = entry.stat(follow_symlinks=False)
        if ours.is_our_name(entry.name) or (stat.S_ISREG(found.st_mode) and _is_secret(entry.name, at)):
            listing.ours.append(entry.name)
        elif stat.S_ISREG(found.st_mode):
            listing.files[entry.name] = LocalFile(entry.name, found.st_size, found.st_mtime_ns)
        elif stat.S_ISDIR(found.st_mode):
            listing.folders.append(entry.name)
        else:
            listing.others.append(entry.name)

    @contextlib.contextmanager
    def reading(self, parts: Parts, name: str) -> Iterator[int]:
        """The descriptor of a regular file."""
        with self.folder(parts) as at:
            file = os.open(name, _READING, dir_fd=at)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise UnsafeName(f"{self.path(parts, name)} is not a regular file")
            yield file
        finally:
            os.close(file)

    def sha256(self, parts: Parts, name: str) -> str:
        """Of a file's contents."""
        with self.reading(parts, name) as file:
            return digest_of(file).hexdigest()  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def arriving(self, parts: Parts, name: str, sha256: str) -> Iterator[Arriving]:
        """A file that is on its way into the folder; what came stays there when it breaks off, and goes on later."""
        require_safe_name(name)
        with self.folder(parts, make=True) as at:
            arriving = Arriving(at, name, sha256)
            try:
                yield arriving
            finally:
                arriving.close()

    def keep_aside(self, parts: Parts, name: str, sha256: str) -> Path:
        """Move a local file out of the way for good; returns where it is now."""
        kept = f"{name}.{sha256[:8]}"
        with self.folder(parts) as at, self.folder((*parts, KEPT), make=True) as aside:
            os.rename(name, kept, src_dir_fd=at, dst_dir_fd=aside)
        return self.path((*parts, KEPT), kept)

    def remove(self, parts: Parts, name: str) -> None:
        """A file, or a link itself."""
        with self.folder(parts) as at:
            os.unlink(name, dir_fd=at)

    def remove_folder(self, parts: Parts) -> None:
        """With what is of our own in it. Raises OSError when something else is."""
        with self.folder(parts) as at, os.scandir(at) as entries:
            for entry in list(entries):
                if entry.name == OURS or (entry.name.startswith(f"{OURS}-") and entry.name.endswith(PART)):
                    os.unlink(entry.name, dir_fd=at)
        with self.folder(parts[:-1]) as at:
            os.rmdir(parts[-1], dir_fd=at)

    def label(self) -> str:
        """What the place's `.cfs` says, "" without one."""
        try:
            value = parse_json((self.root / OURS).read_bytes()[:65_536])
        except (OSError, BadRequest):
            return ""
        label = value.get("label") if isinstance(value, dict) else None
        return label if isinstance(label, str) else ""

    def write_label(self, parts: Parts, text: str) -> None:
        """Replace the `.cfs` of a folder."""
        with self.folder(parts, make=True) as at:
            beside = f"{OURS}-label{PART}"
            with _opened(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, at) as file:
                os.write(file, text.encode())
            os.rename(beside, OURS, src_dir_fd=at, dst_dir_fd=at)


class Arriving:
    """A part of a file beside its place: `have` bytes of it are there, hashed."""

    def __init__(self, at: int, name: str, sha256: str) -> None:
        self._at = at
        self._name = name
        # Of the name, too: two files with the same bytes may come at the same time.
        key = hashlib.sha256(f"{sha256}/{name}".encode(errors="surrogateescape")).hexdigest()
        self._part = f"{OURS}-{key[:32]}{PART}"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._part, flags, 0o644, dir_fd=at)
        self._digest = digest_of(self._file)
        self.have = os.lseek(self._file, 0, os.SEEK_END)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._digest.update(data)
        self.have += len(data)

    def start_over(self) -> None:
        """What is there is not what it should be."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._digest, self.have = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return str(self._digest.hexdigest())

    def arrive(self, before: Callable[[], Any] = lambda: None) -> None:
        """It is whole: synced, then in its place; `before` is called in between."""
        os.fsync(self._file)
        before()
        os.rename(self._part, self._name, src_dir_fd=self._at, dst_dir_fd=self._at)
        os.fsync(self._at)

    def discard(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._part, dir_fd=self._at)

    def close(self) -> None:
        os.close(self._file)


def _is_secret(name: str, at: int) -> bool:
    """A file that cannot be read is nobody's secret: whoever wants to send it is told."""
    try:
        file = os.open(name, _READING, dir_fd=at)
    except OSError:
        return False
    try:
        return ours.is_secret(name, file)
    finally:
        os.close(file)


def digest_of(file: int) -> Any:
    digest = hashlib.sha256()
    os.lseek(file, 0, os.SEEK_SET)
    while data := os.read(file, READ_BYTES):
        digest.update(data)
    return digest


@contextlib.contextmanager
def _opened(name: str, flags: int, at: int) -> Iterator[int]:
    file = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=at)
    try:
        yield file
    finally:
        os.close(file)
