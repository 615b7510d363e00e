"""`dev` and `coordinator start`: they start, say what they are, stop cleanly and lose nothing."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colonies_edge.apps import config
from colonies_edge.apps import dev as apps_dev
from colonies_edge.crypto.identity import identity_of
from tests.support.brokers import free_port
from tests.support.colony import Dev, Shell, environment, typed

SERVER, OWNER, USER = (
    "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d",
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514",
    "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05",
)
GIVEN = {
    "COLONIES_SERVER_PRVKEY": SERVER,
    "COLONIES_COLONY_PRVKEY": OWNER,
    "COLONIES_PRVKEY": USER,
    "COLONIES_COLONY_NAME": "lab",
}

Start = Callable[..., Dev]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `dev` in the test's folder; what still runs at the end is stopped."""
    started: list[Dev] = []

    def go(*words: str, **variables: str) -> Dev:
        started.append(Dev(tmp_path, *words, **variables))
        return started[-1]

    yield go
    for dev in started:
        if dev.process.poll() is None:
            dev.stop(signal.SIGKILL)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell.in_folder(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_started_again_nothing_is_lost(start: Start, shell: Shell, tmp_path: Path, number: int) -> None:
    first = start("--port", "0")
    spec = tmp_path / "s.json"
    spec.write_text(json.dumps({"funcname": "f", "conditions": {"executortype": "t"}}))
    processid = shell.json("function", "submit", "--spec", str(spec))["processid"]
    before = config.devenv_path(tmp_path).read_text()
    code, said = first.stop(number)
    assert code == (-number if number == signal.SIGKILL else 0), said
    assert "Traceback" not in said
    second = start()  # without --port: where it was before
    assert second.ready == first.ready
    assert config.devenv_path(tmp_path).read_text() == before
    assert [process["processid"] for process in shell.json("process", "psw")] == [processid]


def test_keys_and_names_of_the_environment_are_used_instead_of_made(start: Start, shell: Shell, tmp_path: Path) -> None:
    dev = start("--port", "0", **GIVEN)
    assert dev.ready["serverid"] == identity_of(SERVER)
    assert dev.ready["colonyname"] == "lab"
    assert not list((tmp_path / config.FOLDER).glob("*.key"))
    assert shell.json("colony", "ls") == [{"colonyid": identity_of(OWNER), "name": "lab"}]
    assert shell.json("user", "ls")[0]["userid"] == identity_of(USER)
    dev.stop()
    assert start().ready["serverid"] == identity_of(SERVER)  # the devenv keeps them for a start without


def test_another_user_key_becomes_another_user(start: Start, shell: Shell) -> None:
    start("--port", "0", **GIVEN).stop()
    start("--port", "0", **{**GIVEN, "COLONIES_PRVKEY": SERVER})
    assert {user["userid"] for user in shell.json("user", "ls")} == {identity_of(USER), identity_of(SERVER)}


def test_the_data_of_another_server_key_are_refused_with_a_reason(start: Start) -> None:
    start("--port", "0", **GIVEN).stop()
    other = start("--port", "0", **{**GIVEN, "COLONIES_SERVER_PRVKEY": OWNER})
    assert other.ready == {}
    code, said = other.stop()
    assert code == 1
    assert "belongs to the coordinator" in said and "--data" in said and said.count("\n") == 1


def test_a_busy_port_is_named_together_with_the_flag(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        dev = start("--port", port)
        _, said = dev.stop()
    assert dev.process.returncode == 1
    taken_by = f"port {port} of 127.0.0.1 is taken by another program"
    assert said == f"colonies-edge: {taken_by}; name a free one: `colonies-edge dev --port N`\n"


def test_a_second_coordinator_on_the_same_data_refuses_to_start_and_says_why(start: Start, shell: Shell) -> None:
    first = start("--port", "0")
    second = start("--port", "0")
    _, said = second.stop()
    assert second.process.returncode == 1
    assert "coordinator" in said and said.count("\n") == 1
    assert config.load().mqtt == first.ready["mqtt"]
    assert shell.json("colony", "ls")


def test_a_key_that_is_none_is_told_with_its_place(start: Start) -> None:
    dev = start("--port", "0", COLONIES_PRVKEY="12")
    _, said = dev.stop()
    assert dev.process.returncode == 2
    assert "COLONIES_PRVKEY (environment)" in said and said.count("\n") == 1


def test_a_person_is_told_what_to_type_next(tmp_path: Path) -> None:
    http_port = free_port()
    dev = typed(tmp_path, "dev", "--port", "0", "--http-port", str(http_port))
    assert dev.stderr is not None
    said = [dev.stderr.readline() for _ in range(6)]
    dev.send_signal(signal.SIGINT)
    out, rest = dev.communicate()
    assert (out, rest, dev.returncode) == ("", "", 0)
    assert f"http://127.0.0.1:{http_port}" in said[1]
    assert said[2].startswith(f"The dashboard: http://127.0.0.1:{http_port}/#key=")
    assert said[4:] == [
        "  colonies-edge executor os start --name testexecutor --executortype cli\n",
        "  colonies-edge function submit --spec sayhello.json --wait --out\n",
    ]


def test_an_environment_that_points_elsewhere_is_pointed_out(start: Start) -> None:
    dev = start("--port", "0", "--quiet", COLONIES_MQTT="mqtt://example.org")
    _, said = dev.stop()
    assert "COLONIES_MQTT of this environment is mqtt://example.org" in said


def test_the_devenv_drives_commands_in_another_folder(start: Start, tmp_path: Path) -> None:
    start("--port", "0")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = f". {config.devenv_path(tmp_path)}; exec {sys.executable} -m colonies_edge colony check --json"
    said = subprocess.run(
        ["sh", "-c", command], cwd=elsewhere, env=environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout)["name"] == "dev"
    assert list(elsewhere.iterdir()) == []


def test_a_coordinator_makes_a_server_key_and_founds_what_the_environment_names(tmp_path: Path, shell: Shell) -> None:
    given = {name: value for name, value in GIVEN.items() if name != "COLONIES_SERVER_PRVKEY"}
    coordinator = subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", "coordinator", "start", "--data", "d", "--listen", "127.0.0.1:0"],
        cwd=tmp_path,
        env=environment(**given),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert coordinator.stderr is not None
    line = coordinator.stderr.readline()
    assert coordinator.stderr.readline().startswith("Colony lab")
    mqtt = line.split(" at ")[1].split(",")[0]
    try:
        assert (tmp_path / "d" / "server.key").stat().st_mode & 0o777 == 0o600
        assert identity_of((tmp_path / "d" / "server.key").read_text().strip()) in line
        shell.run("colony", "check", "--mqtt", mqtt, "--colonyname", "lab", "--prvkey", USER)
    finally:
        coordinator.send_signal(signal.SIGTERM)
        coordinator.communicate()
    assert coordinator.returncode == 0


@pytest.mark.long
def test_a_coordinator_without_its_broker_says_so_and_ends_with_code_3(tmp_path: Path, shell: Shell) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        mqtt = f"mqtt://127.0.0.1:{unused.getsockname()[1]}"
        said = shell.refused("coordinator", "start", "--mqtt", mqtt, "--data", str(tmp_path / "d"), code=3)
    assert mqtt in said


def test_a_coordinator_is_told_one_broker_not_two(shell: Shell) -> None:
    words = ("coordinator", "start", "--mqtt", "mqtt://h", "--listen", "127.0.0.1:0")
    assert "give one of them" in shell.refused(*words, code=2)


def test_the_ledger_of_a_colony_proves_who_asked_for_what(start: Start, shell: Shell, tmp_path: Path) -> None:
    dev = start("--port", "0")
    dev.stop()
    data = tmp_path / config.FOLDER / config.COORDINATOR_FOLDER
    proof = shell.json("ledger", "verify")
    assert proof["ok"] and proof["signers"] == [dev.ready["serverid"]]
    assert {"addcolonymsg": 1} in proof["callers"].values()
    text = shell.run("ledger", "verify", "--data", str(data), "--head", proof["head"])
    assert "complete and unchanged" in text and proof["head"] in text
    assert shell.run("ledger", "verify", "--serverid", "ab" * 32, code=1)
    assert "is not what the coordinator wrote" in shell.err
    assert "NUMBER:HASH" in shell.refused("ledger", "verify", "--head", "x", code=2)
    assert "no coordinator's data are in nowhere" in shell.refused("ledger", "verify", "--data", "nowhere", code=2)


def test_upstreams_tools_find_the_gateway_by_the_devenv_and_the_next_start_is_there_again(
    start: Start, tmp_path: Path
) -> None:
    http_port = str(free_port())
    dev = start("--port", "0", "--http-port", http_port)
    devenv = config.read_devenv(tmp_path / config.FOLDER / config.DEVENV)
    assert dev.ready["http"] == f"http://127.0.0.1:{http_port}"
    assert devenv["COLONIES_SERVER_HOST"] == "127.0.0.1"
    assert devenv["COLONIES_SERVER_HTTP_PORT"] == devenv["COLONIES_SERVER_PORT"] == http_port
    assert devenv["COLONIES_TLS"] == devenv["COLONIES_SERVER_TLS"] == "false"
    assert apps_dev.http_port_of(tmp_path / config.FOLDER, None) == int(http_port)


def test_a_taken_port_for_http_is_said_with_what_to_do(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        dev = start("--port", "0", "--http-port", str(taken.getsockname()[1]))
        _, said = dev.stop()
    assert dev.process.returncode == 1
    assert "another program; name a free one for HTTP: `colonies-edge dev --http-port N`, 0" in said
    assert said.count("\n") == 1


def test_verbose_is_about_this_program_and_not_about_its_libraries(start: Start) -> None:
    _, said = start("--port", "0", "-v").stop()
    assert " INFO colonies_edge." in said
    assert not {"amqtt", "transitions", "asyncio"} & {word.split(".")[0] for word in said.split()}
