"""The bytes of files on disk: each under its SHA-256, below its colony, whole or not there.

An upload grows in a `.part` beside its place and is renamed into it when its hash is right and it is synced. Colonies
share nothing: whoever knows a hash must not get another colony's bytes by it.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colonies_edge.storage.errors import failure, telling
from colonies_edge.storage.files import DiskFiles, Files, OpenFile

PART = ".part"
COLONY = ".blobs"  # what a colony's folder ends with, so that no name of a colony is a path
TRASH = "trash"
SYNC_EVERY_BYTES = 16 * 2**20  # what a pulled plug can cost an upload; it also spares a card one long wait at the end
SLICE_BYTES = 32 * 2**20  # how much of an old part is hashed at a time, while others wait
READ_BYTES = 2**20
OPEN_MAX = 32  # uploads with an open file; of others the part is hashed again when they go on

_SHA256 = re.compile(r"[0-9a-f]{64}")

Blob = tuple[str, str]  # colony, SHA-256


class WrongHash(ValueError):
    """All bytes came, and they are not those that were announced; the part was thrown away."""


class Upload:
    """A part that is open: how far it is hashed, and how far synced."""

    __slots__ = ("digest", "file", "have", "on_disk", "path", "size", "synced")

    def __init__(self, path: Path, size: int, file: OpenFile) -> None:
        self.path = path
        self.size = size
        self.file = file
        self.on_disk = path.stat().st_size
        self.have = 0  # hashed
        self.synced = 0
        self.digest: Any = hashlib.sha256()

    def catch_up(self) -> bool:
        """Hash some of what an earlier run left; True when all of it is."""
        left = SLICE_BYTES
        with telling(self.path, "read"), open(self.path, "rb") as part:
            part.seek(self.have)
            while left > 0 and (data := part.read(min(READ_BYTES, self.on_disk - self.have))):
                self.digest.update(data)
                self.have += len(data)
                left -= len(data)
        return self.have >= self.on_disk

    def add(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.have += len(data)
        self.on_disk = self.have
        if self.have - self.synced >= SYNC_EVERY_BYTES:
            self.file.sync()
            self.synced = self.have


class BlobFolder:
    """All blobs of a coordinator. `size`, `used`, `blobs` and `discard` may be called from another thread than the
    rest; everything that reads or writes contents belongs to one thread. Raises StoreFailed."""

    def __init__(self, root: Path, files: Files | None = None) -> None:
        self._root = root
        self._files = files or DiskFiles()
        self._lock = threading.Lock()
        self._whole: dict[Blob, int] = {}
        self._parts: dict[Blob, int] = {}  # announced size, or what is there of those of an earlier run
        self._used: dict[str, int] = {}
        self._open: OrderedDict[Blob, Upload] = OrderedDict()
        self._thrown = 0

    # -- what is there

    def load(self, *, clean: bool = True) -> None:
        """Look at the folder; with `clean` finish what an earlier run was about to delete."""
        for folder in sorted(self._root.glob(f"*{COLONY}")):
            colony = folder.name.removesuffix(COLONY)
            for path in folder.glob("*/*/*"):
                sha256 = path.name.removesuffix(PART)
                if _SHA256.fullmatch(sha256):
                    table = self._parts if path.name.endswith(PART) else self._whole
                    self._count(table, (colony, sha256), path.stat().st_size)
        if clean:
            self.empty_trash()

    def size(self, colony: str, sha256: str) -> int | None:
        """The size of a whole blob, or None."""
        return self._whole.get((colony, sha256))

    def used(self, colony: str) -> int:
        """Bytes of a colony, with what its uploads have announced."""
        return self._used.get(colony, 0)

    def uploads(self, colony: str) -> int:
        """How many are not finished."""
        return sum(1 for other, _ in tuple(self._parts) if other == colony)

    def blobs(self) -> Iterator[Blob]:
        """All that are whole."""
        return iter(tuple(self._whole))

    def parts(self) -> Iterator[Blob]:
        """All that are not."""
        return iter(tuple(self._parts))

    def announced(self, blob: Blob) -> int:
        """What a blob counts for, whole or on its way; 0 when nobody spoke of it."""
        return self._whole.get(blob, 0) or self._parts.get(blob, 0)

    # -- uploads

    def announce(self, blob: Blob, size: int) -> None:
        """These bytes will come: from now on they count."""
        with self._lock:
            self._count(self._parts, blob, size)

    def begin(self, blob: Blob, size: int) -> int | None:
        """How many bytes are there of an upload that will have `size`; None: call again, old ones are being hashed.

        Raises WrongHash.
        """
        if (whole := self._whole.get(blob)) is not None:
            return whole
        upload = self._open.get(blob)
        if upload is not None and upload.size != size:
            self.close(blob)
            upload = None
        if upload is None:
            upload = self._open[blob] = self._opened(blob, size)
            while len(self._open) > OPEN_MAX:
                self.close(next(iter(self._open)))
        self._open.move_to_end(blob)
        try:
            caught_up = upload.catch_up()
        except BaseException:
            self.close(blob)
            raise
        if not caught_up:
            return None
        return self._finish(blob, upload) if upload.have == size else upload.have

    def _opened(self, blob: Blob, size: int) -> Upload:
        path = self._path(blob, PART)
        self._files.make_folder(path.parent)
        if path.exists() and path.stat().st_size > size:
            self._files.remove(path)
        upload = Upload(path, size, self._files.append(path))
        self.announce(blob, size)
        return upload

    def put(self, blob: Blob, size: int, offset: int, data: bytes) -> int | None:
        """Add what is not there yet, and say how much is; None when it must be begun first.

        Bytes that would leave a gap are not taken. Raises WrongHash with the last ones.
        """
        if (whole := self._whole.get(blob)) is not None:
            return whole
        upload = self._open.get(blob)
        if upload is None or upload.size != size or upload.have < upload.on_disk:
            return None
        self._open.move_to_end(blob)
        fresh = data[upload.have - offset :] if offset <= upload.have < offset + len(data) else b""
        if fresh:
            try:
                upload.add(fresh[: size - upload.have])
            except BaseException:  # how much of it is there, the next one finds out
                self.close(blob)
                raise
        return self._finish(blob, upload) if upload.have == size else upload.have

    def _finish(self, blob: Blob, upload: Upload) -> int:
        if upload.digest.hexdigest() != blob[1]:
            self.abandon(blob)
            raise WrongHash(f"the bytes that came are not those of {blob[1]}")
        upload.file.sync()
        self.close(blob)
        target = self._path(blob)
        self._files.replace(upload.path, target)
        self._files.sync_folder(target.parent)
        with self._lock:
            self._forget(self._parts, blob)
            self._count(self._whole, blob, upload.size)
        return upload.size

    def close(self, blob: Blob) -> None:
        """Give the descriptor of an upload back; it can go on later."""
        upload = self._open.pop(blob, None)
        if upload is not None:
            upload.file.close()

    def close_all(self) -> None:
        for blob in tuple(self._open):
            self.close(blob)

    def abandon(self, blob: Blob) -> None:
        """Throw a part away."""
        self.close(blob)
        self._files.remove(self._path(blob, PART))
        with self._lock:
            self._forget(self._parts, blob)

    # -- downloads

    def read(self, blob: Blob, offset: int, length: int) -> bytes | None:
        """Some bytes; None when there is no such blob."""
        if blob not in self._whole:
            return None
        path = self._path(blob)
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            return None  # discarded a moment ago
        except OSError as error:
            raise failure(path, "read", error) from error

    # -- the end of bytes

    def discard(self, blob: Blob) -> None:
        """From now on it is not there; its room is freed by `empty_trash`, which may take long."""
        with self._lock:
            if blob not in self._whole:
                return
            self._thrown += 1
            trash = self._root / TRASH
            self._files.make_folder(trash)
            self._files.replace(self._path(blob), trash / f"{self._thrown}-{blob[1]}")
            self._forget(self._whole, blob)

    def empty_trash(self) -> None:
        """Free the room of what was discarded."""
        for path in (self._root / TRASH).glob("*"):
            self._files.remove(path)

    def _path(self, blob: Blob, suffix: str = "") -> Path:
        colony, sha256 = blob
        return self._root / f"{colony}{COLONY}" / sha256[:2] / sha256[2:4] / f"{sha256}{suffix}"

    def _count(self, table: dict[Blob, int], blob: Blob, size: int) -> None:
        self._used[blob[0]] = self._used.get(blob[0], 0) + size - table.get(blob, 0)
        table[blob] = size

    def _forget(self, table: dict[Blob, int], blob: Blob) -> None:
        size = table.pop(blob, 0)
        left = self._used.get(blob[0], 0) - size
        if left:
            self._used[blob[0]] = left
        else:
            self._used.pop(blob[0], None)
