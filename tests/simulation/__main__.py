"""`python -m tests.simulation --seeds 500`: runs histories and prints the command that repeats one that fails.

With `--bridged`, each is that of two colonies and the bridge between them.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.bridging import BridgedPair
from tests.simulation.world import World

SHOWN_MAX = 10  # failing seeds; more of them rarely say more


@dataclass
class Told:
    """What is left of a history."""

    seed: int
    digest: int
    steps: int
    hours: float
    counts: Counter[str]
    problem: str = ""
    trace: list[str] = field(default_factory=list)


def tell(seed: int, tracing: bool = False, bridged: bool = False) -> Told:
    """Run one history."""
    world = BridgedPair(seed, tracing=tracing) if bridged else World(seed, tracing=tracing)
    told = Told(seed=seed, digest=0, steps=0, hours=0.0, counts=world.counts)
    try:
        world.run()
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        told.problem = (
            f"{type(problem).__name__} at {world.loop.now / 1e9:.3f} s: {problem} ({last.filename}:{last.lineno})"
        )
        if tracing:
            traceback.print_exc()
    told.digest, told.steps, told.hours = world.digest, world.loop.done, world.loop.now / 3.6e12
    return told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many histories")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print everything that happens; with --seed")
    parser.add_argument("--bridged", action="store_true", help="two colonies and the bridge between them")
    parser.add_argument("--jobs", type=int, default=1, help="how many at the same time")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return report([tell(arguments.seed, arguments.trace, arguments.bridged)], 0.0, arguments.bridged)
    begun = time.monotonic()
    tell_one = partial(tell, bridged=arguments.bridged)
    seeds = range(arguments.start, arguments.start + arguments.seeds)
    if arguments.jobs > 1:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            told = list(pool.map(tell_one, seeds, chunksize=8))
    else:
        told = [tell_one(seed) for seed in seeds]
    return report(told, time.monotonic() - begun, arguments.bridged)


def command(seed: int, bridged: bool) -> str:
    """What repeats it."""
    return f"python -m tests.simulation --seed {seed}{' --bridged' if bridged else ''} --trace"


def report(told: list[Told], took_s: float, bridged: bool = False) -> int:
    counts: Counter[str] = Counter()
    for one in told:
        counts.update(one.counts)
    failed = [one for one in told if one.problem]
    for one in failed[:SHOWN_MAX]:
        print(f"seed {one.seed}: {one.problem}\n    {command(one.seed, bridged)}")
    hours, steps = sum(one.hours for one in told), sum(one.steps for one in told)
    answers = sum(count for name, count in counts.items() if name.split()[0].endswith("msg"))
    print(f"{len(told)} histories, {hours:.0f} simulated hours, {steps} steps, {answers} answers and pushes, "
          f"{counts['restarts']} starts, {counts['events']} events, {len(failed)} failed"
          + (f", {len(told) / took_s:.1f} per s" if took_s else f", digest {told[0].digest:08x}"))  # fmt: skip
    if len(told) == 1:
        for name, count in sorted(counts.items()):
            print(f"    {count:6d} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
