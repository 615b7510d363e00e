"""Keeps the bytes of files beside the engine: answers uploads and downloads, and forgets what no file names.

The engine has said who may (`Aside`), nothing of this is in the journal: bytes are known by what they are. A thread of
its own does the disk's work, so that nobody's job waits for somebody's gigabyte.
"""

import asyncio
import base64
import binascii
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from colonies_edge.engine.files import EMPTY_SHA256
from colonies_edge.engine.files_index import FilesIndex
from colonies_edge.engine.outcome import Aside, Reply
from colonies_edge.protocol.errors import (
    BadRequest,
    ColoniesError,
    Conflict,
    Internal,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from colonies_edge.protocol.limits import (
    BLOB_CHUNK_BYTES_MAX,
    BLOB_DISK_RESERVE_BYTES,
    BLOB_QUOTA_BYTES,
    BLOB_UNNAMED_KEEP_S,
    BLOB_UPLOAD_KEEP_S,
    BLOB_UPLOADS_PER_COLONY_MAX,
    BLOB_WAITING_MAX,
)
from colonies_edge.protocol.messages import BeginBlob, GetBlob, PutBlob
from colonies_edge.storage.blobs import Blob, BlobFolder, WrongHash
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.transports.system import SystemClock

_log = logging.getLogger(__name__)
T = TypeVar("T")
SWEEP_S = 60.0  # between two looks for what has become too old
SECOND = 1_000_000_000


class BytesKeeper:
    """Answers asides through `say`. `collect` must be called when memory and disk agree about what is named, that is
    right after a commit: then nothing is deleted that a row on disk may still name.

    `settle_s` is how long a commit may take to reach the disk, where the operator chose to sync in intervals.
    """

    def __init__(self, root: Path, *, quota: int = BLOB_QUOTA_BYTES, settle_s: float = 0.0) -> None:
        self.folder = BlobFolder(root)
        self._root = root
        self._quota = quota
        self._settle_ns = int(settle_s * SECOND)
        self._clock = SystemClock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="blobs")
        self._tasks: set[asyncio.Task[None]] = set()
        self._touched: dict[Blob, int] = {}  # when an upload or an unnamed blob was last asked for, monotonic
        self._released: dict[Blob, int] = {}  # named by no row since
        self._swept = 0
        self.read_only = ""

    def load(self, index: FilesIndex, read_only: str = "") -> None:
        """See what is there, after the engine recovered."""
        self.read_only = read_only
        try:
            self.folder.load(clean=not read_only)
        except (OSError, StoreFailed) as error:
            self.read_only = self.read_only or str(error)
            _log.error("the bytes of files cannot be read: %s", error)
        missing = sum(1 for blob in index.blobs() if self.folder.size(*blob) is None and not _is_empty(blob))
        if missing:
            _log.error("the bytes of %d files are not in %s", missing, self._root)
        index.released.clear()
        now = self._clock.monotonic_ns()
        self._touched = dict.fromkeys([*self.folder.blobs(), *self.folder.parts()], now)

    def close(self) -> None:
        """After the loop's last work."""
        self._thread.submit(self.folder.close_all)
        self._thread.shutdown()

    async def drain(self) -> None:
        """What is under way is answered no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- answering

    def answer(self, aside: Aside, say: Callable[[Reply], None]) -> None:
        """Soon. When too many wait this one is not answered at all: it comes again."""
        if len(self._tasks) < BLOB_WAITING_MAX:
            task = asyncio.get_running_loop().create_task(self._answer(aside, say))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, aside: Aside, say: Callable[[Reply], None]) -> None:
        payloadtype, error, value = aside.request.payloadtype, False, {}
        try:
            value = await self._value(aside.message)
        except ColoniesError as refusal:
            payloadtype, error, value = "error", True, refusal.body()
        except Exception as fault:
            _log.error("a defect: %s failed", payloadtype, exc_info=fault)
            payloadtype, error, value = "error", True, Internal().body()
        say(Reply(route=aside.request.route, payloadtype=payloadtype, value=value, error=error, msgid=aside.msgid))

    async def _value(self, message: Any) -> dict[str, Any]:
        blob = (message.colonyname, message.sha256)
        try:
            if isinstance(message, GetBlob):
                return await self._get(blob, message)
            if self.read_only:
                raise Unavailable(f"The coordinator is read-only: {self.read_only}")
            self._touched[blob] = self._clock.monotonic_ns()
            if isinstance(message, BeginBlob):
                return await self._begin(blob, message)
            return await self._put(blob, message)
        except WrongHash as wrong:
            raise Conflict(f"Upload failed, {wrong}: begin again") from None
        except (StoreFailed, OSError) as error:
            _log.error("bytes of files: %s", error)
            raise Unavailable(f"The coordinator's disk refuses: {error}") from None

    async def _get(self, blob: Blob, message: GetBlob) -> dict[str, Any]:
        size = self.folder.size(*blob)
        data = await self._run(self.folder.read, blob, message.offset, message.length)
        if data is None or size is None:
            raise NotFound(f"The bytes of {message.sha256} are not here")
        return {"size": size, "offset": message.offset, "data": base64.b64encode(data).decode("ascii")}

    async def _begin(self, blob: Blob, message: BeginBlob) -> dict[str, Any]:
        self._reserve(blob, message.size)
        while (have := await self._run(self.folder.begin, blob, message.size)) is None:
            pass  # hashed slice by slice; others have their turn in between
        return {"have": have, "complete": self.folder.size(*blob) is not None, "chunk": BLOB_CHUNK_BYTES_MAX}

    async def _put(self, blob: Blob, message: PutBlob) -> dict[str, Any]:
        data = _decoded(message.data)
        put = (self.folder.put, blob, message.size, message.offset, data)
        while (have := await self._run(*put)) is None:
            self._reserve(blob, message.size)
            await self._run(self.folder.begin, blob, message.size)
        return {"have": have, "complete": self.folder.size(*blob) is not None}

    def _reserve(self, blob: Blob, size: int) -> None:
        """Between two awaits, so that no two take the same room."""
        if self.folder.size(*blob) is None and self.folder.announced(blob) != size:
            self._require_room(blob[0], size - self.folder.announced(blob))
            self.folder.announce(blob, size)

    def _require_room(self, colony: str, size: int) -> None:
        used = self.folder.used(colony)
        if used + size > self._quota:
            raise TooLarge(
                f"Colony <{colony}> has {used} bytes of files, {size} more would be over its quota of {self._quota}:"
                " remove files or snapshots, or have the operator raise the quota"
            )
        if self.folder.uploads(colony) >= BLOB_UPLOADS_PER_COLONY_MAX:
            raise TooManyRequests(f"Colony <{colony}> has {BLOB_UPLOADS_PER_COLONY_MAX} unfinished uploads already")
        free = shutil.disk_usage(self._root.parent).free
        if free - size < BLOB_DISK_RESERVE_BYTES:
            raise Unavailable(f"The coordinator's disk has {free} bytes left, too few for {size} more")

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- forgetting

    @property
    def restless(self) -> bool:
        """There is something that may become too old."""
        return bool(self._touched or self._released) and not self.read_only

    def collect(self, index: FilesIndex) -> None:
        """Discard what no row names: at once when a row did, else when nobody asked for it for long."""
        now = self._clock.monotonic_ns()
        released, index.released[:] = list(index.released), []
        if self.read_only:
            return
        self._released.update(dict.fromkeys(released, now))
        gone = [blob for blob, since in self._released.items() if now - since >= self._settle_ns]
        for blob in gone:
            del self._released[blob]
            self._discard(index, blob)
        if now - self._swept >= SWEEP_S * SECOND:
            self._swept = now
            self._sweep(index, now)
        elif not gone:
            return
        self._thread.submit(self._tidy, self.folder.empty_trash)

    def _sweep(self, index: FilesIndex, now: int) -> None:
        for blob in self.folder.blobs():
            if index.names_blob(*blob):
                self._touched.pop(blob, None)
            elif now - self._touched.setdefault(blob, now) >= BLOB_UNNAMED_KEEP_S * SECOND:
                self._discard(index, blob)
        for blob in self.folder.parts():
            if now - self._touched.setdefault(blob, now) >= BLOB_UPLOAD_KEEP_S * SECOND:
                self._touched.pop(blob, None)
                self._thread.submit(self._tidy, self.folder.abandon, blob)

    @staticmethod
    def _tidy(function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except (StoreFailed, OSError) as error:  # it takes room until the next start tries again
            _log.error("bytes of files: %s", error)

    def _discard(self, index: FilesIndex, blob: Blob) -> None:
        if not index.names_blob(*blob):
            self._touched.pop(blob, None)
            try:
                self.folder.discard(blob)
            except (StoreFailed, OSError) as error:  # it stays, and is tried again at the next start
                _log.error("bytes of files: %s", error)


def _is_empty(blob: Blob) -> bool:
    return blob[1] == EMPTY_SHA256


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("Failed to put blob, the data are not base64") from None
    if not 0 < len(data) <= BLOB_CHUNK_BYTES_MAX:
        raise BadRequest(f"Failed to put blob, a part has 1 to {BLOB_CHUNK_BYTES_MAX} bytes")
    return data
