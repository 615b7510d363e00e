"""The data folder of a coordinator as a whole: made before the first start, removed after the last."""

import shutil
from pathlib import Path

from colonies_edge.apps.coordinator.run import BLOBS, server_key
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import UsageError
from colonies_edge.storage.file_store import open_store
from colonies_edge.storage.folder import NAMES, is_data_folder
from colonies_edge.storage.lock import FolderLock

# What a coordinator keeps. Its key is not among it: that is who it is to its clients, who would refuse another one.
KEPT = (*NAMES, BLOBS)
LOCK = "lock"


def create(folder: Path, server_prvkey: str) -> str:
    """Make the folder, the key unless one is given, and empty files that can be opened; the coordinator's identity.

    What is there already stays as it is. Raises StoreFailed, also while a coordinator runs; UsageError; OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity = Signer(server_key(folder, server_prvkey)).identity
    open_store(folder).close()
    return identity


def drop(folder: Path) -> None:
    """Remove all that a coordinator keeps there but its key. UsageError, OSError; StoreFailed while one runs."""
    if not is_data_folder(folder):
        raise UsageError(f"{folder} is not the data folder of a coordinator; name it with --data")
    lock = FolderLock(folder)
    try:
        for name in KEPT:
            for path in (folder / name, *folder.glob(f"{name}-*"), *folder.glob(f"{name}.*")):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        (folder / LOCK).unlink(missing_ok=True)
    finally:
        lock.release()
