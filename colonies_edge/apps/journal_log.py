"""The log of a service in systemd's journal: an entry per event, with its fields, in the journal's own protocol."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from typing import TextIO

SOCKET = "/run/systemd/journal/socket"
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class JournalHandler(logging.Handler):
    """Sends records to the journal; one that cannot be sent (journald restarts, too long) goes to `fallback`, which the
    journal reads too, only without fields."""

    def __init__(self, identifier: str, fallback: TextIO, address: str = SOCKET) -> None:
        super().__init__()
        self._identifier = identifier
        self._fallback = fallback
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = self.fields(record)
            try:
                self._socket.sendto(b"".join(_field(name, value) for name, value in fields.items()), self._address)
            except OSError:
                lines = "\n".join(filter(None, (fields["MESSAGE"], fields.get("EXCEPTION", ""))))
                self._fallback.write(f"<{fields['PRIORITY']}>{lines}\n")
                self._fallback.flush()
        except Exception:
            self.handleError(record)

    def fields(self, record: logging.LogRecord) -> Mapping[str, str]:
        """What `journalctl -o verbose` shows, and what can be asked for: `journalctl LOGGER=colonies_edge.…`."""
        fields = {
            "MESSAGE": record.getMessage(),
            "PRIORITY": str(next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)),
            "SYSLOG_IDENTIFIER": self._identifier,
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName,
            "THREAD_NAME": record.threadName or "",
        }
        if record.exc_info:
            fields["EXCEPTION"] = logging.Formatter().formatException(record.exc_info)
        return fields

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
        super().close()


def read_by_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether what is written to this stream ends up in the journal; the variable alone says that of some ancestor."""
    try:
        told = environ.get("JOURNAL_STREAM", "")
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return told == f"{there.st_dev}:{there.st_ino}"


def _field(name: str, value: str) -> bytes:
    """Values of several lines have their length in front, as the protocol wants it."""
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode("ascii") + b"=" + data + b"\n"
    return name.encode("ascii") + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
