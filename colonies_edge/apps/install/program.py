"""The program file that is installed: where it is, which version, and whether it works with this machine's Python."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import colonies_edge
from colonies_edge.apps.install.layout import PROGRAMS
from colonies_edge.apps.install.roles import Role
from colonies_edge.protocol.errors import UsageError

_VERSION = re.compile(r"colonies-edge ([A-Za-z0-9.+-]+)\n?")
MANUAL_FILE = "colonies-edge.1"  # beside the licence, where build_zipapp.py puts it
CHECK_S = 300  # to look through a large ledger on a slow card


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A .pyz that was tried: it runs here and says its version."""

    path: Path
    data: bytes
    version: str
    python: str
    manual: bytes = b""  # its manual page; the file for executors has none

    @property
    def name(self) -> str:
        """By content, too: two builds of one version are two programs."""
        return f"colonies-edge-{self.version}-{hashlib.sha256(self.data).hexdigest()[:8]}.pyz"

    @property
    def installed(self) -> str:
        return f"{PROGRAMS}/{self.name}"


def own_file() -> Path:
    """The .pyz that is running. Raises UsageError when it is no .pyz."""
    path = Path(str(colonies_edge.__file__)).parents[1]
    if path.is_file():
        return path
    raise UsageError("this runs from a folder, not from a .pyz: name the file to install, --program colonies-edge.pyz")


def tried(path: Path, python: str) -> Program:
    """Raises UsageError for what is no program of ours or does not run here."""
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is no .pyz; build_zipapp.py makes dist/colonies-edge.pyz")
    done = _asked(python, path, ["--version"])
    match = _VERSION.fullmatch(done.stdout)
    if done.returncode != 0 or match is None:
        raise UsageError(f"{path} does not run with {python}: {_said(done)}")
    return Program(path=path, data=path.read_bytes(), version=match[1], python=python, manual=_manual(path))


def _manual(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(MANUAL_FILE) if MANUAL_FILE in archive.namelist() else b""


def lacks(program: Program, roles: Iterable[Role]) -> str:
    """Why this file cannot be the program of these services; "" when it can."""
    for role in roles:
        words = role.command.partition(" --")[0].split()
        done = _asked(program.python, program.path, [*words, "--help"])
        if done.returncode != 0:
            return f"{program.path} has no `{' '.join(words)}`, which {role.name} needs: {_said(done)}"
    return ""


def cannot_read(program: Program, data: Path) -> tuple[str, bool]:
    """(why this program should not be let at the folder, whether there is no way back once it wrote there)."""
    if not data.exists():
        return "", False
    done = _asked(program.python, program.path, ["coordinator", "check", "--data", str(data), "--json"])
    try:
        report: dict[str, Any] = json.loads(done.stdout)
        problems, one_way = [str(problem) for problem in report["problems"]], bool(report["oneway"])
    except (ValueError, KeyError, TypeError):
        return f"{program.path} cannot check {data}: {_said(done)}", False
    return "; ".join(problems), one_way


def _asked(python: str, path: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COLONIES_", "PYTHON"))}
    try:
        return subprocess.run(
            [python, str(path), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=clean,
            cwd="/",
            timeout=CHECK_S,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"no answer within {CHECK_S} s")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def python_for_services(given: str | None) -> str:
    """An interpreter that is there when nobody is logged in: a virtual environment in somebody's home is not."""
    chosen = shutil.which(given) if given else None
    if given and chosen is None:
        raise UsageError(f"--python {given} is no program; give the path of a Python 3.10 or newer")
    system = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    return chosen or (system if sys.prefix != sys.base_prefix else sys.executable) or sys.executable
