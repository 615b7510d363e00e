"""What every link promises, over every kind of broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from colonies_edge.protocol.errors import NoConnection, TooLarge
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.transports.admission import Access, Admission
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.loopback import LoopbackBus
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.ports import Delivery, Link
from tests.support.brokers import Mosquitto

PATIENCE_S = 20


class LoopbackRig:
    """Links of one loopback bus."""

    def __init__(self) -> None:
        self.bus = LoopbackBus()

    async def start(self) -> None:
        self.bus.start()

    async def stop(self) -> None:
        self.bus.stop()

    def link(self, **settings: Any) -> Link:
        return self.bus.link(**settings)


class MosquittoRig:
    """Links over sockets to a real mosquitto."""

    def __init__(self) -> None:
        self.broker = Mosquitto()

    async def start(self) -> None:
        self.broker.start()

    async def stop(self) -> None:
        self.broker.stop()

    def link(self, **settings: Any) -> Link:
        return MqttLink(self.broker.url, **settings)


class Open:
    """No confinement: the contract speaks of topics that the protocol does not have."""

    def may_publish(self, identity: str, text: str) -> bool:
        return True

    def may_retain(self, identity: str, text: str) -> bool:
        return True

    def may_subscribe(self, identity: str, text: str) -> bool:
        return True

    def coordinator_status(self) -> str:
        return "status"


class EmbeddedRig:
    """Links to the embedded broker: over sockets, or from inside its process."""

    def __init__(self, *, inside: bool = False) -> None:
        self.inside = inside
        self.broker = EmbeddedBroker(
            Listen(port=0), admit=lambda credentials: Admission(access=Access.FULL), confinement=Open()
        )

    async def start(self) -> None:
        await self.broker.start()

    async def stop(self) -> None:
        await self.broker.close()

    def link(self, **settings: Any) -> Link:
        if self.inside:
            return self.broker.link(**settings)
        return MqttLink(f"mqtt://127.0.0.1:{self.broker.ports[0]}", **settings)


RIGS: dict[str, Callable[[], Any]] = {
    "loopback": LoopbackRig,
    "embedded": EmbeddedRig,
    "inside": partial(EmbeddedRig, inside=True),
    "mosquitto": MosquittoRig,
}


class Stage:
    """A running broker and the links that were opened to it, all closed at the end."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self._links: list[Link] = []

    def link(self, **settings: Any) -> Link:
        link: Link = self.rig.link(**settings)
        self._links.append(link)
        return link

    async def opened(self, **settings: Any) -> Link:
        link = self.link(**settings)
        await link.open()
        return link

    async def close(self) -> None:
        for link in self._links:
            await link.close()
        await self.rig.stop()
        if isinstance(self.rig, MosquittoRig):
            self.rig.broker.close()


@contextlib.asynccontextmanager
async def staged(kind: str) -> AsyncIterator[Stage]:
    rig = RIGS[kind]()
    stage = Stage(rig)
    await rig.start()
    try:
        yield stage
    finally:
        await stage.close()


@pytest.fixture(params=list(RIGS))
def on_stage(request: pytest.FixtureRequest) -> Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]:
    def run(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with staged(request.param) as stage:
                await asyncio.wait_for(scene(stage), PATIENCE_S)

        asyncio.run(main())

    return run


Run = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]


async def take(link: Link) -> Delivery:
    """The next message, acknowledged."""
    delivery = await link.deliveries.get()
    delivery.ack()
    return delivery


