"""The contract of a link: one party's connection to one broker, whatever the broker is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from colonies_edge.protocol.errors import ColoniesError, NoConnection, TooLarge
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX

# How long open() keeps trying before it gives the caller an error instead of hope.
PATIENCE_S = 10.0

# Published, not yet acknowledged by the broker. The coordinator at full speed has some hundred in flight (6,000
# messages/s over a 10 ms round trip is 60); ten times that bridges a hiccup, and 32 MiB is what a Pi Zero can spare.
OUTGOING_COUNT_MAX = 4096
OUTGOING_BYTES_MAX = 32 * 1024 * 1024


class NotAdmitted(NoConnection):
    """The broker refused the credentials."""


class TlsFailed(NoConnection):
    """TLS with the broker did not come about: a certificate is not believed, or there is no TLS."""


class CallsWait(NoConnection):
    """Other calls had not come to an end yet, so this one was not sent: it says nothing about the line."""


class ProxyRefused(ColoniesError):
    """Something between here and the server refused the request."""


class LinkTakenOver(NoConnection):
    """Another client with the same client id keeps taking the connection over: is a second coordinator running?"""


class LinkFull(Exception):
    """Too much is waiting for the broker: nothing more is accepted until it acknowledges."""


class SubscriptionRefused(Exception):
    """The broker refused to let this party read these topics."""

    def __init__(self, filters: tuple[str, ...]) -> None:
        super().__init__(f"the broker refused the subscription to {', '.join(filters)}")
        self.filters = filters


@dataclass(slots=True)
class Delivery:
    """One message for this party. `ack()` says that its effect is on disk; until then the broker may repeat it.

    Not frozen, unlike every other value here: one is made per message, and frozen construction costs four times more.
    """

    topic: str
    payload: bytes
    retain: bool
    ack: Callable[[], None]


def nothing() -> None:
    """What acknowledges a delivery that nobody waits to hear of."""


Will: TypeAlias = tuple[str, bytes, bool]  # topic, payload, retain

# A filter that depends on the connection is a function of its name, so that a reconnect subscribes to the new one.
Filter: TypeAlias = str | Callable[[str], str]


class Link(Protocol):
    """One party's connection to one broker, driven by one asyncio loop. All methods are called from that loop.

    Callbacks run in the loop and must not wait; an exception in one is logged and ends nothing.
    """

    deliveries: asyncio.Queue[Delivery]
    on_connect: list[Callable[[], None]]  # subscriptions have been sent again
    on_disconnect: list[Callable[[str], None]]  # with the reason; the link goes on trying
    on_refused: list[Callable[[tuple[str, ...]], None]]  # subscriptions the broker refused after a reconnect
    on_not_admitted: list[Callable[[NotAdmitted], None]]  # after it was admitted; the link goes on trying
    on_failure: list[Callable[[Exception], None]]  # the link has given up; every later call raises that error

    @property
    def client_id(self) -> str: ...

    @property
    def conn(self) -> str:
        """Random name of the current connection; renewed before the will and the password are made."""
        ...

    @property
    def connected(self) -> bool: ...

    async def open(self) -> None:
        """Connect and stay connected. Raises NoConnection when it took too long, NotAdmitted when refused."""
        ...

    async def subscribe(self, *filters: Filter) -> None:
        """Subscribe now and after every reconnect. Waits for the broker when connected; raises SubscriptionRefused."""
        ...

    def unsubscribe(self, *filters: Filter) -> None: ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Hand over without waiting; kept while disconnected. Raises TooLarge, LinkFull or what ended the link."""
        ...

    async def flush(self) -> None:
        """Return when the broker has acknowledged everything published so far."""
        ...

    def set_will(self, make: Callable[[], Will | None]) -> None:
        """`make` is called at every connect, so that a signed will carries that connection's time and name."""
        ...

    def reconnect(self) -> None:
        """Leave and come back at once, with a new name, will and password."""
        ...

    async def close(self) -> None:
        """Say goodbye: the broker forgets the will."""
        ...

    def abort(self) -> None:
        """Vanish without a goodbye, for good: the broker publishes the will."""
        ...


def check_size(payload: bytes, payload_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
    if len(payload) > payload_bytes_max:
        raise TooLarge(f"message of {len(payload)} bytes is over the limit of {payload_bytes_max} bytes")


def filter_text(filter_: Filter, conn: str) -> str:
    return filter_ if isinstance(filter_, str) else filter_(conn)
