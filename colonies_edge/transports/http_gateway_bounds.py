"""Connections of the gateway that cost no more than their share: uvicorn waits for ever for whoever is slow, and hears
a websocket's frames as fast as they come."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Set
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from colonies_edge.protocol.limits import (
    HTTP_BODY_S,
    HTTP_HEAD_S,
    HTTP_TURN_BYTES,
    HTTP_UNREAD_S,
    WEBSOCKET_FRAMES_PER_S,
)
from colonies_edge.transports.door import Door

_BURST_S = 1.0  # of frames that a websocket may send at once
# Of Linux' struct tcp_info: packets on their way, bytes that were acknowledged, bytes that wait to be sent.
_TCP_INFO = struct.Struct("=24xI92xQ16xI")


class _InTurns(asyncio.Protocol):
    """Hears `HTTP_TURN_BYTES` at a time, so that everybody else has a turn in between. One read may hold 32 times as
    much, and tens of thousands of frames or chunks."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _unheard = b""
    _turn: asyncio.TimerHandle | None = None  # reading is paused until then

    def data_received(self, data: bytes) -> None:
        self._unheard += data
        if self._turn is None and not self._is_full():
            self._hear()

    def _hear(self) -> None:
        self._turn = None
        if not self.transport.is_closing():
            some, self._unheard = self._unheard[:HTTP_TURN_BYTES], self._unheard[HTTP_TURN_BYTES:]
            super().data_received(some)
            self._go_on()

    def _go_on(self) -> None:
        """What was heard was dealt with, and what comes next?"""
        if self._turn is not None or self._is_full() or self.transport.is_closing():
            return
        early_s = self._early_s()
        if self._unheard or early_s > 0:
            self.transport.pause_reading()
            self._turn = self.loop.call_later(early_s, self._hear)
        else:
            self.transport.resume_reading()

    def _is_full(self) -> bool:
        """Must what was heard be dealt with first? Then `_go_on` is called."""
        raise NotImplementedError

    def _early_s(self) -> float:
        """How long everything else waits for the sake of the others."""
        return 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        if self._turn is not None:
            self._turn.cancel()
        super().connection_lost(exc)


class BoundedConnection(_InTurns, H11Protocol):
    """Gives a request `HTTP_HEAD_S` to show its head, and then `HTTP_BODY_S` to show its body. The door knows it as
    silent but from a whole request to its answer."""

    door: Door
    _late: asyncio.TimerHandle | None = None
    _head_is_there = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.flow = FlowControl(self)  # type: ignore[arg-type]  # of a transport it asks for the next two methods only
        self._give_time(HTTP_HEAD_S)

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self._go_on()

    def _is_full(self) -> bool:
        return self.flow.read_paused or self.transport.get_protocol() is not self  # it became a websocket

    def _hear(self) -> None:
        super()._hear()
        if not self.transport.is_closing():
            self._watch()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._give_time(None)
        self.door.heard(self.transport)
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self._head_is_there = False
        self.door.waits(self.transport)
        super().on_response_complete()
        if not (self.cycle.response_complete or self.cycle.more_body):
            self.door.heard(self.transport)  # the next request came whole, with the last one
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
            self.door.heard(self.transport)
        elif not self._head_is_there:
            self._head_is_there = True
            self._give_time(HTTP_BODY_S)

    def _give_time(self, seconds: float | None) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


def bounded(door: Door) -> type[BoundedConnection]:
    """The connections behind one door; uvicorn makes them from a class."""
    return type("ConnectionBehindDoor", (BoundedConnection,), {"door": door})


class BoundedWebsocket(_InTurns, WebSocketsSansIOProtocol):
    """Is heard `WEBSOCKET_FRAMES_PER_S` at most. Only its latest ping is answered while it does not read."""

    _next_frame_s = 0.0  # when the next frame would come, did they come evenly
    _pong = b""

    def handle_events(self) -> None:
        began_s = max(self._next_frame_s, self.loop.time() - _BURST_S)
        self._next_frame_s = began_s + len(self.conn.events) / WEBSOCKET_FRAMES_PER_S
        super().handle_events()

    def _early_s(self) -> float:
        return max(0.0, self._next_frame_s - self.loop.time())

    def _is_full(self) -> bool:
        return self.read_paused

    async def receive(self) -> Any:
        """As in uvicorn, but for who goes on."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def handle_cont(self, event: Any) -> None:
        if event.data or event.fin:  # parts without anything would be kept without end
            super().handle_cont(event)

    def handle_ping(self) -> None:
        pongs = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._pong = pongs[-1]  # no other is owed (RFC 6455, 5.5.3)

    def resume_writing(self) -> None:
        super().resume_writing()
        pong, self._pong = self._pong, b""
        if pong:
            self.transport.write(pong)


class Readers:
    """Looks at all connections every `HTTP_UNREAD_S`, and ends those that took nothing since of what they are told.

    The kernel is asked, for it alone knows: what waits in asyncio's buffers and in those of TLS waits behind its own,
    and those are large enough for a slow line to seem dead for minutes.
    """

    def __init__(self, connections: Set[Any]) -> None:
        self._connections = connections  # uvicorn's, of both kinds
        self._taken: dict[Any, int] = {}  # by those who had something to read at the last look
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(HTTP_UNREAD_S, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        before, self._taken = self._taken, {}
        for connection in tuple(self._connections):
            taken = _taken(connection.transport)
            if taken is None:
                continue
            if before.get(connection) == taken:
                connection.transport.abort()
            else:
                self._taken[connection] = taken
        self.start()


def _taken(transport: asyncio.Transport) -> int | None:
    """How many bytes the other side has acknowledged; None when it has all of them, or the kernel cannot say."""
    try:
        info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        on_their_way, acknowledged, waiting = _TCP_INFO.unpack(info)
    except (AttributeError, OSError, struct.error):  # it is closed already, or this is another system than Linux
        return None
    return int(acknowledged) if on_their_way or waiting else None
