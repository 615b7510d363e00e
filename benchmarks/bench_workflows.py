"""Nodes of workflows per second: submitted, assigned, run, closed, and known to the submitter; beside plain jobs.

    python3 benchmarks/bench_workflows.py [--broker embedded|mosquitto] [--graphs 50] [--nodes 20]
                                          [--shape chain|wide|diamond] [--at-once 0] [--window 100] [--jobs 1000]
                                          [--executors 1] [--json]

The same site as `bench_jobs.py`: coordinator, broker and executors are processes, the submitter is this one. Plain jobs
are run, then workflows, then workflows whose submitter reads the process of every node when they have ended, then plain
jobs again; the ratios are to the mean of both runs of jobs. `chain`: each node after the one before. `wide`: all after
the first. `diamond`: the same, and a last one after all of these.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from bench_jobs import WARM_UP_JOBS, Site, found, run_jobs, site_of

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.workflow import Workflow
from colonies_edge.protocol.model import State

GRAPH_S = 600.0


def workflow_of(shape: str, nodes: int) -> Workflow:
    """A workflow in which every node echoes a word."""
    flow = Workflow(executortype="bench", maxexectime=60)
    names = [f"n{number}" for number in range(nodes)]
    for number, name in enumerate(names):
        if number == 0:
            after = []
        elif shape == "chain":
            after = [names[number - 1]]
        elif shape == "diamond" and number == nodes - 1 and nodes > 2:
            after = names[1:-1]
        else:
            after = names[:1]
        flow.node(name, "echo", "hello", after=after)
    return flow


def at_once_of(options: argparse.Namespace) -> int:
    """How many workflows are in flight: as many as keep about `--window` nodes ready to run."""
    if options.at_once:
        return int(options.at_once)
    width = 1 if options.shape == "chain" else options.nodes
    return max(2, -(-options.window // width))


async def run_graphs(client: AsyncClient, options: argparse.Namespace, *, read_all: bool) -> tuple[float, list[float]]:
    """Seconds for all, and each one's seconds from submit to its end being known."""
    slots, latencies = asyncio.Semaphore(at_once_of(options)), []

    async def one() -> None:
        async with slots:
            begin = time.perf_counter()
            run = await client.submit_workflow(workflow_of(options.shape, options.nodes))
            await run.wait(GRAPH_S)
            if read_all:
                ended = await run.processes()
                good = [process for process in ended.values() if process.state is State.SUCCESS and process.out]
                assert len(good) == options.nodes, f"{len(good)} of {options.nodes} nodes have a result"
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(options.graphs)))
    return time.perf_counter() - begin, sorted(latencies)


async def measure(site: Site) -> dict[str, Any]:
    """The figures of one run."""
    options = site.options
    nodes = options.graphs * options.nodes
    await found(site)
    site.start_executors()
    async with site.client("user") as client:
        await run_jobs(client, WARM_UP_JOBS, options.window)
        first, _ = await run_jobs(client, options.jobs, options.window)
        journal, cpu = site.journal_bytes(), site.cpu_s()
        seconds, latencies = await run_graphs(client, options, read_all=False)
        bytes_per_node = (site.journal_bytes() - journal) / nodes
        cpu_us = {part: (spent - cpu[part]) / nodes * 1e6 for part, spent in site.cpu_s().items()}
        reading, _ = await run_graphs(client, options, read_all=True)
        second, _ = await run_jobs(client, options.jobs, options.window)
        statistics = await client.get_colony_stats()
    assert statistics.successfulworkflows == 2 * options.graphs, statistics
    jobs_per_s = 2 * options.jobs / (first + second)
    return {
        "broker": options.broker,
        "shape": options.shape,
        "graphs": options.graphs,
        "nodes": options.nodes,
        "graphs_at_once": at_once_of(options),
        "window": options.window,
        "executors": options.executors,
        "nodes_per_s": round(nodes / seconds),
        "nodes_per_s_all_read": round(nodes / reading),
        "jobs_per_s": round(jobs_per_s),
        "jobs_per_s_before": round(options.jobs / first),
        "jobs_per_s_after": round(options.jobs / second),
        "ratio": round(nodes / seconds / jobs_per_s, 2),
        "ratio_all_read": round(nodes / reading / jobs_per_s, 2),
        "graph_p50_ms": round(latencies[len(latencies) // 2] * 1000, 1),
        "graph_max_ms": round(latencies[-1] * 1000, 1),
        "journal_bytes_per_node": round(bytes_per_node),
        "cpu_us_per_node": {part: round(spent) for part, spent in cpu_us.items()},
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Nodes of workflows per second, and plain jobs beside them.")
    parser.add_argument("--broker", choices=("embedded", "mosquitto"), default="embedded")
    parser.add_argument("--graphs", type=int, default=50)
    parser.add_argument("--nodes", type=int, default=20, help="of each workflow")
    parser.add_argument("--shape", choices=("chain", "wide", "diamond"), default="diamond")
    parser.add_argument("--at-once", type=int, default=0, help="workflows in flight; 0: enough for the window")
    parser.add_argument("--window", type=int, default=100, help="jobs in flight, and what the executors take at a time")
    parser.add_argument("--jobs", type=int, default=1000, help="plain jobs, before and again after the workflows")
    parser.add_argument("--executors", type=int, default=1)
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