def test_a_message_reaches_who_subscribed_to_its_topic_and_nobody_else(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann, bob, eve = [await stage.opened() for _ in range(3)]
        await ann.subscribe("t/1")
        await eve.subscribe("t/2")
        bob.publish("t/1", b"hello")
        delivery = await take(ann)
        assert (delivery.topic, delivery.payload, delivery.retain) == ("t/1", b"hello", False)
        bob.publish("t/2", b"for eve")
        assert (await take(eve)).payload == b"for eve"
        assert ann.deliveries.empty()

    on_stage(scene)


def test_wildcards_match_whole_levels(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        one_level, the_rest, bob = [await stage.opened() for _ in range(3)]
        await one_level.subscribe("c/+/request/+")
        await the_rest.subscribe("c/#")
        for topic in ("c/x/request/1", "c/x/reply/1", "c/x/request", "c", "d/x/request/1"):
            bob.publish(topic, topic.encode())
        await bob.flush()
        assert [(await take(the_rest)).topic for _ in range(4)] == ["c/x/request/1", "c/x/reply/1", "c/x/request", "c"]
        assert (await take(one_level)).topic == "c/x/request/1"
        assert one_level.deliveries.empty()

    on_stage(scene)


def test_a_retained_message_waits_for_later_subscribers_and_an_empty_one_clears_it(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        bob = await stage.opened()
        bob.publish("s/status", b"old", retain=True)
        bob.publish("s/status", b"new", retain=True)
        await bob.flush()
        ann = await stage.opened()
        await ann.subscribe("s/+")
        delivery = await take(ann)
        assert (delivery.payload, delivery.retain) == (b"new", True)
        bob.publish("s/status", b"", retain=True)
        cleared = await take(ann)
        assert (cleared.payload, cleared.retain) == (b"", False)
        late = await stage.opened()
        await late.subscribe("s/+")
        bob.publish("s/other", b"first thing it sees")
        assert (await take(late)).payload == b"first thing it sees"

    on_stage(scene)


def test_the_will_is_published_after_an_abrupt_death_and_not_after_a_goodbye(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann = await stage.opened()
        await ann.subscribe("w/+")
        polite, abrupt = stage.link(), stage.link()
        polite.set_will(lambda: ("w/polite", b"gone", False))
        abrupt.set_will(lambda: ("w/abrupt", b"gone from " + abrupt.conn.encode(), True))
        await polite.open()
        await abrupt.open()
        await polite.close()
        abrupt.abort()
        will = await take(ann)
        assert (will.topic, will.payload) == ("w/abrupt", b"gone from " + abrupt.conn.encode())
        late = await stage.opened()
        await late.subscribe("w/+")
        retained = await take(late)
        assert (retained.topic, retained.retain) == ("w/abrupt", True)
        assert ann.deliveries.empty()

    on_stage(scene)


def test_the_will_and_the_name_are_made_anew_at_every_connect(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        link = stage.link()
        made: list[str] = []
        link.set_will(lambda: made.append(link.conn) or ("w", b"", False))  # type: ignore[func-returns-value]
        back = asyncio.Event()
        await link.open()
        link.on_connect.append(back.set)
        link.reconnect()
        await back.wait()
        assert len(made) == 2 == len(set(made))
        assert link.conn == made[1]

    on_stage(scene)


def test_what_was_not_acknowledged_is_delivered_again_to_a_lasting_session(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann = await stage.opened(client_id="ann", clean=False)
        await ann.subscribe("q/1")
        bob = await stage.opened()
        bob.publish("q/1", b"done")
        bob.publish("q/1", b"not done")
        (await ann.deliveries.get()).ack()
        unfinished = await ann.deliveries.get()
        back = asyncio.Event()
        ann.on_connect.append(back.set)
        ann.reconnect()
        await back.wait()
        again = await ann.deliveries.get()
        assert again.payload == b"not done" and not again.retain
        unfinished.ack()  # for a connection that is gone: must not acknowledge anything now
        again.ack()
        bob.publish("q/1", b"next")
        assert (await take(ann)).payload == b"next"

    on_stage(scene)


def test_a_lasting_session_gets_what_was_published_while_it_was_away(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann = await stage.opened(client_id="ann", clean=False)
        await ann.subscribe("q/1")
        await ann.close()
        bob = await stage.opened()
        for n in range(3):
            bob.publish("q/1", b"%d" % n)
        await bob.flush()
        again = await stage.opened(client_id="ann", clean=False)
        deliveries = [await take(again) for _ in range(3)]
        assert [(d.payload, d.retain) for d in deliveries] == [(b"0", False), (b"1", False), (b"2", False)]

    on_stage(scene)


def test_after_a_restart_of_the_broker_the_link_comes_back_and_subscribes_again(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann, bob = await stage.opened(), await stage.opened()
        await ann.subscribe("r/1", lambda conn: f"r/{conn}")
        first_conn = ann.conn
        events: list[str] = []
        back = {link: asyncio.Event() for link in (ann, bob)}
        ann.on_disconnect.append(lambda reason: events.append("lost"))
        ann.on_connect.append(lambda: events.append("back"))
        for link, event in back.items():
            link.on_connect.append(event.set)
        await stage.rig.stop()
        while bob.connected:
            await asyncio.sleep(0.01)
        bob.publish("r/kept", b"published while the broker was down", retain=True)
        await stage.rig.start()
        await asyncio.gather(*(event.wait() for event in back.values()))
        await bob.flush()
        await ann.subscribe("r/kept")
        assert (await take(ann)).payload == b"published while the broker was down"
        assert ann.conn != first_conn
        bob.publish("r/1", b"one")
        bob.publish(f"r/{first_conn}", b"nobody listens here any more")
        bob.publish(f"r/{ann.conn}", b"two")
        assert [(await take(ann)).payload, (await take(ann)).payload] == [b"one", b"two"]
        assert events == ["lost", "back"]

    on_stage(scene)


def test_a_message_over_the_limit_is_refused_at_the_sender_and_the_limit_is_said(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann, bob = await stage.opened(), await stage.opened()
        await ann.subscribe("big")
        with pytest.raises(TooLarge, match=str(MESSAGE_BYTES_MAX)):
            bob.publish("big", b"x" * (MESSAGE_BYTES_MAX + 1))
        bob.publish("big", b"x" * MESSAGE_BYTES_MAX)
        assert len((await take(ann)).payload) == MESSAGE_BYTES_MAX

    on_stage(scene)


def test_messages_of_one_topic_arrive_in_the_order_they_were_published(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann, bob = await stage.opened(), await stage.opened()
        await ann.subscribe("o/1")
        for n in range(500):
            bob.publish("o/1", b"%d" % n)
        assert [int((await take(ann)).payload) for _ in range(500)] == list(range(500))

    on_stage(scene)


def test_flush_returns_when_the_broker_has_everything(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        bob = await stage.opened()
        for n in range(50):
            bob.publish("f/status", b"%d" % n, retain=True)
        await bob.flush()
        bob.abort()
        ann = await stage.opened()
        await ann.subscribe("f/+")
        assert (await take(ann)).payload == b"49"

    on_stage(scene)


def test_unsubscribing_ends_the_messages(on_stage: Run) -> None:
    async def scene(stage: Stage) -> None:
        ann, bob = await stage.opened(), await stage.opened()
        await ann.subscribe("u/1", "u/2")
        ann.unsubscribe("u/1")
        await ann.subscribe("u/3")  # its answer comes after the unsubscription took effect
        bob.publish("u/1", b"unwanted")
        bob.publish("u/2", b"wanted")
        assert (await take(ann)).payload == b"wanted"

    on_stage(scene)


def test_a_closed_link_says_so_and_an_exception_in_a_callback_ends_nothing(
    on_stage: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(stage: Stage) -> None:
        ann = stage.link()

        def clumsy() -> None:
            raise RuntimeError("a bug in the application")

        ann.on_connect.append(clumsy)
        await ann.open()
        await ann.subscribe("x")
        ann.publish("x", b"still works")
        assert (await take(ann)).payload == b"still works"
        await ann.close()
        with pytest.raises(NoConnection):
            ann.publish("x", b"too late")

    on_stage(scene)
    assert "a bug in the application" in caplog.text
