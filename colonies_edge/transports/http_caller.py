"""Calls over HTTP, to a Colonies server or to the gateway of a coordinator; events over its websocket."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.envelope import ReplyEnvelope, seal
from colonies_edge.protocol.errors import (
    BadRequest,
    ClockSkew,
    ColoniesError,
    Forbidden,
    Internal,
    NoConnection,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from colonies_edge.protocol.limits import MESSAGE_BYTES_CEILING
from colonies_edge.protocol.messages import stamped
from colonies_edge.protocol.status import CoordinatorStatus
from colonies_edge.transports.http_caller_events import Events
from colonies_edge.transports.mqtt_socket import Tls
from colonies_edge.transports.ports import PATIENCE_S, CallsWait, ProxyRefused, check_size
from colonies_edge.transports.reconnecting import Backoff
from colonies_edge.transports.rpc_call import CALL_S, CLOCK_SKEWS_MAX, Call, Sealer
from colonies_edge.transports.signals import fire
from colonies_edge.transports.system import PartyClock, new_msgid

_log = logging.getLogger(__name__)
# They write a line for every byte and request, requests of others' work included; what matters is said here.
for _chatty in ("httpx2", "httpcore2", "websockets"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

TRY_S = 15.0  # without an answer for so long the line is taken for dead, where asking again is safe
# A long poll occupies one, and over 50 ms of line sixteen others make 320 calls a second. The pool looks through all of
# them at every call, so that more cost more than they bring.
CONNECTIONS_MAX = 24
IDLE_S = 60.0  # a Go server closes an idle connection after 120 s, and a request must not meet that
# Asking these twice does no harm.
_READS = ("get", "search", "version", "channelread")
_SUBSCRIBES = "subscribe"
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
_AWAY = (502, 503, 504)  # what a proxy says in front of a server that is away
# Answers to the greeting that say nothing of whether times are looked at.
_NOT_NOW = (TooManyRequests, Unavailable, Internal)


class HttpCaller:
    """One identity's conversation with a server over HTTP.

    Answers are not signed there: that they are the server's, only TLS can say, and a pinned identity cannot be proven.
    A call whose answer got lost is sent again only where that is safe: when it reads, when it cannot have arrived, or
    when the server honours msgids, as coordinators of this kind do. Otherwise it ends in NoConnection, and the caller
    has to find out what became of it.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        colony: str = "",
        serverid: str = "",
        clock: PartyClock | None = None,
        tls: Tls | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Raises UsageError for what is no address."""
        self._url = checked_url(url)
        self._signer = signer
        self._colony = colony
        self._patience_s = patience_s
        self.serverid = serverid
        self.status: CoordinatorStatus | None = None
        self.epoch = ""
        self.shown_as = ("", "")  # there is no presence over HTTP
        self.clock = clock or PartyClock()
        self.dropped: Counter[str] = Counter()
        self.honours_msgids = False
        self.on_push: list[Callable[[str, str, Any], None]] = []
        self.on_event: list[Callable[[str, str, int, Any], None]] = []
        self.on_status: list[Callable[[CoordinatorStatus], None]] = []
        self.on_epoch: list[Callable[[str], None]] = []
        self.on_connect: list[Callable[[], None]] = []
        self.on_disconnect: list[Callable[[str], None]] = []
        self._sealer = Sealer(signer, self.clock)
        self._context: ssl.SSLContext | None = None
        if self._url.startswith("https:"):
            self._context = (tls or Tls()).context()
        self._http: httpx2.AsyncClient | None = None
        self._lanes = asyncio.Semaphore(CONNECTIONS_MAX)
        self._events = Events(self._url, self._context, self)

    def __str__(self) -> str:
        return self._url

    # -- opening and closing

    async def open(self) -> None:
        """Find the server, and whether it honours msgids. Raises NoConnection when it took too long."""
        self._http = httpx2.AsyncClient(
            verify=self._context if self._context is not None else True,
            trust_env=False,  # no proxies: a long poll through one ends early; and no authorities of somebody else
            limits=httpx2.Limits(  # `_lanes` keeps calls from waiting in there, where nobody knows that they wait
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX, keepalive_expiry=IDLE_S
            ),
            headers={"Content-Type": "application/json"},
        )
        await self.greet()

    def become(self, signer: Signer) -> None:
        """Go on as the holder of another key."""
        self._signer = signer
        self._sealer = Sealer(signer, self.clock)

    async def greet(self) -> None:
        """A question with an impossible time. Who looks at times refuses it with the right one (425), and remembers
        msgids, too; a Go server ignores both. A stranger may be refused before that: ask again as a member."""
        message = stamped(
            {"msgtype": "getcolonymsg", "colonyname": self._colony}, msgid=new_msgid(), ts=1, serverid=self.serverid
        )
        sealed = seal(message, self._signer).to_bytes()
        end, backoff = asyncio.get_running_loop().time() + self._patience_s, Backoff()
        while True:
            try:
                await self._post(sealed, self._patience_s)
                return
            except ClockSkew as skew:
                self.honours_msgids = True
                self.clock.learn(skew.ts)
                return
            except (httpx2.HTTPError, *_NOT_NOW) as error:
                delay_s = backoff.delay_s()
                if asyncio.get_running_loop().time() + delay_s < end:
                    await asyncio.sleep(delay_s)
                    continue
                if isinstance(error, Internal):  # what some servers answer whatever is asked
                    return
                raise NoConnection(f"no Colonies server answers at {self._url}: {_said(error)}") from error
            except ProxyRefused as error:
                raise NoConnection(str(error)) from error
            except ColoniesError as error:
                _log.debug("%s does not look at times: %s", self._url, error)
                return

    async def close(self) -> None:
        await self._events.close()
        if self._http is not None:
            await self._http.aclose()

    # -- calling

    async def call(
        self,
        message: Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = CALL_S,
        msgid: str | None = None,
    ) -> Any:
        """As `Caller.call`; `colony` is for topics, which HTTP has none of."""
        call = Call(message, colony="", channel="", msgid=msgid, attempt=lambda _: None)
        msgtype = str(message.get("msgtype"))
        if msgtype.startswith(_SUBSCRIBES):
            return await self._events.subscribe(message, call.msgid)
        try:
            return await asyncio.wait_for(self._until_answered(call, msgtype, timeout_s), timeout_s)
        except asyncio.TimeoutError:
            raise call.refusal or NoConnection(f"no answer from {self._url} within {timeout_s:g} s") from None

    async def _until_answered(self, call: Call, msgtype: str, timeout_s: float | None) -> Any:
        backoff, skews, tries, now = Backoff(), 0, 0, asyncio.get_running_loop().time
        in_time = now() + (timeout_s or CALL_S) / 2
        call.refusal = CallsWait(f"{CONNECTIONS_MAX} other calls to {self._url} are under way")
        again = self.honours_msgids or msgtype.startswith(_READS)
        try_s = TRY_S if again and msgtype != "assignprocessmsg" else timeout_s
        while True:
            try:
                async with self._lanes:
                    tries += 1
                    if tries > 1 or now() <= in_time:  # later it has too little time left to tell of the line
                        call.refusal = None
                    return await self._post(self.sealed(call), try_s)
            except ClockSkew as skew:
                skews += 1
                if not skew.ts or skews > CLOCK_SKEWS_MAX:
                    raise
                self.clock.learn(skew.ts)
                call.sealed = None
                continue
            except TooManyRequests as refusal:
                call.refusal = refusal
            except httpx2.HTTPError as error:
                if not again and not isinstance(error, _NOT_SENT):
                    raise NoConnection(f"the answer from {self._url} got lost: {_said(error)}") from error
                if isinstance(error, _NOT_SENT):  # one answer that got lost says little of the line
                    fire(self.on_disconnect, f"{self._url}: {_said(error)}")
            await asyncio.sleep(backoff.delay_s())

    def sealed(self, call: Call) -> bytes:
        """The bytes of a call. Raises TooLarge."""
        data = self._sealer.seal(call, self.serverid)
        check_size(data, MESSAGE_BYTES_CEILING)
        return data

    async def _post(self, data: bytes, timeout_s: float | None) -> Any:
        """Raises ColoniesError, NoConnection for what is no Colonies server, and httpx2.HTTPError. That a proxy between
        refuses this message says nothing about the line: the next one may be to its taste."""
        if self._http is None:
            raise NoConnection("the caller is not open")
        try:
            response = await self._http.post(
                f"{self._url}/api",
                content=data,
                timeout=httpx2.Timeout(timeout_s, connect=self._patience_s, pool=None),
            )
        except RuntimeError as error:  # the client was closed under the call
            raise NoConnection(f"the caller was closed: {error}") from error
        status = response.status_code
        if not response.content and status not in (TooLarge.status, *_AWAY):
            # A Go server forgets to answer some refusals, and dies in others.
            raise Forbidden("Access denied") if status == 200 else Internal()
        try:
            reply = ReplyEnvelope.parse(response.content)
            if not reply.payloadtype:
                raise BadRequest("no payloadtype")
            failure = reply.failure()
            value = None if failure is not None else reply.value()
        except BadRequest as error:
            if status == TooLarge.status:
                raise TooLarge("a proxy before the server takes no message of this size") from error
            if status in _AWAY:
                raise httpx2.ConnectError(f"a proxy says {status}") from error
            if status == TooManyRequests.status:
                raise TooManyRequests from error
            text = f"what answers at {self._url} with {status} is no Colonies server ({error})"
            raise ProxyRefused(text) if 400 <= status < 500 else NoConnection(text) from error
        if failure is not None:
            raise failure
        return value


def checked_url(text: str) -> str:
    """`http://host[:port][/path]` or https, without a slash behind. Raises UsageError."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.username or parts.query:
        shown = text.rpartition("@")[2]
        raise UsageError(f"{shown!r} is no address of a Colonies server: http://host:port or https://host:port is one")
    return text.rstrip("/")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
