"""A cloud, a site and a bridge between them on this machine: one workflow over all of it, and one job from above.

    .venv/bin/pip install '.[http,bridge]'
    .venv/bin/python examples/two_sites/run.py

or, with the one file, `PYTHONPATH=dist/colonies-edge.pyz python3 examples/two_sites/run.py`.

Everything is kept in a temporary folder and is gone at the end.
"""

from __future__ import annotations

import os
import secrets
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonies_edge import Client

HERE = Path(__file__).resolve().parent
PATIENCE_S = 60
# What the coordinator in the cloud serves HTTP with, and what the bridge speaks it with.
NEEDED = ("colonies_edge", "starlette", "uvicorn", "websockets", "httpx2")


class Site:
    """A coordinator with a colony and a user, each with a key of its own."""

    def __init__(self, folder: Path, colony: str) -> None:
        self.folder = folder
        self.mqtt = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.owner = secrets.token_hex(32)
        self.environment = {
            "COLONIES_MQTT": f"mqtt://{self.mqtt}",
            "COLONIES_COLONY_NAME": colony,
            "COLONIES_COLONY_PRVKEY": self.owner,
            "COLONIES_PRVKEY": secrets.token_hex(32),
            "COLONIES_DATA_DIR": str(folder),
        }
        folder.mkdir()

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "colonies_edge", *words]

    def client(self) -> Client:
        from colonies_edge import Client

        return Client.from_env(
            mqtt=self.environment["COLONIES_MQTT"],
            colonyname=self.environment["COLONIES_COLONY_NAME"],
            prvkey=self.environment["COLONIES_PRVKEY"],
            data_dir=str(self.folder),
        )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def require_packages() -> None:
    """End with a sentence when something is not here, not with the error of a program below."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"{sys.executable} has no {', '.join(missing)}: `{sys.executable} -m pip install '{HERE.parents[1]}"
            "[http,bridge]'`, or set PYTHONPATH to the path of colonies-edge.pyz"
        )


def environment(**variables: str) -> dict[str, str]:
    """No settings of another colony, and the package from where this program has it, be it a relative path."""
    place = find_spec("colonies_edge")
    assert place is not None and place.origin is not None
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COLONIES_")}
    return {**clean, "PYTHONPATH": str(Path(place.origin).absolute().parents[1]), **variables}


@contextmanager
def running(name: str, words: list[str], folder: Path, said: str = "", **variables: str) -> Iterator[None]:
    """A program of its own, which has said so; all that it says is in the folder, and is shown if it ends too early."""
    log = folder / f"{name}.log"
    with open(log, "wb") as file:
        program = subprocess.Popen(words, cwd=folder, env=environment(**variables), stdout=file, stderr=file)
    try:
        end = time.monotonic() + PATIENCE_S
        while said not in log.read_text():
            if program.poll() is not None:
                raise SystemExit(1)
            if time.monotonic() > end:
                raise SystemExit(f"{name} has not said {said!r}, but: {log.read_text()}")
            time.sleep(0.1)
        yield
    finally:
        early = program.poll() is not None
        program.terminate()
        program.wait()
        if early:
            print(f"{name} ended by itself: {log.read_text()}", file=sys.stderr)


def start(stack: ExitStack, folder: Path) -> tuple[Site, Site]:
    """The cloud with HTTP, the site, the bridge, and an executor on each side."""
    cloud, site = Site(folder / "cloud", "company"), Site(folder / "site", "plant")
    listen = ("coordinator", "start", "--listen")
    for colony, more in ((cloud, ("--http", cloud.http)), (site, ())):
        words = colony.command(*listen, colony.mqtt, *more)
        said = "what the environment says of it are there"
        stack.enter_context(running("coordinator", words, colony.folder, said, **colony.environment))
    stack.enter_context(running("gpu", [sys.executable, str(HERE / "gpu.py")], cloud.folder, **cloud.environment))
    stack.enter_context(running("camera", [sys.executable, str(HERE / "camera.py")], site.folder, **site.environment))
    config = string.Template((HERE / "bridge.toml").read_text())
    (site.folder / "bridge.toml").write_text(
        config.substitute(EDGE=f"mqtt://{site.mqtt}", CLOUD=f"http://{cloud.http}")
    )
    keys = {"COLONIES_BRIDGE_EDGE_COLONY_PRVKEY": site.owner, "COLONIES_BRIDGE_CLOUD_COLONY_PRVKEY": cloud.owner}
    stack.enter_context(running("bridge", site.command("bridge", "start"), site.folder, **site.environment, **keys))
    return cloud, site


def main() -> None:
    require_packages()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="two-sites-")))
        cloud, site = start(stack, folder)
        below, above = stack.enter_context(site.client()), stack.enter_context(cloud.client())

        workflow = below.workflow()
        workflow.node("take", "take", "the yard", executortype="camera")
        workflow.node("recognise", "recognise", executortype="gpu", after="take")
        workflow.node("show", "show", executortype="camera", after="recognise")
        run = workflow.submit().wait(PATIENCE_S)
        print("Submitted at the site, a workflow over both:")
        for name, where in (("take", "at the site"), ("recognise", "in the cloud"), ("show", "at the site")):
            print(f"  {name:10} ran {where:13} {run[name].output}")

        job = above.submit("take", "the gate", executortype="camera").wait(PATIENCE_S)
        print("Submitted in the cloud, done by a camera of the site:")
        print(f"  {job.output}; its log: {''.join(entry.message for entry in job.logs()).strip()}")
        print()
        print("The bridge:", flush=True)
        time.sleep(3)  # it looks at its own figures every two seconds
        status = site.command("bridge", "status")
        subprocess.run(status, cwd=site.folder, env=environment(**site.environment), check=True)


if __name__ == "__main__":
    main()
