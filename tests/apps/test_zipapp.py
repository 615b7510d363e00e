"""The .pyz: reproducible, complete, small, runs in place with nothing but Python, and says what it leaves out."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

from build_zipapp import EXECUTOR_ONLY, FULL, KINDS, VENDOR, Edition, archives, read_lock
from colonies_edge.apps.dashboard import pages

ROOT = Path(__file__).resolve().parents[2]
# What amqtt declares and its broker does not need; nobody finds them where only a .pyz and Python are.
NOT_CARRIED = ("psutil", "pwdlib", "argon2", "typer", "cryptography", "coincurve", "sqlalchemy")


def run(*words: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter without site-packages: what a device has that never saw pip."""
    return subprocess.run(
        [sys.executable, "-S", *map(str, words)],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def build(edition: Edition, out: Path, source: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    flags = ["--executor-only"] if edition is EXECUTOR_ONLY else []
    return run(source / "build_zipapp.py", "--out", out, *flags, cwd=ROOT, **environment)


@dataclass(frozen=True)
class Built:
    edition: Edition
    path: Path
    names: tuple[str, ...]


@pytest.fixture(scope="module", params=[FULL, EXECUTOR_ONLY], ids=["full", "executor-only"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    edition: Edition = request.param
    out = tmp_path_factory.mktemp("dist")
    made = build(edition, out)
    assert made.returncode == 0, made.stdout + made.stderr
    with zipfile.ZipFile(out / edition.file_name) as archive:
        return Built(edition, out / edition.file_name, tuple(archive.namelist()))


BESIDE = ("LICENSE", "colonies-edge.1")  # not in the package


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the build reads, to be spoilt."""
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT / "colonies_edge", copy / "colonies_edge", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("build_zipapp.py", "LICENSE", "docs/reference/colonies-edge.1"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    return copy


def test_two_builds_are_equal_byte_for_byte_wherever_and_whenever_they_run(built: Built, checkout: Path) -> None:
    for path in checkout.rglob("*.py"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    again = build(
        built.edition, checkout / "elsewhere" / "deep", checkout, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LANG="C"
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert (checkout / "elsewhere" / "deep" / built.edition.file_name).read_bytes() == built.path.read_bytes()


def test_it_stays_within_its_size(built: Built) -> None:
    assert built.path.stat().st_size <= built.edition.bytes_max


def test_it_holds_python_and_licences_and_nothing_that_ties_it_to_a_machine(built: Built) -> None:
    kinds = {Path(name).suffix for name in built.names if ".dist-info/" not in name and name not in BESIDE}
    assert kinds <= {".pyc", *KINDS}, kinds
    assert not [name for name in built.names if "_vendor" in name]


def test_everything_vendored_keeps_its_licence(built: Built) -> None:
    wanted = built.edition.vendored
    for pinned in read_lock((VENDOR / "vendored.txt").read_text(encoding="utf-8")):
        if wanted is not None and pinned.name not in wanted:
            continue
        info = re.compile(rf"{re.sub('[-_.]', '[-_.]', pinned.name)}-{pinned.version}\.dist-info/", re.IGNORECASE)
        kept = [name for name in built.names if info.match(name) and "licen" in name.lower()]
        assert kept, f"{pinned.name}: no licence in {built.path.name}"
    assert "LICENSE" in built.names


def test_it_is_a_program_by_itself(built: Built) -> None:
    assert os.access(built.path, os.X_OK)
    said = subprocess.run([built.path, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"colonies-edge \d+\.\d+\.\d+\n", said.stdout)


def test_the_dashboard_is_served_from_inside_the_file(built: Built) -> None:
    if built.edition is EXECUTOR_ONLY:
        assert not [name for name in built.names if "dashboard" in name]
        return
    code = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); from colonies_edge.apps.dashboard import pages\n"
        "for path, page in pages().items(): print(path, hashlib.sha256(page.make().body).hexdigest())"
    )
    said = run("-c", code, built.path, cwd=built.path.parent)
    assert said.returncode == 0, said.stderr
    inside = dict(line.split() for line in said.stdout.splitlines())
    assert inside == {path: hashlib.sha256(page.make().body).hexdigest() for path, page in pages().items()}


def test_an_old_python_is_told_what_is_needed_instead_of_a_syntax_error(built: Built) -> None:
    code = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path(sys.argv[1], run_name='__main__')"
    said = run("-c", code, built.path)
    assert said.returncode == 1
    assert said.stderr == "colonies-edge needs Python 3.10 or newer; this is Python 3.9\n"


def test_byte_code_of_another_python_is_passed_over(built: Built, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.pyz"
    with zipfile.ZipFile(built.path) as archive, zipfile.ZipFile(foreign, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            copy.writestr(name, b"\0\0\r\n" + data[4:] if name.endswith(".pyc") else data)
    said = run(foreign, "--version")
    assert (said.returncode, said.stderr) == (0, ""), said.stderr


def test_every_module_of_it_loads_with_python_alone(built: Built, tmp_path: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in built.names
        if name.startswith("colonies_edge/") and name.endswith(".py") and not name.endswith("__main__.py")
    )
    code = (
        "import importlib, os, sys\n"
        f"for name in {NOT_CARRIED}: sys.modules[name] = None\n"
        "sys.path[:] = [sys.argv[1], *(path for path in sys.path if path)]\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "import paho.mqtt.client; print(paho.mqtt.client.__file__)\n"
    )
    said = run("-W", "error", "-c", code, built.path, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"{built.path}/paho/")


def test_the_embedded_brokers_library_loads_without_the_native_packages_it_declares(
    tmp_path: Path, built: Built
) -> None:
    if built.edition is EXECUTOR_ONLY:
        assert not [name for name in built.names if name.startswith(("amqtt/", "tinydb/"))]
        return
    code = (
        "import sys\n"
        f"for name in {NOT_CARRIED}: sys.modules[name] = None\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import amqtt.broker, amqtt.plugins.base, amqtt.mqtt.protocol.broker_handler, tinydb\n"
    )
    assert run("-c", code, built.path, cwd=tmp_path).stderr == ""


def test_the_executors_file_says_where_an_absent_command_is(tmp_path: Path) -> None:
    assert build(EXECUTOR_ONLY, tmp_path / "dist").returncode == 0
    for command in ("dev", "demo", "coordinator", "ledger", "broker-config"):
        said = run(tmp_path / "dist" / EXECUTOR_ONLY.file_name, command)
        assert said.returncode == 2, said.stderr
        assert f"it is in {FULL.file_name}" in said.stderr
        assert len(said.stderr.splitlines()) == 1, said.stderr


def test_modules_are_found_after_the_working_directory_has_changed(built: Built) -> None:
    with zipfile.ZipFile(built.path) as archive:
        start = archive.read("__main__.py").decode()
    assert start.index("realpath") < start.index("from colonies_edge")


def test_a_program_started_by_a_link_keeps_to_its_file_when_the_link_changes(built: Built, tmp_path: Path) -> None:
    """As an upgrade changes it, under programs that go on for a while and load what they need next."""
    link, other = tmp_path / "current", tmp_path / "other.pyz"
    other.write_bytes(b"no zip")
    link.symlink_to(built.path)
    program = (
        "import os, sys; path = sys.path[0] = sys.argv[1]; sys.argv = ['x', '--version']\n"
        "import zipfile; start = zipfile.ZipFile(path).read('__main__.py').decode()\n"
        "try: exec(start)\n"
        "except SystemExit: pass\n"
        "os.unlink(path); os.symlink(os.path.join(os.path.dirname(path), 'other.pyz'), path)\n"
        "import colonies_edge.apps.cli.main, colonies_edge.client.client\n"
    )
    done = run("-c", program, link)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("colonies-edge ")


def test_the_vendor_folder_holds_exactly_what_the_lock_names() -> None:
    locked = {pinned.sha256 for pinned in read_lock((VENDOR / "vendored.txt").read_text(encoding="utf-8"))}
    assert set(archives(VENDOR)) == locked, "run `python3 build_zipapp.py --fetch`"


def test_pins_are_versions_that_the_package_accepts() -> None:
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    pins = {pinned.name: pinned.version for pinned in read_lock((VENDOR / "vendored.txt").read_text(encoding="utf-8"))}
    carried = [*project["dependencies"], *extras["http"], *extras["bridge"], *extras["qr"]]
    for requirement in map(Requirement, carried):
        assert requirement.specifier.contains(pins[requirement.name]), f"{requirement} against {pins[requirement.name]}"


def test_an_altered_archive_is_not_built_in(checkout: Path) -> None:
    archive = next((checkout / "colonies_edge" / "_vendor").glob("paho*.whl"))
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    said = build(FULL, checkout / "dist", checkout)
    assert said.returncode == 1
    assert "paho-mqtt" in said.stdout and "--fetch" in said.stdout
    assert not (checkout / "dist").exists()


def test_a_source_only_file_has_no_byte_code_and_still_runs(tmp_path: Path) -> None:
    assert run(ROOT / "build_zipapp.py", "--source-only", "--out", tmp_path).returncode == 0
    with zipfile.ZipFile(tmp_path / FULL.file_name) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".pyc")]
    assert run(tmp_path / FULL.file_name, "--version").returncode == 0


def test_the_printed_digest_is_the_files(tmp_path: Path) -> None:
    said = build(FULL, tmp_path / "dist").stdout
    data = (tmp_path / "dist" / FULL.file_name).read_bytes()
    assert said.split()[1:] == [str(len(data)), "bytes", "sha256", hashlib.sha256(data).hexdigest()]
