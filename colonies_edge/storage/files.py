"""The file operations that durability rests on, few enough to be recorded and cut at each one of them by a test."""

import errno
import os
from pathlib import Path
from typing import Protocol

from colonies_edge.storage.errors import NoDescriptor, failure, telling

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class OpenFile(Protocol):
    """A file being written at its end."""

    def write(self, data: bytes) -> None:
        """Append all of it."""

    def sync(self) -> None:
        """Return when everything written is on the disk."""

    def close(self) -> None:
        """Give the descriptor back; does not sync."""


class Files(Protocol):
    """Everything storage does to a disk except reading. Raises StoreFailed; where it opens, NoDescriptor."""

    def create(self, path: Path) -> OpenFile:
        """A new empty file; what was there under that name is emptied."""

    def append(self, path: Path) -> OpenFile:
        """Open at the end; created when missing."""

    def truncate(self, path: Path, size: int) -> None:
        """Shorten to `size` bytes, durably."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename over whatever is there; durable only after `sync_folder`."""

    def remove(self, path: Path) -> None:
        """Remove a file; not an error when it is gone."""

    def make_folder(self, path: Path) -> None:
        """Make a folder readable by its owner only; parents too."""

    def sync_folder(self, path: Path) -> None:
        """Make creations, renames and removals in this folder durable."""


class DiskFile:
    """An `OpenFile` on the real disk."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path, flags: int) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, FILE_MODE)
        except OSError as error:
            failed = failure(path, "opened", error)
            raise NoDescriptor(str(failed)) if error.errno in (errno.EMFILE, errno.ENFILE) else failed from error

    def write(self, data: bytes) -> None:
        with telling(self._path, "written"):
            written = os.write(self._descriptor, data)
            while written < len(data):  # a nearly full disk takes a part, and says why only at the next call
                written += os.write(self._descriptor, memoryview(data)[written:])

    def sync(self) -> None:
        with telling(self._path, "synced to disk"):
            _sync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DiskFiles:
    """`Files` on the real disk."""

    def create(self, path: Path) -> OpenFile:
        return DiskFile(path, os.O_TRUNC)

    def append(self, path: Path) -> OpenFile:
        return DiskFile(path, os.O_APPEND)

    def truncate(self, path: Path, size: int) -> None:
        with telling(path, "shortened"):
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        with telling(target, "replaced"):
            os.replace(source, target)

    def remove(self, path: Path) -> None:
        with telling(path, "removed"):
            path.unlink(missing_ok=True)

    def make_folder(self, path: Path) -> None:
        with telling(path, "made"):
            for folder in (*reversed(path.parents), path):  # mkdir's mode does not reach the parents it makes
                if not folder.exists():
                    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                    self.sync_folder(folder.parent)

    def sync_folder(self, path: Path) -> None:
        with telling(path, "synced to disk"):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


# The length of a file counts as data for fdatasync; what it leaves out is the time of the last change.
_sync = getattr(os, "fdatasync", os.fsync)
