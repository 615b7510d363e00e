"""Doctor against real faults: brokers with and without an access list, TLS, full disks, damage, wrong modes."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from colonies_edge.apps.broker_config import Account, Plan, write_mosquitto
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.system import SystemClock, entropy
from tests.support.brokers import MOSQUITTO, Mosquitto, free_port
from tests.support.colony import environment
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony
from tests.support.site import COLONY, Site


class Doctor:
    """Runs it in a folder, with these settings and no others."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environ = environment(**{f"COLONIES_{name.upper()}": value for name, value in settings.items()})
        self.command = [sys.executable, "-m", "colonies_edge", "doctor", "--json"]

    def findings(self, *words: str, code: int = 0, within: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
        command = [*within, *self.command, *words]
        done = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return {finding["about"]: finding for finding in json.loads(done.stdout)["findings"]}


class NotNodelay(Mosquitto):
    """As Debian ships it: answers wait for acknowledgements."""

    def __init__(self) -> None:
        super().__init__()
        self._config.write_text(self._config.read_text().replace("set_tcp_nodelay true\n", ""))


@contextlib.contextmanager
def running(site: Site) -> Iterator[Doctor]:
    """A coordinator with its colony, and the doctor of its user."""
    site.start()
    try:
        asyncio.run(site.found())
        yield Doctor(
            site.folder,
            mqtt=site.url,
            server_id=site.keys["server"].identity,
            colony_name=COLONY,
            prvkey=site.keys["user"].private_key,
        )
    finally:
        site.close()


@pytest.mark.parametrize("kind", [Mosquitto, NotNodelay], ids=["nodelay", "as Debian ships it"])
def test_a_broker_without_an_access_list_is_told_and_its_version_and_its_waiting(
    kind: type[Mosquitto], tmp_path: Path
) -> None:
    with kind() as broker, running(Site(tmp_path, broker)) as doctor:
        found = doctor.findings()
        while kind is NotNodelay and found["round trip"]["verdict"] == "ok":
            found = doctor.findings()  # the kernel lets the first packets of a connection pass without waiting
    assert found["access list"]["verdict"] == "warning", "on this machine only; elsewhere it is a problem"
    assert "speak and read on everybody's topics" in found["access list"]["sentence"]
    assert "acl_file" in found["access list"]["remedy"]
    version = found["broker version"]
    assert version["sentence"].startswith("mosquitto version ")
    if "2.0.11" in version["sentence"]:
        assert version["verdict"] == "warning" and "CVE-2023-0809" in version["sentence"]
    assert found["round trip"]["verdict"] == ("warning" if kind is NotNodelay else "ok")
    assert ("set_tcp_nodelay true" in found["round trip"]["remedy"]) == (kind is NotNodelay)
    assert "TCP_NODELAY on here" in found["way"]["sentence"]


def test_an_access_list_that_only_keeps_from_writing_is_told(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    writes = "".join(f"pattern write colonies/v1/+/%u/{channel}\n" for channel in ("request/+", "result/+", "status"))
    acl.write_text(f"{writes}pattern read colonies/#\nuser coordinator\ntopic readwrite colonies/#\n")
    acl.chmod(0o700)
    with Mosquitto(extra=f"acl_file {acl}\n") as broker:
        site = Site(tmp_path, broker)
        site.url = f"mqtt://coordinator:x@127.0.0.1:{broker.port}"
        process = site.spawn()
        site.url = broker.url
        site.process = process
        try:
            asyncio.run(site.found())
            keys = {"prvkey": site.keys["user"].private_key, "colony_prvkey": site.keys["owner"].private_key}
            found = Doctor(tmp_path, mqtt=broker.url, colony_name=COLONY, **keys).findings()
        finally:
            site.close()
    assert "read everybody's replies" in found["access list"]["sentence"]


def shorten(folder: Path, days_left: int) -> None:
    """The broker's certificate once more, but one that ends soon."""
    key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    builder = x509.CertificateBuilder(
        issuer_name=old.issuer,
        subject_name=old.subject,
        public_key=old.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=old.not_valid_before_utc,
        not_valid_after=datetime.now(timezone.utc) + timedelta(days=days_left, hours=1),
        extensions=list(old.extensions),
    )
    (folder / "server.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


class Production:
    """A mosquitto with the files that `broker-config` writes, a coordinator behind it, and a user's account."""

    def __init__(self, folder: Path, *, days_left: int) -> None:
        self.folder = folder
        self.keys = {name: Signer(new_private_key(entropy(32))) for name in ("server", "owner", "user")}
        self.port = free_port()
        accounts = tuple(Account(user=key.identity, password=f"{name}-word") for name, key in self.keys.items())
        plan = Plan(
            hosts=("localhost",),
            identities=accounts,
            coordinator=Account(user="coordinator", password="word"),
            port=self.port,
            data=f"{folder}/",
        )
        write_mosquitto(folder / "broker", plan, luck=entropy, now_ns=SystemClock().wall_ns())
        shorten(folder / "broker", days_left)
        with (folder / "broker" / "mosquitto.conf").open("a") as file:
            file.write(f"\nlog_type information\nuser {getpass.getuser()}\n")

    def __enter__(self) -> Production:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is missing; install it with: apt-get install mosquitto")
        config = str(self.folder / "broker" / "mosquitto.conf")
        self._broker = subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.PIPE, text=True)
        self._until(self._broker, " running")
        words = [sys.executable, "-m", "colonies_edge", "coordinator", "start", "--data", "data"]
        environ = self._environ("coordinator:word", server="server_prvkey", owner="colony_prvkey", user="prvkey")
        self._coordinator = subprocess.Popen(
            words, cwd=self.folder, env=environment(**environ), stderr=subprocess.PIPE, text=True
        )
        self._until(self._coordinator, "are there")
        return self

    @staticmethod
    def _until(process: subprocess.Popen[str], words: str) -> None:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if words in line:
                return
        raise AssertionError("".join(said))

    def _environ(self, login: str, **keys: str) -> dict[str, str]:
        named = {f"COLONIES_{variable.upper()}": self.keys[who].private_key for who, variable in keys.items()}
        return {
            **named,
            "COLONIES_MQTT": f"mqtts://{login}@localhost:{self.port}",
            "COLONIES_MQTT_CA": str(self.folder / "broker" / "ca.crt"),
            "COLONIES_COLONY_NAME": COLONY,
        }

    def doctor(self) -> Doctor:
        doctor = Doctor(self.folder)
        doctor.environ.update(self._environ(f"{self.keys['user'].identity}:user-word", user="prvkey"))
        return doctor

    def __exit__(self, *_: object) -> None:
        for process in (self._coordinator, self._broker):
            process.terminate()
            process.communicate()


def test_our_own_broker_files_confine_and_a_certificate_is_followed_to_its_end(tmp_path: Path) -> None:
    with Production(tmp_path, days_left=10) as production:
        found = production.doctor().findings()
        doctor = production.doctor()
        del doctor.environ["COLONIES_MQTT_CA"]
        unbelieved = doctor.findings(code=3)
    assert found["access list"]["sentence"] == "the broker keeps each party to its own topics"
    assert found["TLS"]["sentence"] == "the broker's certificate is believed, and valid for 10 days"
    assert found["TLS"]["verdict"] == "warning" and "renew it" in found["TLS"]["remedy"]
    assert found["membership"]["verdict"] == "ok"
    assert unbelieved["TLS"]["verdict"] == "problem" and "COLONIES_MQTT_CA" in unbelieved["TLS"]["sentence"]


def test_without_a_coordinator_it_is_said_once_and_code_3(tmp_path: Path) -> None:
    key = new_private_key(entropy(32))
    found = Doctor(tmp_path, mqtt=f"mqtt://127.0.0.1:{free_port()}", colony_name="lab", prvkey=key).findings(code=3)
    assert "is it running?" in found["broker"]["sentence"]
    assert not {"clock", "round trip", "access list", "membership"} & set(found)


@pytest.fixture(scope="module")
def doctor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doctor]:
    """Of a user whose coordinator is well; its data folder is `data` in the doctor's folder."""
    with running(Site(tmp_path_factory.mktemp("site"))) as found:
        yield found


@pytest.fixture
def elsewhere(doctor: Doctor, tmp_path: Path) -> Doctor:
    """The same in an empty folder."""
    other = Doctor(tmp_path)
    other.environ = doctor.environ
    return other


def test_the_embedded_broker_confines_and_the_data_folder_is_sound_while_it_works(doctor: Doctor) -> None:
    found = doctor.findings("--data", "data")
    assert found["access list"]["verdict"] == "ok"
    assert "follow each other" in found["journal and ledger"]["sentence"]
    assert found["disk space"]["verdict"] == "ok" and "MB free" in found["disk space"]["sentence"]
    assert "ms" in found["disk sync"]["sentence"]
    assert "version" in found["coordinator"]["sentence"] and found["clock"]["verdict"] == "ok"


def test_a_damaged_journal_is_found_with_its_place_and_left_as_it_is(doctor: Doctor, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(doctor.folder / "data", tmp_path / "data"))
    (path,) = (folder / "journal").glob("*.jsonl")
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b'"', b"'", 1)
    path.write_bytes(b"\n".join(lines))
    found = doctor.findings("--data", str(folder), code=1)["journal and ledger"]
    assert found["verdict"] == "problem"
    assert "record 2" in found["sentence"] and str(path) in found["sentence"] and "backup" in found["remedy"]
    assert path.read_bytes() == b"\n".join(lines) and not (folder / "quarantine").exists()


