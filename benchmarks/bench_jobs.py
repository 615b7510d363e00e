"""Whole jobs: submitted, assigned, run, closed, and known to the submitter; signed both ways and synced to disk.

    python3 benchmarks/bench_jobs.py [--broker embedded|mosquitto] [--jobs 5000] [--window 100] [--executors 1]
                                     [--backlog 0] [--idle 0] [--crypto libsecp256k1|coincurve|python] [--json]

Coordinator, broker and executors are processes of their own, started as a user starts them; the submitter is this
process and uses the client of the package. `--backlog` fills the queue of another executor type first. `--idle`
connects so many executors of another type that do nothing. Everything shares this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from colonies_edge.client.client import AsyncClient, Endpoint  # noqa: E402
from colonies_edge.crypto.identity import Signer, backend_name, new_private_key  # noqa: E402

WARM_UP_JOBS = 200
EXECUTOR = """
from colonies_edge import Executor
worker = Executor.from_env(capacity={capacity})

@worker.function
def echo(text):
    return text

worker.run()
"""
MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
log_dest none
max_inflight_messages 1000
max_queued_messages 10000
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """The processes of one measurement, in a folder that is removed."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.port = free_port()
        self.keys = {name: Signer(new_private_key(os.urandom(32))) for name in ("server", "owner", "user", "idle")}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.coordinator: subprocess.Popen[bytes] | None = None
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COLONIES_")}
        self.environment = clean | {
            "PYTHONPATH": str(REPOSITORY),
            "COLONIES_MQTT": f"mqtt://127.0.0.1:{self.port}",
            "COLONIES_SERVER_ID": self.keys["server"].identity,
            "COLONIES_COLONY_NAME": "bench",
            "COLONIES_COLONY_PRVKEY": self.keys["owner"].private_key,
        }
        if options.crypto:
            self.environment["COLONIES_EDGE_CRYPTO"] = options.crypto

    def spawn(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """One more process; ended with the site."""
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(words, cwd=self.folder, env=self.environment | variables, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start(self, *more: str) -> None:
        """Broker and coordinator, with `more` on its command line."""
        where = ["--listen", f"127.0.0.1:{self.port}"]
        if self.options.broker == "mosquitto":
            program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
            if program is None:
                raise SystemExit("mosquitto is missing: apt install mosquitto")
            config = self.folder / "mosquitto.conf"
            config.write_text(MOSQUITTO.format(port=self.port))
            self.parts["broker"] = self.spawn(program, "-c", str(config))
            where = ["--mqtt", f"mqtt://127.0.0.1:{self.port}"]
            time.sleep(0.5)
        words = ["coordinator", "start", *where, "--data", str(self.folder / "data"), *more]
        # Its colony is founded by `found`; told of it, the coordinator would found it, too.
        keys = {"COLONIES_SERVER_PRVKEY": self.keys["server"].private_key, "COLONIES_COLONY_PRVKEY": ""}
        self.coordinator = self.spawn(sys.executable, "-m", "colonies_edge", *words, **keys)
        self.parts["coordinator"] = self.coordinator

    def start_executors(self) -> None:
        """Executors of type `bench`, each with its own folder and key."""
        program = EXECUTOR.format(capacity=max(1, -(-self.options.window // self.options.executors)))
        for number in range(self.options.executors):
            name = f"bench-{number}"
            self.parts[name] = self.spawn(
                sys.executable,
                "-c",
                program,
                COLONIES_EXECUTOR_NAME=name,
                COLONIES_EXECUTOR_TYPE="bench",
                COLONIES_DATA_DIR=str(self.folder / name),
            )

    def client(self, who: str, *, executor: bool = False) -> AsyncClient:
        """A client of the package."""
        endpoint = Endpoint(mqtt=self.environment["COLONIES_MQTT"], serverid=self.keys["server"].identity)
        return AsyncClient(endpoint, self.keys[who], "" if who == "server" else "bench", executor=executor)

    def close(self) -> None:
        """End everything, last started first."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def journal_bytes(self) -> int:
        """What the coordinator wrote of history."""
        return sum(path.stat().st_size for path in (self.folder / "data" / "journal").iterdir())

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds so far, by part; what limits the jobs per second is their sum."""
        parts = {"submitter": time.process_time()}
        for part, process in self.parts.items():
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            parts[part] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return parts

    def coordinator_mb(self) -> float:
        """Resident memory of the coordinator."""
        assert self.coordinator is not None
        pages = int(Path(f"/proc/{self.coordinator.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6


@contextmanager
def site_of(options: argparse.Namespace, *more: str) -> Iterator[Site]:
    """A running site."""
    with tempfile.TemporaryDirectory() as name:
        site = Site(options, Path(name))
        try:
            site.start(*more)
            yield site
        finally:
            site.close()


async def found(site: Site) -> None:
    """The colony and its user."""
    async with site.client("server") as server:
        await server.add_colony("bench", site.keys["owner"].identity)
    async with site.client("owner") as owner:
        await owner.add_user("user", site.keys["user"].identity)


async def run_jobs(client: AsyncClient, jobs: int, window: int) -> tuple[float, list[float]]:
    """Seconds for all, and each one's seconds from submit to known result."""
    slots, latencies = asyncio.Semaphore(window), []

    async def one() -> None:
        begin = time.perf_counter()
        try:
            process = await client.submit("echo", "hello", executortype="bench", maxexectime=60)
            await client.wait(process, timeout_s=120)
        finally:
            slots.release()
        latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    tasks = []
    for _ in range(jobs):
        await slots.acquire()
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    return time.perf_counter() - begin, sorted(latencies)


async def fill(client: AsyncClient, count: int) -> None:
    """Work that nobody takes."""
    slots = asyncio.Semaphore(200)

    async def one() -> None:
        async with slots:
            await client.submit("echo", "hello", executortype="nobody")

    await asyncio.gather(*(one() for _ in range(count)))


async def idle_executors(site: Site, count: int) -> list[AsyncClient]:
    """Executors of another type, connected and ready, that never get work."""
    clients = []
    async with site.client("owner") as owner:
        for number in range(count):
            signer = Signer(new_private_key(os.urandom(32)))
            await owner.add_executor(f"idle-{number}", signer.identity, "idle")
            await owner.approve_executor(f"idle-{number}")
            site.keys["idle"] = signer
            client = site.client("idle", executor=True)
            await client.open()
            await client.ready(1, ())
            clients.append(client)
    return clients


async def measure(site: Site) -> dict[str, Any]:
    """The figures of one run."""
    options = site.options
    await found(site)
    idle = await idle_executors(site, options.idle)
    site.start_executors()
    async with site.client("user") as client:
        await fill(client, options.backlog)
        await run_jobs(client, WARM_UP_JOBS, options.window)
        before, cpu_before = site.journal_bytes(), site.cpu_s()
        seconds, latencies = await run_jobs(client, options.jobs, options.window)
        bytes_per_job = (site.journal_bytes() - before) / options.jobs
        cpu_us = {part: (spent - cpu_before[part]) / options.jobs * 1e6 for part, spent in site.cpu_s().items()}
        megabytes = site.coordinator_mb()
    for one in idle:
        await one.close()
    return {
        "broker": options.broker,
        "crypto": options.crypto or backend_name(),
        "window": options.window,
        "executors": options.executors,
        "backlog": options.backlog,
        "idle": options.idle,
        "jobs_per_s": round(options.jobs / seconds),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1000, 2),
        "journal_bytes_per_job": round(bytes_per_job),
        "coordinator_mb": round(megabytes, 1),
        "cpu_us_per_job": {part: round(spent) for part, spent in cpu_us.items()},
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Whole jobs per second and their latency.")
    parser.add_argument("--broker", choices=("embedded", "mosquitto"), default="embedded")
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--window", type=int, default=100, help="jobs in flight")
    parser.add_argument("--executors", type=int, default=1)
    parser.add_argument("--backlog", type=int, default=0, help="processes of another type that wait all the time")
    parser.add_argument("--idle", type=int, default=0, help="executors of another type that are connected all the time")
    parser.add_argument("--crypto", choices=("libsecp256k1", "coincurve", "python"), default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.crypto:
        os.environ["COLONIES_EDGE_CRYPTO"] = options.crypto
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
