"""Strangers with a token at the embedded broker: let in to ask, confined, few at a time, and not for long."""

from __future__ import annotations

import asyncio

import pytest

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import ENROL_BYTES_MAX, ENROLLING_CONNECTIONS_MAX
from colonies_edge.protocol.topics import ASSIGN, REPLY, REQUEST, RESULT, STATUS
from colonies_edge.transports import broker_core
from colonies_edge.transports.ports import NotAdmitted, SubscriptionRefused
from tests.support.house import ANN, NOW_MS, STRANGER, TOKEN, TOPICS, House, live, topic


def test_a_stranger_with_a_token_may_send_requests_and_read_the_answers() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link("coordinator")
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        link = await house.opened(STRANGER, "s", token=TOKEN)
        await link.subscribe(lambda conn: topic(STRANGER, REPLY, conn), TOPICS.coordinator_status())
        for foreign in (
            topic(ANN, REQUEST, link.conn),
            topic(STRANGER, RESULT, link.conn),
            topic(STRANGER, STATUS),
            topic(STRANGER, ASSIGN),
        ):
            link.publish(foreign, b"not for him to say")
        link.publish(topic(STRANGER, REQUEST, link.conn), b"let me in")
        await link.flush()
        first = await inside.deliveries.get()
        assert first.payload == b"let me in"
        inside.publish(topic(STRANGER, REPLY, link.conn), b"come in")
        assert (await link.deliveries.get()).payload == b"come in"
        for filter_ in (topic(ANN, ASSIGN), "#", "colonies/v1/dev/+/status"):
            with pytest.raises(SubscriptionRefused):
                await link.subscribe(filter_)

    live(scene)


@pytest.mark.parametrize("token", ["", "another"])
def test_without_a_token_that_counts_he_is_refused(token: str) -> None:
    async def scene(house: House) -> None:
        with pytest.raises(NotAdmitted):
            await house.link(STRANGER, "s", token=token).open()

    live(scene)


def test_a_token_under_the_signature_of_somebody_else_is_no_password() -> None:
    async def scene(house: House) -> None:
        link = house.link(STRANGER, "s", token=TOKEN)
        link.username = Signer("aa" * 32).identity
        with pytest.raises(NotAdmitted):
            await link.open()

    live(scene)


def test_a_stale_clock_shows_a_stranger_the_time_only() -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link("coordinator")
        await inside.open()
        house.show_status(inside)
        link = await house.opened(STRANGER, "s", token=TOKEN, now_ms=lambda: NOW_MS - 10**9)
        await link.subscribe(TOPICS.coordinator_status())
        assert (await link.deliveries.get()).retain
        with pytest.raises(SubscriptionRefused):
            await link.subscribe(topic(STRANGER, REPLY, "c" * 12))

    live(scene)


def test_strangers_are_few_and_known_ones_are_not_kept_out_by_them() -> None:
    async def scene(house: House) -> None:
        signers = [Signer(f"{number + 1:064x}") for number in range(ENROLLING_CONNECTIONS_MAX + 1)]
        for signer in signers[:-1]:
            await house.opened(signer, signer.identity[:16], token=TOKEN)
        with pytest.raises(NoConnection):
            await house.link(signers[-1], "late", token=TOKEN, patience_s=0.3).open()
        await house.opened(ANN, "a")
        gone = asyncio.Event()
        house.links[0].on_disconnect.append(lambda _: gone.set())
        await house.links[0].close()
        late = house.link(signers[-1], "later", token=TOKEN)
        await late.open()

    live(scene)


def test_a_strangers_message_is_small_and_his_visit_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_core, "ENROLLING_S", 0.2)

    async def scene(house: House) -> None:
        gone = asyncio.Event()
        link = await house.opened(STRANGER, "s", token=TOKEN)
        link.on_disconnect.append(lambda _: gone.set())
        await gone.wait()
        large = house.link(STRANGER, "t", token=TOKEN)
        over = asyncio.Event()
        large.on_disconnect.append(lambda _: over.set())
        await large.open()
        large.publish(topic(STRANGER, REQUEST, large.conn), bytes(ENROL_BYTES_MAX + 2_048))
        await over.wait()

    live(scene)
