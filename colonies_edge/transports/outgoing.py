"""What was sent and not yet acknowledged by the broker: publishes with their bound, and subscriptions."""

from __future__ import annotations

import asyncio

from colonies_edge.transports.ports import OUTGOING_BYTES_MAX, OUTGOING_COUNT_MAX, LinkFull, SubscriptionRefused


class Outgoing:
    """Packet ids on their way, with their sizes."""

    __slots__ = ("_bytes", "_flushes", "_sizes")

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._flushes: list[tuple[set[int], asyncio.Future[None]]] = []

    def check_room(self) -> None:
        if len(self._sizes) >= OUTGOING_COUNT_MAX or self._bytes >= OUTGOING_BYTES_MAX:
            raise LinkFull(f"{len(self._sizes)} messages ({self._bytes} bytes) are waiting for the broker")

    def add(self, mid: int, size: int) -> None:
        self._sizes[mid] = size
        self._bytes += size

    def acked(self, mid: int) -> None:
        self._bytes -= self._sizes.pop(mid, 0)
        if self._flushes:
            for waiting, done in self._flushes:
                waiting.discard(mid)
                if not waiting and not done.done():
                    done.set_result(None)
            self._flushes = [flush for flush in self._flushes if flush[0]]

    async def flush(self) -> None:
        """Returns when everything that is on its way now has arrived; later messages are not waited for."""
        if self._sizes:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((set(self._sizes), done))
            await done

    def give_up(self, reason: Exception) -> None:
        for _, done in self._flushes:
            if not done.done():
                done.set_exception(reason)
        self._flushes.clear()

    def __len__(self) -> int:
        return len(self._sizes)


class Subscribing:
    """Subscriptions the broker has not answered. Those of a `subscribe` call have somebody who waits."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[tuple[str, ...], asyncio.Future[None] | None]] = {}

    def sent(self, mid: int, filters: tuple[str, ...], answer: asyncio.Future[None] | None) -> None:
        self._waiting[mid] = filters, answer

    def answered(self, mid: int, failures: list[bool]) -> tuple[str, ...]:
        """The filters that were refused and of which nobody was told."""
        filters, answer = self._waiting.pop(mid, ((), None))
        refused = tuple(filter_ for filter_, failed in zip(filters, failures, strict=False) if failed)
        if answer is None:
            return refused
        if not answer.done():
            if refused:
                answer.set_exception(SubscriptionRefused(refused))
            else:
                answer.set_result(None)
        return ()

    def release(self) -> None:
        """The connection is gone. Nobody need wait: what they asked for is asked again at the next connect."""
        for _, answer in self._waiting.values():
            if answer is not None and not answer.done():
                answer.set_result(None)
        self._waiting.clear()
