"""What the embedded broker keeps, what it refuses to keep, and how it starts and ends."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import textwrap

import pytest

from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.limits import CONNECTIONS_PER_IDENTITY_MAX, OFFLINE_QUEUE_MAX
from colonies_edge.protocol.topics import ASSIGN, REPLY, REQUEST, STATUS
from colonies_edge.transports.admission import Access, Admission
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.ports import NotAdmitted
from tests.support.house import ANN, BOB, STRANGER, TOPICS, House, live, topic


def connect_packet(client_id: bytes, *, keepalive: int = 0, clean: bool = True) -> bytes:
    body = b"\x00\x04MQTT\x04" + bytes((2 if clean else 0,)) + keepalive.to_bytes(2, "big")
    body += len(client_id).to_bytes(2, "big") + client_id
    return bytes((0x10, len(body))) + body


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
