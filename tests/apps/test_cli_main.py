"""The door: exit codes, one line per failure, pipes that close, terminals, and a fast start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge import __version__
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.main import explain, main
from colonies_edge.protocol.errors import NoConnection, UsageError, error_of
from tests.support.colony import environment, typed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failed("process x failed: why; look"), 1),
        (UsageError("what"), 2),
        (NoConnection("no answer from x"), 3),
        (error_of(403, "Access denied"), 1),
        (error_of(404, "not there"), 1),
        (error_of(418, "teapot"), 1),
        (FileExistsError(17, "File exists", "spec.json"), 1),
        (PermissionError(13, "Permission denied", "/etc/x"), 1),
        (RuntimeError("a defect of ours"), None),
    ],
)
def test_each_failure_has_its_code_and_one_line(error: Exception, code: int | None) -> None:
    line, found = explain(error)
    assert found == code
    assert "\n" not in line and line
    assert "; " in line or not isinstance(error, OSError)


def test_refusals_say_what_to_do() -> None:
    for status in (400, 403, 404, 408, 409, 413, 429, 500, 503):
        assert "; " in explain(error_of(status, "text"))[0]


def test_a_message_of_several_lines_becomes_one() -> None:
    assert explain(error_of(400, "a\nb"))[0].startswith("a b (status 400)")


def test_the_version_is_answered_without_loading_anything_heavy() -> None:
    code = (
        "import sys; sys.argv = ['colonies-edge', '--version']\n"
        "from colonies_edge.__main__ import main; main()\n"
        "heavy = {'asyncio', 'paho', 'amqtt', 'argparse', 'tinydb', 'ctypes', 'ssl'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    said = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, f"colonies-edge {__version__}\n"), said.stderr


def test_help_and_config_load_neither_mqtt_nor_the_coordinator(tmp_path: Path) -> None:
    for words in (["--help"], ["process", "--help"], ["config"], ["version"]):
        code = (
            f"import sys; from colonies_edge.apps.cli.main import main; main({words!r})\n"
            "heavy = {'paho', 'amqtt', 'tinydb', 'ssl'} & set(sys.modules)\n"
            "sys.exit(f'loaded {heavy}' if heavy else 0)"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert said.returncode == 0, (words, said.stderr)


def test_without_a_broker_the_code_is_3_and_the_line_names_address_and_origin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLONIES_PRVKEY", "12" * 32)
    monkeypatch.setenv("COLONIES_COLONY_NAME", "dev")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        (tmp_path / ".colonies-edge").mkdir()
        (tmp_path / ".colonies-edge" / "devenv").write_text(f"export COLONIES_MQTT=mqtt://127.0.0.1:{port}\n")
        assert main(["process", "ps"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert f"127.0.0.1:{port}" in said.err and "./.colonies-edge/devenv" in said.err and "colonies-edge dev" in said.err
    assert said.err.count("\n") == 1


def test_a_spoilt_devenv_is_a_usage_error_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".colonies-edge").mkdir()
    (tmp_path / ".colonies-edge" / "devenv").write_text("export A=1\noops\n")
    assert main(["config"]) == 2
    assert "./.colonies-edge/devenv, line 2" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = typed(tmp_path, "--help")
    assert command.stdout is not None
    command.stdout.close()
    assert command.wait() in (0, 141)  # 0 when it had written all before the pipe closed
    assert command.stderr is not None and command.stderr.read() == ""
    command.stderr.close()


def test_ctrl_c_ends_quietly_with_code_130(tmp_path: Path) -> None:
    with socket.socket() as silent:  # accepts, and never says a word of MQTT
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mqtt = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        command = typed(tmp_path, "process", "ps", "--mqtt", mqtt, "--prvkey", "12" * 32, "--colonyname", "dev")
        with silent.accept()[0]:
            command.send_signal(signal.SIGINT)
            out, err = command.communicate()
    assert (command.returncode, out, err) == (130, "", "")


def on_terminal(*words: str, cwd: Path, answer: str = "", **variables: str) -> tuple[int, str]:
    """Run on a terminal of 80 columns; returns the exit code and all that was shown."""
    env = environment(**{"TERM": "xterm", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **variables})
    here, terminal = os.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", *words],
        cwd=cwd,
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown, asked = b"", False
    while True:
        try:
            piece = os.read(here, 65536)
        except OSError:  # the other end is closed
            break
        shown += piece
        if answer and not asked and b"(YES,no): " in shown:
            asked = True
            os.write(here, f"{answer}\n".encode())
    os.close(here)
    return command.wait(), shown.decode()


def test_on_a_terminal_tables_are_rounded_and_coloured(tmp_path: Path) -> None:
    code, shown = on_terminal("version", cwd=tmp_path)
    assert code == 0
    assert "╭─" in shown and "\x1b[" in shown


@pytest.mark.parametrize(
    ("variables", "rounded", "coloured"),
    [({"NO_COLOR": "1"}, True, False), ({"COLONIES_CLI_ASCII": "true"}, False, True), ({"TERM": "dumb"}, True, False)],
)
def test_boxes_and_colours_can_be_switched_off(
    tmp_path: Path, variables: dict[str, str], rounded: bool, coloured: bool
) -> None:
    _, shown = on_terminal("version", cwd=tmp_path, **variables)
    assert ("╭─" in shown) is rounded
    assert ("\x1b[" in shown) is coloured


@pytest.mark.parametrize("answer", ["yes", "y", "no", "", "YES please"])
def test_only_a_yes_in_full_removes_anything(tmp_path: Path, answer: str) -> None:
    words = ["process", "removeall", "--colonyname", "dev", "--colonyprvkey", "12" * 32]
    code, shown = on_terminal(*words, cwd=tmp_path, answer=answer or " ")
    assert code == 0
    assert "Remove all processes of colony dev? (YES,no): " in shown
    assert "Nothing was changed" in shown


def test_after_a_yes_it_goes_on(tmp_path: Path) -> None:
    words = ["process", "removeall", "--colonyname", "dev", "--colonyprvkey", "12"]
    code, shown = on_terminal(*words, cwd=tmp_path, answer="YES")
    assert code == 2  # as far as the key, which is none
    assert "COLONIES_COLONY_PRVKEY" in shown


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    command = typed(tmp_path, "process", "removeall", "--colonyname", "dev", "--colonyprvkey", "12" * 32)
    _, err = command.communicate()
    assert command.returncode == 2
    assert "add --yes" in err and err.count("\n") == 1
