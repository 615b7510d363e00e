"""A few histories in every run of the tests, and proof that the auditor can fail; long runs take many."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation import mutants_leaving
from tests.simulation.__main__ import tell
from tests.simulation.mutants import QUICK, RARE, Change, changed

ROOT = Path(__file__).resolve().parents[2]
FEW = 96
MANY = 500


@pytest.mark.parametrize("start", range(0, FEW, 16))
def test_histories_keep_every_promise(start: int) -> None:
    for seed in range(start, start + 16):
        told = tell(seed)
        assert not told.problem, f"{told.problem}\nrepeat it: python -m tests.simulation --seed {seed} --trace"


def test_the_same_seed_is_the_same_history_whatever_the_order_of_hashes() -> None:
    seeds = (1, 2, 15)  # the last one writes real files
    digests = [tell(seed).digest for seed in seeds]
    code = f"from tests.simulation.__main__ import tell; print([tell(seed).digest for seed in {seeds}])"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == str(digests)


def test_a_failing_seed_is_printed_with_the_command_that_repeats_it() -> None:
    code = (
        "import sys; from tests.simulation import __main__ as door, mutants\n"
        "sys.argv = ['simulation', '--seeds', '3']\n"
        "with mutants.changed(*mutants.priority_ignored()): sys.exit(door.main())"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert re.search(r"^seed (\d+): .*\n +python -m tests.simulation --seed \1 --trace$", told.stdout, re.MULTILINE)


@pytest.mark.parametrize("mutant", QUICK + mutants_leaving.QUICK, ids=lambda mutant: mutant.__name__)
def test_the_auditor_notices_an_engine_with(mutant: Callable[[], list[Change]]) -> None:
    assert noticed_within(40, mutant)


@pytest.mark.long
@pytest.mark.parametrize("mutant", RARE + mutants_leaving.RARE, ids=lambda mutant: mutant.__name__)
def test_the_auditor_notices_sooner_or_later_an_engine_with(mutant: Callable[[], list[Change]]) -> None:
    assert noticed_within(MANY, mutant)


def noticed_within(seeds: int, mutant: Callable[[], list[Change]]) -> bool:
    with changed(*mutant()):
        return any(tell(seed).problem for seed in range(seeds))


@pytest.mark.long
def test_many_histories_keep_every_promise() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", str(MANY), "--jobs", str(os.cpu_count() or 1)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
