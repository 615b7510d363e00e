"""A broker without a network: a full one, for tests, for the simulator, and as the embedded broker's inner door."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import INFLOW_MAX, MESSAGE_BYTES_MAX
from colonies_edge.transports.link_base import LinkBase
from colonies_edge.transports.mailbox import Mailbox
from colonies_edge.transports.ports import (
    OUTGOING_COUNT_MAX,
    PATIENCE_S,
    Delivery,
    Filter,
    LinkFull,
    LinkTakenOver,
    Will,
    check_size,
    filter_text,
    nothing,
)
from colonies_edge.transports.router import Message, Router
from colonies_edge.transports.signals import fire
from colonies_edge.transports.system import new_conn

# The coordinator's own mailbox: what a burst of requests may pile up while it waits for its disk.
LOCAL_BACKLOG_MAX = 8192


class LoopbackBus:
    """Links in one process and one loop. Everything happens inside the call that causes it, so one loop that is driven
    the same way twice does the same thing twice."""

    def __init__(self, router: Router | None = None, *, names: Callable[[], str] = new_conn) -> None:
        self.router = router or Router()
        self.up = True
        self._names = names
        self._links: dict[str, LoopbackLink] = {}  # attached, by client id
        self._waiting: list[LoopbackLink] = []  # opened, but the bus is down
        self._durable: dict[str, Mailbox] = {}

    def link(
        self, client_id: str = "", *, clean: bool = True, payload_bytes_max: int = MESSAGE_BYTES_MAX
    ) -> LoopbackLink:
        return LoopbackLink(self, client_id or self._names(), clean=clean, payload_bytes_max=payload_bytes_max)

    @property
    def room(self) -> int:
        """How many messages may come before one of the links is behind."""
        return min((link.room for link in self._links.values()), default=INFLOW_MAX)

    def stop(self) -> None:
        """The broker dies: every connection is lost, and with it sessions and retained messages."""
        self.up = False
        lost = list(self._links.values())
        for link in lost:
            self._forget(link)
            link._lost("the broker stopped")
        for mailbox in self._durable.values():
            self._unsubscribe(mailbox)
        self._durable.clear()
        self.router.forget_all_retained()
        self._waiting.extend(lost)

    def start(self) -> None:
        self.up = True
        waiting, self._waiting = self._waiting, []
        for link in waiting:
            self.attach(link)

    def drop(self, link: LoopbackLink) -> None:
        """Cut one connection; the link notices and comes back, its will is published."""
        self.detach(link, abrupt=True)
        link._lost("the connection was cut")
        self.attach(link)

    def attach(self, link: LoopbackLink) -> None:
        if not self.up:
            self._waiting.append(link)
            return
        other = self._links.get(link.client_id)
        if other is not None and other is not link:
            self.detach(other, abrupt=True)
            other._fail(LinkTakenOver(f"another client took over the client id {link.client_id!r}"))
        mailbox = self._durable.get(link.client_id)
        if mailbox is None or link.clean:
            if mailbox is not None:
                self._unsubscribe(mailbox)
                del self._durable[link.client_id]
            mailbox = Mailbox(durable=not link.clean, backlog_max=LOCAL_BACKLOG_MAX)
            if not link.clean:
                self._durable[link.client_id] = mailbox
        self._links[link.client_id] = link
        link._attached(mailbox, self._names())

    def detach(self, link: LoopbackLink, *, abrupt: bool) -> None:
        if link in self._waiting:
            self._waiting.remove(link)
        if self._links.get(link.client_id) is not link:
            return
        self._forget(link)
        if abrupt and link.will is not None:
            topic, payload, retain = link.will
            self.router.publish(Message(topic, payload, 1, retain))

    def _forget(self, link: LoopbackLink) -> None:
        del self._links[link.client_id]
        if link.mailbox is not None:
            link.mailbox.detach()
            if not link.mailbox.durable:
                self._unsubscribe(link.mailbox)

    def _unsubscribe(self, mailbox: Mailbox) -> None:
        for filter_ in mailbox.filters:
            self.router.unsubscribe(mailbox, filter_)
        mailbox.filters.clear()


class LoopbackLink(LinkBase):
    """A link of the loopback bus; the same contract as over a socket."""

    def __init__(self, bus: LoopbackBus, client_id: str, *, clean: bool, payload_bytes_max: int) -> None:
        super().__init__(client_id, payload_bytes_max=payload_bytes_max)
        self.clean = clean
        self.will: Will | None = None
        self.mailbox: Mailbox | None = None
        self._bus = bus
        self._pending: deque[Message] = deque()

    @property
    def room(self) -> int:
        """How many more messages it takes before it is behind."""
        return self.mailbox.room if self.mailbox is not None else INFLOW_MAX

    async def open(self) -> None:
        self._raise_if_ended()
        self._bus.attach(self)
        try:
            await asyncio.wait_for(self._up.wait(), PATIENCE_S)
        except asyncio.TimeoutError:
            raise NoConnection(f"the broker did not come up within {PATIENCE_S:g} s") from None

    async def subscribe(self, *filters: Filter) -> None:
        self._raise_if_ended()
        self._remember(filters)
        if self.connected:
            for filter_ in filters:
                self._subscribe_now(filter_)

    def _subscribe_now(self, filter_: Filter) -> None:
        assert self.mailbox is not None
        text = filter_text(filter_, self.conn)
        self.mailbox.filters[text] = 1
        self._bus.router.subscribe(self.mailbox, text)
        self._bus.router.send_retained(self.mailbox, text)

    def unsubscribe(self, *filters: Filter) -> None:
        self._forget_filters(filters)
        for filter_ in filters:
            if self.mailbox is not None:
                text = filter_text(filter_, self.conn)
                self.mailbox.filters.pop(text, None)
                self._bus.router.unsubscribe(self.mailbox, text)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        self._raise_if_ended()
        check_size(payload, self._payload_bytes_max)
        message = Message(topic, payload, qos, retain)
        if self.connected:
            self._bus.router.publish(message)
        elif qos:
            if len(self._pending) >= OUTGOING_COUNT_MAX:
                raise LinkFull(f"{OUTGOING_COUNT_MAX} messages are waiting for the broker")
            self._pending.append(message)

    async def flush(self) -> None:
        while self._pending:
            self._raise_if_ended()
            await self._up.wait()
        self._raise_if_ended()

    def reconnect(self) -> None:
        self._raise_if_ended()
        self._bus.detach(self, abrupt=False)
        self._lost("reconnecting")
        self._bus.attach(self)

    async def close(self) -> None:
        self._end(abrupt=False)

    def abort(self) -> None:
        self._end(abrupt=True)

    def _end(self, *, abrupt: bool) -> None:
        if self._ended is None:
            self._ended = NoConnection("the link is closed")
            self._bus.detach(self, abrupt=abrupt)
            self._lost("closed")
            self._up.set()  # whoever waits in flush or open finds out why

    # -- called by the bus

    def _attached(self, mailbox: Mailbox, conn: str) -> None:
        self.conn = conn
        self.will = self._make_will()
        self.mailbox = mailbox
        mailbox.attach(partial(self._deliver, mailbox, conn))
        self._up.set()
        for filter_ in self._filters:
            self._subscribe_now(filter_)
        while self._pending:
            self._bus.router.publish(self._pending.popleft())
        fire(self.on_connect)

    def _deliver(self, mailbox: Mailbox, conn: str, mid: int, message: Message, repeated: bool) -> None:
        ack = partial(self._ack, mailbox, conn, mid) if mid else nothing
        self.deliveries.put_nowait(Delivery(message.topic, message.payload, message.retain, ack))

    def _ack(self, mailbox: Mailbox, conn: str, mid: int) -> None:
        # An acknowledgement for an older connection says nothing about this one's packet of the same number.
        if conn == self.conn and self.mailbox is mailbox:
            mailbox.acked(mid)

    def _lost(self, reason: str) -> None:
        if self.mailbox is None:
            return
        self.mailbox = None
        self._up.clear()
        fire(self.on_disconnect, reason)

    def _fail(self, failure: Exception) -> None:
        self._ended = failure
        self._lost(str(failure))
        self._up.set()
        fire(self.on_failure, failure)