def test_keys_that_others_can_read_are_found_and_put_right(elsewhere: Doctor, tmp_path: Path) -> None:
    kept = tmp_path / ".colonies-edge"
    for path, mode in ((kept / "devenv", 0o644), (kept / "executors" / "lab.pi" / "key", 0o660)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(mode)
    kept.chmod(0o777)
    names = ("./.colonies-edge", "./.colonies-edge/devenv", "./.colonies-edge/executors/lab.pi/key")
    found = elsewhere.findings(code=1)
    assert [found[name]["verdict"] for name in names] == ["problem"] * 3
    assert "chmod 600" in found[names[1]]["remedy"] and "chmod 700" in found[names[0]]["remedy"]
    fixed = elsewhere.findings("--fix")
    assert [fixed[name]["verdict"] for name in names] == ["fixed"] * 3
    assert "had mode 0644" in fixed[names[1]]["sentence"]
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in names] == [0o700, 0o600, 0o600]
    assert elsewhere.findings()[names[1]]["verdict"] == "ok"


def test_a_missing_data_folder_is_made_only_when_asked(elsewhere: Doctor, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert elsewhere.findings("--data", str(folder), code=1)[str(folder)]["verdict"] == "problem"
    assert not folder.exists()
    assert elsewhere.findings("--data", str(folder), "--fix")[str(folder)]["verdict"] == "fixed"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.machine
def test_a_full_disk_is_found(doctor: Doctor, tmp_path: Path) -> None:
    """In a mount namespace of its own, so that nothing of it stays."""
    if os.geteuid() != 0:
        pytest.skip("to mount a small disk needs root: run `sudo .venv/bin/pytest -m machine`")
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {small} && cp -r {doctor.folder}/data/. {small}"
    fill = f'cat /dev/zero 2>/dev/null > {small}/zeros; exec "$@"'
    within = ("unshare", "--mount", "bash", "-c", f"{mount} && {fill}", "doctor")
    found = doctor.findings("--data", str(small), code=1, within=within)
    assert found["disk space"]["verdict"] == "problem" and "free some" in found["disk space"]["remedy"]
    assert found["disk sync"]["verdict"] == "problem" and "cannot be written" in found["disk sync"]["sentence"]
    assert found["journal and ledger"]["verdict"] == "ok"


def test_over_http_there_is_no_broker_to_look_at(tmp_path: Path) -> None:
    with HttpColony(tmp_path) as colony:
        settings = {"mqtt": colony.http, "server_id": colony.serverid, "prvkey": colony.prvkey}
        found = Doctor(tmp_path, colony_name="lab", **settings).findings()
    assert found["membership"]["verdict"] == "ok" and found["TLS"]["sentence"].endswith("the server is on this machine")
    assert not {"access list", "broker version"} & set(found)


def test_a_user_who_is_no_member_is_told_whom_to_ask(tmp_path: Path) -> None:
    with LiveColony(tmp_path) as colony:
        settings = {"mqtt": colony.url, "server_id": colony.serverid, "prvkey": colony.colony_prvkey}
        found = Doctor(tmp_path, colony_name="elsewhere", **settings).findings(code=1)
    assert found["membership"]["verdict"] == "problem" and "user add" in found["membership"]["remedy"]


def test_every_remedy_of_a_mode_can_be_typed(elsewhere: Doctor, tmp_path: Path) -> None:
    kept = tmp_path / ".colonies-edge"
    kept.mkdir()
    (kept / "devenv").write_text("")
    (kept / "devenv").chmod(0o644)
    remedy = elsewhere.findings(code=1)["./.colonies-edge/devenv"]["remedy"]
    subprocess.run(shlex.split(remedy), cwd=tmp_path, check=True)
    assert (kept / "devenv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("text", "said"), [(None, "names no file"), ("no PEM", "no certificate of an authority")])
def test_an_authority_that_cannot_be_used_is_told_and_is_a_problem(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "ca.crt").write_text(text)
    found = Doctor(tmp_path, mqtt="mqtts://localhost:1", mqtt_ca="ca.crt", colony_name=COLONY).findings(code=1)
    assert found["broker"]["verdict"] == "problem" and said in found["broker"]["sentence"]
