"""Checks of the broker: the way to it, its version, and whether it really confines each party to its own topics."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TypeAlias

from colonies_edge.apps.cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import SECRETS, tls_of
from colonies_edge.client.client import Endpoint
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.protocol.envelope import seal
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.topics import NO_COLONY, REPLY, REQUEST, Topic, Topics
from colonies_edge.transports.mqtt_socket import BrokerUrl
from colonies_edge.transports.ports import Delivery, Link, SubscriptionRefused, TlsFailed
from colonies_edge.transports.probe import Way, probe
from colonies_edge.transports.system import PartyClock, SystemClock, entropy, new_msgid

DAY_MS = 86_400_000
# Our own are renewed a third of their time before the end; what is left here has been forgotten.
EXPIRY_WARNING_DAYS = 30
ROUND_TRIPS = 8  # the coordinator answers twenty unsigned questions a second and then is silent
# A receiver that has nothing to say acknowledges after 40 ms. A broker that waits for that is never quicker, and
# nothing else adds so much on a network whose connections are made within 10 ms.
WAITED_MS = 30.0
NEAR_MS = 10.0
ANSWER_S = 2.0
TRIES = 3
BROKER_VERSION = "$SYS/broker/version"
_MOSQUITTO = re.compile(r"mosquitto version (\d+)\.(\d+)\.(\d+)")
# (the version that has it no more, what it is)
_FAULTS = (
    ((2, 0, 12), "a stranger can keep its processor busy with MQTT 5 properties (CVE-2021-41039)"),
    ((2, 0, 12), "dynamic security forgets to end subscriptions of who was removed (CVE-2021-34434)"),
    ((2, 0, 16), "a stranger can fill its memory before he logs in (CVE-2023-0809, CVE-2023-3592)"),
    ((2, 0, 16), "a client can fill its memory with repeated QoS 2 messages (CVE-2023-28366)"),
    ((2, 0, 19), "a client can crash it with certain orders of packets (CVE-2024-8376)"),
)


async def way(session: Session) -> AsyncIterator[Finding]:
    """How the broker is reached; whether anybody is admitted is the next check's."""
    try:
        config = session.config
        found = await probe(config.mqtt, tls_of(config, believe_any=session.args.skip_tls_verify))
    except UsageError:
        return  # said already
    except TlsFailed as error:
        yield Finding(about="TLS", verdict=PROBLEM, sentence=str(error), no_connection=True)
        return
    except (OSError, NoConnection, asyncio.TimeoutError):
        return  # the next check cannot connect either, and says so with its remedy
    yield Finding(
        about="way",
        verdict=OK,
        sentence=f"{found.address} in {found.connect_ms:.1f} ms{f', {found.tls_version}' if found.tls_version else ''},"
        f" TCP_NODELAY {'on' if found.nodelay else 'off'} here",
    )
    yield _encryption(found, "server" if over_http(session) else "broker")


def over_http(session: Session) -> bool:
    """A Colonies server or a gateway: there is no broker to be looked at."""
    return session.config.mqtt.startswith(("http://", "https://"))


