"""The main job as a user does it: the demonstration, and three terminals of one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Mosquitto
from tests.support.colony import Dev, environment, typed

SAYHELLO = {"conditions": {"executortype": "cli"}, "funcname": "echo sayhello"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a `sayhello.json`, in which `dev` and an os executor run."""
    where = tmp_path_factory.mktemp("colony")
    (where / "sayhello.json").write_text(json.dumps(SAYHELLO))
    dev = Dev(where, "--port", "0")
    executor = typed(where, "executor", "os", "start", "--name", "testexecutor", "--executortype", "cli")
    yield where
    executor.send_signal(signal.SIGINT)
    _, said = executor.communicate()
    assert executor.returncode == 0, said
    code, said = dev.stop()
    assert (code, said) == (0, "")


def said_by(folder: Path, *words: str) -> tuple[int, str, str]:
    command = typed(folder, *words)
    out, err = command.communicate()
    return command.returncode, out, err


def test_three_terminals_print_exactly_sayhello(folder: Path) -> None:
    code, out, _ = said_by(folder, "function", "submit", "--spec", "sayhello.json", "--wait", "--out")
    assert (code, out) == (0, "sayhello\n")


def test_the_spec_may_come_from_a_pipe(folder: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "colonies_edge", "function", "submit", "--spec", "-", "--out", "--quiet"],
        input=json.dumps(SAYHELLO),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "sayhello\n", "")


def test_a_failing_command_is_one_line_and_code_1(folder: Path) -> None:
    words = ["function", "exec", "--func", "echo why >&2; exit 3", "--targettype", "cli", "--wait", "--quiet"]
    code, out, err = said_by(folder, *words)
    assert (code, out) == (1, "")
    assert "exit code 3" in err and "why" in err and err.count("\n") == 1


def test_the_log_appears_while_the_command_runs(folder: Path) -> None:
    flag = folder / "go"
    command = typed(
        folder,
        *("function", "exec", "--targettype", "cli", "--follow", "--quiet"),
        *("--func", f"echo first; while [ ! -e {flag} ]; do sleep 0.05; done; echo second"),
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "first\n"
    flag.touch()
    out, err = command.communicate()
    assert (out, err, command.returncode) == ("second\n", "", 0)


@pytest.mark.parametrize("kind", ["process", "workflow"])
def test_who_stops_waiting_is_told_that_the_work_goes_on(folder: Path, kind: str) -> None:
    (folder / "long.json").write_text(json.dumps({"funcname": "x", "conditions": {"executortype": "nobody"}}))
    (folder / "flow.json").write_text(
        json.dumps([{"nodename": "a", "funcname": "x", "conditions": {"executortype": "n"}}])
    )
    spec = (
        ["function", "submit", "--spec", "long.json"]
        if kind == "process"
        else ["workflow", "submit", "--spec", "flow.json"]
    )
    command = typed(folder, *spec, "--wait")
    assert command.stderr is not None
    identity = command.stderr.readline().split()[-1]
    command.send_signal(signal.SIGINT)
    _, said = command.communicate()
    flag = "-p" if kind == "process" else "--workflowid"
    shows, ends = (f"`colonies-edge {kind} {verb} {flag} {identity}`" for verb in ("get", "cancel"))
    assert (command.returncode, said) == (130, f"The {kind} goes on; {shows} shows it, {ends} ends it\n")
    assert said_by(folder, *ends.strip("`").split()[1:])[0] == 0


def test_the_log_of_an_executor_is_followed_until_ctrl_c(folder: Path) -> None:
    said_by(folder, "function", "exec", "--func", "echo heard", "--targettype", "cli", "--wait")
    command = typed(folder, "log", "get", "-e", "testexecutor", "--follow")
    assert command.stdout is not None
    while "heard" not in command.stdout.readline():
        assert command.poll() is None
    command.send_signal(signal.SIGINT)
    assert command.wait() in (0, 130)  # 130 when it came before it was asked for
    command.communicate()


def test_the_demonstration_prints_sayhello_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    misleading = {"COLONIES_MQTT": "mqtt://127.0.0.1:1", "COLONIES_COLONY_NAME": "other", "COLONIES_PRVKEY": "no key"}
    said = subprocess.run(
        [sys.executable, "-m", "colonies_edge", "demo"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(temporary), HOME=str(tmp_path), **misleading),
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("sayhello\n")
    assert "| State              | successful " in said.stdout
    assert os.listdir(temporary) == []
    assert os.listdir(tmp_path) == ["tmp"]


def test_the_demonstration_in_pure_python_and_as_json(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "colonies_edge", "demo", "--json"],
        cwd=tmp_path,
        env=environment(COLONIES_EDGE_CRYPTO="python"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout)["out"] == ["sayhello"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demonstration_can_be_stopped_and_cleans_up(tmp_path: Path, number: int) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", "demo"],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stderr is not None
    demo.stderr.readline()
    demo.send_signal(number)
    _, err = demo.communicate()
    assert demo.returncode in (0, 130), err  # 0 when the job was faster
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []


def test_with_a_broker_of_ones_own(tmp_path: Path) -> None:
    keys = {
        "COLONIES_SERVER_PRVKEY": "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d",
        "COLONIES_COLONY_PRVKEY": "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514",
        "COLONIES_PRVKEY": "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05",
        "COLONIES_COLONY_NAME": "lab",
    }
    (tmp_path / "sayhello.json").write_text(json.dumps(SAYHELLO))
    with Mosquitto() as broker:
        env = environment(COLONIES_MQTT=broker.url, **keys)

        def start(*words: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "colonies_edge", *words]
            return subprocess.Popen(
                command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )

        coordinator = start("coordinator", "start", "--mqtt", broker.url, "--data", "d")
        assert coordinator.stderr is not None
        assert broker.url in coordinator.stderr.readline()
        assert coordinator.stderr.readline().startswith("Colony lab")
        executor = start("executor", "os", "start", "--name", "testexecutor", "--executortype", "cli")
        submit = start("function", "submit", "--spec", "sayhello.json", "--wait", "--out")
        out, err = submit.communicate()
        assert (submit.returncode, out) == (0, "sayhello\n"), err
        for program in (executor, coordinator):
            program.send_signal(signal.SIGTERM)
            program.communicate()
            assert program.returncode == 0
