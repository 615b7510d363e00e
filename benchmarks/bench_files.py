"""Files: MB/s up and down through a broker, many small ones, and how much memory it takes.

    python3 benchmarks/bench_files.py [--broker embedded|mosquitto] [--mib 200] [--small 200] [--json]

Coordinator and broker are processes of their own. The client that moves the files is one, too, so that its memory is
its own: `fs sync --yes`, as a user types it. Everything shares this machine's cores.
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
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.support.brokers import Mosquitto  # noqa: E402
from tests.support.site import COLONY, Site  # noqa: E402

SMALL_BYTES = 4_096
PIECE_BYTES = 2**20
PROGRAM = """
import resource, sys
from colonies_edge.apps.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


@contextmanager
def running(broker: str, folder: Path) -> Iterator[Site]:
    """A coordinator with a colony and a user."""
    mosquitto = Mosquitto().start() if broker == "mosquitto" else None
    site = Site(folder, mosquitto)
    site.start()
    try:
        asyncio.run(site.found())
        yield site
    finally:
        site.close()
        if mosquitto is not None:
            mosquitto.close()


def synced(site: Site, folder: Path, label: str) -> tuple[float, float]:
    """Seconds, and the client's largest memory in MiB, of one `fs sync`."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("COLONIES_", "AWS_S3_"))},
        "PYTHONPATH": str(REPOSITORY),
        "COLONIES_MQTT": site.url,
        "COLONIES_SERVER_ID": site.keys["server"].identity,
        "COLONIES_COLONY_NAME": COLONY,
        "COLONIES_PRVKEY": site.keys["user"].private_key,
    }
    words = ["fs", "sync", "-d", str(folder), "-l", label, "--yes", "--quiet"]
    began = time.perf_counter()
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=environment, cwd=site.folder, stdout=subprocess.PIPE, check=True
    )
    return time.perf_counter() - began, int(found.stdout) / 1024


def memory_mib(site: Site) -> float:
    """The coordinator's largest so far."""
    assert site.process is not None
    lines = Path(f"/proc/{site.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def write_files(folder: Path, count: int, size: int) -> None:
    folder.mkdir()
    for number in range(count):
        with open(folder / f"file {number}", "wb") as file:
            for _ in range(0, size, PIECE_BYTES):
                file.write(os.urandom(min(PIECE_BYTES, size)))


def measure(broker: str, mib: int, small: int, folder: Path) -> dict[str, float]:
    """All figures of one run."""
    figures: dict[str, float] = {}
    with running(broker, folder) as site:
        _, figures["client at rest MiB"] = synced(site, folder / "nothing", "/nothing")
        figures["coordinator at rest MiB"] = memory_mib(site)
        for name, count, size in (("large", 1, mib * 2**20), ("small", small, SMALL_BYTES)):
            write_files(folder / name, count, size)
            for way, where in (("up", folder / name), ("down", folder / f"{name} again")):
                seconds, client_mib = synced(site, where, f"/{name}")
                figures[f"{name} {way} MB/s"] = count * size / seconds / 1e6
                figures[f"{name} {way} files/s"] = count / seconds
                figures[f"{name} {way} client MiB"] = client_mib
                figures[f"{name} {way} coordinator MiB"] = memory_mib(site)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("embedded", "mosquitto"), default="mosquitto")
    parser.add_argument("--mib", type=int, default=200, help="size of the large file")
    parser.add_argument("--small", type=int, default=200, help=f"number of small files, of {SMALL_BYTES} bytes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ce-files-"))
    try:
        figures = measure(args.broker, args.mib, args.small, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if args.json:
        print(json.dumps({"broker": args.broker, **figures}))
        return
    for name, value in figures.items():
        print(f"{name:30} {value:10.1f}")


if __name__ == "__main__":
    main()
