"""A colony started by `dev` in a process of its own, and a person who types commands in its folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]


def environment(**variables: str) -> dict[str, str]:
    """This one without the settings and the terminal of whoever runs the tests."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COLONIES_") and name not in ("COLUMNS", "LINES")
    }
    return {**clean, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", **variables}


def unset_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for this very process."""
    for name in [name for name in os.environ if name.startswith(("COLONIES_", "AWS_S3_"))]:
        monkeypatch.delenv(name)


class Dev:
    """A `colonies-edge dev` in a folder of its own; without HTTP unless `words` name a port for it."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        if "--http-port" not in words:
            words = (*words, "--http-port", "0")
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "colonies_edge", "dev", "--json", *words],
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.ready: dict[str, Any] = json.loads(line) if line else {}

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, said = self.process.communicate()
        return self.process.returncode, said


class Shell:
    """Commands typed in the folder of the colony."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    @classmethod
    def in_folder(cls, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
        """As it is in a new terminal that was opened there."""
        monkeypatch.chdir(folder)
        unset_settings(monkeypatch)
        return cls(capsys)

    def run(self, *words: str, code: int = 0) -> str:
        found = main(words)
        said = self._capsys.readouterr()
        self.err = said.err
        assert found == code, said.err
        return said.out

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def refused(self, *words: str, code: int) -> str:
        """The one line on stderr."""
        assert self.run(*words, code=code) == ""
        assert self.err.startswith("colonies-edge: ") and self.err.count("\n") == 1, self.err
        return self.err


def typed(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command in a process of its own, in the colony's folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "colonies_edge", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
