"""Small files that are replaced whole: a power cut leaves the old one or the new one, and never half of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, prepare: Callable[[Path], None] | None = None) -> None:
    """Beside, synced, renamed, and the rename synced, too: on return it is on the disk.

    `mode` is less the umask. `prepare` gets the new file before it takes its place: to give it to somebody, say. Raises
    OSError.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # one left behind by a crash may have another mode
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if prepare is not None:
        prepare(beside)
    os.replace(beside, path)
    sync_folder(path.parent)


def make_private(folder: Path) -> None:
    """With what is missing above it, all for the owner only: `mkdir` makes what is above for everybody to read."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in it is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
