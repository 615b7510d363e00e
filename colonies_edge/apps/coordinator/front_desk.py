"""The desk behind the HTTP gateway: what comes there becomes requests of the engine, and answers go back there."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from colonies_edge.crypto.identity import BadSignature, recover
from colonies_edge.engine.access import RULES, Memory, Role
from colonies_edge.engine.outcome import Event, Reply, Request, Route
from colonies_edge.protocol.envelope import Envelope, plain_reply
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, TooLarge, TooManyRequests, Unavailable
from colonies_edge.protocol.limits import ENROL_BYTES_MAX, ENROLS_PER_S, MESSAGE_BYTES_MAX, WEBSOCKET_SILENT_S
from colonies_edge.protocol.messages import MESSAGES, Enrol, GetServerInfo, Ready, message_type
from colonies_edge.protocol.messages_base import msgid_in
from colonies_edge.transports.allowance import Allowance
from colonies_edge.transports.desk import Answer, Page
from colonies_edge.transports.ports import Delivery, nothing
from colonies_edge.transports.system import SystemClock, new_msgid

# What the connection's name of an HTTP caller begins with; no name of a connection in a topic does.
HTTP = "."
_SUBSCRIBE = "subscribe"
_TIMED = ("subscribeprocessmsg", "subscribeprocessesmsg")  # without a time to last they end at once (6.1)
_READING = ("get", "search", "resolve", "channelread", _SUBSCRIBE)
# What somebody who only looks may say: nothing of it changes anything that lasts (`putblobmsg` and `beginblobmsg` are
# not remembered either, but write).
VIEWED = frozenset(
    kind
    for kind, rule in RULES.items()
    if rule.memory is not Memory.DURABLE and rule.role is not Role.ANYBODY and kind.startswith(_READING)
)
_TEXT = "text/plain; charset=utf-8"
_AS_403 = frozenset({400, 404, 500})  # on a websocket upstream refuses with one status (protocol-core.md 6.1)


class NotSigned(Forbidden):
    """Nobody can have made this signature."""


@dataclass(slots=True)
class Visit(Delivery):
    """A request that came to the desk, in the queue of the coordinator among the deliveries of its link."""

    request: Request


@dataclass(slots=True)
class HungUp(Delivery):
    """Who had come to the desk left without an answer."""

    route: Route
    msgid: str


class FrontDesk:
    """`transports.desk.Desk` for a coordinator. `enqueue` takes what shall be decided, in order.

    `unheard` are processes that were assigned to somebody who had left: (process id, executor id).
    """

    def __init__(
        self,
        enqueue: Callable[[Delivery], None],
        broken: Callable[[], str],
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        *,
        stamps_required: bool = False,
        viewer: str = "",
    ) -> None:
        self.enqueue = enqueue
        self._broken = broken
        self._message_bytes_max = message_bytes_max
        self._stamps_required = stamps_required
        self._viewer = viewer  # the user as whom unsigned questions from this machine are answered, if any
        self._numbers = itertools.count(1)
        self._calls: dict[str, asyncio.Future[Answer]] = {}  # by the name of the connection
        self._sockets: dict[str, _Socket] = {}
        self._closed = False
        self._enrolling = Allowance(ENROLS_PER_S)
        self._latest: tuple[Any, bytes] = (object(), b"")  # the value of an event, and what was said of it
        self.counts: Counter[str] = Counter()
        self.unheard: list[tuple[str, str]] = []

    # What the gateway calls

    def ask(self, body: bytes, at_home: bool = False) -> "asyncio.Future[Answer]":
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            request = self.request(self.opened(body), self._new_conn(), at_home)
            if request.payloadtype.startswith(_SUBSCRIBE):  # known on the websocket only (1.3)
                raise Forbidden(f"invalid rpcMsg.PayloadType: {request.payloadtype}")
        except ColoniesError as error:
            waiter.set_result(refusal(error))
            return waiter
        conn = request.route.conn
        self._calls[conn] = waiter
        waiter.add_done_callback(lambda done: self._forget(request, done))
        self.enqueue(Visit("", b"", False, nothing, request))
        return waiter

    def listen(self, say: Callable[[bytes], None], close: Callable[[], None], at_home: bool = False) -> "_Socket":
        socket = _Socket(self, self._new_conn(), say, close, at_home)
        self._sockets[socket.conn] = socket
        if self._closed:
            close()
        return socket

    def health(self) -> Page:
        broken = "it stops" if self._closed else self._broken()
        return Page(content_type=_TEXT, body=f"{broken}\n".encode() if broken else b"", status=503 if broken else 200)

    # Requests

    def opened(self, body: bytes) -> Envelope:
        """Raises ColoniesError."""
        envelope = Envelope.parse(body, self._message_bytes_max)
        if envelope.payloadtype == Enrol.msgtype and len(body) > ENROL_BYTES_MAX:
            raise TooLarge(f"An enrolmsg has at most {ENROL_BYTES_MAX} bytes")
        return envelope

    def request(self, envelope: Envelope, conn: str, at_home: bool = False) -> Request:
        """The request in an envelope, in upstream's order of checks (1.3). Raises ColoniesError."""
        if self._closed:
            raise Unavailable("The coordinator stops")
        if at_home and self._viewer and not envelope.signature and envelope.payloadtype in VIEWED:
            return self._viewed(envelope, conn)
        known = MESSAGES.get(envelope.payloadtype)
        caller = "" if known is not None and known.unsigned else self._caller(envelope)
        kind = message_type(envelope.payloadtype)
        value = {"msgtype": kind.msgtype} if kind.cls is GetServerInfo else envelope.message()
        if kind.cls is Ready:
            raise BadRequest("Work is pushed over MQTT only; assignprocessmsg asks for it here")
        stamped = bool(caller) and isinstance(value, dict) and bool(value.get("msgid") or value.get("ts"))
        if self._stamps_required and caller and not stamped:
            raise Forbidden("Requests need msgid and ts here, so that nobody can send them again")
        return Request(
            caller=caller,
            payloadtype=envelope.payloadtype,
            value=value,
            route=Route(colony="", party=caller, conn=conn),
            envelope=envelope,
            stamped=stamped,
            msgid=msgid_in(value) if stamped else new_msgid(),
        )

    def _viewed(self, envelope: Envelope, conn: str) -> Request:
        """A question that nobody signed. It gets no stamp, so that nothing of it can reach the journal."""
        value = envelope.message()
        msgid = msgid_in(value) or new_msgid()
        if isinstance(value, dict):  # what is none is refused by the engine
            value = {key: item for key, item in value.items() if key not in ("msgid", "ts")}
        route = Route(colony="", party=self._viewer, conn=conn)
        kind = envelope.payloadtype
        return Request(caller=self._viewer, payloadtype=kind, value=value, route=route, stamped=False, msgid=msgid)

    def _caller(self, envelope: Envelope) -> str:
        if envelope.payloadtype == Enrol.msgtype and not self._enrolling.take(SystemClock().monotonic_ns()):
            self.counts["not looked at: too many enrol"] += 1
            raise TooManyRequests("Too many devices enrol at this moment: try again in a second")
        try:
            return recover(envelope.signed_text(), envelope.signature)
        except BadSignature as error:
            self.counts["signature that nobody can have made"] += 1
            raise NotSigned(str(error)) from None

    def _new_conn(self) -> str:
        return f"{HTTP}{next(self._numbers)}"

    def _forget(self, request: Request, done: "asyncio.Future[Answer]") -> None:
        del self._calls[request.route.conn]
        if done.cancelled():
            self.hang_up(request.route, request.msgid)

    def hang_up(self, route: Route, msgid: str) -> None:
        """The caller left: what waits for it need not wait any more."""
        if not self._closed:
            self.enqueue(HungUp("", b"", False, nothing, route, msgid))

    # What the coordinator calls

    def reply(self, reply: Reply) -> None:
        """Answer one request; an assignment that nobody hears goes back to the queue."""
        socket = self._sockets.get(reply.route.conn)
        if socket is not None:
            socket.reply(reply)
            return
        waiter = self._calls.get(reply.route.conn)
        if waiter is not None and not waiter.done():
            status = reply.value["status"] if reply.error else 200
            waiter.set_result(Answer(status=status, body=plain_reply(reply.payloadtype, reply.value, reply.error)))
        elif reply.payloadtype == "assignprocessmsg" and not reply.error:
            self.unheard.append((reply.value["processid"], reply.route.party))

    def event(self, event: Event) -> None:
        """Tell a subscriber."""
        socket = self._sockets.get(event.route.conn)
        if socket is None:
            return
        if event.value is not self._latest[0]:  # one change is told to all its subscribers, one after the other
            self._latest = (event.value, plain_reply(event.payloadtype, event.value, False))
        socket.say(self._latest[1])

    def ended(self, route: Route) -> None:
        """A subscription of this connection is over."""
        socket = self._sockets.get(route.conn)
        if socket is not None:
            socket.unsubscribed()

    def drop(self, conn: str) -> None:
        """The websocket is gone."""
        self._sockets.pop(conn, None)

    def close(self) -> None:
        """Answer everybody that the coordinator stops; what comes later hears the same."""
        self._closed = True
        stopping = refusal(Unavailable("The coordinator stops"))
        for waiter in tuple(self._calls.values()):
            if not waiter.done():
                waiter.set_result(stopping)
        for socket in tuple(self._sockets.values()):
            socket.end()


