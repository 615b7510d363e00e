"""Where a setting comes from, and what a devenv may look like."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from colonies_edge.apps import config
from colonies_edge.protocol.errors import UsageError


def devenv(folder: Path, text: str) -> Path:
    path = config.devenv_path(folder)
    path.parent.mkdir()
    path.write_text(text)
    return path


FLAG = {"colonyname": "flagged"}
ENVIRONMENT = {"COLONIES_COLONY_NAME": "exported"}
FILE = "export COLONIES_COLONY_NAME=filed\n"


@pytest.mark.parametrize(
    ("flags", "environ", "file", "value", "source"),
    [
        (FLAG, ENVIRONMENT, FILE, "flagged", "flag"),
        (FLAG, {}, "", "flagged", "flag"),
        ({}, ENVIRONMENT, FILE, "exported", "environment"),
        ({"colonyname": None}, ENVIRONMENT, FILE, "exported", "environment"),
        ({}, {}, FILE, "filed", "file"),
        ({}, {"COLONIES_COLONY_NAME": ""}, FILE, "filed", "file"),
        ({}, {}, "", "", "not set"),
    ],
)
def test_a_flag_beats_the_environment_which_beats_the_folder(
    tmp_path: Path, flags: dict[str, str | None], environ: dict[str, str], file: str, value: str, source: str
) -> None:
    path = devenv(tmp_path, file)
    found = config.load(flags, folder=tmp_path, environ=environ)
    assert found.colonyname == value
    assert found.source("colonyname") == (str(path) if source == "file" else source)


@pytest.mark.parametrize("name", sorted(config.VARIABLES))
def test_every_setting_follows_the_same_order(tmp_path: Path, name: str) -> None:
    variable = config.VARIABLES[name]
    default = config.load(folder=tmp_path, environ={})
    assert getattr(default, name) == config.DEFAULTS.get(name, "")
    devenv(tmp_path, f"export {variable}=filed\n")
    assert getattr(config.load(folder=tmp_path, environ={}), name) == "filed"
    assert getattr(config.load(folder=tmp_path, environ={variable: "exported"}), name) == "exported"
    assert getattr(config.load({name: "flagged"}, folder=tmp_path, environ={variable: "exported"}), name) == "flagged"


def test_every_setting_has_a_variable() -> None:
    assert set(config.NAMES) == set(config.VARIABLES)


def test_an_empty_flag_is_a_value_that_was_given(tmp_path: Path) -> None:
    found = config.load({"executortype": ""}, folder=tmp_path, environ={"COLONIES_EXECUTOR_TYPE": "cli"})
    assert found.executortype == ""
    assert found.source("executortype") == "flag"


def test_a_missing_setting_says_which_variable_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="COLONIES_COLONY_NAME is not set: give --colonyname NAME, or run this in"):
        config.load(folder=tmp_path, environ={}).need("colonyname")


def test_private_keys_are_not_in_the_representation(tmp_path: Path) -> None:
    found = config.load({"prvkey": "ab" * 32, "mqtt": "mqtt://h:1"}, folder=tmp_path, environ={})
    assert "abab" not in repr(found)
    assert "mqtt://h:1" in repr(found)


def test_a_devenv_is_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "devenv"
    values = {"COLONIES_COLONY_NAME": 'it\'s a "colony" $HOME `x`', "COLONIES_MQTT": "mqtt://127.0.0.1:1883"}
    config.write_devenv(path, {**values, "COLONIES_EMPTY": ""})
    assert config.read_devenv(path) == values
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["devenv"]


def test_a_devenv_can_be_sourced_by_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "devenv"
    config.write_devenv(path, {"COLONIES_COLONY_NAME": 'it\'s "$HOME"'})
    said = subprocess.run(["sh", "-c", f". {path}; env"], capture_output=True, text=True, check=True, env={"A": "1"})
    assert 'COLONIES_COLONY_NAME=it\'s "$HOME"' in said.stdout.splitlines()


def test_writing_again_replaces_the_file_and_keeps_it_private(tmp_path: Path) -> None:
    path = tmp_path / "devenv"
    path.write_text("export OLD=1\n")
    path.chmod(0o644)
    config.write_devenv(path, {"NEW": "2"})
    assert config.read_devenv(path) == {"NEW": "2"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_comments_blank_lines_and_plain_assignments_are_read() -> None:
    text = "# a comment\n\nexport A=1 B='two words'  # why\nC=\n"
    assert config.parse_devenv(text, "x") == {"A": "1", "B": "two words", "C": ""}


@pytest.mark.parametrize("line", ["if true; then", "export A", "export 'A=1", "rm -rf x", "export 1A=2"])
def test_a_line_that_sets_nothing_is_named_by_its_number(line: str) -> None:
    with pytest.raises(UsageError, match=r"devenv, line 2: expected `export NAME=value`"):
        config.parse_devenv(f"export A=1\n{line}\n", "devenv")


def test_a_devenv_that_is_not_text_is_said(tmp_path: Path) -> None:
    path = devenv(tmp_path, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"cannot read .*devenv: it is not text"):
        config.load(folder=tmp_path, environ={})


def test_a_devenv_that_is_a_folder_is_said(tmp_path: Path) -> None:
    config.devenv_path(tmp_path).mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot read"):
        config.load(folder=tmp_path, environ={})
