"""One process per folder: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from colonies_edge.protocol.errors import UsageError


class FolderBusy(UsageError):
    """Another process uses the folder."""


class FolderLock:
    """Held from construction to `release`, or to the death of the process. Raises FolderBusy."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip()
            os.close(self._file)
            raise FolderBusy(
                f"the folder {path.parent} is in use by process {holder or '(unknown)'}:"
                " stop that one, or give this one another name or another data folder"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode("ascii"), 0)

    def release(self) -> None:
        os.close(self._file)