def _encryption(found: Way, other: str) -> Finding:
    if not found.tls_version:
        here = _is_loopback(found.address)
        return Finding(
            about="TLS",
            verdict=OK if here else WARNING,
            sentence=f"is not used{f'; the {other} is on this machine' if here else ': who is on the path can read'}",
            remedy="" if here else "use mqtts:// or https://, docs/TLS.md",
        )
    if not found.expires_ms:
        return Finding(about="TLS", verdict=WARNING, sentence="is not checked, as --skip-tls-verify says")
    days = int((found.expires_ms - PartyClock().now_ms()) // DAY_MS)
    soon = days < EXPIRY_WARNING_DAYS
    return Finding(
        about="TLS",
        verdict=WARNING if soon else OK,
        sentence=f"the {other}'s certificate is believed, and valid for {days} days",
        remedy="renew it: `colonies-edge tls renew` at the coordinator, or whoever made it" if soon else "",
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


async def round_trip(session: Session) -> AsyncIterator[Finding]:
    """Whether the broker's side waits for acknowledgements cannot be asked; it can be measured."""
    wire = await session.wire()
    try:
        found = await probe(session.config.mqtt, tls_of(session.config, believe_any=session.args.skip_tls_verify))
    except (OSError, NoConnection, asyncio.TimeoutError):
        return
    clock, times_ns = SystemClock(), []
    try:
        for _ in range(ROUND_TRIPS):
            before_ns = clock.monotonic_ns()
            await wire.ask({"msgtype": "versionmsg"}, colony=NO_COLONY)
            times_ns.append(clock.monotonic_ns() - before_ns)
    except (NoConnection, ColoniesError) as error:
        yield Finding(about="round trip", verdict=WARNING, sentence=f"could not be measured: {error}")
        return
    best_ms = min(times_ns) / 1e6
    waits = best_ms > WAITED_MS and found.connect_ms < NEAR_MS and not over_http(session)
    yield Finding(
        about="round trip",
        verdict=WARNING if waits else OK,
        sentence=f"{best_ms:.1f} ms there and back"
        + (", which is one that waits for acknowledgements (Nagle): TCP_NODELAY is off there" if waits else ""),
        remedy="put `set_tcp_nodelay true` into mosquitto.conf and restart it" if waits else "",
    )


async def version(session: Session) -> AsyncIterator[Finding]:
    async with _probing(session) as probing:
        if probing is None:
            return
        try:
            said = await probing.first(BROKER_VERSION)
        except _Silence:
            said = ""
    match = _MOSQUITTO.search(said)
    if match is None:
        yield Finding(
            about="broker version", verdict=OK, sentence=said or "it does not say (the embedded one has ours)"
        )
        return
    number = (int(match[1]), int(match[2]), int(match[3]))
    faults = [fault for mended, fault in _FAULTS if number < mended]
    yield Finding(
        about="broker version",
        verdict=WARNING if faults else OK,
        sentence=match[0] + (f": {'; '.join(faults)}" if faults else ""),
        remedy="Debian mends some of that under the same number: apt upgrade mosquitto, or take 2.0.22"
        if faults
        else "",
    )


async def confinement(session: Session) -> AsyncIterator[Finding]:
    """Tries what must be refused: to speak on a stranger's topics and hear the answer, to hear another's answers."""
    async with _probing(session) as probing:
        if probing is None:
            return
        try:
            both = await probing.speaks_as_another()
            reads = both or await _overhears(session)
        except (_Silence, NoConnection, ColoniesError):
            yield Finding(about="access list", verdict=WARNING, sentence="could not be tried: nothing was answered")
            return
    host = BrokerUrl.parse(session.config.mqtt).host
    here = host == "localhost" or _is_loopback(host)
    if not reads:
        yield Finding(about="access list", verdict=OK, sentence="the broker keeps each party to its own topics")
        return
    does = "speak and read on everybody's topics" if both else "read everybody's replies"
    yield Finding(
        about="access list",
        verdict=WARNING if here else PROBLEM,
        sentence=f"the broker lets any party {does}; it can forge nothing, but read all and silence others",
        remedy="give it an acl_file and accounts: `colonies-edge broker-config mosquitto`, broker_config/README.md",
    )


async def _overhears(session: Session) -> bool:
    """Somebody else, with another of the keys that are here or with a stranger's, listens to our replies."""
    if BrokerUrl.parse(session.config.mqtt).username:
        return False  # one account for all that we can say: nobody else can be tried
    wire = await session.wire()
    keys = [getattr(session.config, name) for name in sorted(SECRETS)]
    others = [key for key in keys if key and key != wire.signer.private_key] or [new_private_key(entropy(32))]
    ours = Topic(colony=NO_COLONY, party=wire.signer.identity, channel=REPLY, conn=wire.client.link.conn)
    async with _probing(session, Signer(others[0])) as listening:
        if listening is None or not await listening.subscribe(ours):
            return False
        await wire.ask({"msgtype": "versionmsg"}, colony=NO_COLONY)
        return await listening.hears(ours)


@contextlib.asynccontextmanager
async def _probing(session: Session, signer: Signer | None = None) -> AsyncIterator[_Probing | None]:
    """A connection beside that of the session, of the same party or of another; None where the broker grants none."""
    if over_http(session):
        yield None
        return
    wire = await session.wire()
    party = signer or wire.signer
    endpoint: Endpoint = replace(wire.client.endpoint, serverid=wire.serverid)
    link = endpoint.link(lambda: party, wire.client.clock)
    try:
        try:
            await link.open()
        except NoConnection:
            yield None
            return
        probing = _Probing(link, Topics(endpoint.topic_root), party.identity)
        yield probing if await probing.hears_itself() else None
    finally:
        await link.close()


class _Silence(Exception):
    """Our own question was not answered, so nothing follows from what did not come."""


_Wanted: TypeAlias = Callable[[Delivery], bool]


class _Probing:
    """A connection beside the ordinary one, that hears what the broker delivers, whatever it is."""

    def __init__(self, link: Link, topics: Topics, identity: str) -> None:
        self._link = link
        self._topics = topics
        self._identity = identity

    async def hears_itself(self) -> bool:
        return await self.subscribe(self._topic(REPLY, self._identity))

    def _topic(self, channel: str, party: str) -> Topic:
        return Topic(colony=NO_COLONY, party=party, channel=channel, conn=self._link.conn)

    async def subscribe(self, topic: Topic) -> bool:
        try:
            await self._link.subscribe(self._topics.format(topic))
        except SubscriptionRefused:
            return False
        return True

    async def first(self, topic: str) -> str:
        """What is retained there, "" when the broker delivers nothing."""
        try:
            await self._link.subscribe(topic)
        except SubscriptionRefused:
            return ""
        found = await self._until_own_answer(lambda delivery: delivery.topic == topic)
        return found.payload.decode("utf-8", "replace") if found is not None else ""

    async def speaks_as_another(self) -> bool:
        """Whether a question on a stranger's topic is answered on it, and the answer reaches us."""
        stranger = identity_of(new_private_key(entropy(32)))
        if not await self.subscribe(self._topic(REPLY, stranger)):
            return False
        self._ask(stranger)
        return await self.hears(self._topic(REPLY, stranger))

    async def hears(self, topic: Topic) -> bool:
        text = self._topics.format(topic)
        return await self._until_own_answer(lambda delivery: delivery.topic == text) is not None

    def _ask(self, party: str) -> None:
        question = seal({"msgtype": "versionmsg", "msgid": new_msgid()}, None)
        self._link.publish(self._topics.format(self._topic(REQUEST, party)), question.to_bytes())

    async def _until_own_answer(self, wanted: _Wanted) -> Delivery | None:
        """Ask something of our own: broker and coordinator keep the order, so what did not come before its answer was
        not delivered."""
        self._ask(self._identity)
        own = self._topics.format(self._topic(REPLY, self._identity))
        found: Delivery | None = None
        for _ in range(TRIES):
            with contextlib.suppress(asyncio.TimeoutError):
                while True:
                    delivery = await asyncio.wait_for(self._link.deliveries.get(), ANSWER_S)
                    delivery.ack()
                    if wanted(delivery):
                        found = delivery
                    if delivery.topic == own:
                        return found
            self._ask(self._identity)
        raise _Silence
