"""A live colony whose coordinator is a process of its own, killed by a real signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.http_colony import HttpColony
from tests.support.live_colony import ROOT


class KilledColony(HttpColony):
    """As `HttpColony`; `kill` pulls the plug, `start` puts it back. Whoever connects waits until it answers."""

    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COLONIES_")}
        words = ["coordinator", "start", "--data", str(self.folder / "coordinator")]
        words += ["--listen", self.url.removeprefix("mqtt://"), "--http", self.http.removeprefix("http://")]
        self.folder.mkdir(exist_ok=True)
        with open(self.folder / "stderr", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "colonies_edge", *words],
                env={**clean, "COLONIES_SERVER_PRVKEY": self.server_prvkey, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self) -> None:
        self._end_with(signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self._end_with(signal.SIGTERM)

    def _end_with(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait()
