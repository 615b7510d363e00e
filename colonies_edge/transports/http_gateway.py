"""HTTP as Colonies servers speak it: POST /api, websocket /pubsub, /health, and pages (`protocol-core.md` 1.1, 6)."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from uvicorn import Config, Server

from colonies_edge.protocol.limits import (
    HTTP_CONNECTIONS_MAX,
    HTTP_HEAD_BYTES_MAX,
    HTTP_HEAD_S,
    HTTP_IDLE_S,
    HTTPS_FAREWELL_S,
    MESSAGE_BYTES_MAX,
    WEBSOCKET_PING_S,
)
from colonies_edge.transports.desk import Desk, Shown
from colonies_edge.transports.door import PER_TURN, Door
from colonies_edge.transports.http_gateway_app import application
from colonies_edge.transports.http_gateway_bounds import BoundedWebsocket, Readers, bounded

FAREWELL_S = 2  # for answers that are being written when the gateway closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; port 0 lets the system choose. With `tls` it is https."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class HttpGateway:
    """A listening socket, from `start` to `close`. What was asked is answered by the desk alone."""

    def __init__(
        self,
        desk: Desk,
        listen: Listen,
        *,
        pages: Mapping[str, Shown] | None = None,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        sockets_max: int = HTTP_CONNECTIONS_MAX,
    ) -> None:
        self._listen = listen
        # Who keeps his connection open between two requests is as silent as who has not asked yet, and welcome to it.
        self._door = Door(sockets_max, silent_max=sockets_max)
        config = Config(
            application(desk, pages or {}, message_bytes_max),
            http=bounded(self._door),
            backlog=PER_TURN,
            ws=BoundedWebsocket,
            ws_max_size=message_bytes_max,
            ws_ping_interval=WEBSOCKET_PING_S,
            ws_ping_timeout=WEBSOCKET_PING_S,
            ws_per_message_deflate=False,  # events are small, and a board's processor has better things to do
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # nobody here believes an address that a stranger wrote into a header
            timeout_keep_alive=HTTP_IDLE_S,
            timeout_graceful_shutdown=FAREWELL_S,
            h11_max_incomplete_event_size=HTTP_HEAD_BYTES_MAX,
            ssl_context_factory=(lambda *_: tls) if (tls := listen.tls) is not None else None,
        )
        config.load()
        self._server = Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._readers = Readers(self._server.server_state.connections)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._socket is not None, "start first"
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where clients find it; a host that means every address is this machine's own."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._listen.host, self._listen.host)
        scheme = "http" if self._listen.tls is None else "https"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken or not this machine's."""
        self._socket = self._door.listen(self._listen.host, self._listen.port)
        try:
            await self._serve(self._socket)
        except BaseException:
            self._socket.close()
            raise
        self._readers.start()

    async def _serve(self, listening: socket.socket) -> None:
        """Not `Server.serve`, which takes over signals and wakes up ten times a second to look for something to do, and
        not `Server.startup`, with which a handshake may last a minute, and all that is said last half of one."""
        config, times = self._server.config, _tls_times() if self._listen.tls is not None else {}
        made: Any = config.http_protocol_class
        protocol = partial(made, config=config, server_state=self._server.server_state, app_state={})
        serving = asyncio.get_running_loop().create_server(
            protocol, sock=listening, ssl=config.ssl, backlog=config.backlog, **times
        )
        self._server.servers = [await serving]
        self._server.started = True

    async def close(self) -> None:
        """Stop listening and let go of everybody; the desk has answered them before."""
        if self._socket is not None and self._server.started:
            self._readers.stop()
            await asyncio.shield(self._server.shutdown(sockets=[self._socket]))


def _tls_times() -> dict[str, Any]:
    farewell = {"ssl_shutdown_timeout": HTTPS_FAREWELL_S} if sys.version_info >= (3, 11) else {}  # none before
    return {"ssl_handshake_timeout": HTTP_HEAD_S, **farewell}
