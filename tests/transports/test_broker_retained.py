"""What the embedded broker retains for those who connect to it: one status of each, and nothing of who is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from colonies_edge.protocol.limits import RETAINED_BYTES_MAX
from colonies_edge.protocol.topics import REQUEST, RESULT, STATUS, Topic
from colonies_edge.transports.mqtt import MqttLink
from tests.support.house import ANN, BOB, TOPICS, House, live, topic


def elsewhere(colony: str) -> str:
    return TOPICS.format(Topic(colony=colony, party=ANN.identity, channel=STATUS))


async def retained(house: House) -> dict[str, bytes]:
    """What somebody finds who comes later."""
    late = house.broker.link()
    await late.open()
    await late.subscribe("colonies/#")
    found: dict[str, bytes] = {}
    while not late.deliveries.empty():
        delivery = late.deliveries.get_nowait()
        assert delivery.retain
        found[delivery.topic] = delivery.payload
    await late.close()
    return found


def test_each_identity_has_its_last_status_kept_and_its_will_takes_the_place() -> None:
    async def scene(house: House) -> None:
        ann = house.link(ANN, "a")
        ann.set_will(lambda: (topic(ANN, STATUS), b"ann is gone", True))
        await ann.open()
        bob = await house.opened(BOB, "b")
        bob.publish(topic(BOB, STATUS), b"bob is here", retain=True)
        for text in (b"ann is here", b"ann works"):
            ann.publish(topic(ANN, STATUS), text, retain=True)
        await ann.flush()
        await bob.flush()
        assert await retained(house) == {topic(ANN, STATUS): b"ann works", topic(BOB, STATUS): b"bob is here"}
        ann.abort()
        while house.broker.connection_count > 1:
            await bob.flush()
            bob.publish(topic(BOB, STATUS), b"bob is here", retain=True)
        assert (await retained(house))[topic(ANN, STATUS)] == b"ann is gone"

    live(scene)


def floods(link: MqttLink) -> Iterator[tuple[str, bytes]]:
    for n in range(50):
        yield elsewhere(f"colony-{n}"), b"here"
        yield topic(ANN, REQUEST, f"connection-{n:02d}"), b"work"
        yield topic(ANN, RESULT, f"connection-{n:02d}"), b"work"
    yield topic(ANN, STATUS), bytes(RETAINED_BYTES_MAX)


def test_whoever_wants_much_to_be_kept_gets_it_delivered_and_one_status_kept() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        ann = await house.opened(ANN, "a")
        for name, payload in floods(ann):
            ann.publish(name, payload, retain=True)
        await ann.flush()
        assert inside.deliveries.qsize() == 151
        assert await retained(house) == {topic(ANN, STATUS): bytes(RETAINED_BYTES_MAX)}
        ann.publish(topic(ANN, STATUS), bytes(RETAINED_BYTES_MAX + 1), retain=True)
        await ann.flush()
        assert inside.deliveries.qsize() == 152
        assert await retained(house) == {}, "what it said before is not true any more"

    live(scene)


def test_an_empty_status_clears_the_own_one() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a")
        ann.publish(topic(ANN, STATUS), b"here", retain=True)
        ann.publish(elsewhere("another"), b"", retain=True)
        await ann.flush()
        assert await retained(house) == {topic(ANN, STATUS): b"here"}
        ann.publish(topic(ANN, STATUS), b"", retain=True)
        await ann.flush()
        assert await retained(house) == {}

    live(scene)


@pytest.mark.parametrize("connected", [True, False])
def test_nothing_is_kept_of_who_has_no_role_any_more(connected: bool) -> None:
    async def scene(house: House) -> None:
        for signer in (ANN, BOB):
            link = house.link(signer, signer.identity[:16])
            link.set_will(lambda signer=signer: (topic(signer, STATUS), b"gone", True))  # type: ignore[misc]
            await link.open()
            link.publish(topic(signer, STATUS), b"here", retain=True)
            await link.flush()
        if not connected:
            house.links[0].abort()
            while house.broker.connection_count > 1:
                await house.links[1].flush()
                house.links[1].publish(topic(BOB, STATUS), b"here", retain=True)
        house.links[0].abort()
        house.broker.disconnect_strangers(lambda identity: identity == BOB.identity)
        assert await retained(house) == {topic(BOB, STATUS): b"here"}

    live(scene)
