"""Who may knock: strangers who say nothing keep nobody out, and take no descriptor that the store needs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.protocol.limits import DESCRIPTORS_RESERVED
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.descriptors import share_descriptors
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_socket import Tls
from tests.support.certificates import Issuer
from tests.support.house import ANN, BOB, House, live

ELSEWHERE = "127.0.0.2"  # another address of this machine, where strangers come from


@contextlib.contextmanager
def silent(port: int, count: int, *, source: str = ELSEWHERE) -> Iterator[list[socket.socket]]:
    """Connections that say nothing."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), source_address=(source, 0)))
            for _ in range(count)
        ]


async def at_the_door(broker: EmbeddedBroker, count: int) -> None:
    while broker._door.open_count < count:
        await asyncio.sleep(0)


def test_strangers_who_say_nothing_keep_nobody_out_and_end_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(house: House) -> None:
        ann = await house.opened(ANN, "a")
        with silent(house.broker.ports[0], 60):
            await at_the_door(house.broker, 8)
            await house.opened(BOB, "b")
            with silent(house.broker.ports[0], 1, source="127.0.0.3") as (other,):
                await asyncio.sleep(0.01)
                other.setblocking(False)
                with pytest.raises(BlockingIOError):  # the crowd had to make room for this one
                    other.recv(1)
            assert house.broker._door.open_count <= 8
        ann.publish("colonies/v1/dev/nobody/status", b"")
        await ann.flush()
        assert ann.connected

    live(scene, sockets_max=8)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1, "a crowd is mentioned once a minute"


def test_when_all_have_said_what_they_want_the_newest_goes() -> None:
    async def scene(house: House) -> None:
        first = [await house.opened(ANN, f"a{n}") for n in range(3)]
        with silent(house.broker.ports[0], 1) as (late,):
            late.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(late, 1) == b""
        assert all(link.connected for link in first)
        await first[0].close()
        await house.opened(BOB, "b")

    live(scene, sockets_max=3)


def test_silence_in_front_of_tls_counts_from_the_first_moment(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    cert, key = issuer.server("server", "127.0.0.1")

    async def scene(house: House) -> None:
        broker = EmbeddedBroker(
            Listen(port=0, certfile=str(cert), keyfile=str(key)), admit=house.broker._admit, sockets_max=5
        )
        await broker.start()
        try:
            with silent(broker.ports[0], 30):
                await at_the_door(broker, 5)
                house.broker.ports = broker.ports
                link = house.link(ANN, "a")
                secure = MqttLink(
                    f"mqtts://127.0.0.1:{broker.ports[0]}",
                    username=ANN.identity,
                    password=link._password,
                    client_id="a",
                    tls=Tls(cafile=str(issuer.ca)),
                )
                await secure.open()
                assert broker._door.open_count <= 5
                await secure.close()
        finally:
            await broker.close()

    live(scene)


def test_a_bad_line_is_no_guess() -> None:
    async def scene(house: House) -> None:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.broker.ports[0])
            writer.write(b"\x10")
            writer.write_eof()
            await reader.read()
            writer.close()
        await house.opened(ANN, "a")

    live(scene, gate=Gate(attempts_per_minute=2))


def test_when_no_descriptor_is_left_callers_are_told_and_the_log_stays_empty() -> None:
    program = textwrap.dedent(
        """
        import asyncio, os, resource, sys
        from colonies_edge.transports.door import Door

        async def main():
            listener = Door(100).listen("127.0.0.1", 0)
            server = await asyncio.start_server(lambda reader, writer: writer.write(b"hello"), sock=listener)
            await asyncio.to_thread(int)  # what a thread needs is loaded
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            print(listener.getsockname()[1], flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            print("more", flush=True)
            await asyncio.to_thread(sys.stdin.readline)

        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as ran:
        assert ran.stdout is not None and ran.stdin is not None and ran.stderr is not None
        port = int(ran.stdout.readline())
        with silent(port, 20) as callers:
            assert [_end_of(caller) for caller in callers] == [b""] * 20
        ran.stdin.write("\n")
        ran.stdin.flush()
        assert ran.stdout.readline() == "more\n"
        with silent(port, 1) as (caller,):
            assert caller.recv(5) == b"hello"
        ran.stdin.close()
        assert ran.stderr.read() == ""


def _end_of(caller: socket.socket) -> bytes:
    try:
        return caller.recv(1)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("granted", "wanted", "shares"),
    [
        (1_048_576, (10_000, 4_096), (10_000, 4_096)),
        (1_024, (10_000, 0), (1_024 - DESCRIPTORS_RESERVED, 0)),
        (1_024, (10_000, 4_096), (544, 223)),
        (256, (10_000, 0), (128, 0)),
        (1_024, (0, 0), (0, 0)),
    ],
)
def test_listeners_share_what_the_system_grants(
    granted: int, wanted: tuple[int, ...], shares: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [(min(1_024, granted), granted)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, asked: limits.append(asked))
    assert share_descriptors(*wanted) == shares
    assert limits[-1][0] >= sum(shares)
