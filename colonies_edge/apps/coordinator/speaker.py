"""Says what the engine decided: signed replies, assignments, events and the coordinator's own status."""

import logging
from collections import Counter
from functools import lru_cache
from typing import Any

from colonies_edge import __version__
from colonies_edge.apps.coordinator.front_desk import HTTP, FrontDesk
from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.outcome import Event, Outcome, Push, Reply, Route
from colonies_edge.protocol.envelope import seal_reply
from colonies_edge.protocol.errors import TooLarge
from colonies_edge.protocol.limits import FRESHNESS_S, LEASE_S
from colonies_edge.protocol.status import OFFLINE, ONLINE, CoordinatorStatus, seal_status
from colonies_edge.protocol.topics import (
    ASSIGN,
    COORDINATOR_STATUS,
    EVENT,
    REPLY,
    TOPICS_KNOWN_MAX,
    Topic,
    Topics,
)
from colonies_edge.transports.ports import Link, LinkFull
from colonies_edge.transports.system import SystemClock, new_msgid

_log = logging.getLogger(__name__)


class Speaker:
    """Seals with the coordinator's key and publishes. Never waits: what a full link does not take is counted and
    dropped, since a caller resends, a lost assignment is noticed by its lease and a lost event by its number."""

    def __init__(
        self, signer: Signer, link: Link, topics: Topics, epoch: str, message_bytes_max: int, desk: FrontDesk
    ) -> None:
        self._message_bytes_max = message_bytes_max
        self._signer = signer
        self._link = link
        self._topics = topics
        self._epoch = epoch
        self._desk = desk
        self._steady = SystemClock()
        self._began_ns = self._steady.monotonic_ns()
        self.counts: Counter[str] = Counter()
        self._texts = lru_cache(maxsize=TOPICS_KNOWN_MAX)(self._text)
        self.undeliverable: list[tuple[Push, str]] = []  # and why; the coordinator has them failed

    def say(self, outcome: Outcome, ts: int) -> None:
        """Everything of a decision that is on disk; `ts` is the coordinator's time in ms."""
        for reply in outcome.replies:
            self.reply(reply, ts)
        for push in outcome.pushes:
            self._push(push, ts)
        for event in outcome.events:
            self._event(event, ts)
        for route in outcome.ended:
            if route.conn.startswith(HTTP):
                self._desk.ended(route)

    def reply(self, reply: Reply, ts: int) -> None:
        """Answer one request, where it came from."""
        if reply.route.conn.startswith(HTTP):
            self._desk.reply(reply)
            return
        try:
            self._publish(reply.route, REPLY, reply.payloadtype, reply.value, reply.error, reply.msgid, ts)
        except TooLarge as error:
            self.counts["answers too large"] += 1
            failure = TooLarge(f"The answer does not fit into one message ({error.message}): ask for fewer at a time")
            self._publish(reply.route, REPLY, "error", failure.body(), True, reply.msgid, ts)

    def _push(self, push: Push, ts: int) -> None:
        to = Route(colony=push.colony, party=push.executorid, conn="")
        try:
            self._publish(to, ASSIGN, push.payloadtype, push.value, False, new_msgid(), ts)
        except TooLarge as error:
            _log.error("an assignment for %s cannot be sent: %s", push.executorid, error.message)
            self.undeliverable.append((push, f"The assignment does not fit into one message: {error.message}"))

    def _event(self, event: Event, ts: int) -> None:
        if event.route.conn.startswith(HTTP):
            self._desk.event(event)
            return
        try:
            self._publish(event.route, EVENT, event.payloadtype, event.value, False, event.msgid, ts)
        except TooLarge as error:
            self.counts["events too large"] += 1
            _log.warning("an event for %s cannot be sent: %s", event.route.party, error.message)

    def _text(self, colony: str, party: str, channel: str, conn: str) -> tuple[str, str]:
        """A topic, whole and as it is signed."""
        text = self._topics.format(Topic(colony=colony, party=party, channel=channel, conn=conn))
        return text, self._topics.unrooted(text)

    def _publish(self, to: Route, channel: str, payloadtype: str, value: Any, error: bool, msgid: str, ts: int) -> None:
        try:
            text, unrooted = self._texts(to.colony, to.party, channel, to.conn)
            sealed = seal_reply(payloadtype, value, error, msgid, ts, unrooted, self._signer)
            self._link.publish(text, sealed.to_bytes())
        except LinkFull:
            self.counts["not sent: the broker does not keep up"] += 1
        except ValueError as fault:  # a text that no reply can carry: our defect, which must not end the coordinator
            self.counts["not sent: it cannot be signed"] += 1
            _log.error("a defect: %s for %s cannot be said", payloadtype, to.party, exc_info=fault)

    def status(self, ts: int, *, online: bool) -> tuple[str, bytes]:
        """Topic and body of the retained status; also the last will."""
        body = CoordinatorStatus(
            serverid=self._signer.identity,
            version=__version__,
            state=ONLINE if online else OFFLINE,
            epoch=self._epoch,
            ts=ts,
            since=ts - (self._steady.monotonic_ns() - self._began_ns) // 1_000_000,
            limits={
                "messagebytes": self._message_bytes_max,
                "freshnessms": FRESHNESS_S * 1000,
                "leasems": LEASE_S * 1000,
            },
        )
        signed_form = self._topics.signed_form(COORDINATOR_STATUS)
        return self._topics.coordinator_status(), seal_status(body, signed_form, self._signer)

    def publish_status(self, ts: int, *, online: bool) -> None:
        """Tell everybody, also those who come later."""
        topic, body = self.status(ts, online=online)
        self._link.publish(topic, body, retain=True)
