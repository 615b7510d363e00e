"""The embedded broker: MQTT for a colony without a second program to install."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from colonies_edge.protocol.limits import CONNECTIONS_MAX, MESSAGE_BYTES_MAX
from colonies_edge.protocol.topics import Topics
from colonies_edge.transports.admission import Admission, Credentials
from colonies_edge.transports.broker_connection import Confinement
from colonies_edge.transports.broker_core import Core, Listen
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.door import Door
from colonies_edge.transports.inflow import Inflow
from colonies_edge.transports.loopback import LoopbackBus, LoopbackLink
from colonies_edge.transports.router import Router

__all__ = ["EmbeddedBroker", "Listen"]


class EmbeddedBroker:
    """Serves sockets to those whom `admit` admits, and the coordinator in this process without a socket: `link()`."""

    def __init__(
        self,
        *listens: Listen,
        admit: Callable[[Credentials], Admission],
        confinement: Confinement | None = None,
        gate: Gate | None = None,
        payload_bytes_max: int = MESSAGE_BYTES_MAX,
        sockets_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._payload_bytes_max = payload_bytes_max
        self._listens = listens
        self._admit = admit
        self._confinement: Confinement = confinement or Topics()
        self._gate = gate or Gate()
        self._door = Door(sockets_max)
        self._router = Router()
        self._inside = LoopbackBus(self._router)
        self._inside.stop()
        self._core: Core | None = None
        self.ports: tuple[int, ...] = ()

    async def start(self) -> None:
        """Listen. Raises OSError when an address is taken, UsageError for certificates that cannot be used."""
        core = Core(
            router=self._router,
            admit=self._admit,
            confinement=self._confinement,
            gate=self._gate,
            door=self._door,
            inflow=Inflow(lambda: self._inside.room),
            payload_bytes_max=self._payload_bytes_max,
        )
        try:
            self.ports = tuple([await core.listen(listen) for listen in self._listens])
        except BaseException:
            core.stop_listening()
            raise
        # A port the system chose is kept over a restart, so that clients find it again.
        self._listens = tuple(
            replace(listen, port=port) for listen, port in zip(self._listens, self.ports, strict=True)
        )
        await core.start()
        self._core = core
        self._inside.start()

    async def close(self) -> None:
        """End every connection; sessions and retained messages are forgotten. It may be started again."""
        core, self._core = self._core, None
        if core is not None:
            self._inside.stop()
            await core.shutdown()

    def link(
        self, client_id: str = "", *, clean: bool = True, payload_bytes_max: int = MESSAGE_BYTES_MAX
    ) -> LoopbackLink:
        """A link without a socket and without confinement, for the coordinator in the same process."""
        return self._inside.link(client_id, clean=clean, payload_bytes_max=payload_bytes_max)

    def disconnect(self, identity: str) -> None:
        """Throw an identity out at once."""
        if self._core is not None:
            self._core.disconnect(identity)

    def disconnect_strangers(self, knows: Callable[[str], bool]) -> None:
        """Throw out everybody who is not known any more."""
        for identity in self._core.identities if self._core is not None else ():
            if not knows(identity):
                self.disconnect(identity)

    @property
    def connection_count(self) -> int:
        return self._gate.connection_count

    @property
    def session_count(self) -> int:
        """Connections and lasting sessions: what the broker keeps memory for."""
        return self._core.session_count if self._core is not None else 0

    @property
    def routed(self) -> int:
        """Messages since the broker was made."""
        return self._router.routed