class _Socket:
    """One websocket: requests of any identities, and their subscriptions. It ends with the last one of them."""

    def __init__(
        self, desk: FrontDesk, conn: str, say: Callable[[bytes], None], close: Callable[[], None], at_home: bool
    ) -> None:
        self.conn = conn
        self._at_home = at_home
        self.say = say
        self._desk = desk
        self._close = close
        self._asking: Counter[str] = Counter()  # callers of requests that are not answered yet
        self._subscriptions = 0
        self._subscribers: set[str] = set()
        self._confirming: set[str] = set()  # msgids
        self._silence: asyncio.TimerHandle | None = None
        self._expect_something()

    def hear(self, frame: bytes) -> bool:
        try:
            envelope = self._desk.opened(frame)
        except ColoniesError:
            return False
        if not envelope.payloadtype.startswith(_SUBSCRIBE):
            return bool(envelope.payloadtype)  # as upstream: not looked at, but it says what it is
        try:
            request = self._desk.request(envelope, self.conn, self._at_home)
        except NotSigned:
            return False
        except ColoniesError as error:
            if envelope.payloadtype in MESSAGES:
                self.say(_refused(error.body()))
            return True
        fields = request.value if isinstance(request.value, dict) else {}  # the engine refuses what is none
        if request.payloadtype in _TIMED and not _positive(fields.get("timeout")):
            self.end()
            return True
        self._asking[request.caller] += 1
        if fields.get("confirm") is True:
            self._confirming.add(request.msgid)
        self._desk.enqueue(Visit("", b"", False, nothing, request))
        return True

    def reply(self, reply: Reply) -> None:
        """Success is silent (6.1), and then events come; who asks for it is told from when on none is missed."""
        caller = reply.route.party
        self._asking -= Counter((caller,))
        confirm = reply.msgid in self._confirming
        self._confirming.discard(reply.msgid)
        if reply.error:
            self.say(_refused(reply.value))
            return
        if confirm:
            self.say(plain_reply(reply.payloadtype, {"msgid": reply.msgid}, False))
        self._subscriptions += 1
        self._subscribers.add(caller)
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def unsubscribed(self) -> None:
        """One subscription less; the last one takes the connection with it."""
        self._subscriptions -= 1
        if self._subscriptions > 0:
            return
        if self._asking:
            self._expect_something()
        else:
            self.end()

    def _expect_something(self) -> None:
        """A subscription, and soon: refusals give nobody more time."""
        if self._silence is None:
            self._silence = asyncio.get_running_loop().call_later(WEBSOCKET_SILENT_S, self.end)

    def end(self) -> None:
        """Nothing more will be said."""
        self._close()

    def gone(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._desk.drop(self.conn)
        for party in self._subscribers | self._asking.keys():
            self._desk.hang_up(Route(colony="", party=party, conn=self.conn), "")


def refusal(error: ColoniesError) -> Answer:
    """An error as the answer to one request."""
    return Answer(status=error.status, body=plain_reply("error", error.body(), True))


def _positive(timeout: Any) -> bool:
    return isinstance(timeout, int) and timeout > 0


def _refused(body: dict[str, Any]) -> bytes:
    status = 403 if body["status"] in _AS_403 else body["status"]
    return plain_reply("error", {**body, "status": status}, True)
