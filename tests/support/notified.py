"""The other end of NOTIFY_SOCKET: what a service manager hears from a service."""

from __future__ import annotations

import socket

LIMIT_S = 0.3  # what the tests ask of the watchdog
PATIENCE_S = 60  # of the socket, so that a test that fails also ends


class Manager:
    """The other end of NOTIFY_SOCKET: what systemd hears."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hears(self) -> dict[str, str]:
        lines = self._socket.recv(65536).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def hears_until(self, name: str) -> dict[str, str]:
        while name not in (heard := self.hears()):
            pass
        return heard

    def silent_for(self, seconds: float) -> bool:
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_S)

    def drain(self) -> None:
        self._socket.setblocking(False)
        try:
            while self._socket.recv(65536):
                pass
        except BlockingIOError:
            self._socket.settimeout(PATIENCE_S)

    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(LIMIT_S * 1e6))}

    def close(self) -> None:
        self._socket.close()
