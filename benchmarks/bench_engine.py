"""How fast the engine decides: no signatures, no disk, no network.

    python3 benchmarks/bench_engine.py [--jobs 20000] [--json]

Two figures: whole jobs (submit, push, close) per second, and what an assignment costs with 100 and with 100,000
processes waiting. Times vary between machines; the ratio hardly does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from colonies_edge.engine.engine import Engine
from colonies_edge.engine.outcome import Outcome, Request, Route
from colonies_edge.engine.ports import Settings
from colonies_edge.storage.memory import MemoryStore

SERVER, OWNER, USER, EXECUTOR = (digit * 64 for digit in "abcd")
MS = 1_000_000


class Bench:
    """An engine with one colony, one user and one executor, and a clock that counts calls."""

    def __init__(self) -> None:
        store = MemoryStore()
        self.engine = Engine(Settings(), store.history)
        self.now = 1_700_000_000_000 * MS
        self.calls = 0
        self.engine.restore((), (), self.now)
        self.engine.found(SERVER, self.now)
        self.ask(SERVER, "addcolonymsg", colony={"colonyid": OWNER, "name": "lab"})
        executor = {"executorid": EXECUTOR, "executortype": "cli", "executorname": "one", "colonyname": "lab"}
        self.ask(OWNER, "addexecutormsg", executor=executor)
        self.ask(OWNER, "approveexecutormsg", colonyname="lab", executorname="one")
        self.ask(OWNER, "addusermsg", user={"colonyname": "lab", "userid": USER, "name": "ann"})

    def ask(self, caller: str, msgtype: str, **fields: Any) -> Outcome:
        """One request that must succeed."""
        self.calls += 1
        self.now += MS // 100
        value = {"msgtype": msgtype, "msgid": f"bench-{self.calls:012d}", "ts": self.now // MS, **fields}
        route = Route(colony="lab" if caller != SERVER else "_", party=caller, conn="benchconn")
        outcome = self.engine.handle(Request(caller=caller, payloadtype=msgtype, value=value, route=route), self.now)
        for reply in outcome.replies:
            if reply.error:
                raise SystemExit(f"{msgtype} failed: {reply.value}")
        return outcome

    def submit(self) -> Outcome:
        """One small job."""
        conditions = {"colonyname": "lab", "executortype": "cli"}
        spec = {"funcname": "echo", "args": ["hello"], "maxexectime": 10, "conditions": conditions}
        return self.ask(USER, "submitfuncspecmsg", spec=spec)

    def close(self, outcome: Outcome) -> Outcome:
        """Close what was pushed."""
        pushed = outcome.pushes[-1].value
        return self.ask(
            EXECUTOR, "closesuccessfulmsg", processid=pushed["processid"], attempt=pushed["attempt"], out=["hello"]
        )

    def ready(self, capacity: int) -> Outcome:
        """The executor wants work."""
        return self.ask(EXECUTOR, "readymsg", colonyname="lab", capacity=capacity)


def jobs_per_s(jobs: int) -> float:
    """Submit, pushed at once, closed; one after the other."""
    bench = Bench()
    bench.ready(1)
    begin = time.process_time()
    for number in range(jobs):
        bench.close(bench.submit())
        if number % 5000 == 4999:
            bench.now += 700_000 * MS  # let old answers be forgotten, as in a coordinator that lives longer
    return jobs / (time.process_time() - begin)


def assign_us(waiting: int, samples: int = 2000) -> float:
    """Close one and be pushed the next, with so many waiting behind it."""
    bench = Bench()
    for number in range(waiting + samples + 1):
        bench.submit()
        if number % 40_000 == 39_999:
            bench.now += 700_000 * MS
    outcome = bench.ready(1)
    times = []
    for _ in range(samples):
        begin = time.process_time()
        outcome = bench.close(outcome)
        times.append(time.process_time() - begin)
    return sorted(times)[samples // 2] * 1e6


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    few, many = assign_us(100), assign_us(options.waiting)
    result = {
        "jobs_per_s": round(jobs_per_s(options.jobs)),
        "assign_us_at_100": round(few, 1),
        f"assign_us_at_{options.waiting}": round(many, 1),
        "ratio": round(many / few, 3),
    }
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
