"""One client's connection to the embedded broker: packets in, packets out, confined to what its identity may use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from colonies_edge.protocol.limits import ENROL_BYTES_MAX, SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.transports import mqtt_packets as packets
from colonies_edge.transports.admission import Access, Admission
from colonies_edge.transports.broker_statuses import Statuses
from colonies_edge.transports.inflow import Inflow
from colonies_edge.transports.mailbox import Mailbox
from colonies_edge.transports.router import Message, Router, valid_filter

_log = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024
PACKET_OVERHEAD_BYTES = 1024  # a topic and the packet's own few bytes
# Acknowledgements a client does not read. Beyond it we stop reading from that client, until it reads.
_UNREAD_BYTES_MAX = 64 * 1024
_QOS0_UNREAD_BYTES_MAX = 1024 * 1024  # quality 0 has no window; a client that is this far behind misses it
_TOPICS_REMEMBERED = 64  # decisions per connection; an honest client publishes to three topics


class Confinement(Protocol):
    """Who may use which topic; `protocol.topics.Topics` in earnest."""

    def may_publish(self, identity: str, text: str) -> bool: ...

    def may_retain(self, identity: str, text: str) -> bool: ...

    def may_enrol(self, identity: str, text: str) -> bool: ...

    def may_subscribe(self, identity: str, text: str) -> bool: ...

    def coordinator_status(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a connection said about itself, after it was admitted."""

    client_id: str
    address: str
    admission: Admission
    clean: bool
    keepalive_s: int
    will: Message | None


