"""The same small job through Celery with Redis, for a ratio in the same run on the same machine.

    python3 benchmarks/bench_celery.py [--jobs 2000] [--window 100] [--pool prefork|threads|both] [--json]

Needs `celery`, `redis` (Python) and the program `redis-server`. Redis syncs its append-only file before every reply
(`appendfsync always`), because that is what colonies_edge promises by default; `--no-sync` shows Redis without it.
The submitter keeps `--window` jobs in flight and counts a job when it knows the result.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WORKER = """
import os
from celery import Celery
url = os.environ["BENCH_REDIS"]
app = Celery("bench", broker=url, backend=url)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=16, worker_hijack_root_logger=False)

@app.task(name="echo")
def echo(text):
    return text
"""


def free_port() -> int:
    """A port that was free a moment ago; Redis cannot be told to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path, sync: bool) -> Iterator[str]:
    """A Redis of our own on loopback, ended by its process id."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: apt install redis-server")
    port = free_port()
    durable = ["--appendonly", "yes", "--appendfsync", "always"] if sync else ["--save", ""]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *durable]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("redis-server did not start")


@contextmanager
def worker(folder: Path, url: str, pool: str) -> Iterator[None]:
    """One Celery worker with two processes or threads, as many as there are cores."""
    (folder / "benchworker.py").write_text(WORKER)
    command = [sys.executable, "-m", "celery", "-A", "benchworker", "worker", "--pool", pool, "-c", "2", "-l", "ERROR"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    environment = os.environ | {"BENCH_REDIS": url, "PYTHONPATH": str(folder), "C_FORCE_ROOT": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def jobs_per_s(url: str, jobs: int, window: int) -> float:
    """Send a window, then one more for each oldest result that is known. The first jobs warm up and do not count."""
    from celery import Celery

    app = Celery("bench", broker=url, backend=url)

    def run(count: int) -> float:
        begin = time.perf_counter()
        flying: deque[Any] = deque()
        for _ in range(count):
            if len(flying) >= window:
                flying.popleft().get(timeout=60)
            flying.append(app.send_task("echo", ("hello",)))
        while flying:
            flying.popleft().get(timeout=60)
        return count / (time.perf_counter() - begin)

    run(min(jobs, 200))
    return run(jobs)


def main() -> int:
    """Measure each pool and print."""
    parser = argparse.ArgumentParser(description="Jobs per second through Celery with Redis.")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--pool", choices=("prefork", "threads", "both"), default="both")
    parser.add_argument("--no-sync", action="store_true", help="let Redis lose what a power cut takes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, float] = {}
    for pool in ("prefork", "threads") if options.pool == "both" else (options.pool,):
        with (
            tempfile.TemporaryDirectory() as name,
            redis_server(Path(name), not options.no_sync) as url,
            worker(Path(name), url, pool),
        ):
            result[f"celery_{pool}_jobs_per_s"] = round(jobs_per_s(url, options.jobs, options.window))
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:32} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
