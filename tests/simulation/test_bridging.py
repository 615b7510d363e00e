"""A few histories of a bridged pair in every run of the tests, and proof that their auditor can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.__main__ import tell
from tests.simulation.mutants import Change, changed
from tests.simulation.mutants_bridging import QUICK, RARE

ROOT = Path(__file__).resolve().parents[2]
FEW = 24
FEW_SEEDS, MANY_SEEDS = 40, 400  # within which a broken bridge is noticed


@pytest.mark.parametrize("start", range(0, FEW, 8))
def test_histories_of_a_bridged_pair_keep_every_promise(start: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(start, start + 8):
        told = tell(seed, bridged=True)
        again = f"python -m tests.simulation --bridged --seed {seed} --trace"
        assert not told.problem, f"{told.problem}\nrepeat it: {again}"
        counts += told.counts
    for side in ("edge", "cloud"):
        assert counts[f"from the {side}: success after 1 rounds"] > 3
    assert counts["starts of the bridge"] > 16


def test_the_same_seed_is_the_same_history_of_a_bridged_pair() -> None:
    seeds = (1, 15)  # the last one writes real files
    digests = [tell(seed, bridged=True).digest for seed in seeds]
    code = f"from tests.simulation.__main__ import tell; print([tell(seed, bridged=True).digest for seed in {seeds}])"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == str(digests)


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.__name__)
@pytest.mark.long
def test_the_auditor_notices_a_bridge_with(mutant: Callable[[], list[Change]]) -> None:
    assert noticed_within(FEW_SEEDS, mutant)


@pytest.mark.long
@pytest.mark.parametrize("mutant", RARE, ids=lambda mutant: mutant.__name__)
def test_the_auditor_notices_sooner_or_later_a_bridge_with(mutant: Callable[[], list[Change]]) -> None:
    assert noticed_within(MANY_SEEDS, mutant)


def noticed_within(seeds: int, mutant: Callable[[], list[Change]]) -> bool:
    with changed(*mutant()):
        return any(tell(seed, bridged=True).problem for seed in range(seeds))
