"""Installed for real: units under a real systemd, upgrade and its way back, watchdog, journal, what is left behind."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_zipapp import FULL, build
from tests.support.machine import Machine

pytestmark = pytest.mark.machine

COORDINATOR = "colonies-edge-coordinator.service"
EXECUTOR = "colonies-edge-executor.service"
BRIDGE = "colonies-edge-bridge.service"
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / FULL.file_name
    path.write_bytes(build(FULL, with_byte_code=False))
    return path


@pytest.fixture(scope="module")
def machine(pyz: Path) -> Iterator[Machine]:
    """One machine for all: what they install they take away."""
    made = Machine()
    try:
        shutil.copy(pyz, made.path("/tmp/colonies-edge.pyz"))
        yield made
    finally:
        made.close()


@pytest.fixture
def site(machine: Machine) -> Iterator[Machine]:
    """With a coordinator installed and running."""
    machine.run(PYTHON, "/tmp/colonies-edge.pyz", "install", "coordinator")
    try:
        yield machine
    finally:
        machine.run("rm", "-rf", "/tmp/.config", "/srv/mine")  # where commands remember whom they talked to
        machine.run(PYTHON, "/tmp/colonies-edge.pyz", "uninstall", "--purge", "--yes")


def alive(site: Machine) -> None:
    """Asked as the server itself, whom its own broker always lets in."""
    key = site.path("/var/lib/colonies-edge/coordinator/server.key").read_text().strip()
    site.run("colonies-edge", "server", "alive", environ={"COLONIES_SERVER_PRVKEY": key})


def variant(pyz: Path, machine: Machine, name: str, version: str, spoil: dict[str, tuple[str, str]]) -> str:
    """A .pyz of another version, with texts of its files replaced; its path on the machine."""
    out = machine.path(f"/tmp/{name}.pyz")
    changes = {"colonies_edge/__init__.py": ('__version__ = "0.1.0"', f'__version__ = "{version}"'), **spoil}
    with zipfile.ZipFile(pyz) as old, out.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as new:
            for entry in old.infolist():
                text = old.read(entry)
                if entry.filename in changes:
                    before, after = changes[entry.filename]
                    assert before.encode() in text
                    text = text.replace(before.encode(), after.encode())
                new.writestr(entry.filename, text)
    return f"/tmp/{name}.pyz"


def test_a_coordinator_is_installed_runs_confined_and_answers(site: Machine) -> None:
    state = site.show(COORDINATOR, "ActiveState", "StatusText", "User", "WatchdogUSec", "MainPID")
    assert (state["ActiveState"], state["User"], state["WatchdogUSec"]) == ("active", "colonies-edge", "1min")
    assert "listens at mqtt://0.0.0.0:1883" in state["StatusText"]
    status = site.path(f"/proc/{state['MainPID']}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status and "Seccomp:\t2" in status
    key = site.path("/var/lib/colonies-edge/coordinator/server.key")
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    settings = site.path("/etc/colonies-edge/coordinator.env").stat()
    assert (settings.st_mode & 0o777, settings.st_uid) == (0o640, 0) and settings.st_gid == key.stat().st_gid
    alive(site)
    site.run("systemd-analyze", "verify", f"/etc/systemd/system/{COORDINATOR}")
    assert site.run("systemctl", "is-enabled", COORDINATOR).stdout.strip() == "enabled"
    page = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:50080/health').status)"
    assert site.run(PYTHON, "-c", page).stdout == "200\n"


def test_installing_again_changes_nothing_and_a_setting_only_what_it_must(site: Machine) -> None:
    before = site.show(COORDINATOR, "MainPID")
    again = site.json("colonies-edge", "install", "coordinator", "--json")
    assert again["steps"] == [] and site.show(COORDINATOR, "MainPID") == before
    shown = site.json("colonies-edge", "install", "coordinator", "--listen", "127.0.0.1:1885", "--dry-run", "--json")
    assert site.show(COORDINATOR, "MainPID") == before
    done = site.json("colonies-edge", "install", "coordinator", "--listen", "127.0.0.1:1885", "--json")
    assert [step["step"] for step in done["steps"]] == [step["step"] for step in shown["steps"]]
    assert len(done["steps"]) == 3, "settings, restart, wait"
    assert "mqtt://127.0.0.1:1885" in site.show(COORDINATOR, "StatusText")["StatusText"]
    assert site.json("colonies-edge", "install", "coordinator", "--json")["steps"] == [], "the port is kept"


def test_with_tls_it_is_asked_by_tls(site: Machine, pyz: Path) -> None:
    done = site.json("colonies-edge", "install", "coordinator", "--tls", "--json")
    assert len(done["steps"]) == 3
    assert "mqtts://0.0.0.0:8883" in site.show(COORDINATOR, "StatusText")["StatusText"]
    site.run("colonies-edge", "upgrade", variant(pyz, site, "newer", "0.2.0", {}))
    assert site.run("colonies-edge", "--version").stdout == "colonies-edge 0.2.0\n"


def test_a_hung_coordinator_is_started_again_by_the_watchdog(site: Machine) -> None:
    site.path(f"/etc/systemd/system/{COORDINATOR}.d").mkdir()
    site.path(f"/etc/systemd/system/{COORDINATOR}.d/quick.conf").write_text("[Service]\nWatchdogSec=2\nRestartSec=0\n")
    site.run("systemctl", "daemon-reload")
    site.run("systemctl", "restart", COORDINATOR)
    pid = site.show(COORDINATOR, "MainPID")["MainPID"]
    site.run("kill", "-STOP", pid)
    while (again := site.show(COORDINATOR, "MainPID", "ActiveState", "NRestarts"))["ActiveState"] != "active" or again[
        "MainPID"
    ] == pid:
        pass
    assert again["NRestarts"] == "1"
    alive(site)
    shutil.rmtree(site.path(f"/etc/systemd/system/{COORDINATOR}.d"))


def test_a_colony_is_founded_with_the_keys_of_who_installed_it(site: Machine) -> None:
    site.run("mkdir", "-p", "/srv/mine")
    sudo = {"SUDO_UID": "12345", "SUDO_GID": "12345"}
    words = ("env", "--chdir=/srv/mine", "colonies-edge")
    install = (*words, "install", "coordinator", "--colonyname", "home", "--json")
    assert len(json.loads(site.run(*install, environ=sudo).stdout)["steps"]) == 1
    assert site.json(*install)["steps"] == []
    modes = site.run("stat", "-c", "%u %a", *(f"/srv/mine/.colonies-edge/{name}" for name in ("devenv", "user.key")))
    assert modes.stdout.splitlines() == ["12345 600", "12345 600"]
    assert "home" in site.run(*words, "colony", "check", "--name", "home").stderr
    other = site.run(*install[:-2], "other", check=False)
    assert other.returncode == 1 and "belongs to another colony" in other.stderr


def test_an_upgrade_keeps_the_data_and_the_old_file(site: Machine, pyz: Path) -> None:
    serverid = site.show(COORDINATOR, "StatusText")["StatusText"].split()[1]
    old = site.path("/opt/colonies-edge/current").readlink()
    newer = variant(pyz, site, "newer", "0.2.0", {})
    shown = site.json("colonies-edge", "upgrade", newer, "--dry-run", "--json")
    assert site.path("/opt/colonies-edge/current").readlink() == old
    done = site.json("colonies-edge", "upgrade", newer, "--json")
    assert [step["step"] for step in done["steps"]] == [step["step"] for step in shown["steps"]]
    assert site.run("colonies-edge", "--version").stdout == "colonies-edge 0.2.0\n"
    assert site.show(COORDINATOR, "StatusText")["StatusText"].split()[1] == serverid
    assert site.path(f"/opt/colonies-edge/{old}").exists()
    assert site.json("colonies-edge", "upgrade", newer, "--json")["steps"] == []
    site.run("colonies-edge", "upgrade", f"/opt/colonies-edge/{old}")
    assert site.run("colonies-edge", "--version").stdout == "colonies-edge 0.1.0\n"


SPOILT = {
    "does not start": {
        "colonies_edge/apps/coordinator/run.py": (
            "async with AsyncExitStack() as stack:",
            "raise OSError('spoilt at the start')\n    async with AsyncExitStack() as stack:",
        )
    },
    "never gets ready": {
        "colonies_edge/apps/coordinator/run.py": (
            "async with AsyncExitStack() as stack:",
            "await asyncio.sleep(3600)\n    async with AsyncExitStack() as stack:",
        )
    },
    "is ready and does not answer": {
        "colonies_edge/apps/coordinator/coordinator.py": (
            "batch = await self._next_batch()",
            "batch = await asyncio.sleep(3600)",
        )
    },
    "ends soon": {
        "colonies_edge/apps/coordinator/coordinator.py": (
            "await asyncio.sleep(STATUS_EVERY_S)",
            "await asyncio.sleep(2)\n            raise OSError('spoilt after a while')",
        )
    },
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_new_version_that_does_not_work_gives_way_to_the_old_one(fault: str, site: Machine, pyz: Path) -> None:
    old = site.path("/opt/colonies-edge/current").readlink()
    spoilt = variant(pyz, site, "spoilt", "0.3.0", SPOILT[fault])
    done = site.run("colonies-edge", "upgrade", spoilt, "--within", "12", check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "0.3.0" in last and f"{old} is back and healthy" in last
    assert site.path("/opt/colonies-edge/current").readlink() == old
    assert site.show(COORDINATOR, "ActiveState")["ActiveState"] == "active"
    alive(site)


def test_a_version_that_cannot_read_the_data_or_lacks_a_service_is_not_even_tried(site: Machine, pyz: Path) -> None:
    before = site.show(COORDINATOR, "MainPID")
    older = {"colonies_edge/storage/migrations.py": ("FORMAT = 1", "FORMAT = 0")}
    newer = {
        "colonies_edge/storage/migrations.py": (
            "STEPS: Mapping[int, Step] = {}",
            "STEPS, FORMAT = {1: lambda _, row: row}, 2",
        )
    }
    lacking = {"colonies_edge/apps/cli/coordinator.py": ('name="start"', 'name="begin"')}
    for spoil, said in ((older, "format version 1"), (newer, "no way back"), (lacking, "no `coordinator start`")):
        done = site.run("colonies-edge", "upgrade", variant(pyz, site, "unfit", "0.4.0", spoil), check=False)
        assert done.returncode != 0 and said in done.stderr, done.stderr
    assert site.show(COORDINATOR, "MainPID") == before


def test_an_executor_works_as_a_user_of_its_own_and_cannot_read_the_coordinators_key(site: Machine) -> None:
    owner, user = (json.loads(site.run("colonies-edge", "security", "generate", "--json").stdout) for _ in range(2))
    key = site.path("/var/lib/colonies-edge/coordinator/server.key").read_text().strip()
    keys = {"COLONIES_SERVER_PRVKEY": key, "COLONIES_COLONY_PRVKEY": owner["prvkey"], "COLONIES_PRVKEY": user["prvkey"]}
    environ = {**keys, "COLONIES_COLONY_NAME": "home"}
    site.run("colonies-edge", "colony", "add", "--name", "home", "--colonyid", owner["id"], environ=environ)
    add = ("user", "add", "--name", "ada", "--userid", user["id"], "--email", "a@b", "--phone", "1")
    site.run("colonies-edge", *add, environ=environ)
    install = ("install", "executor", "--colonyname", "home", "--executortype", "cli", "--name", "pi")
    site.run("colonies-edge", *install)
    try:
        while "--executorid" not in (told := site.show(EXECUTOR, "StatusText")["StatusText"]):
            pass
        words = told.split("colonies-edge ")[1].split()
        site.run("colonies-edge", *words, environ=environ)
        run = ("function", "exec", "--targettype", "cli", "--wait", "--out", "--func")
        said = site.run("colonies-edge", *run, "id -un; touch here && ls", environ=environ).stdout
        assert said.splitlines() == ["colonies-edge-executor", "here"]
        refused = site.run(
            "colonies-edge", *run, "cat /var/lib/colonies-edge/coordinator/server.key", environ=environ, check=False
        )
        assert refused.returncode == 1 and "Permission denied" in refused.stderr
        assert site.show(EXECUTOR, "StatusText")["StatusText"] == "ready for 1 processes"
        entries = site.journal(f"_SYSTEMD_UNIT={EXECUTOR}", "LOGGER=colonies_edge.apps.executor.runtime")
        assert ("ready for 1 processes", "6") in [(entry["MESSAGE"], entry["PRIORITY"]) for entry in entries]
        site.run("systemd-analyze", "verify", f"/etc/systemd/system/{EXECUTOR}")
    finally:
        site.run("colonies-edge", "uninstall", "executor", "--purge", "--yes")


def test_the_key_of_an_enrolled_executor_becomes_the_services(machine: Machine) -> None:
    key = machine.path("/srv/mine/.colonies-edge/executors/home.pi/key")
    key.parent.mkdir(parents=True)
    key.write_text("12" * 32)
    lines = ("COLONY_NAME=home", "EXECUTOR_NAME=pi", "EXECUTOR_TYPE=cli", "MQTT=mqtt://127.0.0.1:9")
    machine.path("/srv/mine/.colonies-edge/devenv").write_text("".join(f"export COLONIES_{line}\n" for line in lines))
    machine.run("env", "--chdir=/srv/mine", PYTHON, "/tmp/colonies-edge.pyz", "install", "executor")
    try:
        there = "/var/lib/colonies-edge/executor/executors/home.pi/key"
        assert machine.run("stat", "-c", "%U %a", there).stdout == "colonies-edge-executor 600\n"
        assert "waits: no connection" in machine.show(EXECUTOR, "StatusText")["StatusText"]
    finally:
        machine.run("colonies-edge", "uninstall", "--purge", "--yes")
        machine.run("rm", "-rf", "/srv/mine")


BRIDGE_TOML = """
name = "site-7"
[edge]
url = "mqtt://127.0.0.1:1883"
colony = "home"
[cloud]
url = "http://127.0.0.1:9"
colony = "away"
[[up]]
edge = "gpu"
"""


def test_a_bridge_is_a_service_too_and_waits_for_the_other_side(site: Machine) -> None:
    site.path("/tmp/bridge.toml").write_text(BRIDGE_TOML)
    site.run("colonies-edge", "install", "bridge", "--config", "/tmp/bridge.toml")
    try:
        state = site.show(BRIDGE, "ActiveState", "StatusText", "User", "NRestarts")
        assert (state["ActiveState"], state["User"], state["NRestarts"]) == ("active", "colonies-edge-bridge", "0")
        assert "home at mqtt://127.0.0.1:1883 and away at http://127.0.0.1:9" in state["StatusText"]
        assert (
            site.run("stat", "-c", "%a %G", "/etc/colonies-edge/bridge/bridge.toml").stdout
            == "640 colonies-edge-bridge\n"
        )
        assert site.json("colonies-edge", "install", "bridge", "--config", "/tmp/bridge.toml", "--json")["steps"] == []
        site.run("systemd-analyze", "verify", f"/etc/systemd/system/{BRIDGE}")
    finally:
        site.run("colonies-edge", "uninstall", "bridge", "--purge", "--yes")
    assert not site.path("/etc/colonies-edge/bridge/bridge.toml").exists()


def test_without_a_service_manager_everything_is_in_place_and_the_rest_is_told(machine: Machine) -> None:
    words = (PYTHON, "/tmp/colonies-edge.pyz", "install", "coordinator", "--service-manager", "none")
    told = machine.run(*words).stderr
    assert not machine.path(f"/etc/systemd/system/{COORDINATOR}").exists()
    assert machine.run("stat", "-c", "%U %a", "/var/lib/colonies-edge/coordinator").stdout == "colonies-edge 700\n"
    assert "coordinator start --data /var/lib/colonies-edge/coordinator" in told and "as colonies-edge" in told
    machine.run("colonies-edge", "uninstall", "--purge", "--yes", "--service-manager", "none")
    assert not machine.path("/opt/colonies-edge").exists()


def test_uninstalling_keeps_the_data_and_purging_leaves_nothing(machine: Machine) -> None:
    def left() -> list[str]:
        folders = ("/opt", "/etc", "/var/lib", "/usr/local")
        return sorted(machine.run("find", *folders, "-name", "*colonies-edge*").stdout.split())

    before = left()
    machine.run(PYTHON, "/tmp/colonies-edge.pyz", "install", "coordinator")
    serverid = machine.show(COORDINATOR, "StatusText")["StatusText"].split()[1]
    machine.run("colonies-edge", "uninstall")
    assert machine.show(COORDINATOR, "LoadState")["LoadState"] == "not-found"
    assert machine.path("/var/lib/colonies-edge/coordinator/server.key").exists()
    machine.run(PYTHON, "/tmp/colonies-edge.pyz", "install", "coordinator")
    assert machine.show(COORDINATOR, "StatusText")["StatusText"].split()[1] == serverid
    unasked = machine.run("colonies-edge", "uninstall", "--purge", check=False)
    assert unasked.returncode == 2 and "--yes" in unasked.stderr
    machine.run("colonies-edge", "uninstall", "--purge", "--yes")
    assert left() == before
    assert "colonies-edge" not in machine.path("/etc/passwd").read_text()
