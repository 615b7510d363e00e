"""A Colonies server without request ids, as upstream's is: a door before a gateway that takes the ids out of every
message, and may lose answers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from colonies_edge.crypto.identity import Signer, recover

READ_BYTES = 64 * 1024


class Forgetful:
    """Whoever it speaks for has lent it the key: the owner, and the bridge with its folder. Use it as a context."""

    def __init__(self, gateway: str, keys: list[str], folder: Path, *, seed: int = 0, lost: float = 0.0) -> None:
        parts = urlsplit(gateway)
        self._target = (parts.hostname or "", parts.port or 0)
        self._signers = {Signer(key).identity: Signer(key) for key in keys}
        self._folder = folder
        self._luck = random.Random(seed)
        self.lost = lost  # how many of the answers get lost
        self.asked: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="forgetful")
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Forgetful:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            tasks = set(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._server.close()
            await self._server.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET"):
                    await self._tunnel(head, reader, writer)
                    return
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                answer = await self._ask(self._forget(await reader.readexactly(length)))
                if self._luck.random() < self.lost:
                    return
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def _forget(self, body: bytes) -> bytes:
        """The same request without what a Go server does not know."""
        envelope = json.loads(body)
        self.asked[envelope["payloadtype"]] += 1
        if not envelope["signature"]:
            return body
        caller = recover(envelope["payload"].encode(), envelope["signature"])
        message = json.loads(base64.b64decode(envelope["payload"]))
        for name in ("msgid", "ts", "serverid"):
            message.pop(name, None)
        payload = base64.b64encode(json.dumps(message).encode()).decode()
        signature = self._signer(caller).sign(payload.encode())
        return json.dumps({**envelope, "payload": payload, "signature": signature}).encode()

    def _signer(self, identity: str) -> Signer:
        if identity not in self._signers:
            for path in self._folder.rglob("cloud.*"):
                signer = Signer(path.read_text().strip())
                self._signers[signer.identity] = signer
        return self._signers[identity]

    async def _ask(self, body: bytes) -> bytes:
        """The gateway's whole answer; a connection for each."""
        reader, writer = await asyncio.open_connection(*self._target)
        try:
            writer.write(
                b"POST /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            writer.write(body)
            await writer.drain()
            answer = await reader.read(-1)
            return answer.replace(b"connection: close\r\n", b"")
        finally:
            writer.transport.abort()

    async def _tunnel(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A websocket: as it is."""
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        there_writer.write(head)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(READ_BYTES):
                sink.write(data)
                await sink.drain()

        ways = [asyncio.ensure_future(carry(reader, there_writer)), asyncio.ensure_future(carry(there_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*ways, return_exceptions=True)
            there_writer.transport.abort()
