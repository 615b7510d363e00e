"""A link over a socket to any MQTT 3.1.1 broker: paho inside asyncio's loop, without paho's thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.transports.light import without
from colonies_edge.transports.link_base import LinkBase
from colonies_edge.transports.mqtt_socket import BrokerUrl, BufferedSocket, Tls, connect, no_answer, no_answer_yet
from colonies_edge.transports.outgoing import Outgoing, Subscribing
from colonies_edge.transports.ports import (
    PATIENCE_S,
    Delivery,
    Filter,
    LinkFull,
    NotAdmitted,
    check_size,
    filter_text,
)
from colonies_edge.transports.reconnecting import HEALTHY_S, Backoff, TakeoverWatch, taken_over
from colonies_edge.transports.signals import fire
from colonies_edge.transports.system import new_conn

with without("urllib.request"):  # 3 MB for the proxies of connects that paho makes; ours are made in mqtt_socket
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_log = logging.getLogger(__name__)

# One attempt: address, TCP, TLS handshake and CONNACK. A Pi Zero needs two seconds for a handshake under load.
ATTEMPT_S = 10.0
# A broker tells others about a silent death after 1.5 times this; shorter only wakes radios up.
KEEPALIVE_S = 30
_BAD_CREDENTIALS = (134, 135)  # CONNACK 4 and 5 of MQTT 3.1.1, as paho translates them


class _Client(paho.Client):
    """paho with a socket that was connected elsewhere: its own connect would stop the loop for seconds."""

    prepared: BufferedSocket | None = None
    acknowledged: Callable[[int], None]

    def _create_socket(self) -> Any:
        prepared, self.prepared = self.prepared, None
        if prepared is None:
            raise OSError("no socket was prepared")
        return prepared

    def _handle_pubackcomp(self, cmd: Any) -> MQTTErrorCode:
        """For every acknowledgement paho makes a reason code and properties, which MQTT 3.1.1 does not have: a quarter
        of the time of a message. The contract test of the links tells when paho changes here."""
        mid = int.from_bytes(self._in_packet["packet"][:2], "big")
        if self._out_messages.pop(mid, None) is not None:
            self._inflight_messages -= 1
            self.acknowledged(mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class MqttLink(LinkBase):
    """A `ports.Link` over TCP or TLS.

    In paho nothing is "queued": every message is handed to the socket at once (`max_inflight` 0), because paho walks
    through all waiting messages at every acknowledgement. The bound is ours, in `publish`.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str = "",
        password: Callable[[], str] | None = None,
        client_id: str = "",
        clean: bool = True,
        tls: Tls | None = None,
        keepalive_s: int = KEEPALIVE_S,
        patience_s: float = PATIENCE_S,
        payload_bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        super().__init__(client_id or f"ce-{new_conn()}", payload_bytes_max=payload_bytes_max)
        self.url = BrokerUrl.parse(url)
        self.username = username or self.url.username  # of the next connection
        self._password = password or (lambda: self.url.password)
        self._tls = (tls or Tls()).context() if self.url.tls else None
        self._keepalive_s = keepalive_s
        self._patience_s = patience_s
        self._outgoing = Outgoing()
        self._client = self._new_client(clean)
        self._socket: BufferedSocket | None = None
        self._closed: BufferedSocket | None = None  # the one before, which knows why it ended
        self._generation = 0  # of the connection: acknowledgements for an older one are void
        self._answer: asyncio.Future[None] | None = None  # of this attempt's CONNACK
        self._lost: asyncio.Future[str] | None = None  # why this connection ended
        self._hurry = asyncio.Event()
        self._watch = TakeoverWatch() if client_id else None
        self._backoff = Backoff()
        self._failed_attempt: Exception = no_answer_yet(self.url)
        self._subscribing = Subscribing()
        self._task: asyncio.Task[None] | None = None
        self._write_due = False

    def _new_client(self, clean: bool) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=clean,
            manual_ack=True,  # paho otherwise acknowledges when the callback returns, before anything is on disk
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.on_connect = self._guard(self._on_connack)
        client.on_disconnect = self._guard(self._on_disconnect)
        client.on_subscribe = self._guard(self._on_suback)
        client.acknowledged = self._outgoing.acked
        client.on_message = self._guard(self._on_message)
        client.on_socket_close = self._guard(self._on_socket_close)
        client.on_socket_register_write = self._guard(self._on_write_wanted)
        return client

    @staticmethod
    def _guard(callback: Callable[..., None]) -> Callable[..., None]:
        """paho swallows what a callback raises; here it is at least said."""

        def guarded(*args: Any) -> None:
            try:
                callback(*args)
            except Exception:
                _log.exception("an MQTT callback failed; the connection goes on")

        return guarded

    # -- the contract

    async def open(self) -> None:
        """After NoConnection the link goes on trying until it is closed; after NotAdmitted it does not."""
        self._raise_if_ended()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())
        try:
            await asyncio.wait_for(self._up.wait(), self._patience_s)
        except asyncio.TimeoutError:
            raise NoConnection(f"no connection to {self.url} ({self._failed_attempt})") from self._failed_attempt
        self._raise_if_ended()

    async def subscribe(self, *filters: Filter) -> None:
        self._raise_if_ended()
        self._remember(filters)
        if self.connected and filters:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._send_subscribe(filters, answer)
            await answer

    def unsubscribe(self, *filters: Filter) -> None:
        self._forget_filters(filters)
        if self.connected and filters:
            self._client.unsubscribe([filter_text(filter_, self.conn) for filter_ in filters])

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        self._raise_if_ended()
        if len(payload) > self._payload_bytes_max:
            check_size(payload, self._payload_bytes_max)
        if not qos and not self.connected:
            return
        self._outgoing.check_room()
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise LinkFull(f"the MQTT client refused the message: {paho.error_string(info.rc)}")
        if qos:
            self._outgoing.add(info.mid, len(payload))

    async def flush(self) -> None:
        self._raise_if_ended()
        await self._outgoing.flush()

    def reconnect(self) -> None:
        self._raise_if_ended()
        self._hurry.set()
        if self._socket is not None:
            self._client.disconnect()
            self._write()

    async def close(self) -> None:
        if self._socket is not None and self._ended is None:
            self._client.disconnect()
            self._write()
        self._end(NoConnection("the link is closed"))
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def abort(self) -> None:
        self._vanish()
        self._end(NoConnection("the link was aborted"))
        if self._task is not None:
            self._task.cancel()

    def _end(self, reason: Exception) -> None:
        if self._ended is None:
            self._ended = reason
        self._up.set()  # whoever waits in open finds the reason
        self._outgoing.give_up(self._ended)
        self._subscribing.release()

    def _fail(self, reason: Exception) -> None:
        self._end(reason)
        fire(self.on_failure, reason)

    # -- one connection after the other

    async def _stay_connected(self) -> None:
        try:
            while self._ended is None:
                await self._connect_and_live()
        finally:
            self._vanish()

    async def _connect_and_live(self) -> None:
        loop = asyncio.get_running_loop()
        self._hurry.clear()
        try:
            self._lost = loop.create_future()
            await asyncio.wait_for(self._connect(), ATTEMPT_S)
        except (OSError, ssl.SSLError, NoConnection, asyncio.TimeoutError) as error:
            self._note_failed_attempt(error)
        except Exception as error:
            _log.exception("could not prepare a connection to %s", self.url)
            self._note_failed_attempt(error)
        else:
            await self._live(loop)
        if self._ended is None and not self._hurry.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._backoff.delay_s())

    def _note_failed_attempt(self, error: Exception) -> None:
        self._vanish()
        first = self._generation == 0
        self._failed_attempt = error if str(error) else NoConnection(f"no answer within {ATTEMPT_S:g} s")
        _log.log(logging.DEBUG if first else logging.INFO, "no connection to %s: %s", self.url, self._failed_attempt)
        if self._watch is not None:
            self._watch.attempt_failed()
        if isinstance(error, NotAdmitted):
            self._fail(error) if first else fire(self.on_not_admitted, error)

    async def _connect(self) -> None:
        sock = await connect(self.url.host, self.url.port, self._tls)
        try:
            self._prepare(BufferedSocket(sock))
        except BaseException:
            sock.close()
            raise
        assert self._answer is not None
        await self._answer

    def _prepare(self, sock: BufferedSocket) -> None:
        """Everything that is signed is made here, at the last moment before the connection says who it is."""
        self.conn = new_conn()
        will = self._make_will()
        if will is None:
            self._client.will_clear()
        else:
            self._client.will_set(will[0], will[1], qos=1, retain=will[2])
        if self.username:
            self._client.username_pw_set(self.username, self._password())
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._socket = self._client.prepared = sock
        self._client.connect(self.url.host, self.url.port, self._keepalive_s)
        loop.add_reader(sock.fileno(), self._on_readable)

    async def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the end of a connection, keep it alive meanwhile, and judge how it ended."""
        assert self._lost is not None
        since = loop.time()
        while not self._lost.done():
            self._client.loop_misc()
            await asyncio.wait([self._lost], timeout=self._keepalive_s / 3)
        lived_s = loop.time() - since
        if lived_s >= HEALTHY_S:
            self._backoff.reset()
        reason = self._lost.result()
        if self._ended is None:
            fire(self.on_disconnect, reason)
        if self._hurry.is_set() or self._ended is not None:
            return
        _log.info("the connection to %s ended: %s", self.url, reason)
        if self._watch is not None and self._watch.lost(lived_s):
            self._fail(taken_over(str(self.url), self.client_id))

    def _vanish(self) -> None:
        if self._socket is not None:
            self._socket.vanish()
            self._client.loop_read()  # sees the end of the stream and cleans up

    # -- called by the loop

    def _on_readable(self) -> None:
        sock = self._socket
        if sock is None:
            return
        sock.fill()
        if not sock.pending():
            self._client.loop_read()
        while sock.pending() and self._socket is sock:
            self._client.loop_read()

    def _write(self) -> None:
        """paho gives its packets to our buffer; one system call sends them all."""
        self._write_due = False
        sock = self._socket
        if sock is None:
            return
        self._client.loop_write()
        if self._socket is not sock:
            return
        loop = asyncio.get_running_loop()
        if sock.flush():
            loop.remove_writer(sock.fileno())
        else:
            loop.add_writer(sock.fileno(), self._write)

    # -- called by paho

    def _on_write_wanted(self, _client: paho.Client, _userdata: Any, _sock: Any) -> None:
        if not self._write_due:
            self._write_due = True
            asyncio.get_running_loop().call_soon(self._write)

    def _on_socket_close(self, _client: paho.Client, _userdata: Any, sock: BufferedSocket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock.fileno())
        loop.remove_writer(sock.fileno())
        self._socket, self._closed = None, sock

    def _on_connack(
        self, _client: paho.Client, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._answer is None or self._answer.done():
            return
        if code.is_failure:
            refused = NotAdmitted if code.value in _BAD_CREDENTIALS else NoConnection
            self._answer.set_exception(refused(f"{self.url} refused the connection: {code}"))
            return
        self._generation += 1
        self._up.set()
        if self._filters:
            self._send_subscribe(tuple(self._filters), None)
        fire(self.on_connect)
        self._answer.set_result(None)

    def _on_disconnect(
        self, _client: paho.Client, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._ended is None:
            self._up.clear()
        self._subscribing.release()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(no_answer(self.url, self._closed))
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(str(code))

    def _send_subscribe(self, filters: tuple[Filter, ...], answer: asyncio.Future[None] | None) -> None:
        texts = tuple(filter_text(filter_, self.conn) for filter_ in filters)
        _, mid = self._client.subscribe([(text, 1) for text in texts])
        if mid is not None:
            self._subscribing.sent(mid, texts, answer)
        elif answer is not None:
            answer.set_result(None)

    def _on_suback(
        self, _client: paho.Client, _userdata: Any, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = self._subscribing.answered(mid, [code.is_failure for code in codes])
        if refused:
            fire(self.on_refused, refused)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        ack = partial(self._ack, message.mid, message.qos, self._generation)
        try:
            topic = message.topic
        except UnicodeDecodeError:  # nobody here publishes such a topic; acknowledged so that it does not come back
            ack()
            return
        self.deliveries.put_nowait(Delivery(topic, bytes(message.payload), message.retain, ack))

    def _ack(self, mid: int, qos: int, generation: int) -> None:
        # On a new connection the same packet id may belong to another message, which is not done yet.
        if qos and generation == self._generation and self._socket is not None:
            self._client.ack(mid, qos)
