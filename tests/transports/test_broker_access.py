"""Who gets into the embedded broker, and what they may do there."""

from __future__ import annotations

import asyncio

import pytest

from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import CONNECTIONS_PER_IDENTITY_MAX, STATUS_ONLY_PER_IDENTITY_MAX
from colonies_edge.protocol.topics import ASSIGN, REPLY, REQUEST, STATUS
from colonies_edge.transports import broker_core
from colonies_edge.transports.admission import password_of
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.ports import NotAdmitted, SubscriptionRefused
from colonies_edge.transports.system import PartyClock
from tests.support.house import ANN, BOB, NOW_MS, SERVER, STRANGER, TOPICS, House, live, topic


def test_known_identities_talk_to_the_coordinator_inside() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link("coordinator")
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        ann = await house.opened(ANN, "a")
        await ann.subscribe(lambda conn: topic(ANN, REPLY, conn))
        ann.publish(topic(ANN, REQUEST, ann.conn), b"question")
        question = await inside.deliveries.get()
        question.ack()
        inside.publish(topic(ANN, REPLY, TOPICS.parse(question.topic).conn), b"answer")
        answer = await ann.deliveries.get()
        assert (answer.payload, answer.retain) == (b"answer", False)

    live(scene)


def test_a_stranger_and_a_replayed_password_are_refused() -> None:
    async def scene(house: House) -> None:
        with pytest.raises(NotAdmitted):
            await house.link(STRANGER, "s").open()
        password = password_of(ANN, "a", SERVER.identity, NOW_MS)
        first = MqttLink(house.url, username=ANN.identity, password=lambda: password, client_id="a")
        house.links.append(first)
        await first.open()
        await first.close()
        with pytest.raises(NotAdmitted):
            await MqttLink(house.url, username=ANN.identity, password=lambda: password, client_id="a").open()

    live(scene)


def test_nobody_reads_or_writes_in_the_subtree_of_another() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        ann, bob = await house.opened(ANN, "a"), await house.opened(BOB, "b")
        for filter_ in (topic(BOB, ASSIGN), "#", "colonies/v1/dev/+/assign", "$SYS/#"):
            with pytest.raises(SubscriptionRefused):
                await ann.subscribe(filter_)
        await bob.subscribe(topic(BOB, ASSIGN))
        ann.publish(topic(BOB, REQUEST, "c" * 12), b"in bob's name")
        ann.publish(topic(BOB, ASSIGN), b"work for bob")
        ann.publish(topic(ANN, ASSIGN), b"work for herself")
        ann.publish(TOPICS.coordinator_status(), b"I am the coordinator", retain=True)
        ann.publish(topic(ANN, REQUEST, ann.conn), b"her own")
        await ann.flush()
        assert (await inside.deliveries.get()).payload == b"her own"
        assert inside.deliveries.empty() and bob.deliveries.empty()

    live(scene)


def test_a_will_outside_the_own_subtree_keeps_the_door_shut() -> None:
    async def scene(house: House) -> None:
        ann = house.link(ANN, "a")
        ann.set_will(lambda: (topic(BOB, STATUS), b"bob is gone", True))
        with pytest.raises(NotAdmitted):
            await ann.open()

    live(scene)


def test_nobody_takes_over_the_client_id_of_another_identity() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "shared")
        with pytest.raises(NoConnection):
            await house.link(BOB, "shared", patience_s=0.3).open()
        await ann.subscribe(topic(ANN, ASSIGN))
        assert ann.connected

    live(scene)


def test_the_same_identity_takes_its_client_id_over_and_the_old_will_comes_first() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(topic(ANN, STATUS))
        old = house.link(ANN, "a")
        old.set_will(lambda: (topic(ANN, STATUS), b"old one is gone", False))
        await old.open()
        gone = asyncio.Event()
        old.on_disconnect.append(lambda reason: old.abort())
        old.on_disconnect.append(lambda reason: gone.set())
        new = await house.opened(ANN, "a")
        new.publish(topic(ANN, STATUS), b"new one is here")
        await gone.wait()
        assert [(await inside.deliveries.get()).payload for _ in range(2)] == [b"old one is gone", b"new one is here"]
        assert house.broker.connection_count == 1

    live(scene)


