"""A cloud, a site and a bridge between them on this machine: one workflow over all of it, and one job from above.

    .venv/bin/python examples/two_sites/run.py

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
from pathlib import Path

from colonies_edge import Client

HERE = Path(__file__).resolve().parent
PATIENCE_S = 60


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


@contextmanager
def running(name: str, words: list[str], folder: Path, **variables: str) -> Iterator[None]:
    """A program of its own; what it says is in the folder, and is shown if it ends too early."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COLONIES_")}
    log = folder / f"{name}.log"
    with open(log, "wb") as file:
        program = subprocess.Popen(words, cwd=folder, env={**clean, **variables}, stdout=file, stderr=file)
    try:
        yield
    finally:
        early = program.poll() is not None
        program.terminate()
        program.wait()
        if early:
            print(f"{name} ended by itself: {log.read_text()}", file=sys.stderr)


def until_said(folder: Path, name: str, text: str) -> None:
    """Wait until that program has said so."""
    for _ in range(10 * PATIENCE_S):
        if text in (folder / f"{name}.log").read_text():
            return
        time.sleep(0.1)
    raise SystemExit(f"{name} has not said {text!r}, but: {(folder / f'{name}.log').read_text()}")


def start(stack: ExitStack, folder: Path) -> tuple[Site, Site]:
    """The cloud with HTTP, the site, the bridge, and an executor on each side."""
    cloud, site = Site(folder / "cloud", "company"), Site(folder / "site", "plant")
    listen = ("coordinator", "start", "--listen")
    stack.enter_context(
        running(
            "coordinator", cloud.command(*listen, cloud.mqtt, "--http", cloud.http), cloud.folder, **cloud.environment
        )
    )
    stack.enter_context(running("coordinator", site.command(*listen, site.mqtt), site.folder, **site.environment))
    for colony in (cloud, site):
        until_said(colony.folder, "coordinator", "what the environment says of it are there")
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
        subprocess.run(status, cwd=site.folder, env={**os.environ, **site.environment}, check=True)


if __name__ == "__main__":
    main()
