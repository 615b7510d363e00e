"""The examples are programs that work: each is started as its page says, against a real coordinator."""

from __future__ import annotations

import contextlib
import json
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.client.ended import ProcessFailed
from tests.support.live_colony import LiveColony, working
from tests.support.until import until
from tests.test_tidy import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveColony]:
    with LiveColony(tmp_path_factory.mktemp("colony")) as live:
        yield live


@contextlib.contextmanager
def started(colony: LiveColony, program: str, *words: str, **settings: str) -> Iterator[None]:
    """An example as a program of its own; it has to end well."""
    command = [sys.executable, str(EXAMPLES / program), *words]
    env = colony.environment(**settings)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.long
def test_the_sensor_answers_and_refuses(colony: LiveColony) -> None:
    with started(colony, "sensor.py"):
        command = [sys.executable, str(EXAMPLES / "ask.py")]
        said = subprocess.run(command, env=colony.environment(), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "as it should be: " in said.stdout and "sensor 9: " in said.stdout


def test_the_thermometer_reads_what_linux_shows_of_sensors(colony: LiveColony, tmp_path: Path) -> None:
    sys_folder = tmp_path / "sys"
    with started(colony, "thermometer.py", "--fake", str(sys_folder)), colony.client() as client:

        def ask(function: str, *args: object) -> object:
            return client.submit(function, *args, executortype="thermometer", maxexectime=30).wait().output

        assert ask("sensors_here") == ["28-0000demo0001", "iio:device0"]
        assert ask("read_temperature") == {"sensor": "28-0000demo0001", "celsius": 21.187}
        assert ask("read_temperature", "iio:device0") == {"sensor": "iio:device0", "celsius": 22.4, "humidity": 48.1}
        assert ask("average_temperature", "iio:device0", 2) == 22.4
        wire = sys_folder / "bus" / "w1" / "devices" / "28-0000demo0001" / "w1_slave"
        for text in ("00 : crc=00 NO\n00 t=21187\n", "00 : crc=e9 YES\n00 t=85000\n", ""):
            wire.write_text(text)
            with pytest.raises(ProcessFailed, match="5 bad readings"):
                ask("read_temperature")
        wire.write_text("53 01 : crc=e9 YES\n53 01 t=-1250\n")
        assert ask("read_temperature") == {"sensor": "28-0000demo0001", "celsius": -1.25}
        with pytest.raises(ProcessFailed, match="there is no sensor"):
            ask("read_temperature", "28-1")


def png_size(data: bytes) -> tuple[int, int]:
    """Checks every chunk and the number of pixels, as a reader would."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind], at = body, at + 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colours) == (8, 2) and len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)
    return width, height


def test_a_picture_goes_from_the_camera_through_the_darkroom_to_who_asked(colony: LiveColony, tmp_path: Path) -> None:
    with started(colony, "camera/camera.py", "--fake"), started(colony, "camera/darkroom.py"):
        command = [sys.executable, str(EXAMPLES / "camera" / "photo.py"), str(tmp_path)]
        said = subprocess.run(command, env=colony.environment(), capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        (file,) = tmp_path.glob("*.png")
        assert said.stdout == f"{file}: 160 x 120, well lit\n"
        assert png_size(file.read_bytes()) == (160, 120)
        with colony.client() as client:
            assert [one.name for one in client.get_files("/photos")] == [file.with_suffix(".bmp").name]
            with pytest.raises(ProcessFailed, match="16 to 4096 pixels"):
                client.submit("capture", 5, executortype="camera").wait()


def test_without_a_camera_whoever_asks_is_told_why(colony: LiveColony, tmp_path: Path) -> None:
    nothing = tmp_path / "bin"
    nothing.mkdir()
    env = {**colony.environment(), "PATH": str(nothing)}
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "camera" / "camera.py")], env=env, stderr=subprocess.DEVNULL
    )
    try:
        with colony.client() as client, pytest.raises(ProcessFailed, match="neither rpicam-still nor ffmpeg"):
            client.submit("capture", executortype="camera").wait()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_pictures_survive_bmp_with_padding_and_bad_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "camera"))
    import pictures  # type: ignore[import-not-found]

    for width in (16, 17, 18, 19):
        picture = pictures.drawn(width, 5, 3)
        assert pictures.from_bmp(pictures.to_bmp(picture)) == picture
        small = picture.shrunk(2)
        assert (small.width, small.height, len(small.rgb)) == ((width + 1) // 2, 3, (width + 1) // 2 * 9)
    whole = pictures.to_bmp(pictures.drawn(16, 5, 3))
    for bad in (b"", whole[:60], whole[:-1], b"XX" + whole[2:], whole[:28] + b"\x08" + whole[29:]):
        with pytest.raises(pictures.NoPicture):
            pictures.from_bmp(bad)


# -- workflows, generators, blueprints

FILES = EXAMPLES / "workflow"


def ce(colony: LiveColony, *words: str) -> str:
    """What a command says on its standard output, as it is typed in the pages of these examples."""
    command = [sys.executable, "-m", "colonies_edge", *words]
    done = subprocess.run(command, env=colony.environment(), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_workflows_hand_on_what_their_nodes_put_out(colony: LiveColony) -> None:
    with working(colony.os_executor()), started(colony, "workflow/weather.py"):
        graph = json.loads(ce(colony, "workflow", "submit", "--spec", str(FILES / "weather.json"), "--wait", "--json"))
        with colony.client() as client:
            run = client.workflow_run(graph["processgraphid"])
            report = run["report"].id
            assert run["report"].output == 'inside and outside: ["21","7"]'
        assert ce(colony, "process", "get", "-p", report, "--out") == 'inside and outside: ["21","7"]\n'
        followed = ce(colony, "workflow", "submit", "--spec", str(FILES / "compared.json"), "--follow")
        assert "compare successful" in followed
        command = [sys.executable, str(FILES / "submit.py")]
        said = subprocess.run(command, env=colony.environment(), capture_output=True, text=True)
        assert (said.stdout, said.stderr) == ("inside: 21\noutside: 7\ncompare: +14.0 K\n", "")


def test_a_generators_arguments_come_after_the_words_of_the_command(colony: LiveColony) -> None:
    words = ("--name", "readings", "--trigger", "3", "--timeout", "60", "--spec", str(EXAMPLES / "batch.json"))
    with working(colony.os_executor()), colony.client() as client:
        generator = json.loads(ce(colony, "generator", "add", *words, "--json"))["generatorid"]
        for arg in ("21.5", "21.7 C", "22"):
            ce(colony, "generator", "pack", "--generatorid", generator, "--arg", arg)
        until(lambda: bool(client.search_logs("together")))
        assert [line.message for line in client.search_logs("together")] == ["together: 21.5 21.7 C 22\n"]
        client.remove_generator(generator)


def test_crons_are_added_as_the_page_says(colony: LiveColony) -> None:
    at = ("--cron", "TZ=Europe/Stockholm 0 30 2 * * *")
    for name, when in (("nightly", at), ("often", ("--interval", "600", "--waitprevious"))):
        added = ce(colony, "cron", "add", "--name", name, *when, "--spec", str(FILES / "weather.json"), "--json")
        ce(colony, "cron", "remove", "--cronid", json.loads(added)["cronid"])


def test_lamps_are_as_their_blueprints_say(colony: LiveColony) -> None:
    folder = EXAMPLES / "blueprint"

    def status() -> dict[str, object]:
        with colony.client() as client:
            return dict(client.get_blueprint("hall").status)

    with started(colony, "blueprint/lamp.py"):
        ce(colony, "blueprint", "definition", "add", "--spec", str(folder / "lamps.json"))
        ce(colony, "blueprint", "add", "--spec", str(folder / "hall.json"))
        until(lambda: status() == {"level": 70, "colour": "warm"})
        ce(colony, "blueprint", "set", "--name", "hall", "--key", "level", "--value", "30")
        until(lambda: status() == {"level": 30, "colour": "warm"})
        ce(colony, "blueprint", "update", "--spec", str(folder / "hall.json"))
        ce(colony, "blueprint", "reconcile", "--name", "hall")
        until(lambda: status() == {"level": 70, "colour": "warm"})
        ce(colony, "blueprint", "doctor")
        ce(colony, "blueprint", "remove", "--name", "hall")
        with colony.client() as client:
            until(lambda: bool(client.search_logs("hall is off")))
        ce(colony, "blueprint", "definition", "remove", "--name", "lamps")


# -- the router

PROCD = """
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() { if [ "$1" = command ]; then shift; printf '%s\\0' "$@"; fi; }
"""


@pytest.fixture(scope="module")
def executor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "build_zipapp.py"), "--executor-only", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out / "colonies-edge-executor.pyz"


def router(folder: Path, file: Path) -> list[str]:
    """What procd would run, with the places of this test in place of a router's."""
    script = (EXAMPLES / "router" / "colonies-edge.init").read_text("utf-8")
    for there, here in (("/usr/bin/colonies-edge-executor.pyz", file), ("/etc/colonies-edge ", f"{folder} ")):
        assert there in script
        script = script.replace(there, str(here))
    asked = subprocess.run(["sh", "-c", f"{PROCD}\n{script}\nstart_service"], capture_output=True, check=True)
    assert asked.stderr == b""
    return asked.stdout.decode().split("\0")[:-1]


def test_a_router_with_next_to_nothing_runs_the_programs_that_its_script_names(
    colony: LiveColony, executor_file: Path, tmp_path: Path
) -> None:
    settings = {name: value for name, value in colony.environment().items() if name.startswith("COLONIES_")}
    wanted = ("COLONIES_MQTT", "COLONIES_SERVER_ID", "COLONIES_COLONY_NAME", "COLONIES_COLONY_PRVKEY")
    devenv = tmp_path / ".colonies-edge" / "devenv"
    devenv.parent.mkdir()
    devenv.write_text("".join(f"export {name}={settings[name]}\n" for name in wanted))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, target in (("python3", sys.executable), ("cat", "/bin/cat"), ("uptime", "/usr/bin/uptime")):
        (tools / name).symlink_to(target)
    process = subprocess.Popen(
        router(tmp_path, executor_file), env={"PATH": str(tools)}, stderr=subprocess.PIPE, text=True, cwd="/"
    )
    try:
        with colony.client() as client:

            def ask(command: str, *args: str) -> str:
                process = client.submit(command, *args, executortype="router", maxexectime=30).wait()
                return str(process.output)

            assert "load average" in ask("uptime")
            assert "MemTotal" in ask("cat", "/proc/meminfo")
            for command in ("sh -c id", "uptime; id", "python3 -c 1"):
                with pytest.raises(ProcessFailed):
                    ask(command)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert (tmp_path / "data").is_dir(), "its key and its results are where the script says"
