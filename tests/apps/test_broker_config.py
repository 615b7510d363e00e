"""The broker files, judged by a real mosquitto: who gets in, who sees what, and that the numbers are the protocol's."""

from __future__ import annotations

import argparse
import getpass
import queue
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from colonies_edge.apps import broker_config, broker_config_texts
from colonies_edge.apps.broker_config import Account, Plan, write_mosquitto
from colonies_edge.apps.certificates import ClockNotSet
from colonies_edge.protocol import limits
from colonies_edge.protocol.errors import UsageError
from tests.support.brokers import MOSQUITTO, free_port

ROOT = Path(__file__).resolve().parents[2]
NOW_NS = 1_790_000_000 * 1_000_000_000
ALICE, BOB = "a1" * 32, "b0" * 32
CONN = "conn0001"

needs_cryptography = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import cryptography.x509"], capture_output=True, check=False).returncode
    != 0,
    reason="cryptography is missing; install it with: apt-get install python3-cryptography",
)
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is missing; install it with: apt-get install mosquitto"
)


def luck(count: int) -> bytes:
    """Different bytes at every call, the same in every run."""
    luck.calls += 1  # type: ignore[attr-defined]
    return bytes((luck.calls * 7 + i) % 256 for i in range(count))  # type: ignore[attr-defined]


luck.calls = 0  # type: ignore[attr-defined]


@contextmanager
def mosquitto(config: Path) -> Iterator[None]:
    """Runs until the block ends; entered when it accepts connections."""
    assert MOSQUITTO is not None
    with config.open("a", encoding="utf-8") as file:  # root's mosquitto would become another user and miss tmp_path
        file.write(f"\nlog_type information\nuser {getpass.getuser()}\n")
    with subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if line.rstrip().endswith(" running"):
                    break
            else:
                raise AssertionError("mosquitto did not start:\n" + "".join(said))
            yield
        finally:
            process.terminate()


@dataclass
class Party:
    """One plain MQTT client, without anything of ours in between."""

    client: paho.Client
    came: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)

    def publish(self, topic: str, body: bytes = b"x") -> None:
        self.client.publish(topic, body, qos=1).wait_for_publish(timeout=30)

    def subscribe(self, topic: str) -> None:
        granted: queue.Queue[object] = queue.Queue()
        self.client.on_subscribe = lambda *_: granted.put(True)
        self.client.subscribe(topic, qos=1)
        granted.get(timeout=30)

    def next(self) -> tuple[str, bytes]:
        return self.came.get(timeout=30)


@contextmanager
def connected(port: int, account: Account | None = None, ca: Path | None = None) -> Iterator[Party]:
    """Raises PermissionError when the broker says no."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    party = Party(client)
    answer: queue.Queue[ReasonCode] = queue.Queue()
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answer.put(reason)
    client.on_message = lambda _client, _data, message: party.came.put((message.topic, bytes(message.payload)))
    if account:
        client.username_pw_set(account.user, account.password)
    if ca:
        client.tls_set(str(ca))
    client.connect("localhost" if ca else "127.0.0.1", port)
    client.loop_start()
    try:
        reason = answer.get(timeout=30)
        if reason.is_failure:
            raise PermissionError(str(reason))
        yield party
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass(frozen=True)
class Site:
    port: int
    ca: Path
    accounts: dict[str, Account]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A broker that runs on exactly what the command writes."""
    port = free_port()
    plan = Plan(
        hosts=("localhost",), identities=(Account(user=ALICE), Account(user=BOB)), port=port, data=f"{tmp_path}/"
    )
    fresh = write_mosquitto(tmp_path / "broker", plan, luck=luck, now_ns=NOW_NS)
    with mosquitto(tmp_path / "broker" / "mosquitto.conf"):
        yield Site(port, tmp_path / "broker" / "ca.crt", {account.user: account for account in fresh})


