"""Where the bytes of files are, as a port: the coordinator itself, or an object store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from colonies_edge.client.place import Arriving
from colonies_edge.protocol.model_files import File, Reference

Progress = Callable[[int], None]  # so many bytes more are where they shall be


class TransferFailed(Exception):
    """The bytes of a file cannot be moved."""


class HashMismatch(TransferFailed):
    """What came is not what the checksum promises."""


class Changed(TransferFailed):
    """The local file changed while it was being sent."""


class Depot(Protocol):
    """Raises TransferFailed, ColoniesError or NoConnection."""

    async def send(self, file: int, sha256: str, size: int, progress: Progress) -> Reference:
        """Bring the bytes of an open file there; returns what the file's description shall say."""

    async def fetch(self, file: File, arriving: Arriving, progress: Progress) -> None:
        """Append what `arriving` does not have yet. Whether it is right is checked by the caller."""

    async def forget(self, file: File) -> None:
        """A version was removed; its bytes may be given up."""
