"""Crons that are all due in the same second: how long until each has started its workflow, and until all run.

    python3 benchmarks/bench_crons.py [--broker embedded|mosquitto] [--crons 1000] [--window 100] [--ahead 0] [--json]

Coordinator, broker and executor are processes. The crons have an expression that names one second, `--ahead` seconds
away (0: as many as adding the crons should take). All times are seconds after that second, by the clock of this one
machine: `started` is when the coordinator's statistics first show all workflows, asked for again and again as anybody
may; `running` is what the executor's function wrote down when it was called, with `--window` processes at a time, each
of which must be closed before the next is taken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench_jobs import Site, found, site_of

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.workflow import Workflow
from colonies_edge.protocol.model import Statistics

AT_ONCE = 50  # crons that are being added at a time
ADDED_PER_S = 150  # a cautious guess, from which `--ahead` follows
ASKED_EVERY_S = 0.05
PATIENCE_S = 120.0
EXECUTOR = """
import os, time
from colonies_edge import Executor
worker = Executor.from_env(capacity={capacity})
marks = os.open({marks!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@worker.function
def mark(name):
    os.write(marks, f"{{name}} {{time.time()}}\\n".encode())
    return name

worker.run()
"""


def start_executor(site: Site, marks: Path) -> None:
    """One that writes down when it was called."""
    site.parts["executor"] = site.spawn(
        sys.executable,
        "-c",
        EXECUTOR.format(capacity=site.options.window, marks=str(marks)),
        COLONIES_EXECUTOR_NAME="bench",
        COLONIES_EXECUTOR_TYPE="bench",
        COLONIES_DATA_DIR=str(site.folder / "executor"),
    )


def workflow_of(name: str) -> Workflow:
    """One node that tells its cron's name."""
    flow = Workflow(executortype="bench", maxexectime=60)
    flow.node("only", "mark", name)
    return flow


async def add_crons(client: AsyncClient, count: int, due: int) -> tuple[float, list[str]]:
    """Seconds, and the ids."""
    moment = datetime.fromtimestamp(due, timezone.utc)
    expression = f"TZ=UTC {moment.second} {moment.minute} {moment.hour} {moment.day} {moment.month} *"
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> str:
        async with slots:
            cron = await client.add_cron(f"c{number}", workflow_of(f"c{number}"), cron=expression)
        assert cron.nextrun == due * 1_000_000_000, f"{expression} is next due at {cron.nextrun}"
        return cron.cronid

    begin = time.perf_counter()
    ids = await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - begin, ids


def marks_in(path: Path) -> dict[str, float]:
    """When each cron's function was called first."""
    seen: dict[str, float] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, when = line.split()
        seen.setdefault(name, float(when))
    return seen


def workflows_in(statistics: Statistics) -> int:
    """In whatever state."""
    return (
        statistics.waitingworkflows
        + statistics.runningworkflows
        + statistics.successfulworkflows
        + statistics.failedworkflows
        + statistics.cancelledworkflows
    )


async def watch(client: AsyncClient, count: int, due: int) -> tuple[float, float]:
    """Seconds after `due` until all workflows were there, and until all had succeeded."""
    all_started = 0.0
    while time.time() < due + PATIENCE_S:
        statistics = await client.get_colony_stats()
        now = time.time() - due
        if not all_started and workflows_in(statistics) >= count:
            all_started = now
        if statistics.successfulworkflows >= count:
            return all_started, now
        await asyncio.sleep(ASKED_EVERY_S)
    raise SystemExit(f"{workflows_in(statistics)} of {count} workflows after {PATIENCE_S} s: {statistics}")


async def measure(site: Site) -> dict[str, Any]:
    """The figures of one run."""
    options, marks = site.options, site.folder / "marks"
    await found(site)
    start_executor(site, marks)
    async with site.client("user") as client:
        await client.wait(await client.submit("mark", "warm-up", executortype="bench", maxexectime=60), timeout_s=60)
        due = int(time.time()) + (options.ahead or 5 + -(-options.crons // ADDED_PER_S))
        adding_s, ids = await add_crons(client, options.crons, due)
        if time.time() >= due:
            raise SystemExit(f"adding the crons took {adding_s:.1f} s, they were due before: a larger --ahead")
        await asyncio.sleep(max(0.0, due - 0.5 - time.time()))
        cpu = site.cpu_s()
        all_started, all_ended = await watch(client, options.crons, due)
        cpu_ms = {part: (spent - cpu[part]) * 1000 for part, spent in site.cpu_s().items()}
        crons = [await client.get_cron(cronid) for cronid in ids]
    called = sorted(when - due for name, when in marks_in(marks).items() if name != "warm-up")
    assert len(called) == options.crons, f"{len(called)} of {options.crons} functions were called"
    assert len({cron.prevprocessgraphid for cron in crons}) == options.crons
    times = sorted(cron.lastrun / 1e9 - due for cron in crons)
    assert times[0] >= 0, f"a cron started {-times[0]} s before its time"
    return {
        "broker": options.broker,
        "crons": options.crons,
        "window": options.window,
        "adding_s": round(adding_s, 2),
        "crons_added_per_s": round(options.crons / adding_s),
        "first_lastrun_s": round(times[0], 3),
        "last_lastrun_s": round(times[-1], 3),
        "all_started_s": round(all_started, 2),
        "first_running_s": round(called[0], 3),
        "half_running_s": round(called[len(called) // 2], 2),
        "all_running_s": round(called[-1], 2),
        "all_succeeded_s": round(all_ended, 2),
        "cpu_ms": {part: round(spent) for part, spent in cpu_ms.items()},
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long until all crons of one second have started.")
    parser.add_argument("--broker", choices=("embedded", "mosquitto"), default="embedded")
    parser.add_argument("--crons", type=int, default=1000)
    parser.add_argument("--window", type=int, default=100, help="processes that the executor takes at a time")
    parser.add_argument("--ahead", type=int, default=0, help="seconds from now; 0: as long as adding should take")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.crypto = ""
    with site_of(options) as site:
        result = asyncio.run(measure(site))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
