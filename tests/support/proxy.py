"""A bad line: a TCP proxy that delays, cuts in the middle of a message, repeats what was sent, and stays down."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
READ_BYTES = 16 * 1024


class Proxy:
    """Stands before a server, at an address that stays the same. Use it as a context."""

    def __init__(self, url: str, *, seed: int = 0) -> None:
        parts = urlsplit(url)
        self._scheme, self._target = parts.scheme, (parts.hostname or "", parts.port or 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self._luck = random.Random(seed)
        self._pairs: set[asyncio.Task[None]] = set()
        self._open = True
        self.delay_s = 0.0
        self.cut_after: int | None = None  # bytes in either direction; then the connection is cut
        self.sent: list[bytes] = []  # what clients sent, by connection, while `recording`
        self.recording = False
        self.connections = 0

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._accept, "127.0.0.1", 0))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"{self._scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    # -- what happens to the line

    def down(self) -> None:
        """Nothing gets through, and nobody is told why."""
        self._open = False
        self.cut()

    def up(self) -> None:
        self._open = True

    def cut(self) -> None:
        """Every connection ends now."""
        self._do(self._cut())

    def repeat(self) -> int:
        """Everything that clients sent while `recording` arrives once more; how many connections that was."""
        sent, self.sent = self.sent, []
        self._do(self._repeat(sent))
        return len(sent)

    def cut_at_random(self, most_bytes: int) -> None:
        """The next connections end after some number of bytes."""
        self.cut_after = self._luck.randrange(1, most_bytes)

    # -- in the loop

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _close(self) -> None:
        await self._cut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _cut(self) -> None:
        pairs = set(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)

    async def _repeat(self, sent: list[bytes]) -> None:
        async def once_more(data: bytes) -> None:
            reader, writer = await asyncio.open_connection(*self._target)
            writer.write(data)
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await writer.drain()
                await asyncio.wait_for(reader.read(1), 2)  # it was looked at
            writer.transport.abort()

        await asyncio.gather(*(once_more(data) for data in sent))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        try:
            if self._open:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        number = len(self.sent)
        if self.recording:
            self.sent.append(b"")

        def record(data: bytes) -> None:
            if number < len(self.sent):
                self.sent[number] += data

        left = [self.cut_after]
        self.cut_after = None
        ways = [
            asyncio.ensure_future(self._carry(reader, there_writer, left, record if self.recording else None)),
            asyncio.ensure_future(self._carry(there_reader, writer, left, None)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there_writer.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: list[int | None],
        record: Callable[[bytes], None] | None,
    ) -> None:
        while data := await reader.read(READ_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if record is not None:
                record(data)
            if left[0] is not None:
                data = data[: left[0]]
                left[0] -= len(data)
            writer.write(data)
            await writer.drain()
            if left[0] == 0:
                return
