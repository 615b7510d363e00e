"""Real mosquitto brokers for tests: started on a free loopback port, stopped by pid."""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port for who has to know it before he listens, or will listen there again. It is none of those that the system
    hands out, or another test might get it meanwhile, and no two processes of one test run look at the same ones."""
    begin, count = 10_000, 20_000  # below what any system hands out
    worker, workers = int(WORKER.removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = begin + random.randrange(count // workers) * workers + worker
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            return port


class Mosquitto:
    """One broker process. `start` returns when it accepts connections; `stop` when it is gone."""

    def __init__(self, *, port: int = 0, extra: str = "", config: Path | None = None) -> None:
        """`config` is used as it is; `port` has to be the one in it."""
        if MOSQUITTO is None:
            pytest.skip("mosquitto is missing; install it with: apt-get install mosquitto")
        self.port = port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="ce-mosquitto-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._config = self._folder / "mosquitto.conf"
        self._config.write_text(
            f"user {getpass.getuser()}\n"  # started by root it becomes another user, who cannot read the test's files
            f"listener {self.port} 127.0.0.1\n"
            "set_tcp_nodelay true\n"
            "max_inflight_messages 1000\n"
            "max_queued_messages 10000\n"
            "persistence false\n"
            + ("" if "allow_anonymous" in extra else "allow_anonymous true\n")
            + f"log_dest file {self._folder}/mosquitto.log\n"
            + extra
        )
        self._config = config or self._config

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        path = self._folder / "mosquitto.log"
        return path.read_text() if path.exists() else ""

    def start(self) -> Mosquitto:
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self._process.poll() is not None:
                    raise RuntimeError(f"mosquitto did not start: {self.log}") from None

    def stop(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Mosquitto:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