class Connection:
    """Reads until the client leaves, vanishes, is silent too long or breaks the rules."""

    def __init__(
        self,
        client: Client,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        router: Router,
        statuses: Statuses,
        inflow: Inflow,
        mailbox: Mailbox,
        confinement: Confinement,
        payload_bytes_max: int,
        on_end: Callable[[Connection], None],
    ) -> None:
        self.client = client
        self.mailbox = mailbox
        self.ended = False
        self._reader = reader
        self._writer = writer
        self._transport = writer.transport
        self._router = router
        self._statuses = statuses
        self._inflow = inflow
        self._room = 0  # messages that may be published in this turn
        self._held_up = False
        self._confinement = confinement
        if client.admission.access is Access.ENROLLING:
            payload_bytes_max = min(payload_bytes_max, ENROL_BYTES_MAX)
        self._packet_bytes_max = payload_bytes_max + PACKET_OVERHEAD_BYTES
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._may_publish: dict[str, bool] = {}
        self._exactly_once: set[int] = set()  # quality 2: packet ids that were routed and not yet released
        self._last_read_s = self._loop.time()
        self._silence: asyncio.TimerHandle | None = None
        self._visit: asyncio.TimerHandle | None = None
        self._answers: dict[int, Callable[[int, bytes], None]] = {
            packets.PUBLISH: self._on_publish,
            packets.PUBACK: self._on_puback,
            packets.PUBREL: self._on_pubrel,
            packets.SUBSCRIBE: self._on_subscribe,
            packets.UNSUBSCRIBE: self._on_unsubscribe,
            packets.PINGREQ: self._on_pingreq,
            packets.DISCONNECT: self._on_disconnect,
        }

    async def run(self) -> None:
        self.mailbox.attach(self._send)
        self._watch_silence()
        rest = b""
        try:
            while not self.ended:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    break
                rest = await self._take(rest + data if rest else data)
                if self._transport.get_write_buffer_size() > _UNREAD_BYTES_MAX:
                    await self._writer.drain()
        except packets.ProtocolViolation as violation:
            _log.info("%s broke the rules: %s", self.client.client_id, violation)
        except OSError as error:
            _log.debug("%s: %s", self.client.client_id, error)
        finally:
            self.end(abrupt=True)

    def end(self, *, abrupt: bool) -> None:
        """Once; the will is published at once, so that nothing of a successor can come before it. What was said to the
        client in this turn still leaves: why it has to go."""
        if self.ended:
            return
        self.ended = True
        if self._out:
            self._flush()
        for timer in (self._silence, self._visit):
            if timer is not None:
                timer.cancel()
        self.mailbox.detach()
        self._on_end(self)
        if abrupt and self.client.will is not None:
            self._statuses.publish(self.client.admission.identity, self.client.will)
        self._transport.abort()

    def end_after(self, seconds: float) -> None:
        """It came for one thing, and stays no longer than that takes."""
        self._visit = self._loop.call_later(seconds, partial(self.end, abrupt=False))

    def _watch_silence(self) -> None:
        """[MQTT-3.1.2-24] Silent for one and a half times its keep-alive: it is gone, whatever TCP believes."""
        if not self.client.keepalive_s or self.ended:
            return
        allowed_s = self.client.keepalive_s * 1.5
        left_s = self._last_read_s + allowed_s - self._loop.time()
        if left_s <= 0:
            _log.debug("%s was silent for %g s", self.client.client_id, allowed_s)
            self.end(abrupt=True)
        else:
            self._silence = self._loop.call_later(left_s, self._watch_silence)

    # -- out

    def _send(self, mid: int, message: Message, repeated: bool) -> None:
        if not mid and self._transport.get_write_buffer_size() > _QOS0_UNREAD_BYTES_MAX:
            return
        qos = 1 if mid else 0
        self._write(packets.publish(message.topic, message.payload, qos, mid, retain=message.retain, repeated=repeated))

    def _write(self, packet: bytes) -> None:
        """All packets of one turn of the loop leave in one system call."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packet)

    def _flush(self) -> None:
        if not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._writer.write(b"".join(self._out))
        self._out.clear()

    # -- in

    async def _take(self, data: bytes) -> bytes:
        """Answer every whole packet, as fast as the coordinator takes them; what is left begins the next reading."""
        self._last_read_s = self._loop.time()
        self._room = self._inflow.room
        rest = self._consume(data)
        while self._held_up and not self.ended:
            self._room = await self._inflow.turn()
            self._last_read_s = self._loop.time()
            rest = self._consume(rest)
        return rest

    def _consume(self, data: bytes) -> bytes:
        self._held_up = False
        at = 0
        while at < len(data) and not self.ended:
            frame = packets.frame_at(data, at)
            if frame is None:
                break
            begin, end = frame
            if end - begin > self._packet_bytes_max:
                limit = self._packet_bytes_max
                raise packets.ProtocolViolation(f"a packet of {end - begin} bytes, the limit is {limit}")
            if end > len(data):
                break
            if data[at] >> 4 == packets.PUBLISH and not self._room:
                self._held_up = True
                break
            answer = self._answers.get(data[at] >> 4)
            if answer is None:
                raise packets.ProtocolViolation(f"a packet of type {data[at] >> 4}")
            answer(data[at] & 0x0F, data[begin:end])
            at = end
        return data[at:]

    def _on_publish(self, flags: int, body: bytes) -> None:
        topic, mid, payload = packets.read_publish(flags, body)
        qos = flags >> 1 & 3
        if qos == 2 and mid in self._exactly_once:
            self._write(packets.answer(packets.PUBREC, mid))
            return
        # What is not allowed is acknowledged and goes nowhere: MQTT 3.1.1 has no way to say no.
        if self._allowed(topic):
            self._room -= 1
            # Inside all have quality 1: nothing else has a window, which is what bounds those that wait.
            message = Message(topic, payload, 1, bool(flags & 1))
            self._statuses.publish(self.client.admission.identity, message)
        if qos == 1:
            self._write(packets.answer(packets.PUBACK, mid))
        elif qos == 2:
            self._exactly_once.add(mid)
            self._write(packets.answer(packets.PUBREC, mid))

    def _allowed(self, topic: str) -> bool:
        allowed = self._may_publish.get(topic)
        if allowed is None:
            admission = self.client.admission
            if admission.access is Access.FULL:
                allowed = self._confinement.may_publish(admission.identity, topic)
            else:
                enrolling = admission.access is Access.ENROLLING
                allowed = enrolling and self._confinement.may_enrol(admission.identity, topic)
            if "+" in topic or "#" in topic:
                raise packets.ProtocolViolation("a publish to a filter")
            if len(self._may_publish) >= _TOPICS_REMEMBERED:
                self._may_publish.clear()
            self._may_publish[topic] = allowed
            if not allowed:
                _log.info("%s may not publish on %s", self.client.client_id, topic)
        return allowed

    def _on_puback(self, _flags: int, body: bytes) -> None:
        self.mailbox.acked(packets.packet_id(body))

    def _on_pubrel(self, _flags: int, body: bytes) -> None:
        mid = packets.packet_id(body)
        self._exactly_once.discard(mid)
        self._write(packets.answer(packets.PUBCOMP, mid))

    def _on_subscribe(self, _flags: int, body: bytes) -> None:
        mid, wanted = packets.read_subscribe(body)
        granted = [(filter_, min(qos, 1)) if self._may_read(filter_) else (filter_, -1) for filter_, qos in wanted]
        for filter_, qos in granted:
            if qos >= 0:
                self.mailbox.filters[filter_] = qos
                self._router.subscribe(self.mailbox, filter_, qos)
        codes = bytes(qos if qos >= 0 else packets.REFUSED for _, qos in granted)
        self._write(packets.answer(packets.SUBACK, mid, codes))
        for filter_, qos in granted:
            if qos >= 0:
                self._router.send_retained(self.mailbox, filter_, qos)

    def _may_read(self, filter_: str) -> bool:
        filters = self.mailbox.filters
        if not valid_filter(filter_) or (filter_ not in filters and len(filters) >= SUBSCRIPTIONS_PER_CONN_MAX):
            return False
        admission = self.client.admission
        if admission.access in (Access.FULL, Access.ENROLLING):
            return self._confinement.may_subscribe(admission.identity, filter_)
        return filter_ == self._confinement.coordinator_status()

    def _on_unsubscribe(self, _flags: int, body: bytes) -> None:
        mid, filters = packets.read_unsubscribe(body)
        for filter_ in filters:
            if self.mailbox.filters.pop(filter_, None) is not None:
                self._router.unsubscribe(self.mailbox, filter_)
        self._write(packets.answer(packets.UNSUBACK, mid))

    def _on_pingreq(self, _flags: int, _body: bytes) -> None:
        self._write(packets.PINGRESP_BYTES)

    def _on_disconnect(self, _flags: int, _body: bytes) -> None:
        self.end(abrupt=False)
