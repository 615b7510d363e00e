"""Logs and attributes of one process on their way to the coordinator: in order, batched, bounded, before its close."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import Protocol

from colonies_edge.protocol.errors import ColoniesError, NoConnection, TooManyRequests
from colonies_edge.protocol.limits import LOG_MESSAGE_BYTES_MAX

_log = logging.getLogger(__name__)

# A chatty program writes thousands of lines a second; one message takes what came in this time. Each costs the
# coordinator a signature check and a line of its journal.
BATCH_S = 0.2
# What waits while nobody answers. Beyond it text is left out, and said so: a log must not fill a small device.
WAITING_BYTES_MAX = 256 * 1024
LAST_WORDS_S = 10.0  # the close waits so long for the rest of the log


class NotesClient(Protocol):
    """The two messages this needs; `AsyncClient` has them."""

    async def add_log(self, processid: str, message: str) -> None: ...

    async def add_attribute(self, processid: str, key: str, value: str) -> object: ...


class ProcessNotes:
    """`log` and `attribute` may be called from any thread; they never wait."""

    def __init__(self, client: NotesClient, processid: str, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._processid = processid
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[str | tuple[str, str]] = deque()  # text for the log, or an attribute
        self._bytes = 0
        self._left_out = 0
        self._scheduled = False
        self._sender: asyncio.Task[None] | None = None
        self._refused = False
        self._finishing = False
        self._pause: asyncio.Future[None] | None = None

    def log(self, text: str) -> None:
        size = len(text.encode("utf-8", "replace"))
        with self._lock:
            if self._bytes + size > WAITING_BYTES_MAX:
                self._left_out += size
                return
            self._bytes += size
            self._waiting.append(text)
        self._schedule()

    def attribute(self, key: str, value: str) -> None:
        with self._lock:
            self._waiting.append((key, value))
        self._schedule()

    async def finish(self) -> None:
        """Send what is left; after a while without an answer the rest is given up, so that the close goes out."""
        self._finishing = True
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
        with self._lock:
            self._say_what_was_left_out()
        if self._waiting or self._sender is not None:
            self._start()
            assert self._sender is not None
            await asyncio.wait({self._sender}, timeout=LAST_WORDS_S)
            self.drop()

    def drop(self) -> None:
        """The process is not ours any more: nobody would take its log from us."""
        self._refused = True
        self._waiting.clear()
        if self._sender is not None:
            self._sender.cancel()

    def _schedule(self) -> None:
        if not self._scheduled and not self._refused:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._start)
            except RuntimeError:  # the loop is closed, the executor has ended
                self._refused = True

    def _start(self) -> None:
        if self._sender is None and not self._refused:
            self._sender = self._loop.create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._waiting or self._left_out:
                if not self._waiting:
                    self._say_what_was_left_out()
                await self._send(self._next())
                if not self._finishing:  # a stream in small pieces becomes few messages
                    self._pause = self._loop.create_future()
                    await asyncio.wait((self._pause,), timeout=BATCH_S)
        except ColoniesError as error:
            self._refused = True
            _log.warning("the log of process %s ends here: %s", self._processid, error)
        finally:
            self._scheduled = False
            self._sender = None
            if self._waiting:  # came from a thread while this was ending
                self._schedule()

    async def _send(self, note: str | tuple[str, str]) -> None:
        try:
            if isinstance(note, str):
                await self._client.add_log(self._processid, note)
            else:
                await self._attribute(*note)
        except (NoConnection, TooManyRequests) as error:
            _log.info("a part of the log of process %s was not sent: %s", self._processid, error)

    async def _attribute(self, key: str, value: str) -> None:
        try:
            await self._client.add_attribute(self._processid, key, value)
        except ColoniesError as error:
            _log.warning("attribute %r of process %s was refused: %s", key, self._processid, error)
            self.log(f"attribute {key!r} was refused: {error}\n")

    def _next(self) -> str | tuple[str, str]:
        """The next attribute, or as much text as fits into one message."""
        with self._lock:
            first = self._waiting.popleft()
            if not isinstance(first, str):
                return first
            pieces, size = [first], len(first.encode("utf-8", "replace"))
            while self._waiting and isinstance(self._waiting[0], str):
                more = len(self._waiting[0].encode("utf-8", "replace"))
                if size + more > LOG_MESSAGE_BYTES_MAX:
                    break
                pieces.append(self._waiting.popleft())  # type: ignore[arg-type]  # looked at above
                size += more
            self._bytes -= size
            text = "".join(pieces)
            head, rest = _split(text)
            if rest:
                self._waiting.appendleft(rest)
                self._bytes += len(rest.encode("utf-8", "replace"))
            return head

    def _say_what_was_left_out(self) -> None:
        if self._left_out:
            self._waiting.append(f"\n[{self._left_out} bytes of the log were left out here]\n")
            self._left_out = 0


def _split(text: str) -> tuple[str, str]:
    """The part of a long text that fits, cut between characters."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LOG_MESSAGE_BYTES_MAX:
        return text, ""
    head = data[:LOG_MESSAGE_BYTES_MAX].decode("utf-8", "ignore")
    return head, text[len(head) :]
