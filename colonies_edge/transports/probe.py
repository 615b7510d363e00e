"""A look at the way to a broker or server: how far, how encrypted, whether our side waits for acknowledgements."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls, connect
from colonies_edge.transports.system import SystemClock

PROBE_S = 5.0
_HTTP_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`expires_ms` is when the certificate ends, 0 when that cannot be known (no TLS, or nobody checks it)."""

    address: str
    connect_ms: float
    nodelay: bool
    tls_version: str = ""
    expires_ms: int = 0


async def probe(url: str, tls: Tls | None) -> Way:
    """Connect as every link does, look, and leave without a word. Raises OSError (ssl.SSLError is one)."""
    (host, port, encrypted), clock = _address(url), SystemClock()
    context = (tls or Tls()).context() if encrypted else None
    before_ns = clock.monotonic_ns()
    sock = await asyncio.wait_for(connect(host, port, context), PROBE_S)
    try:
        connect_ms = (clock.monotonic_ns() - before_ns) / 1e6
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        ends = str((certificate or {}).get("notAfter", ""))
        return Way(
            address=str(sock.getpeername()[0]),
            connect_ms=connect_ms,
            nodelay=bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
            tls_version=(sock.version() or "") if isinstance(sock, ssl.SSLSocket) else "",
            expires_ms=int(ssl.cert_time_to_seconds(ends)) * 1000 if ends else 0,
        )
    finally:
        sock.close()


def _address(url: str) -> tuple[str, int, bool]:
    """Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme in _HTTP_PORTS:
        try:
            port = parts.port or _HTTP_PORTS[parts.scheme]
        except ValueError as error:
            raise UsageError(f"{url} is no address of a server: {error}") from error
        return parts.hostname or "", port, parts.scheme == "https"
    broker = BrokerUrl.parse(url)
    return broker.host, broker.port, broker.tls
