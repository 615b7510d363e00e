"""Checks that need nobody else: the program, its packages, the settings, and who can read the keys."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from colonies_edge import __version__
from colonies_edge.apps.cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import REMEDIES, SECRETS, VARIABLES, devenv_path, display
from colonies_edge.crypto.identity import InvalidKey, backend_name, identity_of
from colonies_edge.protocol.errors import UsageError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE = (0o600, 0o700)  # of a file, of a folder
# Below a folder of settings or data, what holds private keys.
_KEYS = ("*.key", "coordinator/*.key", "executors/*/key")


async def program(_session: Session) -> AsyncIterator[Finding]:
    yield Finding(
        about="program", verdict=OK, sentence=f"colonies-edge {__version__}, Python {platform.python_version()}"
    )
    for name, needed in (("paho.mqtt", True), ("amqtt", False), ("tinydb", False), ("cryptography", False)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            missing = "is not installed" + ("" if needed else " (only some commands need it)")
            remedy = f"pip install {name}" if needed else ""
            yield Finding(about=name, verdict=PROBLEM if needed else OK, sentence=missing, remedy=remedy)
        else:
            version = getattr(module, "__version__", "unknown")
            yield Finding(about=name, verdict=OK, sentence=f"is there, version {version}")


async def signatures(_session: Session) -> AsyncIterator[Finding]:
    backend = backend_name()
    slow = backend == "python"
    yield Finding(
        about="signatures",
        verdict=WARNING if slow else OK,
        sentence="are made by pure Python, ten times slower than native code" if slow else f"are made by {backend}",
        remedy="install a native library: apt install libsecp256k1-1" if slow else "",
    )


async def settings(session: Session) -> AsyncIterator[Finding]:
    try:
        config = session.config
    except UsageError as error:
        yield Finding(about="settings", verdict=PROBLEM, sentence=str(error))
        return
    for finding in _keys(session):
        yield finding
    if not config.colonyname:
        yield Finding(
            about="colony",
            verdict=PROBLEM,
            sentence=f"{VARIABLES['colonyname']} is not set",
            remedy=REMEDIES["colonyname"],
        )


def _keys(session: Session) -> Iterator[Finding]:
    for name in sorted(SECRETS):
        private_key: str = getattr(session.config, name)
        if not private_key:
            continue
        where = session.config.describe(name)
        try:
            yield Finding(about=where, verdict=OK, sentence=f"is the key of {identity_of(private_key)}")
        except InvalidKey as error:
            yield Finding(
                about=where,
                verdict=PROBLEM,
                sentence=f"is no private key: {error}",
                remedy="set it to 64 hex digits; `colonies-edge security generate` makes a key",
            )


async def secrets(session: Session) -> AsyncIterator[Finding]:
    """Whoever can read a private key is its owner; whoever can write into its folder can replace it."""
    seen = set()
    for path in _secret_files(session):
        yield _mode(path, "others can read your private keys")
        seen.add(path.parent)
    for folder in sorted(seen):
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield _mode(folder, "others can replace the keys in it")


def _secret_files(session: Session) -> Iterator[Path]:
    devenv = devenv_path(session.folder)
    folders = {devenv.parent}
    with contextlib.suppress(UsageError):  # said by `settings`
        folders.add(Path(session.config.data_dir or devenv.parent))
    found = [devenv, *(path for folder in folders for pattern in _KEYS for path in folder.glob(pattern))]
    for path in sorted(set(found)):
        if path.is_file():
            yield path


def _mode(path: Path, danger: str) -> Finding:
    mode, private = stat.S_IMODE(path.stat().st_mode), _PRIVATE[path.is_dir()]
    others = bool(mode & _OTHERS)

    def fix() -> str:
        os.chmod(path, mode & private)
        return f"had mode {mode:04o} ({danger}), has {mode & private:04o} now"

    return Finding(
        about=display(path),
        verdict=PROBLEM if others else OK,
        sentence=f"has mode {mode:04o}" + (f": {danger}" if others else ""),
        remedy=f"chmod {private:o} {display(path)}" if others else "",
        fix=fix if others else None,
    )
