"""What the dashboard costs: bytes and time until it is painted, and the coordinator's processor while ten are open.

    python3 benchmarks/bench_dashboard.py [--dashboards 10] [--seconds 30] [--jobs-per-s 2] [--json]

The coordinator is a process of its own, its processor time is the system's count. The dashboards are windows of one
Chromium (`apt-get install chromium`), all of them visible, as only then do they ask. Jobs are submitted, assigned and
closed over HTTP at a steady pace, first with nobody watching: what watching costs is the difference.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.brokers import free_port
from tests.support.browser import Browser
from tests.support.http import do
from tests.support.site import Site

LOADS = 5
SETTLE_MS = 3000
PAGES = {"overview": "#/", "processes that run": "#/processes?state=1", "one workflow": ""}


class Colony:
    """A coordinator started by the command line, with its gateway."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.site = Site(folder)
        self.site.start("--http", f"127.0.0.1:{port}")
        self.http = f"http://127.0.0.1:{port}"
        self.keys = self.site.keys
        asyncio.run(self.site.found())

    @property
    def address(self) -> str:
        return f"{self.http}/#key={self.keys['user'].private_key}&colony=lab"

    def cpu_s(self) -> float:
        """Processor seconds of the coordinator so far."""
        assert self.site.process is not None
        fields = Path(f"/proc/{self.site.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, who: str, msgtype: str, **fields: Any) -> Any:
        return do(self.http, self.keys[who], msgtype, **fields)


def spec(name: str = "") -> dict[str, Any]:
    return {"funcname": "work", "nodename": name, "conditions": {"colonyname": "lab", "executortype": "cli"}}


def job(colony: Colony) -> None:
    colony.ask("user", "submitfuncspecmsg", spec=spec())
    process = colony.ask("worker", "assignprocessmsg", colonyname="lab", timeout=-1)
    colony.ask("worker", "closesuccessfulmsg", processid=process["processid"], out=["done"])


class Pace:
    """So many jobs per second, until it is left."""

    def __init__(self, colony: Colony, per_s: float) -> None:
        self._colony, self._every_s = colony, 1 / per_s if per_s else 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        due = time.monotonic()
        while self._every_s and not self._end.wait(max(0.0, due - time.monotonic())):
            job(self._colony)
            due += self._every_s

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def first_look(colony: Colony, folder: Path) -> dict[str, Any]:
    """Bytes on the wire and milliseconds, of a browser that has nothing of it yet; medians of some loads."""
    loads = []
    for number in range(LOADS):
        place = folder / f"browser-{number}"
        place.mkdir()
        with Browser(place) as browser:
            browser.open(colony.address)
            browser.until("document.querySelector('.tile strong')?.textContent.includes('of')")
            loads.append(
                browser.run(
                    """(() => {
                      const entries = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind));
                      const files = entries.filter((one) => !one.name.endsWith("/api"));
                      return {
                        bytes: entries.reduce((sum, one) => sum + one.transferSize, 0),
                        files: files.length,
                        paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
                        numbers: performance.now(),
                      };
                    })()"""
                )
            )
    return {key: round(statistics.median(one[key] for one in loads)) for key in loads[0]}


def watched(colony: Colony, folder: Path, count: int, seconds: float, per_s: float, hash_: str) -> float:
    """Per cent of a core that the coordinator needs while so many pages are open."""
    if not count:
        return load_of(colony, seconds, per_s)
    place = folder / f"watchers-{time.monotonic_ns()}"
    place.mkdir()
    with Browser(place) as browser:
        browser.open(colony.address)
        for window in ["", *(browser.another(colony.address) for _ in range(count - 1))]:
            browser.until("document.querySelector('main h1')?.textContent === 'Overview'", window)
            if browser.run("document.hidden", window):
                raise SystemExit("a window is hidden, and a hidden page asks for nothing: nothing would be measured")
            browser.run(f"location.hash = {hash_!r}", window)
        browser.run(f"new Promise((done) => setTimeout(done, {SETTLE_MS}))")
        return load_of(colony, seconds, per_s)


def load_of(colony: Colony, seconds: float, per_s: float) -> float:
    with Pace(colony, per_s):
        before, began = colony.cpu_s(), time.monotonic()
        time.sleep(seconds)
        return 100 * (colony.cpu_s() - before) / (time.monotonic() - began)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        colony = Colony(folder)
        try:
            for _ in range(100):
                job(colony)
            figures: dict[str, Any] = {"first look": first_look(colony, folder)}
            workflow = {"colonyname": "lab", "functionspecs": [spec("only")]}
            graph = colony.ask("user", "submitworkflowspecmsg", spec=workflow)
            colony.ask("worker", "assignprocessmsg", colonyname="lab", timeout=-1)
            PAGES["one workflow"] = f"#/workflow/{graph['processgraphid']}"
            for per_s in (0.0, args.jobs_per_s):
                alone = watched(colony, folder, 0, args.seconds, per_s, "")
                figures[f"nobody, {per_s:g} jobs/s"] = round(alone, 2)
                for page, hash_ in PAGES.items():
                    load = watched(colony, folder, args.dashboards, args.seconds, per_s, hash_)
                    figures[f"{args.dashboards} on {page}, {per_s:g} jobs/s"] = round(load, 2)
                    figures[f"watching: {page}, {per_s:g} jobs/s"] = round(load - alone, 2)
            return figures
        finally:
            colony.site.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dashboards", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--jobs-per-s", type=float, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return
    said = "first look: {bytes} bytes, {files} files, painted after {paint} ms, with numbers after {numbers} ms"
    print(said.format(**figures.pop("first look")))
    for name, value in figures.items():
        print(f"{name}: {value} % of a core")


if __name__ == "__main__":
    main()
