"""Calls over a link: signed, resent until answered, believed only when the pinned coordinator signed the answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from colonies_edge.crypto.identity import BadSignature, Signer, Verifier
from colonies_edge.protocol.envelope import ReplyEnvelope
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.status import OFFLINE, ONLINE, CoordinatorStatus, Presence, open_status, seal_status
from colonies_edge.protocol.topics import ASSIGN, EVENT, NO_COLONY, REPLY, REQUEST, RESULT, STATUS, Topic, Topics
from colonies_edge.transports.ports import Delivery, Filter, Link, LinkFull, SubscriptionRefused, Will, check_size
from colonies_edge.transports.reconnecting import Backoff
from colonies_edge.transports.rpc_call import CALL_S, Call, Sealer
from colonies_edge.transports.signals import fire
from colonies_edge.transports.system import PartyClock

_log = logging.getLogger(__name__)

_RESULTS = frozenset({"closesuccessfulmsg", "closefailedmsg"})


class RpcCaller:
    """One identity's conversation with its coordinator.

    `serverid` pins the coordinator. Without one the first that shows itself in the retained status is offered to
    `learn`, which stores it, or raises NoConnection to refuse it. Callbacks run in the loop and must not wait.
    """

    def __init__(
        self,
        link: Link,
        topics: Topics,
        signer: Signer,
        *,
        colony: str = "",
        serverid: str = "",
        learn: Callable[[str], None] | None = None,
        clock: PartyClock | None = None,
        executor: bool = False,
    ) -> None:
        if not serverid and learn is None:
            raise UsageError("a caller needs the coordinator's identity, or somebody who decides whom to believe")
        self.on_push: list[Callable[[str, str, Any], None]] = []  # payload type, msgid, value: assign and withdraw
        # payloadtype, msgid of the subscribe call, number, value
        self.on_event: list[Callable[[str, str, int, Any], None]] = []
        self.on_status: list[Callable[[CoordinatorStatus], None]] = []
        self.on_epoch: list[Callable[[str], None]] = []  # the coordinator restarted: subscribe and wait anew
        self.serverid = serverid
        self.status: CoordinatorStatus | None = None
        self.epoch = ""
        self.shown_as = ("", "")  # name and type in an executor's presence
        self.dropped: Counter[str] = Counter()
        self.honours_msgids = True  # only coordinators of this kind speak MQTT
        self._about_bridge: dict[str, Any] = {}
        self.clock = clock or PartyClock()
        self.link = link
        self._topics = topics
        self._signer = signer
        self._colony = colony
        self._executor = executor
        self._learn = learn
        self._sealer = Sealer(signer, self.clock)
        self._verifier = Verifier()
        self._calls: dict[str, Call] = {}
        self._colonies: set[str] = set()
        self._not_believed = ""  # why calls cannot be answered, for the error of a call that timed out
        self._refused = False
        self._bytes_max = MESSAGE_BYTES_MAX
        self._again = Backoff()
        self._again_due: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._channels: dict[str, Callable[[str, Delivery], None]] = {
            REPLY: self._on_reply,
            EVENT: self._on_event,
            ASSIGN: self._on_pushed,
        }

    @property
    def identity(self) -> str:
        return self._signer.identity

    def become(self, signer: Signer) -> None:
        """Go on as the holder of another key, on a new connection."""
        if self._executor and self.link.connected:
            with contextlib.suppress(LinkFull, NoConnection):
                self._say_presence(OFFLINE)
        self._signer = signer
        self._sealer = Sealer(signer, self.clock)
        for call in self._calls.values():
            call.sealed = None
        with contextlib.suppress(NoConnection):
            self.link.reconnect()

    @property
    def on_connect(self) -> list[Callable[[], None]]:
        """The link has another connection, and is subscribed again."""
        return self.link.on_connect

    @property
    def on_disconnect(self) -> list[Callable[[str], None]]:
        """The link has lost its connection, with the reason, and goes on trying."""
        return self.link.on_disconnect

    # -- opening and closing

    async def open(self) -> None:
        """Connect and listen. Raises what `Link.open` raises."""
        self.link.on_connect.append(self._on_connect)
        self.link.on_refused.append(self._on_refused)
        self.link.on_failure.append(self._on_failure)
        if self._executor:
            self.link.set_will(lambda: self.presence(OFFLINE))
        self._task = asyncio.get_running_loop().create_task(self._receive())
        await self.link.open()
        await self._subscribe(*self._first_filters())

    def _first_filters(self) -> tuple[Filter, ...]:
        colony = self._colony
        self._colonies = {NO_COLONY, colony} - {""}
        assigned: tuple[Filter, ...] = ()
        if self._executor:
            assigned = (lambda _conn: self._topics.format(Topic(colony=colony, party=self.identity, channel=ASSIGN)),)
        conns = [filter_ for below in sorted(self._colonies) for filter_ in self._conn_filters(below)]
        return (self._topics.coordinator_status(), *assigned, *conns)

    async def close(self) -> None:
        """An executor says goodbye, calls that wait are given up."""
        if self._executor and self.link.connected:
            with contextlib.suppress(LinkFull, NoConnection):
                self._say_presence(OFFLINE)
        if self._again_due is not None:
            self._again_due.cancel()
        await self.link.close()
        self._on_failure(NoConnection("the caller was closed"))
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def greet(self) -> None:
        """Its status says what it is."""

    def presence(self, state: str) -> Will:
        """This connection's signed presence: topic, body, and that it is retained."""
        identity = self._signer.identity
        topic = Topic(colony=self._colony or NO_COLONY, party=identity, channel=STATUS)
        body = Presence(
            executorid=identity,
            executorname=self.shown_as[0],
            executortype=self.shown_as[1],
            colonyname=self._colony,
            state=state,
            conn=self.link.conn,
            ts=self.clock.now_ms(),
            bridge=self._about_bridge if state == ONLINE else {},
        )
        return self._topics.format(topic), seal_status(body, self._topics.signed_form(topic), self._signer), True

    def show_bridge(self, value: dict[str, Any]) -> None:
        """Say in this executor's retained presence how the bridge is that it belongs to."""
        self._about_bridge = value
        if self.link.connected:
            with contextlib.suppress(LinkFull, NoConnection):
                self._say_presence(ONLINE)

    def _say_presence(self, state: str) -> None:
        topic, body, retain = self.presence(state)
        self.link.publish(topic, body, retain=retain)

    # -- calling

    async def call(
        self,
        message: Mapping[str, Any],
        *,
        colony: str | None = None,
        timeout_s: float | None = CALL_S,
        msgid: str | None = None,
    ) -> Any:
        """The value of the coordinator's answer. Raises ColoniesError for a refusal and NoConnection for silence.

        After "not now" (429) it tries again, and raises that when the time is over. The same `msgid` in a later call is
        the same call: it has one effect, however often and long it is tried.
        """
        below = self._level(self._colony if colony is None else colony)
        channel = RESULT if self._executor and message.get("msgtype") in _RESULTS else REQUEST
        call = Call(message, colony=below, channel=channel, msgid=msgid, attempt=self._attempt)
        if call.msgid in self._calls:
            raise UsageError(f"a call with the msgid {call.msgid} is under way")
        self._calls[call.msgid] = call
        try:
            if below not in self._colonies:
                await asyncio.wait_for(self._join(below), timeout_s)
            self._attempt(call)
            return await asyncio.wait_for(call.answer, timeout_s)
        except asyncio.TimeoutError:
            raise call.refusal or NoConnection(self._silence(timeout_s)) from None
        finally:
            del self._calls[call.msgid]
            call.cancel()

    def _silence(self, timeout_s: float | None) -> str:
        if self._not_believed:
            return self._not_believed
        who = f"coordinator {self.serverid}" if self.serverid else "any coordinator"
        where = "" if self.link.connected else "; there is no connection to the broker"
        return f"no answer from {who} within {timeout_s:g} s{where}"

    def _level(self, colony: str) -> str:
        """The colony's level in topics."""
        try:
            return Topic(colony=colony or NO_COLONY, party=self._signer.identity, channel=STATUS).colony
        except ValueError:
            return NO_COLONY  # the coordinator answers there, too: that there is no such colony

    async def _join(self, colony: str) -> None:
        """Listen below one more colony."""
        self._colonies.add(colony)
        await self._subscribe(*self._conn_filters(colony))

    def _attempt(self, call: Call) -> None:
        """Send, and come back when no answer came. Not sent without a connection, or while nobody is believed: then
        the call goes out as soon as that changes."""
        if call.answer.done() or not self.serverid or not self.link.connected or self._refused:
            return
        topic = Topic(colony=call.colony, party=self._signer.identity, channel=call.channel, conn=self.link.conn)
        call.try_again_later()
        try:
            sealed = self._sealer.seal(call, self.serverid)
            check_size(sealed, self._bytes_max)
            self.link.publish(self._topics.format(topic), sealed)
        except LinkFull:
            self.dropped["requests a full link did not take"] += 1
        except (ColoniesError, NoConnection) as error:
            call.fail(error)

    def _attempt_all(self) -> None:
        for call in list(self._calls.values()):
            call.start_over()
            self._attempt(call)

    # -- what the link says

    def _on_connect(self) -> None:
        self._refused = False
        if self._executor:
            self._say_presence(ONLINE)
        self._attempt_all()

    def _on_failure(self, failure: Exception) -> None:
        for call in list(self._calls.values()):
            call.fail(failure)

    def _on_refused(self, filters: tuple[str, ...]) -> None:
        """Admitted to read the coordinator's status only: this device's clock is wrong. The status tells the time."""
        if self._topics.coordinator_status() in filters:
            _log.warning("the broker refuses even the coordinator's status: is the topic root %r?", self._topics.root)
        self._refused = True
        self._not_believed = f"the broker refuses subscriptions: {', '.join(filters)}"
        if self.status is not None:
            self._come_again(self.status)

    def _come_again(self, status: CoordinatorStatus) -> None:
        if status.state != ONLINE or self._again_due is not None:
            return
        self.clock.learn(status.ts)
        loop = asyncio.get_running_loop()
        self._again_due = loop.call_later(self._again.delay_s(), self._reconnect)

    def _reconnect(self) -> None:
        self._again_due = None
        with contextlib.suppress(NoConnection):
            self.link.reconnect()

    async def _subscribe(self, *filters: Filter) -> None:
        try:
            await self.link.subscribe(*filters)
        except SubscriptionRefused as refused:
            self._on_refused(refused.filters)

    def _conn_filters(self, colony: str) -> tuple[Filter, ...]:
        """Replies and events below one colony, on whatever connection this is by then."""

        def of(channel: str) -> Filter:
            return lambda conn: self._topics.format(
                Topic(colony=colony, party=self.identity, channel=channel, conn=conn)
            )

        return of(REPLY), of(EVENT)

    # -- what the coordinator says

    async def _receive(self) -> None:
        while True:
            delivery = await self.link.deliveries.get()
            # Nothing here needs a disk: a lost answer is asked for again, lost work comes back by its lease.
            delivery.ack()
            try:
                self._dispatch(delivery)
            except (ColoniesError, BadSignature, ValueError) as error:
                self._drop("malformed", delivery, error)
            except Exception:
                _log.exception("a message on %s was not understood", delivery.topic)

    def _dispatch(self, delivery: Delivery) -> None:
        if delivery.topic == self._topics.coordinator_status():
            self._on_status_message(delivery)
            return
        handle = self._channels.get(self._topics.parse(delivery.topic).channel)
        if handle is None:
            self._drop("what was not subscribed to", delivery)
        else:
            handle(self._topics.unrooted(delivery.topic), delivery)

    def _drop(self, why: str, delivery: Delivery, error: object = "") -> None:
        self.dropped[why] += 1
        _log.debug("dropped what came on %s: %s %s", delivery.topic, why, error)

    def _verified(self, unrooted: str, reply: ReplyEnvelope, delivery: Delivery) -> bool:
        """Signed by the pinned coordinator, for this very topic?"""
        if self.serverid:
            with contextlib.suppress(BadSignature):
                if self._verifier.verify(reply.signed_text(unrooted), reply.signature, self.serverid):
                    return True
        self._drop("not signed by the coordinator", delivery)
        return False

    def _on_reply(self, unrooted: str, delivery: Delivery) -> None:
        reply = ReplyEnvelope.parse(delivery.payload)
        call = self._calls.get(reply.msgid)
        if call is None or call.answer.done():
            self._drop("answers nobody waits for", delivery)  # before any curve arithmetic
        elif self._verified(unrooted, reply, delivery):
            self._not_believed = ""
            self._again.reset()
            failure = reply.failure()
            if failure is None:
                call.succeed(reply.value())
            else:
                call.refused(failure, self.clock)

    def _on_event(self, unrooted: str, delivery: Delivery) -> None:
        reply = ReplyEnvelope.parse(delivery.payload)
        subscription, _, number = reply.msgid.rpartition(".")
        if self._verified(unrooted, reply, delivery):
            fire(self.on_event, reply.payloadtype, subscription, int(number), reply.value())

    def _on_pushed(self, unrooted: str, delivery: Delivery) -> None:
        reply = ReplyEnvelope.parse(delivery.payload)
        if self._verified(unrooted, reply, delivery):
            fire(self.on_push, reply.payloadtype, reply.msgid, reply.value())

    def _on_status_message(self, delivery: Delivery) -> None:
        status = open_status(CoordinatorStatus, delivery.payload, self._topics.unrooted(delivery.topic))
        if not self._believes(status):
            self._drop("status of another coordinator", delivery)
            return
        if self.status is not None and status.ts < self.status.ts:
            self._drop("old status", delivery)  # its clock never runs backwards: a repetition
            return
        self.status = status
        self._bytes_max = status.limits.get("messagebytes", MESSAGE_BYTES_MAX)
        if self._refused:
            self._come_again(status)
        previous, self.epoch = self.epoch, status.epoch or self.epoch
        fire(self.on_status, status)
        if previous and self.epoch != previous:
            fire(self.on_epoch, self.epoch)
            self._attempt_all()

    def _believes(self, status: CoordinatorStatus) -> bool:
        if not self.serverid and self._learn is not None:
            try:
                self._learn(status.serverid)
            except NoConnection as refused:
                self._not_believed = str(refused)
                return False
            self.serverid = status.serverid
            self._attempt_all()
        if status.serverid != self.serverid:
            self._not_believed = (
                f"the coordinator {self.serverid} does not answer; another one, {status.serverid}, is at this broker"
            )
            return False
        return True
