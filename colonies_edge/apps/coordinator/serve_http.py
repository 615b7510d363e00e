"""The HTTP gateway of a coordinator: loaded only when it is asked for, and ended before the coordinator."""

import errno
import importlib.util
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from colonies_edge.apps.coordinator.coordinator import Coordinator
from colonies_edge.apps.coordinator.metrics import PATH, Metrics
from colonies_edge.apps.coordinator.serving import ServerTls, certificate_of
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import Backend
from colonies_edge.transports.certificate_files import CertificateFiles
from colonies_edge.transports.desk import Shown

_NEEDED = ("starlette", "uvicorn", "websockets")


class HttpPortTaken(Exception):
    """Where HTTP was to be served, somebody else listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """Where and how to serve HTTP; with `tls` it is https.

    `stamps_required` refuses requests without `msgid` and `ts`, which those who see one could send again. `viewer` is
    the identity of a user: what programs and browsers of this machine ask without a signature is answered as to them.
    """

    host: str = "127.0.0.1"
    port: int = 50080
    tls: ServerTls | None = None
    stamps_required: bool = False
    viewer: str = ""
    metrics_for_all: bool = False  # else they are for programs of this machine
    pages: Mapping[str, Shown] = field(default_factory=dict)  # what GETs of other paths show


def missing() -> str:
    """What HTTP needs and is not installed, as a sentence with the remedy; "" when everything is there."""
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"HTTP needs {' and '.join(absent)}; install it with `pip install 'colonies-edge[http]'`, or run the .pyz"


async def serve_http(
    http: Http, coordinator: Coordinator, data: Path, message_bytes_max: int, stack: AsyncExitStack, sockets_max: int
) -> tuple[str, Backend]:
    """Start a gateway that ends with the stack: its URL, and what `getserverinfomsg` says of it.

    Raises UsageError when something is missing, or a certificate cannot be used, HttpPortTaken, OSError.
    """
    absent = missing()
    if absent:
        raise UsageError(absent)
    from colonies_edge.transports.http_gateway import HttpGateway, Listen

    tls = None
    if http.tls is not None:
        tls = CertificateFiles(*certificate_of(http.tls, http.host, data)).context
    gateway = HttpGateway(
        coordinator.desk,
        Listen(host=http.host, port=http.port, tls=tls),
        pages={PATH: Shown(make=Metrics(coordinator, data).page, local=not http.metrics_for_all), **http.pages},
        message_bytes_max=message_bytes_max,
        sockets_max=sockets_max,
    )
    try:
        await gateway.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise HttpPortTaken(f"port {http.port} of {http.host} is taken by another program") from error
    stack.push_async_callback(gateway.close)
    stack.callback(coordinator.desk.close)  # first: everybody who waits is told
    return gateway.url, Backend(type="http", host=http.host, port=gateway.port, tls=tls is not None)
