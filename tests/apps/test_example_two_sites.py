"""The example with two sites runs with one command and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.colony import REPOSITORY, environment


def test_the_example_runs_and_cleans_up(tmp_path: Path) -> None:
    program = REPOSITORY / "examples" / "two_sites" / "run.py"
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment(TMPDIR=str(tmp_path)),
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
