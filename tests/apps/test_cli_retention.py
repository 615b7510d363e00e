"""Retention as an operator asks for it: the flag beats the variables, and nothing is guessed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.apps import config
from colonies_edge.apps.cli.start_flags import retention_of, retention_time
from colonies_edge.protocol.errors import UsageError
from tests.support.colony import environment

ON, POLICY = "COLONIES_RETENTION", "COLONIES_RETENTION_POLICY"


def asked(tmp_path: Path, flag: str | None = None, **variables: str) -> int | None:
    found = config.load(folder=tmp_path, environ=variables)
    return retention_of(found, retention_time(flag) if flag is not None else None)


def test_without_a_word_nothing_is_ever_removed(tmp_path: Path) -> None:
    assert asked(tmp_path) is None
    assert asked(tmp_path, **{ON: "false", POLICY: "60"}) is None
    assert asked(tmp_path, **{POLICY: "60"}) is None


def test_the_flag_beats_the_variables(tmp_path: Path) -> None:
    variables = {ON: "True", POLICY: "3600"}
    assert asked(tmp_path, **variables) == 3600
    assert asked(tmp_path, "60", **variables) == 60
    assert asked(tmp_path, "off", **variables) is None
    assert asked(tmp_path, "60") == 60
    assert asked(tmp_path, "60", **{ON: "true"}) == 60


@pytest.mark.parametrize("policy", ["", "0", "-1", "soon", "3155760001"])
def test_retention_without_a_usable_time_is_refused_and_says_why(tmp_path: Path, policy: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked(tmp_path, **{ON: "true", POLICY: policy})
    assert POLICY in str(refused.value)
    if policy in ("", "0"):
        assert "would remove everything that succeeded" in str(refused.value)


def test_what_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is true or false"):
        asked(tmp_path, **{ON: "yes please", POLICY: "60"})


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "a month"])
def test_the_flag_takes_seconds_or_off(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        retention_time(text)


def test_a_coordinator_that_would_delete_everything_does_not_start_and_touches_nothing(tmp_path: Path) -> None:
    words = ["coordinator", "start", "--listen", "127.0.0.1:0", "--data", "here"]
    said = subprocess.run(
        [sys.executable, "-m", "colonies_edge", *words],
        cwd=tmp_path,
        env=environment(**{ON: "true"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("colonies-edge: COLONIES_RETENTION (environment) is true")
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "here").exists()
