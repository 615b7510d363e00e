"""`bridge start`, `bridge status` and `coordinator start --bridge`, as a person uses them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.protocol.model import State
from tests.support.bridged import Work, two_colonies
from tests.support.colony import Shell, typed
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.until import until


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture
def colonies(tmp_path: Path) -> Iterator[tuple[LiveColony, HttpColony]]:
    with two_colonies(tmp_path) as both:
        yield both


def config(folder: Path, edge: LiveColony, cloud: HttpColony, *, owners: bool = True, rules: str = "") -> None:
    keys = [f'colony_prvkey = "{colony.colony_prvkey}"' if owners else "" for colony in (edge, cloud)]
    text = f"""
name = "site"
[edge]
url = "{edge.url}"
colony = "lab"
{keys[0]}
[cloud]
url = "{cloud.http}"
colony = "lab"
{keys[1]}
"""
    (folder / "bridge.toml").write_text(text + (rules or '[[down]]\ncloud = "device"\nedge = "device"\n'))


def status(shell: Shell, code: int = 0) -> dict:
    found: dict = json.loads(shell.run("bridge", "status", "--json", code=code))
    return found


def test_a_bridge_is_started_shown_and_stopped(
    colonies: tuple[LiveColony, HttpColony], shell: Shell, tmp_path: Path
) -> None:
    edge, cloud = colonies
    config(tmp_path, edge, cloud)
    assert "no bridge has run" in shell.refused("bridge", "status", code=2)
    device = Work(edge, "device")
    bridge = typed(tmp_path, "bridge", "start")
    try:
        assert bridge.stderr is not None
        assert bridge.stderr.readline().startswith("Bridge site between lab at mqtt://")
        with working(device.executor), cloud.client() as above:
            assert above.submit("double", 2, executortype="device").wait(30).output == 4
        until(lambda: status(shell)["delivered"] == 1)
        shown = status(shell)
        assert (shown["edge"]["line"], shown["cloud"]["line"]) == ("up", "up")
        assert shown["waiting"] == {"down": 0, "up": 0, "history": 0}
        text = shell.run("bridge", "status")
        assert "up since" in text and "0 down, 0 up, 0 records" in text
        again = typed(tmp_path, "bridge", "start")
        _, said = again.communicate()
        assert (again.returncode, said.count("\n")) == (2, 1)
        assert "is in use by process" in said
        cloud.stop()
        until(lambda: status(shell)["cloud"]["line"] == "down")
        assert "lasterror" in status(shell)["cloud"]
        cloud.start()
        until(lambda: status(shell)["cloud"]["line"] == "up")
    finally:
        bridge.send_signal(signal.SIGTERM)
        _, said = bridge.communicate()
    assert (bridge.returncode, "Traceback" in said) == (0, False), said
    assert status(shell, code=1)["state"] == "stopped"
    assert "was up since" in shell.run("bridge", "status", code=1) and "T" not in text.split("since ")[1][:12]


def test_a_bridge_that_was_killed_is_not_shown_as_running(
    colonies: tuple[LiveColony, HttpColony], shell: Shell, tmp_path: Path
) -> None:
    config(tmp_path, *colonies)
    bridge = typed(tmp_path, "bridge", "start")
    until(lambda: (tmp_path / ".colonies-edge/bridges/site/status.json").exists())
    until(lambda: status(shell)["edge"]["line"] == "up")
    bridge.kill()
    bridge.communicate()
    assert status(shell, code=1)["state"] == "ended without saying so"


def test_a_bridge_without_the_owners_keys_says_what_the_owners_have_to_do(
    colonies: tuple[LiveColony, HttpColony], shell: Shell, tmp_path: Path
) -> None:
    edge, cloud = colonies
    config(tmp_path, edge, cloud, owners=False)
    bridge = typed(tmp_path, "bridge", "start")
    try:
        assert bridge.stderr is not None
        wanted = {"site-device": cloud, "site": edge}
        while wanted:
            line = bridge.stderr.readline()
            assert "Traceback" not in line
            if "executor add" not in line:
                continue
            words = line.split("`")[1].split()
            assert words[:3] == ["colonies-edge", "executor", "add"]
            given = dict(zip(words[3:-1:2], words[4::2], strict=True))
            colony = wanted.pop(given["--name"])
            colony.as_owner(
                lambda client, given=given: client.add_executor(given["--name"], given["--executorid"], given["--type"])
            )
            colony.as_owner(lambda client, given=given: client.approve_executor(given["--name"]))
        device = Work(edge, "device")
        with working(device.executor), cloud.client() as above:
            assert above.submit("double", 2, executortype="device").wait(60).output == 4
    finally:
        bridge.send_signal(signal.SIGTERM)
        bridge.communicate()


@pytest.mark.parametrize("words", [("bridge", "start"), ("coordinator", "start", "--bridge", "bridge.toml")])
def test_a_file_that_makes_no_sense_is_one_line(shell: Shell, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "there is no bridge.toml here: name the file" in shell.refused(*words, code=2)
    (tmp_path / "bridge.toml").write_text("name = 1")
    assert "name is a text" in shell.refused(*words, code=2)


def test_a_bridge_runs_inside_the_coordinator_of_the_edge(
    colonies: tuple[LiveColony, HttpColony], shell: Shell, tmp_path: Path
) -> None:
    edge, cloud = colonies
    edge.stop()
    (tmp_path / "bridge.toml").write_text(
        f'name = "site"\n[cloud]\nurl = "{cloud.http}"\ncolony = "lab"\ncolony_prvkey = "{cloud.colony_prvkey}"\n'
        '[[down]]\ncloud = "device"\nedge = "device"\n[[up]]\nedge = "gpu"\n[[history]]\n'
    )
    words = ["coordinator", "start", "--listen", edge.url.removeprefix("mqtt://"), "--bridge", "bridge.toml"]
    words += ["--data", str(tmp_path / "edge" / "coordinator"), "--colonyname", "lab"]
    words += ["--serverprvkey", edge.server_prvkey, "--colonyprvkey", edge.colony_prvkey, "--prvkey", edge.prvkey]
    coordinator = typed(tmp_path, *words)
    device, gpu = Work(edge, "device"), Work(cloud, "gpu")
    try:
        with working(device.executor), working(gpu.executor), cloud.client() as above, edge.client() as below:
            assert above.submit("double", 2, executortype="device").wait(60).output == 4
            assert below.submit("double", 3, executortype="gpu").wait(60).output == 6
            assert below.submit("double", 4, executortype="device").wait(60).output == 8
            until(lambda: bool(above.run(above.asynchronous.get_processes(State.SUCCESS, executortype="bridge.site"))))
            until(
                lambda: any(one.bridge.get("name") == "site" for one in below.run(below.asynchronous.get_executors()))
            )
    finally:
        coordinator.send_signal(signal.SIGTERM)
        said = coordinator.communicate()[1]
    assert coordinator.returncode == 0, said
    assert "Traceback" not in said
    edge.start()