def test_a_device_without_a_clock_reads_the_status_and_then_gets_in() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link("coordinator")
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        house.show_status(inside)
        await inside.deliveries.get()  # its own status
        clock = PartyClock(Boot())
        link = house.link(ANN, "a", now_ms=clock.now_ms)
        caller = RpcCaller(link, TOPICS, ANN, colony="dev", serverid=SERVER.identity, clock=clock)
        await caller.open()
        call = asyncio.ensure_future(caller.call({"msgtype": "getcolonymsg"}))
        request = await inside.deliveries.get()
        assert TOPICS.parse(request.topic).party == ANN.identity
        assert abs(clock.now_ms() - NOW_MS) < 60_000
        call.cancel()
        await caller.close()

    live(scene)


class Boot:
    """A machine that has just booted in 1970."""

    def wall_ns(self) -> int:
        return 0

    def monotonic_ns(self) -> int:
        return 0


def test_with_a_stale_password_nothing_but_the_status_can_be_had() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        house.show_status(inside)
        ann = await house.opened(ANN, "a", now_ms=lambda: 0)
        with pytest.raises(SubscriptionRefused):
            await ann.subscribe(topic(ANN, ASSIGN))
        await ann.subscribe(TOPICS.coordinator_status())
        assert (await ann.deliveries.get()).topic == TOPICS.coordinator_status()
        ann.publish(topic(ANN, REQUEST, ann.conn), b"work")
        await ann.flush()
        (await inside.deliveries.get()).ack()  # the status
        assert inside.deliveries.empty()

    live(scene)


def test_an_overheard_password_throws_nobody_off_and_takes_no_place_of_its_owner() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        ann = await house.opened(ANN, "a", clean=False)
        await ann.subscribe(topic(ANN, ASSIGN))
        lost: list[str] = []
        ann.on_disconnect.append(lost.append)
        await house.opened(ANN, "a", now_ms=lambda: 0)
        for n in range(STATUS_ONLY_PER_IDENTITY_MAX - 1):
            await house.opened(ANN, f"old {n}", now_ms=lambda: 0)
        with pytest.raises(NoConnection):
            await house.link(ANN, "one more", now_ms=lambda: 0, patience_s=0.3).open()
        for n in range(CONNECTIONS_PER_IDENTITY_MAX - 1):
            await house.opened(ANN, f"new {n}")
        inside.publish(topic(ANN, ASSIGN), b"work")
        assert (await ann.deliveries.get()).payload == b"work" and not lost

    live(scene)


def test_a_look_at_the_status_leaves_the_session_that_is_away_as_it_was() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        ann = await house.opened(ANN, "a", clean=False)
        await ann.subscribe(topic(ANN, ASSIGN))
        await ann.close()
        while house.broker.connection_count:
            await asyncio.sleep(0)
        await (await house.opened(ANN, "a", now_ms=lambda: 0)).close()
        inside.publish(topic(ANN, ASSIGN), b"work")
        again = await house.opened(ANN, "a", clean=False)
        assert (await again.deliveries.get()).payload == b"work"

    live(scene)


def test_whoever_only_looks_at_the_status_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_core, "STATUS_ONLY_S", 0.2)

    async def scene(house: House) -> None:
        gone = asyncio.Event()
        link = await house.opened(ANN, "a", now_ms=lambda: 0)
        link.on_disconnect.append(lambda _: link.abort())
        link.on_disconnect.append(lambda _: gone.set())
        await gone.wait()
        while house.broker.connection_count:
            await asyncio.sleep(0)

    live(scene)


def test_a_fleet_without_clocks_behind_one_address_gets_in() -> None:
    async def scene(house: House) -> None:
        for signer in (ANN, BOB) * 3:
            await (await house.opened(signer, signer.identity[:16], now_ms=lambda: 0)).close()
        await house.opened(ANN, "a")

    live(scene, gate=Gate(attempts_per_minute=2))


def test_who_has_all_his_connections_may_still_take_one_of_them_over() -> None:
    async def scene(house: House) -> None:
        will = (topic(ANN, STATUS), b"gone", False)
        for n in range(CONNECTIONS_PER_IDENTITY_MAX):
            link = house.link(ANN, f"a{n}")
            link.set_will(lambda: will)
            await link.open()
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(topic(ANN, STATUS))
        with pytest.raises(NoConnection):
            await house.link(ANN, "one too many", patience_s=0.3).open()
        assert inside.deliveries.empty(), "nobody was thrown off for somebody who does not get in"
        old = house.links[0]
        old.on_disconnect.append(lambda _: old.abort())
        await house.opened(ANN, "a0")
        assert (await inside.deliveries.get()).payload == b"gone"
        assert house.broker.connection_count == CONNECTIONS_PER_IDENTITY_MAX

    live(scene)
