"""The bridge: items per second each way, a backlog drained after an outage, and how its memory grows meanwhile.

    python3 benchmarks/bench_bridge.py [--over mqtt|http] [--items 1000] [--backlog 10000] [--json]

Two coordinators with their embedded brokers, a bridge, and two executors of 16 at a time are processes of their own;
the submitters are this one. Everything shares this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from colonies_edge.client.client import AsyncClient  # noqa: E402
from colonies_edge.protocol.model import Process, State  # noqa: E402
from tests.support.brokers import free_port  # noqa: E402
from tests.support.site import COLONY, Site  # noqa: E402

WINDOW = 100  # submits at a time
EXECUTOR = """
from colonies_edge.apps.executor import Executor
worker = Executor.from_env(capacity=16)
@worker.function
def echo(number): return number
worker.run()
"""
CONFIG = """
name = "bench"
rate = 100000
[edge]
url = "{edge.url}"
colony = "lab"
colony_prvkey = "{edge_owner}"
[cloud]
url = "{url}"
colony = "lab"
colony_prvkey = "{cloud_owner}"
[[down]]
cloud = "device"
edge = "device"
waiting = 256
[[up]]
edge = "gpu"
waiting = 256
"""


class World:
    """Two sites and what runs between them."""

    def __init__(self, folder: Path, over: str) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.sites = {}
        for name in ("edge", "cloud"):
            (folder / name).mkdir()
            self.sites[name] = Site(folder / name)
        port = free_port()
        self.edge, self.cloud = self.sites["edge"], self.sites["cloud"]
        self.edge.start()
        self.cloud.start("--http", f"127.0.0.1:{port}")
        for site in self.sites.values():
            asyncio.run(site.found())
        url = self.cloud.url if over == "mqtt" else f"http://127.0.0.1:{port}"
        self.config = folder / "bridge.toml"
        owners = {f"{name}_owner": site.keys["owner"].private_key for name, site in self.sites.items()}
        self.config.write_text(CONFIG.format(edge=self.edge, url=url, **owners))
        self.spawn("-c", EXECUTOR, **self.environment(self.edge, "device"))
        self.spawn("-c", EXECUTOR, **self.environment(self.cloud, "gpu"))
        self.bridge: subprocess.Popen[bytes] | None = None

    def environment(self, site: Site, executortype: str) -> dict[str, str]:
        return {
            "COLONIES_MQTT": site.url,
            "COLONIES_COLONY_NAME": COLONY,
            "COLONIES_COLONY_PRVKEY": site.keys["owner"].private_key,
            "COLONIES_EXECUTOR_TYPE": executortype,
            "COLONIES_DATA_DIR": str(site.folder / "executor"),
        }

    def spawn(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COLONIES_")}
        with open(self.folder / f"log.{len(self.processes)}", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.folder,
                env={**clean, "PYTHONPATH": str(REPOSITORY), **variables},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start_bridge(self) -> None:
        self.bridge = self.spawn("-m", "colonies_edge", "bridge", "start", "--config", str(self.config))

    def stop_bridge(self) -> None:
        assert self.bridge is not None
        self.bridge.terminate()
        self.bridge.wait()

    def memory_mb(self, what: str) -> float:
        """Of the bridge: VmRSS now, or VmHWM, its largest so far."""
        assert self.bridge is not None
        lines = Path(f"/proc/{self.bridge.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1000

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        for site in self.sites.values():
            site.close()


@contextmanager
def running(over: str) -> Iterator[World]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ce-bridge-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = World(folder, over)
        stack.callback(world.close)
        yield world


async def submit(client: AsyncClient, executortype: str, count: int) -> list[Process]:
    gate = asyncio.Semaphore(WINDOW)

    async def one(number: int) -> Process:
        async with gate:
            return await client.submit("echo", number, executortype=executortype)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def through(client: AsyncClient, executortype: str, count: int) -> float:
    """Seconds for so many, from the first submit to the last result, with a window of them under way."""
    gate = asyncio.Semaphore(2 * WINDOW)

    async def one(number: int) -> None:
        async with gate:
            process = await client.submit("echo", number, executortype=executortype)
            assert (await client.wait(process, 300)).out == (number,)

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - began


async def begun(world: World, client: AsyncClient, backlog: int) -> float:
    """Start the bridge; its memory in MB when the first of the backlog has gone."""
    world.start_bridge()
    while (await client.get_colony_stats()).waitingprocesses == backlog:
        await asyncio.sleep(0.05)
    return world.memory_mb("VmRSS")


async def drained(client: AsyncClient) -> None:
    while True:
        stats = await client.get_colony_stats()
        if not stats.waitingprocesses and not stats.runningprocesses:
            return
        await asyncio.sleep(0.2)


async def measure(world: World, items: int, backlog: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    async with world.edge.client("user") as edge, world.cloud.client("user") as cloud:
        world.start_bridge()
        ways = {"down": (cloud, "device"), "up": (edge, "gpu")}
        for way, (client, executortype) in ways.items():
            await through(client, executortype, items // 10)
            figures[f"{way} items/s"] = items / await through(client, executortype, items)
        for way, (client, executortype) in ways.items() if backlog else ():
            world.stop_bridge()
            await submit(client, executortype, backlog)
            before, began = await begun(world, client, backlog), time.perf_counter()
            await drained(client)
            figures[f"{way} backlog items/s"] = backlog / (time.perf_counter() - began)
            figures[f"{way} backlog memory growth MB"] = world.memory_mb("VmHWM") - before
            stats = await client.get_colony_stats()
            assert stats.failedprocesses == 0, stats
        assert len(await cloud.get_processes(State.FAILED)) == 0
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--over", choices=("mqtt", "http"), default="http", help="how the bridge reaches the cloud")
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--backlog", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with running(args.over) as world:
        figures = asyncio.run(measure(world, args.items, args.backlog))
    if args.json:
        print(json.dumps({"over": args.over, **figures}))
        return
    for name, value in figures.items():
        print(f"{name:32} {value:10.1f}")


if __name__ == "__main__":
    main()
