"""Settings of a service: a file of `NAME=value` lines for systemd, changed without losing what a person wrote there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from colonies_edge.protocol.errors import UsageError

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+%=-]*")


def read_settings(path: Path) -> dict[str, str]:
    """The variables of the file; none for one that is not there. Raises OSError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    matches = filter(None, map(_LINE.fullmatch, text.splitlines()))
    return {match[1]: _unquoted(match[2].strip()) for match in matches}


def merged(text: str, values: Mapping[str, str]) -> str:
    """The text with these variables set; every other line stays as it is."""
    left = dict(values)
    lines = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        name = match[1] if match else ""
        lines.append(f"{name}={_quoted(left.pop(name))}" if name in left else line)
    return "\n".join([*lines, *(f"{name}={_quoted(value)}" for name, value in left.items()), ""])


def _quoted(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise UsageError(f"a setting has one line, and this has more: {value!r}")
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        inner = value[1:-1]
        return inner.replace('\\"', '"').replace("\\\\", "\\") if value[0] == '"' else inner
    return value
