"""What only a link over a socket can show: refusals, takeovers, TLS, fullness, silence of the broker."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.transports import reconnecting
from colonies_edge.transports.admission import Access, Admission, Credentials
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls
from colonies_edge.transports.ports import OUTGOING_COUNT_MAX, LinkFull, LinkTakenOver, NotAdmitted
from tests.support.brokers import Mosquitto, free_port

PATIENCE_S = 30


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))


def test_addresses_are_read_with_their_defaults_and_nonsense_is_refused() -> None:
    assert BrokerUrl.parse("mqtt://pi") == BrokerUrl(host="pi", port=1883, tls=False)
    assert BrokerUrl.parse("mqtts://u:p%40ss@[::1]:99") == BrokerUrl(
        host="::1", port=99, tls=True, username="u", password="p@ss"
    )
    assert str(BrokerUrl.parse("mqtts://u:secret@[::1]")) == "mqtts://[::1]:8883"
    assert BrokerUrl.parse("pi:99") == BrokerUrl(host="pi", port=99, tls=False)
    for nonsense in ("http://pi", "mqtt://", "mqtt://pi:port"):
        with pytest.raises(UsageError, match="no address of a broker"):
            BrokerUrl.parse(nonsense)
    with pytest.raises(UsageError) as refusal:
        BrokerUrl.parse("http://me:secret@pi")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "typed",
    ["mqtts:/pi:8883", "mqtts:me@pi:8883", "mqtts//pi", "mqtts:pi", "mqtts:8883", "mqtts", "mqtss://pi", "me:pw@pi"],
)
def test_a_scheme_with_a_typo_is_refused_and_does_not_turn_tls_off(typed: str) -> None:
    with pytest.raises(UsageError, match="no address of a broker"):
        BrokerUrl.parse(typed)


def test_without_a_broker_opening_fails_in_time_and_succeeds_once_there_is_one() -> None:
    async def scene() -> None:
        port = free_port()
        link = MqttLink(f"mqtt://127.0.0.1:{port}", patience_s=0.1)
        with pytest.raises(NoConnection, match=str(port)):
            await link.open()
        link.publish("t", b"kept", retain=True)
        with Mosquitto(port=port) as broker:
            await link.flush()
            late = MqttLink(broker.url)
            await late.open()
            await late.subscribe("t")
            assert (await late.deliveries.get()).payload == b"kept"
            await late.close()
            await link.close()

    run(scene)


def test_a_wrong_password_is_not_admitted_and_the_password_is_made_at_every_connect(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto_passwd is missing; install it with: apt-get install mosquitto")
    subprocess.run([program, "-b", "-c", str(passwords), "ann", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)

    async def scene() -> None:
        with Mosquitto(extra=f"allow_anonymous false\npassword_file {passwords}\n") as broker:
            with pytest.raises(NotAdmitted):
                await MqttLink(broker.url, username="ann", password=lambda: "wrong").open()
            made: list[int] = []
            back = asyncio.Event()
            link = MqttLink(broker.url, username="ann", password=lambda: made.append(1) or "right")  # type: ignore[func-returns-value]
            await link.open()
            link.on_connect.append(back.set)
            link.reconnect()
            await back.wait()
            assert len(made) == 2
            await link.close()
            inline = MqttLink(broker.url.replace("//", "//ann:right@"))
            await inline.open()
            await inline.close()

    run(scene)


def test_two_clients_with_one_stable_id_end_with_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "FIRST_S", 0.02)
    monkeypatch.setattr(reconnecting, "LONGEST_S", 0.02)

    async def scene() -> None:
        with Mosquitto() as broker:
            one, two = (MqttLink(broker.url, client_id="coordinator", clean=False) for _ in range(2))
            failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
            for link in (one, two):
                link.on_failure.append(lambda failure: failed.done() or failed.set_result(failure))  # type: ignore[func-returns-value, arg-type]
                await link.open()
            failure = await failed
            assert isinstance(failure, LinkTakenOver) and "second coordinator" in str(failure)
            loser = one if not one.connected else two
            with pytest.raises(LinkTakenOver):
                loser.publish("t", b"")
            await one.close()
            await two.close()

    run(scene)


def test_a_broker_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.transports.mqtt.ATTEMPT_S", 0.1)

    async def scene() -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            link = MqttLink(f"mqtt://127.0.0.1:{mute.getsockname()[1]}", patience_s=0.3)
            with pytest.raises(NoConnection, match="no answer within"):
                await link.open()
            await link.close()

    run(scene)


def test_a_full_link_refuses_more_and_says_how_much_waits() -> None:
    async def scene() -> None:
        link = MqttLink(f"mqtt://127.0.0.1:{free_port()}", patience_s=0.05)
        with pytest.raises(NoConnection):
            await link.open()
        for _ in range(OUTGOING_COUNT_MAX):
            link.publish("t", b"x")
        with pytest.raises(LinkFull, match=str(OUTGOING_COUNT_MAX)):
            link.publish("t", b"x")
        await link.close()

    run(scene)


def test_a_will_that_cannot_be_made_is_said_and_does_not_end_the_trying(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        with Mosquitto() as broker:
            link = MqttLink(broker.url)
            attempts: list[int] = []

            def make() -> tuple[str, bytes, bool]:
                attempts.append(1)
                if len(attempts) == 1:
                    raise RuntimeError("no key yet")
                return "w", b"gone", False

            link.set_will(make)
            await link.open()
            await link.close()

    run(scene)
    assert "no key yet" in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing; install it with: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_tls_carries_large_messages_and_refuses_a_broker_it_does_not_know(
    kind: str, certificate: tuple[str, str]
) -> None:
    cert, key = certificate

    async def talk(url: str) -> None:
        unbelieving = MqttLink(url, patience_s=0.3)
        with pytest.raises(NoConnection):
            await unbelieving.open()
        await unbelieving.close()  # it would go on trying, into the end of the loop
        for tls in (Tls(cafile=cert), Tls(insecure=True)):
            link = MqttLink(url, tls=tls)
            await link.open()
            await link.subscribe("colonies/v1/_/" + "a" * 64 + "/#")
            body = b"x" * 200_000
            for _ in range(10):
                link.publish("colonies/v1/_/" + "a" * 64 + "/request/" + link.conn, body)
            for _ in range(10):
                delivery = await link.deliveries.get()
                assert delivery.payload == body
                delivery.ack()
            await link.close()

    def admit(credentials: Credentials) -> Admission:
        return Admission(access=Access.FULL, identity="a" * 64)

    async def scene() -> None:
        if kind == "embedded":
            broker = EmbeddedBroker(Listen(port=0, certfile=cert, keyfile=key), admit=admit)
            await broker.start()
            await talk(f"mqtts://127.0.0.1:{broker.ports[0]}")
            await broker.close()
        else:
            with Mosquitto(extra=f"certfile {cert}\nkeyfile {key}\n") as mosquitto:
                await talk(f"mqtts://127.0.0.1:{mosquitto.port}")

    run(scene)


def test_the_tls_settings_check_the_broker_unless_told_otherwise() -> None:
    assert Tls().context().verify_mode is ssl.CERT_REQUIRED
    assert Tls(insecure=True).context().verify_mode is ssl.CERT_NONE
