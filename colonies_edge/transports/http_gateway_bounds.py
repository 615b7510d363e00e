"""A connection of the gateway that ends when it is slow: uvicorn waits for ever for the rest of a request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from colonies_edge.protocol.limits import HTTP_BODY_S, HTTP_HEAD_S


class BoundedConnection(H11Protocol):
    """Gives a request `HTTP_HEAD_S` to show its head, and then `HTTP_BODY_S` to show its body."""

    _late: asyncio.TimerHandle | None = None
    _head_is_there = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._give_time(HTTP_HEAD_S)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.transport.is_closing():
            self._watch()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._give_time(None)
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self._head_is_there = False
        super().on_response_complete()
        if self.cycle.response_complete and self.conn.trailing_data[0] and self._late is None:
            self._give_time(HTTP_HEAD_S)  # the start of a next request came with the last one

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_time(None)
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Some of a request came: how long may the rest take?"""
        if self.transport.get_protocol() is not self:  # it became a websocket
            return
        if self.cycle is None or self.cycle.response_complete:
            if self._late is None:
                self._give_time(HTTP_HEAD_S)
        elif not self.cycle.more_body:
            self._give_time(None)
        elif not self._head_is_there:
            self._head_is_there = True
            self._give_time(HTTP_BODY_S)

    def _give_time(self, seconds: float | None) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
