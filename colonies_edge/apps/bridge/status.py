"""What the bridge shows of itself: a small file in its folder, written whole, for people and for `bridge status`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colonies_edge.apps.bridge.side import Line
from colonies_edge.apps.bridge.store import LOCK
from colonies_edge.client.folder_lock import FolderBusy, FolderLock
from colonies_edge.protocol.times import format_time

FILE = "status.json"


def line_value(line: Line) -> dict[str, Any]:
    """One side, as JSON."""
    value: dict[str, Any] = {"line": "up" if line.up else "down", "since": format_time(line.since_ns)}
    if line.error:
        value |= {"lasterror": line.error, "lasterrorat": format_time(line.error_ns)}
    return value


def write_status(folder: Path, value: Mapping[str, Any]) -> None:
    """Beside and renamed: who reads it sees one state or the next. Not synced: it says what is, not what was."""
    beside = folder / f"{FILE}.new"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2) + "\n")
    os.replace(beside, folder / FILE)


def read_status(folder: Path) -> dict[str, Any] | None:
    """None when no bridge ever ran there. Raises OSError and ValueError."""
    try:
        value = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return value if isinstance(value, dict) else None


def running(folder: Path) -> bool:
    """Does a bridge have this folder now?"""
    try:
        FolderLock(folder / LOCK).release()
    except FolderBusy:
        return True
    return False
