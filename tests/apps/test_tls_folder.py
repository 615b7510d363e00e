"""The coordinator's own certificates: made once, renewed in time, readable by their owner only, whole after a crash."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from colonies_edge.apps.certificates import RENEWED_SERVER_DAYS, ClockNotSet
from colonies_edge.apps.cli import main
from colonies_edge.apps.coordinator.serving import make_sure
from colonies_edge.apps.tls_folder import RENEW_DAYS_LEFT, TlsFolder, renew
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.certificate_files import CertificateFiles
from colonies_edge.transports.own_addresses import own_hosts
from tests.support.certificates import DAY_NS, needs_cryptography

NOW_NS = 1_790_000_000 * 1_000_000_000

pytestmark = needs_cryptography


@pytest.fixture
def folder(tmp_path: Path) -> TlsFolder:
    made = TlsFolder(tmp_path / "data" / "tls")
    made.init(("pi.local", "10.0.0.5", "localhost"), NOW_NS)
    return made


def test_keys_are_readable_by_their_owner_only(folder: TlsFolder) -> None:
    folder.new_client("camera-1", "a" * 64, NOW_NS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.rglob("*.key")}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "camera-1.key": 0o600}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_made_again_it_keeps_the_authority_and_adds_hosts(folder: TlsFolder) -> None:
    authority = folder.ca_crt.read_bytes()
    facts = folder.init(("camera.example",), NOW_NS)
    assert folder.ca_crt.read_bytes() == authority
    assert facts.hosts == ("camera.example", "pi.local", "10.0.0.5", "localhost")


@pytest.mark.parametrize(("after_days", "renewed"), [(RENEWED_SERVER_DAYS - RENEW_DAYS_LEFT - 2, False), (244, True)])
def test_it_is_renewed_when_a_third_of_its_life_is_left(folder: TlsFolder, after_days: int, renewed: bool) -> None:
    before = folder.server_crt.read_bytes()
    renew(folder, NOW_NS + after_days * DAY_NS)
    assert (folder.server_crt.read_bytes() != before) is renewed
    facts = folder.facts(folder.server_crt)
    assert facts.hosts == ("pi.local", "10.0.0.5", "localhost")
    assert facts.days_left(NOW_NS + after_days * DAY_NS) > RENEW_DAYS_LEFT
    CertificateFiles(str(folder.server_crt), str(folder.server_key))


def test_one_that_has_expired_long_ago_is_renewed_too(folder: TlsFolder) -> None:
    much_later = NOW_NS + 900 * DAY_NS
    renew(folder, much_later)
    assert folder.facts(folder.server_crt).days_left(much_later) == RENEWED_SERVER_DAYS


def test_what_cannot_be_renewed_is_said_and_ends_nothing(folder: TlsFolder, caplog: pytest.LogCaptureFixture) -> None:
    before = folder.server_crt.read_bytes()
    folder.ca_key.unlink()
    with caplog.at_level(logging.WARNING):
        renew(folder, NOW_NS + 300 * DAY_NS)
    assert "ca.key is not there; put it back" in caplog.text
    assert folder.server_crt.read_bytes() == before


def test_a_crash_between_key_and_certificate_is_mended_at_the_next_start(folder: TlsFolder) -> None:
    key = folder.server_key.read_bytes()
    certificate = folder.server_crt.read_bytes()
    folder.new_server(("pi.local",), NOW_NS)
    folder.server_crt.write_bytes(certificate)  # the key was replaced, the certificate not yet
    assert folder.server_key.read_bytes() != key
    make_sure(folder, "0.0.0.0")
    CertificateFiles(str(folder.server_crt), str(folder.server_key))
    assert folder.facts(folder.server_crt).hosts == ("pi.local", "10.0.0.5", "localhost")


def test_a_coordinator_without_certificates_makes_them_for_all_it_knows_of_itself(tmp_path: Path) -> None:
    folder = TlsFolder(tmp_path / "tls")
    make_sure(folder, "broker.example")
    assert folder.facts(folder.server_crt).hosts == ("broker.example", *own_hosts())
    assert {"localhost", "127.0.0.1"} <= set(own_hosts())


def test_a_clock_that_is_not_set_makes_no_certificates(tmp_path: Path) -> None:
    with pytest.raises(ClockNotSet):
        TlsFolder(tmp_path / "tls").init(("localhost",), 0)


def test_files_that_are_no_certificates_are_said(folder: TlsFolder) -> None:
    folder.server_crt.write_text("spoilt")
    with pytest.raises(UsageError, match=r"server\.crt is no certificate in PEM"):
        folder.facts(folder.server_crt)


def test_the_commands_make_show_and_renew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path)]

    def run(*words: str) -> object:
        assert main(["tls", *words, *data, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    made = run("init", "--host", "pi.local")
    assert isinstance(made, dict) and made["hosts"] == ["pi.local", "localhost", "127.0.0.1", "::1"]
    client = run("client", "camera-1", "--identity", "ab" * 32)
    assert isinstance(client, dict) and client["subject"] == "ab" * 32
    shown = run("show")
    assert isinstance(shown, list)
    names = [Path(entry["file"]).name for entry in shown]
    assert names == ["ca.crt", "server.crt", "camera-1.crt"]
    renewed = run("renew")
    assert isinstance(renewed, dict) and renewed["sha256"] != made["sha256"] and renewed["hosts"] == made["hosts"]
    assert main(["tls", "server", "other.example", *data]) == 0
    assert "is now for other.example and nothing else" in capsys.readouterr().err
    assert main(["tls", "show", *data]) == 0
    assert "other.example" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "`colonies-edge tls init` makes them"),
        (["renew"], "`colonies-edge tls init` makes it"),
        (["server", "x"], "`colonies-edge tls init` makes one"),
        (["client", "x", "--identity", "ab" * 32], "`colonies-edge tls init` makes one"),
    ],
)
def test_without_an_authority_the_commands_say_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["tls", *words, "--data", str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1
