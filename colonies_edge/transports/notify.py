"""What a service tells systemd: that it is ready, what it does, and that its loop still turns (sd_notify, watchdog)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, MutableMapping

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_SIGNS_PER_LIMIT = 3  # two signs in a row may come late before the service is taken for hung


class Notifier:
    """Says things to the manager that started us; without one, to nobody.

    A word that cannot be delivered is dropped: a service must not stop because its manager restarts.
    """

    __slots__ = ("_address", "_ready", "_said", "_watchdog_s")

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        self._address = address
        self._watchdog_s = watchdog_s
        self._ready = False
        self._said = ""

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Notifier:
        """Takes the variables out: what we start in turn is no service, and must not speak in our name."""
        address, usec, pid = (environ.pop(name, "") for name in _VARIABLES)
        ours = pid in ("", str(os.getpid()))
        return cls(address, int(usec) / 1e6 if ours and usec.isdigit() else 0.0)

    @property
    def listened_to(self) -> bool:
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """Ready from now on; again, it is a change of the status only."""
        if self._ready:
            self.status(status)
            return
        self._ready = True
        self._said = _line(status)
        self._send("READY=1", f"STATUS={self._said}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        if _line(text) != self._said:
            self._said = _line(text)
            self._send(f"STATUS={self._said}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", f"STATUS={_line(status)}")

    async def watch(self, progresses: Callable[[], bool] = lambda: True) -> None:
        """A sign of life as often as the manager wants, while this loop turns and `progresses`; until cancelled."""
        while self._watchdog_s and self._address:
            if progresses():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / _SIGNS_PER_LIMIT)

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode("utf-8", "replace"), address)


def _line(text: str) -> str:
    return " ".join(text.split())
