"""What one subscriber is owed: messages on their way, and a bounded backlog of those that must wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from colonies_edge.protocol.limits import INFLOW_MAX, OFFLINE_QUEUE_MAX
from colonies_edge.transports.router import Message

# Unacknowledged messages per connection. The coordinator acknowledges in batches, after its disk: the window must hold
# what arrives during one sync (10 ms on an SD card at 6,000 messages/s is 60), or the batches starve.
WINDOW_COUNT_MAX = 1024
# A client that stopped reading must not fill our memory through the socket's write buffer: at most this much is
# unacknowledged, and one message more.
WINDOW_BYTES_MAX = 4 * 1024 * 1024
# Sixteen of the largest messages: assignments and replies are a few KiB, so the count is what usually binds.
BACKLOG_BYTES_MAX = 4 * 1024 * 1024

_MID_MAX = 65535  # packet identifiers are two bytes, zero is not one

Send = Callable[[int, Message, bool], None]  # packet id (0 for quality 0), message, is this a repetition?


class Mailbox:
    """At-least-once delivery to one subscriber: what is not acknowledged is sent again on the next connection.

    While nobody is attached, or the window is full, messages wait in the backlog; when that is full the oldest goes:
    the coordinator reconciles by `readymsg`, and the newest message tells most.
    """

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_backlog_max",
        "_bytes",
        "_inflight",
        "_mid",
        "_send",
        "dropped",
        "durable",
        "filters",
    )

    def __init__(self, *, durable: bool, backlog_max: int = OFFLINE_QUEUE_MAX) -> None:
        self.durable = durable
        self.filters: dict[str, int] = {}
        self.dropped = 0
        self._send: Send | None = None
        self._inflight: dict[int, Message] = {}
        self._bytes = 0
        self._mid = 0
        self._backlog: deque[Message] = deque()
        self._backlog_bytes = 0
        self._backlog_max = backlog_max

    def put(self, message: Message) -> None:
        if self._send is not None and not self._backlog and self._has_room():
            self._hand_over(message)
        elif message.qos or self._send is not None:
            # Quality 0 may wait for a window, but nobody expects it after a reconnect.
            self._backlog.append(message)
            self._backlog_bytes += len(message.payload)
            while len(self._backlog) > self._backlog_max or self._backlog_bytes > BACKLOG_BYTES_MAX:
                self._next()
                self.dropped += 1

    def acked(self, mid: int) -> None:
        message = self._inflight.pop(mid, None)
        if message is None:
            return
        self._bytes -= len(message.payload)
        self._hand_over_waiting()

    def attach(self, send: Send) -> None:
        """A connection is there: first what may have been lost, then what waited."""
        self._send = send
        for mid, message in list(self._inflight.items()):
            send(mid, message, True)
        self._hand_over_waiting()

    def detach(self) -> None:
        self._send = None
        if not self.durable:
            self._inflight.clear()
            self._backlog.clear()
            self._bytes = self._backlog_bytes = 0

    @property
    def attached(self) -> bool:
        return self._send is not None

    @property
    def room(self) -> int:
        """How many more messages it takes before it is behind; never for long below zero, if those who publish ask."""
        return INFLOW_MAX - self.waiting if self._bytes < WINDOW_BYTES_MAX else 0

    @property
    def waiting(self) -> int:
        return len(self._backlog) + len(self._inflight)

    def _hand_over_waiting(self) -> None:
        while self._backlog and self._send is not None and self._has_room():
            self._hand_over(self._next())

    def _next(self) -> Message:
        message = self._backlog.popleft()
        self._backlog_bytes -= len(message.payload)
        return message

    def _has_room(self) -> bool:
        return len(self._inflight) < WINDOW_COUNT_MAX and self._bytes < WINDOW_BYTES_MAX

    def _hand_over(self, message: Message) -> None:
        assert self._send is not None
        if not message.qos:
            self._send(0, message, False)
            return
        self._mid = self._mid % _MID_MAX + 1
        while self._mid in self._inflight:
            self._mid = self._mid % _MID_MAX + 1
        self._inflight[self._mid] = message
        self._bytes += len(message.payload)
        self._send(self._mid, message, False)
