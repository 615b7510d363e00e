"""`database create` and `database drop`: a folder that the coordinator finds, and that goes when somebody means it."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from colonies_edge.crypto.identity import identity_of
from tests.support.colony import Dev, Shell, typed

KEY = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell.in_folder(tmp_path, capsys, monkeypatch)


def first_line(folder: Path, *words: str) -> str:
    """What a coordinator says when it listens; it is stopped again."""
    process = typed(folder, *words)
    assert process.stderr is not None
    line = process.stderr.readline()
    process.terminate()
    process.communicate()
    assert process.returncode == 0, line
    return line


@pytest.mark.parametrize("command", ["coordinator", "server"])
def test_a_coordinator_finds_what_was_created(shell: Shell, tmp_path: Path, command: str) -> None:
    made = shell.json("database", "create", "--data", "here")
    assert made["created"] and stat.S_IMODE((tmp_path / "here").stat().st_mode) == 0o700
    said = first_line(tmp_path, command, "start", "--listen", "127.0.0.1:0", "--data", "here")
    assert said.startswith(f"Coordinator {made['serverid']} at mqtt://127.0.0.1:")


def test_creating_twice_changes_nothing(shell: Shell) -> None:
    first = shell.json("database", "create")
    assert shell.json("database", "create") == {**first, "created": False}
    assert shell.run("database", "create") == "" and "was there already" in shell.err
    assert "Next: `colonies-edge coordinator start`" in shell.err


def test_with_a_key_of_ones_own_none_is_made(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLONIES_SERVER_PRVKEY", KEY)
    assert shell.json("database", "create", "--data", "here")["serverid"] == identity_of(KEY)
    assert not (tmp_path / "here" / "server.key").exists()


def test_where_no_coordinator_worked_nothing_is_called_sound(shell: Shell, tmp_path: Path) -> None:
    shell.run("database", "create")
    assert shell.json("coordinator", "check")["problems"] == [], "made, and not used yet"
    (tmp_path / "empty").mkdir()
    for command in (("coordinator", "check"), ("ledger", "verify")):
        said = shell.refused(*command, "--data", ".colonies-edge", code=2)
        assert "no coordinator's data are in .colonies-edge; they are in .colonies-edge/coordinator" in said
        assert "give the folder that" in shell.refused(*command, "--data", "empty", code=2)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_copy_of_what_dev_made_starts_elsewhere_and_without_its_key_it_does_not(
    shell: Shell, tmp_path: Path, damaged: bool
) -> None:
    dev = Dev(tmp_path, "--port", "0")
    assert dev.stop() == (0, "")
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / ".colonies-edge" / "coordinator", copy)
    (tmp_path / ".colonies-edge" / "devenv").unlink()
    start = ("coordinator", "start", "--listen", "127.0.0.1:0", "--data", "copy")
    assert first_line(tmp_path, *start).startswith(f"Coordinator {dev.ready['serverid']} at ")
    (copy / "server.key").unlink()
    if damaged:
        (copy / "colony.json").write_text("{")
    for command in (start, ("database", "create", "--data", "copy")):
        said = shell.refused(*command, code=2)
        assert "no server.key" in said and "set COLONIES_SERVER_PRVKEY" in said
    assert not (copy / "server.key").exists(), "no other one is made"


def test_damaged_data_are_not_shown_as_somebody_elses(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ("coordinator", "start", "--listen", "127.0.0.1:0", "--data", "here")
    first_line(tmp_path, *start)
    newest = max((tmp_path / "here" / "journal").glob("*.jsonl"))
    newest.write_text("no line of a journal\nand another\n")
    monkeypatch.setenv("COLONIES_SERVER_PRVKEY", KEY)
    shell.run(*start, code=1)
    assert "This data belongs to the coordinator" in shell.err and identity_of(KEY) in shell.err


def test_dropped_is_gone_except_the_key_and_what_is_not_the_coordinators(shell: Shell, tmp_path: Path) -> None:
    made = shell.json("database", "create", "--data", "here")
    first_line(tmp_path, "coordinator", "start", "--listen", "127.0.0.1:0", "--data", "here")
    folder = tmp_path / "here"
    (folder / "notes.txt").write_text("mine")
    assert {"journal", "colony.json", "archive.sqlite"} <= {path.name for path in folder.iterdir()}
    assert shell.json("database", "drop", "--data", "here", "--yes")["dropped"]
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "server.key"]
    assert shell.json("database", "create", "--data", "here") == made


def test_while_a_coordinator_runs_nothing_is_dropped_or_created(shell: Shell, tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--port", "0")
    assert "stop that one" in shell.refused("database", "drop", "--yes", code=1)
    assert "stop that one" in shell.refused("database", "create", code=1)
    assert dev.stop() == (0, "")
    assert (tmp_path / ".colonies-edge" / "coordinator" / "colony.json").exists()


def test_nothing_is_dropped_without_a_yes(shell: Shell, tmp_path: Path) -> None:
    shell.run("database", "create", "--data", "here")
    assert "add --yes if you mean it" in shell.refused("database", "drop", "--data", "here", code=2)
    assert (tmp_path / "here" / "journal").is_dir()


def test_a_folder_of_something_else_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text(json.dumps("cat"))
    for name in ("photos", "nowhere"):
        assert "is not the data folder" in shell.refused("database", "drop", "--data", name, "--yes", code=2)
    assert (tmp_path / "photos" / "cat.jpg").exists() and not (tmp_path / "nowhere").exists()
