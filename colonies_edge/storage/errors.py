"""What storage can refuse, each with a sentence for the person who has to do something about it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreFailed(Exception):
    """The disk refused; what was decided may not be told to anybody."""


class NoDescriptor(StoreFailed):
    """Nothing was written, for no file could be opened: too many are open. Later it may go."""


class FolderInUse(StoreFailed):
    """Another coordinator works in this folder."""


class UnknownFormat(StoreFailed):
    """The files were written by a newer version of this program."""


_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there or raise the quota",
    errno.EROFS: "the file system is read-only, often after an error of the card: check it (fsck), mount it writable",
    errno.EIO: "the disk reports an error: check it (dmesg), and copy the folder to another one",
    errno.EACCES: "give the coordinator's user the right to write there",
    errno.EPERM: "give the coordinator's user the right to write there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


def failure(path: Path | str, doing: str, error: OSError) -> StoreFailed:
    """The sentence for an error of the operating system: which path, why, and what to do."""
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "see to it")
    return StoreFailed(f"{path} cannot be {doing}: {reason}; {remedy}, then start the coordinator again")


@contextmanager
def telling(path: Path | str, doing: str) -> Iterator[None]:
    """Turn an OSError of the block into StoreFailed; `doing` is a participle ("written", "read")."""
    try:
        yield
    except OSError as error:
        raise failure(path, doing, error) from error
