"""One coordinator per folder: a lock that the kernel drops when its holder dies, however that happens."""

import fcntl
import os
from pathlib import Path

from colonies_edge.storage.errors import FolderInUse, telling
from colonies_edge.storage.files import FILE_MODE


class FolderLock:
    """Held from construction to `release`. The file holds the pid, for the sentence the second coordinator gets."""

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        with telling(path, "opened"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise FolderInUse(
                f"{folder} is in use by another coordinator (process {holder}): "
                "stop that one, or give this one another folder"
            ) from None
        # Not synced: after a power cut nobody holds the lock, whatever the file says.
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
