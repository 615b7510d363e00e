"""Completion as a person has it: real shells, with the tabulator key, and scripts that say what the parser says."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.apps.cli import main
from colonies_edge.apps.cli.completion_scripts import SCRIPTS
from colonies_edge.apps.cli.completion_tree import FILE, FOLDER, NOTHING, VALUE, tree
from colonies_edge.apps.cli.parser import GROUPS, parse
from colonies_edge.protocol.errors import UsageError
from tests.support.colony import environment

TAB = "\t"
INTERACTIVE = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}: apt install {shell}")


def script(shell: str, folder: Path) -> Path:
    path = folder / f"completion.{shell}"
    path.write_text(SCRIPTS[shell](tree()))
    return path


def typed_in(shell: str, folder: Path, line: str) -> list[str]:
    """The arguments that the program got after somebody typed this line at a terminal."""
    told = folder / "told"
    program = folder / "colonies-edge"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
    program.chmod(0o755)
    begin = "autoload -U compinit && compinit -D -u\n" if shell == "zsh" else ""
    keys = f"{begin}source {script(shell, folder)}\n{line}\nexit\n"
    ours, theirs = pty.openpty()
    search = f"{folder}:{os.environ['PATH']}"
    process = subprocess.Popen(
        INTERACTIVE[shell],
        cwd=folder,
        env=environment(PATH=search, TERM="dumb", HOME=str(folder)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # Linux: the other end is closed
        pass
    os.close(ours)
    process.wait()
    assert told.exists(), said.decode(errors="replace")
    return told.read_text().splitlines()


@pytest.mark.parametrize("shell", sorted(INTERACTIVE))
def test_a_shell_completes_words_flags_and_files(shell: str, tmp_path: Path) -> None:
    needs(shell)
    (tmp_path / "pipeline.json").write_text("[]")
    line = f"colonies-edge workf{TAB}sub{TAB}--sp{TAB}pipe{TAB}--wa{TAB}"
    assert typed_in(shell, tmp_path, line) == ["workflow", "submit", "--spec", "pipeline.json", "--wait"]


@pytest.mark.parametrize("shell", sorted(INTERACTIVE))
def test_it_goes_down_as_far_as_the_commands_do(shell: str, tmp_path: Path) -> None:
    needs(shell)
    line = f"colonies-edge --quiet blueprint def{TAB}rem{TAB}--name x --col{TAB}"
    words = ["--quiet", "blueprint", "definition", "remove", "--name", "x", "--col"]
    assert typed_in(shell, tmp_path, line)[:6] == words[:6]


def completed_by_fish(folder: Path, line: str) -> list[str]:
    command = f"source {script('fish', folder)}; complete -C '{line}'"
    said = subprocess.run(
        ["fish", "--no-config", "-c", command],
        cwd=folder,
        env=environment(HOME=str(folder)),
        capture_output=True,
        text=True,
        check=True,
    )
    return [found.partition("\t")[0] for found in said.stdout.splitlines()]


def test_fish_completes_words_flags_and_files(tmp_path: Path) -> None:
    needs("fish")
    (tmp_path / "pipeline.json").write_text("[]")
    assert completed_by_fish(tmp_path, "colonies-edge workf") == ["workflow"]
    assert completed_by_fish(tmp_path, "colonies-edge.pyz workflow sub") == ["submit"]
    assert completed_by_fish(tmp_path, "colonies-edge workflow submit --sp") == ["--spec"]
    assert completed_by_fish(tmp_path, "colonies-edge workflow submit --spec pipe") == ["pipeline.json"]
    assert completed_by_fish(tmp_path, "colonies-edge blueprint definition rem") == ["remove"]
    assert "submit" not in completed_by_fish(tmp_path, "colonies-edge workflow submit ")


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_the_script_has_no_mistake_for_the_shell(shell: str, tmp_path: Path) -> None:
    needs(shell)
    said = subprocess.run([shell, "-n", str(script(shell, tmp_path))], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


def test_every_word_of_the_tree_is_understood_by_the_parser() -> None:
    nodes = tree()
    assert list(nodes[0].words) == list(GROUPS)
    for node in nodes[1:]:
        try:
            parse([*node.path, "--no-such-flag"])
        except UsageError as error:
            assert "has no command" not in str(error)
    with pytest.raises(UsageError, match="has no command"):
        parse(["blueprint", "definitions"])


def test_what_a_flag_takes_is_known() -> None:
    nodes = {node.path: {name: option for option in node.options for name in option.names} for node in tree()}
    submit = nodes["workflow", "submit"]
    assert submit["--spec"].takes == FILE and submit["--wait"].takes == NOTHING
    assert nodes["coordinator", "start"]["--data"].takes == FOLDER
    assert nodes["log", "search"]["--days"].takes == VALUE


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_the_command_prints_the_script_and_nothing_else(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr()
    assert said.err == "" and said.out == SCRIPTS[shell](tree())


def test_the_installed_program_completes_itself(tmp_path: Path) -> None:
    command = f"source <({sys.executable} -m colonies_edge completion bash); complete -p colonies-edge"
    said = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=True)
    assert said.stdout == "complete -F _colonies_edge colonies-edge\n"


def test_a_command_that_is_a_group_too_has_its_flags_and_its_words() -> None:
    nodes = {node.path: node for node in tree()}
    assert set(nodes["enrol",].words) == {"token", "ls", "revoke"}
    assert any("--start" in option.names for option in nodes["enrol",].options)
    assert any("--uses" in option.names for option in nodes["enrol", "token"].options)
