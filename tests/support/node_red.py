"""A real Node-RED for tests: installed by npm into a folder, with one flow and the modules that its functions use."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import free_port

NODE_RED = "node-red@4"  # the one for Node.js 18 and 20, which Debian and Raspberry Pi OS have
PATIENCE_S = 120.0
SETTINGS = """module.exports = {
    uiHost: "127.0.0.1", uiPort: PORT, flowFile: "flow.json", credentialSecret: false,
    externalModules: { modules: { allowInstall: false } }, telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "info", metrics: false, audit: false } },
};
"""


def installed(folder: Path, *packages: str) -> None:
    """Skips where npm is missing, or has no packages to give."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is missing; install it with: apt-get install nodejs npm")
    folder.mkdir(exist_ok=True)
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        pytest.skip(f"npm could not install {' '.join(packages)}: {done.stdout[-300:]}{done.stderr[-300:]}")


class NodeRed:
    """One running Node-RED; use `with`."""

    def __init__(self, program: Path, folder: Path, flow: list[dict[str, Any]], env: dict[str, str]) -> None:
        self.port = free_port()
        (folder / "settings.js").write_text(SETTINGS.replace("PORT", str(self.port)))
        (folder / "flow.json").write_text(json.dumps(flow))
        self.said = ""
        self._seen = 0
        self.process = subprocess.Popen(
            ["node", str(program / "node_modules" / "node-red" / "red.js"), "--userDir", str(folder)],
            cwd=folder,
            env={**os.environ, "NODE_RED_HOME": str(folder), "HOME": str(folder), "NO_COLOR": "1", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._patience = threading.Timer(PATIENCE_S, self.process.kill)  # then the test shows what was said
        self._patience.start()

    def __enter__(self) -> NodeRed:
        return self

    def __exit__(self, *_: object) -> None:
        self._patience.cancel()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def press(self, node: str) -> None:
        """The button of an inject node."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/inject/{node}", method="POST", data=b"")
        urllib.request.urlopen(request).close()

    def until(self, *patterns: str) -> re.Match[str]:
        """Read until it has said all of this, in any order; what the last one found. Fails when it ends before."""
        assert self.process.stdout is not None
        start = self._seen
        while not all(found := [re.search(pattern, self.said[start:], re.DOTALL) for pattern in patterns]):
            line = self.process.stdout.readline()
            assert line, f"Node-RED ended; it had said:\n{self.said}"
            self.said += line
        self._seen = len(self.said)
        last = found[-1]
        assert last is not None
        return last
