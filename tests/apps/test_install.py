"""Installing into the root of an image: what is written, that it is shown first, and what is refused in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from build_zipapp import EXECUTOR_ONLY, FULL, build
from colonies_edge.apps import config
from colonies_edge.apps.cli import main
from colonies_edge.apps.config import parse_devenv
from colonies_edge.apps.install.health import url_of
from colonies_edge.apps.install.managers import systemd_runs
from colonies_edge.apps.install.roles import ROLES
from colonies_edge.apps.install.settings_file import merged, read_settings
from colonies_edge.protocol.errors import UsageError
from tests.support.colony import unset_settings

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / FULL.file_name
    path.write_bytes(build(FULL, with_byte_code=False))
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    root = tmp_path / "image"
    root.mkdir()
    return root


MANUAL = "usr/local/share/man/man1/colonies-edge.1"
PAGE = Path(__file__).resolve().parents[2] / "docs/reference/colonies-edge.1"


class Installer:
    def __init__(self, pyz: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._words = ["--root", str(image), "--program", str(pyz)]
        self._capsys = capsys

    def run(self, *words: str, code: int = 0) -> str:
        flags = self._words if words[0] == "install" else self._words[:2]
        assert main([*words, *flags]) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def steps(self, *words: str) -> list[str]:
        return [step["step"] for step in json.loads(self.run(*words, "--json"))["steps"]]


@pytest.fixture
def installer(pyz: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> Installer:
    return Installer(pyz, image, capsys)


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else f"{path.stat().st_mode & 0o777:o}"
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() or path.is_symlink()
    }


EXECUTOR = ("install", "executor", "--colonyname", "home", "--executortype", "cli", "--allow", "echo,ls")


def test_an_image_gets_program_settings_users_and_an_enabled_unit(installer: Installer, image: Path) -> None:
    installer.run("install", "coordinator")
    found = files(image)
    program = found.pop("opt/colonies-edge/current")
    assert found == {
        "etc/colonies-edge/coordinator.env": "640",
        "etc/systemd/system/colonies-edge-coordinator.service": "644",
        "etc/systemd/system/multi-user.target.wants/colonies-edge-coordinator.service": (
            "../colonies-edge-coordinator.service"
        ),
        "etc/sysusers.d/colonies-edge.conf": "644",
        f"opt/colonies-edge/{program}": "755",
        "usr/local/bin/colonies-edge": "/opt/colonies-edge/current",
        "usr/local/share/man/man1/colonies-edge.1": "644",
    }
    assert "u colonies-edge -" in (image / "etc/sysusers.d/colonies-edge.conf").read_text()


@pytest.mark.parametrize("words", [("install", "coordinator"), EXECUTOR], ids=["coordinator", "executor"])
def test_a_dry_run_shows_what_a_real_run_does_and_does_nothing(
    words: tuple[str, ...], installer: Installer, image: Path
) -> None:
    shown = installer.steps(*words, "--dry-run")
    assert files(image) == {} and shown
    assert installer.steps(*words) == shown
    assert installer.steps(*words) == [], "a second time there is nothing to do"


BRIDGE = """
name = "site-7"
[cloud]
url = "https://colonies.example.org"
colony = "company"
ca = "certs/cloud.pem"
[[down]]
cloud = "inspection"
workflow = "inspect.json"
[[down]]
cloud = "other"
edge = "camera"
"""


@pytest.fixture
def bridge(tmp_path: Path) -> Path:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/cloud.pem").write_text("an authority")
    (tmp_path / "inspect.json").write_text(
        '[{"nodename": "n", "funcname": "f", "conditions": {"executortype": "camera"}}]'
    )
    path = tmp_path / "site-7.toml"
    path.write_text(BRIDGE)
    return path


def test_a_bridge_takes_the_files_that_its_configuration_names_and_the_edge_of_this_folder(
    installer: Installer, image: Path, bridge: Path
) -> None:
    words = ("install", "bridge", "--config", str(bridge), "--mqtt", "mqtt://pi.local", "--colonyname", "home")
    installer.run(*words)
    settings = image / "etc/colonies-edge"
    assert files(settings) == {
        "bridge.env": "640",
        "bridge/bridge.toml": "640",
        "bridge/certs/cloud.pem": "640",
        "bridge/inspect.json": "640",
    }
    assert read_settings(settings / "bridge.env") == {
        "COLONIES_EDGE_OPTIONS": "--config /etc/colonies-edge/bridge/bridge.toml",
        "COLONIES_MQTT": "mqtt://pi.local",
        "COLONIES_COLONY_NAME": "home",
    }
    assert installer.steps(*words) == []
    installer.run("uninstall", "bridge", "--purge", "--yes")
    assert files(image) == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "site-7"', "", "name is missing"),
        ("certs/cloud.pem", "/var/tmp/cloud.pem", "a service cannot see"),
        ("certs/cloud.pem", "../cloud.pem", "a service cannot see"),
        ("certs/cloud.pem", "certs/none.pem", "No such file"),
        ('name = "site-7"', 'name = "site-7"\nfolder = "state"', "/var/lib/colonies-edge/bridge"),
    ],
)
def test_what_would_not_start_as_a_bridge_changes_nothing(
    installer: Installer, image: Path, bridge: Path, old: str, new: str, said: str
) -> None:
    bridge.write_text(BRIDGE.replace(old, new))
    words = ("install", "bridge", "--config", str(bridge), "--mqtt", "mqtt://pi.local", "--colonyname", "home")
    assert said in installer.run(*words, code=2)
    assert files(image) == {}


def test_a_bridge_without_an_edge_is_told_where_one_could_be_said(
    installer: Installer, image: Path, bridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = installer.run("install", "bridge", "--config", str(bridge), code=2)
    assert "[edge]: colony is missing" in told and "--colonyname" in told and "folder of that colony" in told
    (tmp_path / ".colonies-edge").mkdir()
    (tmp_path / ".colonies-edge/devenv").write_text("export COLONIES_COLONY_NAME=home\n")
    installer.run("install", "bridge", "--config", str(bridge))
    assert read_settings(image / "etc/colonies-edge/bridge.env")["COLONIES_COLONY_NAME"] == "home"


def test_a_unit_is_what_systemd_understands_and_lets_little_through(installer: Installer, image: Path) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is missing; install it with: apt-get install systemd")
    installer.run("install", "coordinator")
    installer.run(*EXECUTOR)
    for name, exposure in (("coordinator", 20), ("executor", 50)):
        unit = image / f"etc/systemd/system/colonies-edge-{name}.service"
        verified = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True)
        about_it = [line for line in verified.stderr.splitlines() if unit.name in line]
        assert (verified.returncode, about_it) == (0, [])
        offline = [ANALYZE, "security", "--offline=yes", f"--threshold={exposure}", "--no-pager", str(unit)]
        assert subprocess.run(offline, capture_output=True).returncode == 0, "more exposed than it was"


def test_the_manual_page_is_there_for_man_and_a_program_without_one_brings_none(
    installer: Installer, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any("the manual page" in step for step in installer.steps("install", "coordinator", "--dry-run"))
    installer.run("install", "coordinator")
    assert (image / MANUAL).read_bytes() == PAGE.read_bytes()
    small, other = tmp_path / EXECUTOR_ONLY.file_name, tmp_path / "device"
    small.write_bytes(build(EXECUTOR_ONLY, with_byte_code=False))
    other.mkdir()
    assert main([*EXECUTOR, "--root", str(other), "--program", str(small)]) == 0
    capsys.readouterr()
    assert MANUAL not in files(other) and "usr/local/bin/colonies-edge" in files(other)


@pytest.mark.parametrize("role", ROLES)
def test_services_have_users_of_their_own(role: str) -> None:
    assert len({known.user for known in ROLES.values()}) == len(ROLES)
    assert ROLES[role].user.startswith("colonies-edge")


def test_what_a_person_wrote_into_the_settings_stays(installer: Installer, image: Path) -> None:
    installer.run(*EXECUTOR)
    path = image / "etc/colonies-edge/executor.env"
    path.write_text("# mine\nMY_DEVICE=/dev/video0\n" + path.read_text().replace("home", "'old home'"))
    installer.run("install", "executor", "--capacity", "3")
    assert path.read_text().startswith("# mine\nMY_DEVICE=/dev/video0\n")
    settings = read_settings(path)
    assert settings["COLONIES_COLONY_NAME"] == "old home"
    assert settings["COLONIES_EDGE_OPTIONS"] == "--capacity 3"


def test_a_broker_of_ones_own_is_a_setting_and_not_on_the_command_line(installer: Installer, image: Path) -> None:
    installer.run("install", "coordinator", "--broker", "mqtts://me:secret word@broker")
    settings = image / "etc/colonies-edge/coordinator.env"
    assert read_settings(settings)["COLONIES_MQTT"] == "mqtts://me:secret word@broker"
    assert "secret" not in (image / "etc/systemd/system/colonies-edge-coordinator.service").read_text()
    assert settings.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("install", "executor", "--executortype", "cli"), "--colonyname is missing"),
        (("install", "coordinator", "--broker", "mqtt://b", "--listen", "127.0.0.1:1"), "give one of them"),
        (("install", "coordinator", "--broker", "ftp://b"), "mqtt://"),
        (("install", "coordinator", "--listen", "here"), "--listen"),
        (("install", "coordinator", "--retention", "0"), "would remove everything"),
        (("upgrade",), "not from a .pyz"),
        (("upgrade", "/etc/passwd"), "is no .pyz"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(words: tuple[str, ...], said: str, installer: Installer) -> None:
    told = installer.run(*words, code=2)
    assert said in told and told.count("\n") == 1


def test_where_systemd_does_not_run_it_is_said_what_can_be_done(
    pyz: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if systemd_runs():
        pytest.skip("systemd runs here")
    assert main(["install", "coordinator", "--program", str(pyz)]) == 2
    told = capsys.readouterr().err
    assert "systemd does not run here" in told and "--service-manager none" in told and "--root" in told
    assert main(["install", "coordinator", "--colonyname", "home", "--program", str(pyz), "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "systemd does not run here" in shown.err
    assert "would start colonies-edge-coordinator" in shown.out and "would found colony home" in shown.out


def test_a_colony_cannot_be_founded_in_an_image_and_the_other_steps_are_shown(
    installer: Installer, image: Path, pyz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("install", "coordinator", "--colonyname", "home")
    assert "needs a coordinator that runs" in installer.run(*words, code=2)
    assert files(image) == {}
    assert main([*words, "--dry-run", "--root", str(image), "--program", str(pyz)]) == 2
    shown = capsys.readouterr()
    assert "would write the unit" in shown.out and "leave it away here" in shown.err


def test_another_version_is_not_installed_over_the_first(
    installer: Installer, image: Path, pyz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installer.run("install", "coordinator")
    other = pyz.with_name("other.pyz")
    shutil.copy(pyz, other)
    with zipfile.ZipFile(other, "a") as archive:
        archive.comment = b"another file, the same program"
    assert main([*EXECUTOR, "--root", str(image), "--program", str(other)]) == 2
    assert "run `upgrade` with it first" in capsys.readouterr().err
    (image / MANUAL).write_text("of the old one")
    assert main(["upgrade", str(other), "--root", str(image)]) == 0
    assert (image / MANUAL).read_bytes() == PAGE.read_bytes()
    assert main([*EXECUTOR, "--root", str(image), "--program", str(other)]) == 0
    assert len(list((image / "opt/colonies-edge").glob("colonies-edge-*.pyz"))) == 2, "the old one is kept"


def test_uninstalling_takes_away_what_was_put_there(installer: Installer, image: Path) -> None:
    installer.run("install", "coordinator")
    installer.run(*EXECUTOR)
    installer.run("uninstall", "executor")
    assert {"usr/local/bin/colonies-edge", MANUAL} <= set(files(image))
    installer.run("uninstall")
    assert set(files(image)) == {
        "etc/colonies-edge/coordinator.env",
        "etc/colonies-edge/executor.env",
        "etc/sysusers.d/colonies-edge.conf",
    }
    assert "--yes" in installer.run("uninstall", "--purge", code=2)
    installer.run("uninstall", "--purge", "--yes")
    assert files(image) == {}
    assert installer.steps("uninstall", "--purge", "--yes") == []


@pytest.mark.parametrize("value", ["plain", "two words", 'a "quote"', "back\\slash", "--listen 0.0.0.0:1", "#x", ""])
def test_settings_are_read_back_as_they_were_written_by_us_and_by_a_shell(value: str, tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(merged("# head\nOTHER=1\n", {"NAME": value, "OTHER": "2"}))
    assert read_settings(path) == {"NAME": value, "OTHER": "2"}
    assert parse_devenv(path.read_text(), "x.env") == {"NAME": value, "OTHER": "2"}


def test_a_setting_of_two_lines_is_refused() -> None:
    with pytest.raises(UsageError, match="one line"):
        merged("", {"NAME": "a\nLD_PRELOAD=b"})


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ("--listen 0.0.0.0:1885", "mqtt://127.0.0.1:1885"),
        ("--listen 192.0.2.7:1885", "mqtt://192.0.2.7:1885"),
        ("--listen [::]:1885", "mqtt://127.0.0.1:1885"),
        ("--tls", "mqtts://127.0.0.1:8883"),
        ("--listen 0.0.0.0:9 --tls-cert a.crt", "mqtts://127.0.0.1:9"),
        ("--tls --listen 192.0.2.7:9 --plain-port 10", "mqtt://127.0.0.1:10"),
        ("", "mqtt://127.0.0.1:1883"),
    ],
)
def test_the_coordinator_is_asked_where_its_settings_have_it_listen(options: str, url: str) -> None:
    assert url_of({"COLONIES_EDGE_OPTIONS": options}) == url
    assert url_of({"COLONIES_EDGE_OPTIONS": options, "COLONIES_MQTT": "mqtt://b"}) == "mqtt://b"


def options_in(image: Path) -> str:
    return read_settings(image / "etc/colonies-edge/coordinator.env")["COLONIES_EDGE_OPTIONS"]


def test_a_coordinator_takes_the_flags_of_its_start_and_keeps_them(installer: Installer, image: Path) -> None:
    installer.run("install", "coordinator")
    assert options_in(image) == "--listen 0.0.0.0:1883 --http 127.0.0.1:50080"
    installer.run("install", "coordinator", "--tls", "--retention", "3600")
    assert options_in(image) == "--listen 0.0.0.0:8883 --http 127.0.0.1:50080 --tls --retention 3600"
    installer.run("install", "coordinator", "--http", "off", "--listen", "127.0.0.1:9")
    assert options_in(image) == "--listen 127.0.0.1:9 --tls --retention 3600"
    installer.run("install", "coordinator", "--broker", "mqtt://b")
    assert options_in(image) == "--retention 3600"
    installer.run("install", "coordinator", "--message-kib", "512")
    settings = read_settings(image / "etc/colonies-edge/coordinator.env")
    assert settings["COLONIES_MQTT"] == "mqtt://b", "who changes a flag keeps the broker"
    installer.run("install", "coordinator", "--broker", "embedded", "--listen", "0.0.0.0:1883")
    assert read_settings(image / "etc/colonies-edge/coordinator.env")["COLONIES_MQTT"] == ""
    assert options_in(image) == "--retention 3600 --message-kib 512 --listen 0.0.0.0:1883"


def test_an_executor_that_was_enrolled_in_this_folder_goes_on_as_a_service(
    installer: Installer, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unset_settings(monkeypatch)
    key, ca = "12" * 32, Path(".colonies-edge/coordinator-ca.crt")
    folder = Path(".colonies-edge/executors/home.camera-7")
    folder.mkdir(parents=True)
    (folder / "key").write_text(key)
    ca.write_text("a certificate")
    values = {"COLONY_NAME": "home", "EXECUTOR_NAME": "camera-7", "EXECUTOR_TYPE": "camera", "MQTT_CA": str(ca)}
    config.write_devenv(config.devenv_path(), {f"COLONIES_{name}": value for name, value in values.items()})
    installer.run("install", "executor")
    there = image / "var/lib/colonies-edge/executor/executors/home.camera-7/key"
    assert there.read_text() == key and there.stat().st_mode & 0o777 == 0o600
    settings = read_settings(image / "etc/colonies-edge/executor.env")
    assert settings["COLONIES_MQTT_CA"] == "/etc/colonies-edge/executor.ca.crt"
    assert (image / "etc/colonies-edge/executor.ca.crt").read_text() == "a certificate"
    there.write_text("34" * 32)
    assert installer.steps("install", "executor") == [], "a key that is there stays"
    installer.run("uninstall", "--purge", "--yes")
    assert set(files(image)) == set()
