"""A real coordinator process for tests: started by the command line, killed by real signals, on either broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, new_private_key
from tests.support.brokers import Mosquitto, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
COLONY = "lab"


class Site:
    """One colony `lab` with a user `user` and an approved executor `worker` of type `cli`."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.broker = broker
        self.keys = {name: Signer(new_private_key(os.urandom(32))) for name in ("server", "owner", "user", "worker")}
        self.port = broker.port if broker is not None else free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None
        self._starts = 0

    @property
    def log(self) -> str:
        """What all the starts so far said on stderr."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("stderr.*")))

    def spawn(
        self, *more: str, data: Path | None = None, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """A coordinator process, not waited for, with `more` on its command line."""
        where = ["--mqtt", self.url] if self.broker is not None else ["--listen", f"127.0.0.1:{self.port}"]
        words = ["coordinator", "start", *where, "--data", str(data or self.data), *more]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COLONIES_")}
        keys = {"COLONIES_SERVER_PRVKEY": self.keys["server"].private_key}
        self._starts += 1
        with open(self.folder / f"stderr.{self._starts:03d}", "w") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "colonies_edge", *words],
                cwd=self.folder,
                env={**clean, **keys, "PYTHONPATH": str(REPOSITORY)},
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
                preexec_fn=before,
            )

    def start(self, *more: str, before: Callable[[], None] | None = None) -> None:
        """A coordinator; whoever connects waits until it answers."""
        self.process = self.spawn(*more, before=before)

    def kill(self) -> None:
        """As a pulled plug."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As systemd does it; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()

    def close(self) -> None:
        """Whatever still runs is ended."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def client(self, who: str, *, executor: bool = False) -> AsyncClient:
        """A client of one of the identities; it believes this coordinator only."""
        endpoint = Endpoint(mqtt=self.url, serverid=self.keys["server"].identity)
        colony = "" if who == "server" else COLONY
        return AsyncClient(endpoint, self.keys[who], colony, executor=executor)

    async def found(self) -> None:
        """The colony, its user and its executor, by the ordinary messages."""
        async with self.client("server") as server:
            await server.add_colony(COLONY, self.keys["owner"].identity)
        async with self.client("owner") as owner:
            await owner.add_user("user", self.keys["user"].identity)
            await owner.add_executor("worker", self.keys["worker"].identity, "cli")
            await owner.approve_executor("worker")
