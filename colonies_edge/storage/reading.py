"""Reading journal and ledger from end to end takes a slow card minutes: whoever waits is told how far it is."""

import io
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int], None]  # so many bytes more were read
_AT_ONCE_BYTES = 1 << 17


def nothing(_count: int) -> None:
    """Nobody waits."""


def bytes_to_read(folder: Path) -> int:
    """What lies there of journal and ledger. A segment that is in both is read in the ledger, as it is there."""
    sealed = {path.name.partition(".")[0]: path for path in (folder / "ledger").glob("*.jsonl.gz")}
    live = {path.stem: path for path in (folder / "journal").glob("*.jsonl")}
    total = 0
    for path in ({**live, **sealed}).values():
        try:
            total += path.stat().st_size
        except OSError:
            continue  # moved by a coordinator at work; it is only a length
    return total


def reading(path: Path, progress: Progress) -> io.BufferedReader:
    """The file, for reading; each piece that comes from the disk is told."""
    return io.BufferedReader(_Told(path, progress), _AT_ONCE_BYTES)


class _Told(io.FileIO):
    def __init__(self, path: Path, progress: Progress) -> None:
        super().__init__(path, "rb")
        self._progress = progress

    def readinto(self, buffer: "memoryview | bytearray") -> int | None:  # type: ignore[override]
        count = super().readinto(buffer)
        self._progress(count or 0)
        return count
