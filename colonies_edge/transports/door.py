"""The door of a listener: how many sockets may be open, and who has to go when strangers who say nothing fill it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import socket
from typing import Any, TypeAlias

from colonies_edge.protocol.limits import SILENT_SOCKETS_MAX
from colonies_edge.transports.system import SystemClock

_log = logging.getLogger(__name__)

# asyncio takes one number for two things: how many callers the kernel lets wait, and how many are accepted before
# anybody else gets a word in. Whole fleets come at once, but nothing else happens while they are let in.
QUEUE = 512
PER_TURN = 16
SAID_EVERY_NS = 60 * 1_000_000_000  # a stranger must not fill the disk with what we say about him

_Address: TypeAlias = tuple[int, int, int, str, Any]  # of getaddrinfo


class Door:
    """Bounds the sockets of one listener from the moment they are accepted, before TLS and before any packet.

    When there is no room, the network with the most silent sockets gives up its oldest: who floods pays, and a caller
    from elsewhere gets in. Sockets that have said what they want are never closed here; if all have, the newest goes.
    """

    def __init__(self, sockets_max: int, silent_max: int = SILENT_SOCKETS_MAX) -> None:
        self._sockets_max = sockets_max
        self._silent_max = silent_max
        self._callers: dict[int, Caller] = {}  # by descriptor
        self._silent: dict[str, dict[int, Caller]] = {}  # by network, the oldest first
        self._silent_count = 0
        self._clock = SystemClock()
        self._said_ns = -SAID_EVERY_NS
        self._unsaid = 0

    def listen(self, host: str, port: int) -> socket.socket:
        """A socket that listens on the first address of the host. Raises OSError."""
        return self._listening(_addresses(host, port)[0])

    def listen_everywhere(self, host: str, port: int) -> list[socket.socket]:
        """Sockets that listen on each address of the host, "" for all of this machine. Raises OSError."""
        opened: list[socket.socket] = []
        try:
            for address in _addresses(host, port):
                opened.append(self._listening(address, apart=True))
        except OSError:
            for listener in opened:
                listener.close()
            raise
        return opened

    def _listening(self, address: _Address, *, apart: bool = False) -> socket.socket:
        family, kind, protocol, _, where = address
        listener = Listener(family, kind, protocol, door=self)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if apart and family == socket.AF_INET6:  # else it would take IPv4 for itself, too
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(where)
            listener.listen()
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener

    def heard(self, transport: asyncio.BaseTransport) -> None:
        """It has said what it wants."""
        caller = self._callers.get(_descriptor(transport))
        if caller is not None:
            self._forget_silent(caller)

    def waits(self, transport: asyncio.BaseTransport) -> None:
        """It has got its answer, and nothing would be lost by its end."""
        caller = self._callers.get(_descriptor(transport))
        if caller is not None and not self._is_silent(caller):
            self._note_silent(caller)

    @property
    def open_count(self) -> int:
        return len(self._callers)

    # -- called by the sockets

    def lets_in(self, caller: Caller) -> bool:
        if len(self._callers) >= self._sockets_max or self._silent_count >= self._silent_max:
            self._say()
            if not self._make_room():
                return False
        self._callers[caller.fileno()] = caller
        self._note_silent(caller)
        return True

    def left(self, caller: Caller) -> None:
        if self._callers.get(caller.fileno()) is caller:
            self._forget_silent(caller)
            del self._callers[caller.fileno()]

    def _make_room(self) -> bool:
        busiest = max(self._silent.values(), key=len, default=None)
        if busiest is None:
            return False
        oldest = next(iter(busiest.values()))
        self.left(oldest)
        with contextlib.suppress(OSError):  # whoever serves it finds its end, and closes it
            oldest.shutdown(socket.SHUT_RDWR)
        return True

    def _is_silent(self, caller: Caller) -> bool:
        return caller.fileno() in self._silent.get(caller.network, ())

    def _note_silent(self, caller: Caller) -> None:
        self._silent.setdefault(caller.network, {})[caller.fileno()] = caller
        self._silent_count += 1

    def _forget_silent(self, caller: Caller) -> None:
        if not self._is_silent(caller):
            return
        self._silent_count -= 1
        callers = self._silent[caller.network]
        del callers[caller.fileno()]
        if not callers:
            del self._silent[caller.network]

    def _say(self) -> None:
        self._unsaid += 1
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._said_ns >= SAID_EVERY_NS:
            count, self._unsaid, self._said_ns = self._unsaid, 0, now_ns
            open_count, silent = len(self._callers), self._silent_count
            _log.warning("no room for %d connections; open: %d, of them silent: %d", count, open_count, silent)


class Caller(socket.socket):
    """An accepted socket that the door knows of until it is closed, whoever closes it."""

    def __init__(self, accepted: socket.socket, network: str, door: Door) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.network = network
        self._door = door

    def close(self) -> None:
        self._door.left(self)
        super().close()


class Listener(socket.socket):
    """A listening socket that asks the door; asyncio's own servers accept from it."""

    def __init__(self, family: int, kind: int, protocol: int, *, door: Door) -> None:
        super().__init__(family, kind, protocol)
        self._door = door
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def listen(self, _backlog: int = QUEUE, /) -> None:
        super().listen(QUEUE)

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError when nobody waits, ConnectionAbortedError when who waited was turned away."""
        try:
            accepted, address = super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or self._spare < 0:
                raise
            self._turn_away()
            raise ConnectionAbortedError from error
        caller = Caller(accepted, network_of(address[0]), self._door)
        if not self._door.lets_in(caller):
            caller.close()
            raise ConnectionAbortedError
        return caller, address

    def close(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        super().close()

    def _turn_away(self) -> None:
        """No descriptor is left, for something else has them all. With the spare one a caller is told at once; asyncio
        would let all of them wait, and log a traceback for each, every second."""
        os.close(self._spare)
        self._spare = -1
        with contextlib.suppress(OSError):
            super().accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _addresses(host: str, port: int) -> list[_Address]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [one for one in dict.fromkeys(found) if one[0] != socket.AF_INET6 or socket.has_ipv6]


def network_of(address: str) -> str:
    """One IPv6 subscriber has 2^64 addresses; the network is what he has one of."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def _descriptor(transport: asyncio.BaseTransport) -> int:
    found = transport.get_extra_info("socket")
    return -1 if found is None else int(found.fileno())
