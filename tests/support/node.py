"""The dashboard's modules in node, for what needs no browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "colonies_edge" / "apps" / "dashboard" / "static"


def node(script: str) -> str:
    """What a module prints that may import the dashboard's as `$/name.js`."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no node: apt-get install nodejs")
    before = 'import { webcrypto } from "node:crypto"; globalThis.crypto ??= webcrypto;'
    text = before + script.replace("$/", (STATIC / "app").as_uri() + "/")
    done = subprocess.run([program, "--input-type=module"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
