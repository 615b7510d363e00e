"""Moves bytes to and from the coordinator: parts in a window, resumed where they broke off (docs/FILES.md)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections import deque
from typing import Any

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.depot import Changed, Progress, TransferFailed
from colonies_edge.client.place import Arriving, digest_of
from colonies_edge.protocol.errors import Conflict
from colonies_edge.protocol.limits import BLOB_CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import BeginBlob, GetBlob, PutBlob
from colonies_edge.protocol.model_files import BLOB, File, Reference, S3Object

WINDOW = 8  # parts under way at a time, over all files: about 8 x 128 KiB, five times over while they are wrapped
PATIENCE_S = 120.0  # how long one part may take: a broken link and a restarting coordinator fit in
ENVELOPE_BYTES = 1_536  # of a message beside the data
BACKWARDS_MAX = 100  # how often an upload may be sent back without an end in sight


class Blobs:
    """The coordinator as a depot. One for all transfers of a client: it bounds what they hold in memory together."""

    def __init__(self, client: AsyncClient, *, window: int = WINDOW) -> None:
        self._client = client
        self._window = window
        self._slots = asyncio.Semaphore(window)

    def chunk_bytes(self) -> int:
        """What fits a message: data as base64, in JSON as base64."""
        status = self._client.status
        limit = status.limits.get("messagebytes", MESSAGE_BYTES_MAX) if status is not None else MESSAGE_BYTES_MAX
        return max(1_024, min(BLOB_CHUNK_BYTES_MAX, (limit - ENVELOPE_BYTES) * 9 // 16 // 3 * 3))

    # -- up

    async def send(self, file: int, sha256: str, size: int, progress: Progress) -> Reference:
        """Upload what the coordinator does not have yet."""
        if size:
            try:
                await self._upload(file, sha256, size, progress)
            except Conflict:  # what came is not what was promised: the file changed, or an old part was spoilt
                if await asyncio.to_thread(lambda: digest_of(file).hexdigest()) != sha256:
                    raise Changed("the file changed while it was sent") from None
                await self._upload(file, sha256, size, lambda _: None)
        return Reference(protocol=BLOB, s3object=S3Object(object=sha256))

    async def _upload(self, file: int, sha256: str, size: int, progress: Progress) -> None:
        begin = BeginBlob(colonyname=self._client.colonyname, sha256=sha256, size=size)
        reply = await self._client.call(begin, timeout_s=PATIENCE_S)
        have = int(reply["have"])
        progress(have)
        waiting: deque[tuple[int, asyncio.Task[Any]]] = deque()
        sent, chunk, backwards = have, self.chunk_bytes(), 0
        try:
            while not reply["complete"]:
                while len(waiting) < self._window and sent < size:
                    length = min(chunk, size - sent)
                    waiting.append((sent + length, asyncio.create_task(self._put(file, sha256, size, sent, length))))
                    sent += length
                if not waiting:
                    raise TransferFailed("the coordinator has all bytes and does not say that they are complete")
                end, task = waiting.popleft()
                reply = await task
                progress(max(0, int(reply["have"]) - have))
                have = max(have, int(reply["have"]))
                if reply["have"] < end and not reply["complete"]:
                    # It has not what came before: it restarted, or that got lost. From there on once more.
                    backwards += 1
                    if backwards > BACKWARDS_MAX:
                        raise TransferFailed("the coordinator keeps losing parts")
                    await _give_up(waiting)
                    sent = int(reply["have"])
        finally:
            await _give_up(waiting)

    async def _put(self, file: int, sha256: str, size: int, offset: int, length: int) -> Any:
        async with self._slots:  # read when it is its turn: waiting parts hold no memory
            data = os.pread(file, length, offset)
            if len(data) != length:
                raise Changed("the file became shorter while it was sent")
            message = PutBlob(
                colonyname=self._client.colonyname,
                sha256=sha256,
                size=size,
                offset=offset,
                data=base64.b64encode(data).decode("ascii"),
            )
            return await self._client.call(message, timeout_s=PATIENCE_S)

    # -- down

    async def fetch(self, file: File, arriving: Arriving, progress: Progress) -> None:
        """Download what is not there yet; parts are written in their order."""
        if arriving.have > file.size:
            arriving.start_over()
        progress(arriving.have)
        waiting: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        asked = arriving.have
        try:
            while arriving.have < file.size:
                while len(waiting) < self._window and asked < file.size:
                    length = min(BLOB_CHUNK_BYTES_MAX, file.size - asked)
                    waiting.append((length, asyncio.create_task(self._get(file.checksum, asked, length))))
                    asked += length
                length, task = waiting.popleft()
                data = await task
                if len(data) != length:
                    raise TransferFailed(f"{file.name}: the coordinator has fewer bytes than the file shall have")
                arriving.write(data)
                progress(length)
        finally:
            await _give_up(waiting)

    async def _get(self, sha256: str, offset: int, length: int) -> bytes:
        async with self._slots:
            message = GetBlob(colonyname=self._client.colonyname, sha256=sha256, offset=offset, length=length)
            reply = await self._client.call(message, timeout_s=PATIENCE_S)
        try:
            return base64.b64decode(reply["data"], validate=True)
        except (binascii.Error, ValueError, TypeError, KeyError):
            raise TransferFailed("the coordinator sent something that is not base64") from None

    async def forget(self, file: File) -> None:
        """The coordinator forgets by itself what nothing names any more."""


async def _give_up(waiting: deque[tuple[int, asyncio.Task[Any]]]) -> None:
    tasks = [task for _, task in waiting]
    waiting.clear()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
