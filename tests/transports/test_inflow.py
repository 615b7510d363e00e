"""A flood at the embedded broker waits outside, others come in between, and nothing of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from colonies_edge.protocol.limits import CONNECTIONS_PER_IDENTITY_MAX, INFLOW_MAX
from colonies_edge.protocol.topics import REQUEST
from colonies_edge.transports.inflow import PER_TURN
from colonies_edge.transports.loopback import LoopbackLink
from colonies_edge.transports.mqtt import MqttLink
from tests.support.house import ANN, BOB, TOPICS, House, live, topic

FLOOD = 3 * INFLOW_MAX


async def coordinator(house: House) -> LoopbackLink:
    inside = house.broker.link("coordinator")
    await inside.open()
    await inside.subscribe(*TOPICS.coordinator_filters())
    return inside


def flood(link: MqttLink, qos: int) -> None:
    for n in range(FLOOD):
        link.publish(topic(ANN, REQUEST, link.conn), b"%d" % n, qos=qos)


async def until_waiting(inside: LoopbackLink) -> None:
    while inside.deliveries.qsize() < INFLOW_MAX:
        await asyncio.sleep(0)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_flood_waits_outside_and_nothing_of_it_is_lost(qos: int) -> None:
    async def scene(house: House) -> None:
        inside = await coordinator(house)
        flood(await house.opened(ANN, "a"), qos)
        await until_waiting(inside)
        for _ in range(100):
            await asyncio.sleep(0)
        assert inside.deliveries.qsize() == INFLOW_MAX
        for n in range(FLOOD):
            delivery = await inside.deliveries.get()
            assert int(delivery.payload) == n
            delivery.ack()
            assert inside.deliveries.qsize() <= INFLOW_MAX

    live(scene)


def test_others_come_in_between_however_many_connections_somebody_floods_with() -> None:
    async def scene(house: House) -> None:
        inside = await coordinator(house)
        for number in range(CONNECTIONS_PER_IDENTITY_MAX):
            flood(await house.opened(ANN, f"a{number}"), 0)
        await until_waiting(inside)
        bob = await house.opened(BOB, "b")
        bob.publish(topic(BOB, REQUEST, bob.conn), b"bob asks")
        before = 0
        while (delivery := await inside.deliveries.get()).payload != b"bob asks":
            delivery.ack()
            before += 1
        assert before < INFLOW_MAX + 3 * PER_TURN * CONNECTIONS_PER_IDENTITY_MAX

    live(scene)


def test_large_messages_of_many_wait_outside_too() -> None:
    async def scene(house: House) -> None:
        inside = await coordinator(house)
        links = [await house.opened(ANN, f"a{number}") for number in range(CONNECTIONS_PER_IDENTITY_MAX)]
        for number in range(8):
            for link in links:
                link.publish(topic(ANN, REQUEST, link.conn), b"%d " % number + bytes(200_000))
        seen: dict[str, list[int]] = {}
        for _ in range(8 * len(links)):
            delivery = await inside.deliveries.get()
            seen.setdefault(delivery.topic, []).append(int(delivery.payload.split(b" ")[0]))
            await asyncio.sleep(0.001)  # it is busy, and the others are many
            delivery.ack()
        assert list(seen.values()) == [list(range(8))] * len(links), "nothing was dropped"
        assert inside.mailbox is not None and inside.mailbox.dropped == 0

    live(scene)


def test_who_leaves_while_standing_in_line_holds_nobody_up() -> None:
    async def scene(house: House) -> None:
        inside = await coordinator(house)
        ann = await house.opened(ANN, "a")
        flood(ann, 0)
        await until_waiting(inside)
        house.broker.disconnect(ANN.identity)
        ann.abort()
        bob = await house.opened(BOB, "b")
        bob.publish(topic(BOB, REQUEST, bob.conn), b"bob asks")
        while (delivery := await inside.deliveries.get()).payload != b"bob asks":
            delivery.ack()
        delivery.ack()
        await bob.flush()
        assert house.broker.connection_count == 1

    live(scene)
