"""The example with two sites runs with one command and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.support.colony import REPOSITORY, environment

PROGRAM = REPOSITORY / "examples" / "two_sites" / "run.py"


def test_the_example_runs_and_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env=environment(TMPDIR=str(tmp_path), PYTHONPATH=os.path.relpath(REPOSITORY, tmp_path)),  # as a reader types it
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "show       ran at the site   displayed: a cat on the picture of the yard" in done.stdout
    assert "picture of the gate; its log: a picture of the gate" in done.stdout
    assert "up since" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_said_at_once_and_in_one_sentence(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare")
    python = str(tmp_path / "bare" / "bin" / "python")
    done = subprocess.run([python, str(PROGRAM)], env=environment(PYTHONPATH=""), capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"{python} has no colonies_edge, starlette, ")
    assert "[http,bridge]'`, or set PYTHONPATH to the path of colonies-edge.pyz" in done.stderr
    assert done.stderr.count("\n") == 1