@needs_cryptography
@needs_mosquitto
def test_a_stranger_a_wrong_password_and_a_client_without_the_authority_are_refused(site: Site) -> None:
    strangers = [None, Account(user=ALICE, password="wrong"), Account(user="c3" * 32, password="x")]
    for stranger in strangers:
        with pytest.raises(PermissionError), connected(site.port, stranger, site.ca):
            pass
    with socket.create_connection(("localhost", site.port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


@needs_cryptography
@needs_mosquitto
def test_an_identity_can_publish_only_to_its_own_request_result_and_status(site: Site) -> None:
    own = [f"colonies/v1/dev/{ALICE}/{rest}" for rest in (f"request/{CONN}", f"result/{CONN}", "status")]
    foreign = [
        f"colonies/v1/dev/{BOB}/request/{CONN}",
        f"colonies/v1/dev/{BOB}/assign",
        f"colonies/v1/dev/{ALICE}/assign",
        f"colonies/v1/dev/{ALICE}/reply/{CONN}",
        f"colonies/v1/dev/{ALICE}/event/{CONN}",
        "colonies/v1/dev/coordinator/status",
        f"colonies/v2/dev/{ALICE}/request/{CONN}",
    ]
    accounts = site.accounts
    with (
        connected(site.port, accounts["coordinator"], site.ca) as coordinator,
        connected(site.port, accounts[ALICE], site.ca) as alice,
    ):
        coordinator.subscribe("colonies/#")
        for topic in (*foreign, *own):
            alice.publish(topic)
        assert [coordinator.next()[0] for _ in own] == own, (
            "what came first was published first: a foreign topic passed"
        )


@needs_cryptography
@needs_mosquitto
def test_an_identity_reads_only_its_own_topics_and_the_coordinators_status(site: Site) -> None:
    own = [f"colonies/v1/dev/{ALICE}/{rest}" for rest in (f"reply/{CONN}", "assign", f"event/{CONN}")]
    foreign = [f"colonies/v1/dev/{BOB}/{rest}" for rest in (f"reply/{CONN}", "assign", f"event/{CONN}", "status")]
    shown = "colonies/v1/dev/coordinator/status"
    accounts = site.accounts
    with (
        connected(site.port, accounts["coordinator"], site.ca) as coordinator,
        connected(site.port, accounts[ALICE], site.ca) as alice,
    ):
        for greedy in ("#", "colonies/#", f"colonies/v1/dev/{BOB}/assign"):
            alice.subscribe(greedy)
        for topic in (*foreign, *own, shown):
            coordinator.publish(topic)
        seen = [alice.next()[0]]
        while seen[-1] != shown:
            seen.append(alice.next()[0])
    assert set(seen) == {*own, shown}


@needs_mosquitto
def test_the_development_broker_serves_anybody_on_this_machine(tmp_path: Path) -> None:
    port = free_port()
    text = (ROOT / "broker_config" / "mosquitto-development.conf").read_text(encoding="utf-8")
    (tmp_path / "dev.conf").write_text(text.replace("listener 1883 127.0.0.1", f"listener {port} 127.0.0.1"))
    with mosquitto(tmp_path / "dev.conf"), connected(port) as one, connected(port) as other:
        one.subscribe("colonies/v1/dev/coordinator/status")
        other.publish("colonies/v1/dev/coordinator/status", b"here")
        assert one.next() == ("colonies/v1/dev/coordinator/status", b"here")


def test_the_files_in_broker_config_are_what_the_command_writes(tmp_path: Path) -> None:
    broker_config.write_examples(tmp_path)
    for name in broker_config_texts.examples():
        assert (ROOT / "broker_config" / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(), (
            f"broker_config/{name} is written by `python -m colonies_edge broker-config examples --out broker_config`"
        )


def test_the_brokers_limits_are_the_protocols() -> None:
    texts = broker_config_texts.examples()
    for name in ("mosquitto-production.conf", "mosquitto-development.conf"):
        number = {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)$", texts[name], re.MULTILINE)}
        assert 0 < number["max_packet_size"] - limits.REPLY_BYTES_MAX < 2048, "room for the topic, and little more"
        assert number["max_connections"] == limits.CONNECTIONS_MAX
        assert number["max_queued_messages"] >= limits.CONNECTIONS_MAX >= limits.OFFLINE_QUEUE_MAX
        assert number["max_queued_bytes"] >= number["max_inflight_messages"] * limits.MESSAGE_BYTES_MAX
        assert "set_tcp_nodelay true" in texts[name]
    packet_kib = re.search(r"max_packet_size = (\d+)KB", texts["nanomq.conf"])
    assert packet_kib is not None and int(packet_kib[1]) * 1024 > limits.REPLY_BYTES_MAX


@needs_cryptography
def test_a_second_run_adds_an_identity_and_keeps_what_devices_already_have(tmp_path: Path) -> None:
    plan = Plan(hosts=("broker.example",), identities=(Account(user=ALICE),))
    first = write_mosquitto(tmp_path, plan, luck=luck, now_ns=NOW_NS)
    before = {name: (tmp_path / name).read_bytes() for name in ("ca.crt", "ca.key", "passwords", "credentials")}
    more = Plan(hosts=("other.example",), identities=(Account(user=BOB, password="p:w/d"),))
    second = write_mosquitto(tmp_path, more, luck=luck, now_ns=NOW_NS)
    assert [account.user for account in first] == ["coordinator", ALICE]
    assert second == (Account(user=BOB, password="p:w/d"),)
    assert (tmp_path / "ca.crt").read_bytes() == before["ca.crt"]
    assert (tmp_path / "ca.key").read_bytes() == before["ca.key"]
    assert set(before["passwords"].splitlines()) < set((tmp_path / "passwords").read_bytes().splitlines())
    credentials = (tmp_path / "credentials").read_text()
    assert credentials.startswith(before["credentials"].decode())
    assert f"{BOB} mqtts://{BOB}:p%3Aw%2Fd@other.example:8883\n" in credentials


@needs_cryptography
def test_secrets_are_readable_by_their_owner_and_the_broker_only(tmp_path: Path) -> None:
    write_mosquitto(tmp_path / "out", Plan(hosts=("h",)), luck=luck, now_ns=NOW_NS)
    mode = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert mode["ca.key"] == mode["credentials"] == 0o600
    assert mode["server.key"] == mode["passwords"] == 0o640
    assert (tmp_path / "out").stat().st_mode & 0o007 == 0


@needs_cryptography
def test_certificates_are_not_dated_by_a_clock_that_was_never_set(tmp_path: Path) -> None:
    with pytest.raises(ClockNotSet):
        write_mosquitto(tmp_path, Plan(hosts=("h",)), luck=luck, now_ns=100)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    broker_config.add_parser(parser.add_subparsers())
    return parser.parse_args(["broker-config", *words])


@needs_cryptography
def test_the_command_prints_what_each_user_sets_and_ends_with_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = parsed("mosquitto", "--out", str(tmp_path), "--identity", ALICE, "--host", "fd00::1", "--port", "8884")
    assert args.run(args) == 0
    assert re.search(
        rf"^{ALICE}  COLONIES_MQTT=mqtts://{ALICE}:\S{{32}}@\[fd00::1\]:8884$", capsys.readouterr().out, re.M
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--identity", "alice"],
        ["--identity", ALICE.upper()],
        ["--identity", f"{ALICE}:"],
        ["--identity", f"{ALICE}:a\nb"],
        ["--coordinator", "co+ordinator"],
        ["--topic-root", "colonies/#"],
        ["--port", "0"],
    ],
)
def test_what_would_make_a_broken_or_open_broker_is_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words[0]):
        broker_config.plan_of(parsed("mosquitto", "--out", str(tmp_path), *words))


def test_without_cryptography_the_command_names_the_package(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import argparse; from colonies_edge.apps import broker_config\n"
        "parser = argparse.ArgumentParser(); broker_config.add_parser(parser.add_subparsers())\n"
        "args = parser.parse_args(); sys.exit(args.run(args))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "broker-config", "mosquitto", "--out", str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "python3-cryptography" in ended.stderr
    assert "Traceback" not in ended.stderr
