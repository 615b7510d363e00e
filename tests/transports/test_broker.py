"""The embedded broker: who gets in, what they may do there, and what it refuses to keep."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import CONNECTIONS_PER_IDENTITY_MAX, OFFLINE_QUEUE_MAX
from colonies_edge.protocol.status import ONLINE, CoordinatorStatus, seal_status
from colonies_edge.protocol.topics import ASSIGN, COORDINATOR_STATUS, REPLY, REQUEST, STATUS, Topic, Topics
from colonies_edge.transports.admission import PasswordChecker, password_of
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.ports import NotAdmitted, SubscriptionRefused
from colonies_edge.transports.system import PartyClock

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
ANN = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
BOB = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
STRANGER = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
TOPICS = Topics()
NOW_MS = 1_790_000_000_000
PATIENCE_S = 20


def topic(signer: Signer, channel: str, conn: str = "") -> str:
    return TOPICS.format(Topic(colony="dev", party=signer.identity, channel=channel, conn=conn))


class House:
    """A broker as a coordinator would run it, and links of those who live there."""

    def __init__(self, **settings: Any) -> None:
        checker = PasswordChecker(
            serverid=SERVER.identity,
            knows=lambda identity: identity in (ANN.identity, BOB.identity),
            now_ms=lambda: NOW_MS,
        )
        self.broker = EmbeddedBroker(Listen(port=0), admit=checker.admit, confinement=TOPICS, **settings)
        self.links: list[MqttLink] = []

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.broker.ports[0]}"

    def link(
        self, signer: Signer, client_id: str, *, now_ms: Callable[[], int] = lambda: NOW_MS, **more: Any
    ) -> MqttLink:
        def password() -> str:
            return password_of(signer, client_id, SERVER.identity, now_ms())

        link = MqttLink(self.url, username=signer.identity, password=password, client_id=client_id, **more)
        self.links.append(link)
        return link

    async def opened(self, signer: Signer, client_id: str, **more: Any) -> MqttLink:
        link = self.link(signer, client_id, **more)
        await link.open()
        return link

    def show_status(self, inside: Any) -> None:
        body = CoordinatorStatus(serverid=SERVER.identity, state=ONLINE, epoch="one", ts=NOW_MS)
        payload = seal_status(body, TOPICS.signed_form(COORDINATOR_STATUS), SERVER)
        inside.publish(TOPICS.coordinator_status(), payload, retain=True)


def live(scene: Callable[[House], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        house = House(**settings)
        await house.broker.start()
        try:
            await asyncio.wait_for(scene(house), PATIENCE_S)
        finally:
            for link in house.links:
                await link.close()
            await house.broker.close()

    asyncio.run(main())


def connect_packet(client_id: bytes, *, keepalive: int = 0, clean: bool = True) -> bytes:
    body = b"\x00\x04MQTT\x04" + bytes((2 if clean else 0,)) + keepalive.to_bytes(2, "big")
    body += len(client_id).to_bytes(2, "big") + client_id
    return bytes((0x10, len(body))) + body


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


def test_one_identity_holds_a_bounded_number_of_connections() -> None:
    async def scene(house: House) -> None:
        for n in range(CONNECTIONS_PER_IDENTITY_MAX):
            await house.opened(ANN, f"a{n}")
        with pytest.raises(NoConnection):
            await house.link(ANN, "one too many", patience_s=0.3).open()
        await house.opened(BOB, "b")
        assert house.broker.connection_count == CONNECTIONS_PER_IDENTITY_MAX + 1

    live(scene)


def test_an_address_that_guesses_is_not_listened_to_for_a_while() -> None:
    async def scene(house: House) -> None:
        for _ in range(2):
            with pytest.raises(NotAdmitted):
                await house.link(STRANGER, "s").open()
        with pytest.raises(NoConnection) as unheard:
            await house.link(ANN, "a", patience_s=0.3).open()
        assert not isinstance(unheard.value, NotAdmitted)

    live(scene, gate=Gate(attempts_per_minute=2))


def test_a_removed_identity_is_thrown_out() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a", clean=False)
        lost = asyncio.Event()
        ann.on_disconnect.append(lambda reason: lost.set())
        ann.on_disconnect.append(lambda reason: ann.abort())
        house.broker.disconnect(ANN.identity)
        await lost.wait()
        assert house.broker.session_count == 0

    live(scene)


def test_clean_sessions_leave_nothing_and_lasting_ones_are_bounded() -> None:
    async def scene(house: House) -> None:
        for n in range(5):
            link = await house.opened(ANN, f"clean-{n}")
            await link.subscribe(topic(ANN, ASSIGN), lambda conn: topic(ANN, REPLY, conn))
            await link.close()
        while house.broker.connection_count:
            await asyncio.sleep(0)
        assert house.broker.session_count == 0 and house.broker._router.empty
        for n in range(CONNECTIONS_PER_IDENTITY_MAX + 3):
            link = await house.opened(ANN, f"lasting-{n}", clean=False)
            await link.subscribe(topic(ANN, ASSIGN))
            await link.close()
        while house.broker.connection_count:
            await asyncio.sleep(0)
        assert house.broker.session_count == CONNECTIONS_PER_IDENTITY_MAX

    live(scene)


def test_a_session_that_is_away_keeps_the_newest_messages_without_retain() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a", clean=False)
        await ann.subscribe(topic(ANN, ASSIGN))
        await ann.close()
        while house.broker.connection_count:
            await asyncio.sleep(0)
        inside = house.broker.link()
        await inside.open()
        for n in range(OFFLINE_QUEUE_MAX + 5):
            inside.publish(topic(ANN, ASSIGN), b"%d" % n)
        again = await house.opened(ANN, "a", clean=False)
        got = [await again.deliveries.get() for _ in range(OFFLINE_QUEUE_MAX)]
        assert [int(delivery.payload) for delivery in got] == list(range(5, OFFLINE_QUEUE_MAX + 5))
        assert not any(delivery.retain for delivery in got)

    live(scene)


def test_a_packet_over_the_limit_ends_the_connection() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a", payload_bytes_max=10_000_000)
        lost = asyncio.Event()
        ann.on_disconnect.append(lambda reason: ann.abort())
        ann.on_disconnect.append(lambda reason: lost.set())
        ann.publish(topic(ANN, REQUEST, ann.conn), b"x" * 2_000_000)
        await lost.wait()

    live(scene)


def test_a_client_that_falls_silent_is_given_up_and_its_will_published() -> None:
    async def scene(house: House) -> None:
        from colonies_edge.transports.admission import Access, Admission

        house.broker._admit = lambda credentials: Admission(access=Access.FULL, identity=ANN.identity)
        await house.broker.close()
        await house.broker.start()
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(topic(ANN, STATUS))
        reader, writer = await asyncio.open_connection("127.0.0.1", house.broker.ports[0])
        name, gone = topic(ANN, STATUS).encode(), b"gone"
        body = b"\x00\x04MQTT\x04\x06\x00\x01\x00\x01z"  # a will, a keep-alive of one second, client id z
        body += len(name).to_bytes(2, "big") + name + len(gone).to_bytes(2, "big") + gone
        writer.write(b"\x10" + bytes((len(body) & 0x7F | 0x80, len(body) >> 7)) + body)
        assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
        assert (await inside.deliveries.get()).payload == b"gone"
        assert await reader.read() == b""
        writer.close()

    live(scene)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x00", b"", connect_packet(b"x")[:7]]
)
def test_garbage_ends_its_own_connection_only(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(house: House) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.broker.ports[0])
        writer.write(garbage)
        writer.write_eof()
        await reader.read()
        writer.close()
        await house.opened(ANN, "a")

    live(scene)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_normal_operation_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(house: House) -> None:
        inside = house.broker.link()
        await inside.open()
        await inside.subscribe(*TOPICS.coordinator_filters())
        for n in range(3):
            ann = await house.opened(ANN, f"a{n}")
            await ann.subscribe(topic(ANN, ASSIGN))
            inside.publish(topic(ANN, ASSIGN), b"work")
            await ann.deliveries.get()
            ann.publish(topic(ANN, REQUEST, ann.conn), b"q")
            await (ann.close if n else ann.flush)()  # type: ignore[operator]
        house.links[0].abort()

    live(scene)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_broker_closes_with_clients_in_every_state() -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a")
        ann.on_disconnect.append(lambda reason: ann.abort())
        _, silent = await asyncio.open_connection("127.0.0.1", house.broker.ports[0])
        _, half = await asyncio.open_connection("127.0.0.1", house.broker.ports[0])
        half.write(b"\x10")
        await house.broker.close()
        silent.close()
        half.close()

    live(scene)


def test_a_taken_port_is_an_error_of_the_operator() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            broker = EmbeddedBroker(Listen(port=taken.getsockname()[1]), admit=lambda credentials: None)  # type: ignore[arg-type, return-value]
            with pytest.raises(OSError, match=r"in use|address"):
                await broker.start()

    asyncio.run(main())


def test_the_broker_imports_and_runs_without_psutil_argon2_and_typer() -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"psutil", "pwdlib", "argon2", "typer", "rich", "pydantic", "cffi", "aiohttp"}:
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Missing())
        from colonies_edge.transports.admission import Access, Admission
        from colonies_edge.transports.broker import EmbeddedBroker, Listen
        from colonies_edge.transports.mqtt import MqttLink

        async def main():
            broker = EmbeddedBroker(Listen(port=0), admit=lambda credentials: Admission(access=Access.FULL))
            await broker.start()
            link = MqttLink(f"mqtt://127.0.0.1:{broker.ports[0]}")
            await link.open()
            await link.close()
            await broker.close()

        asyncio.run(main())
        print("ran")
        """
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("ran\n", "")
