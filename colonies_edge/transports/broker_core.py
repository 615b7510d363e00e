"""amqtt's broker with its slow and its unbounded parts replaced: admission first, one router, bounded sessions.

amqtt matches every message against every subscription, makes a task per packet and per receiver, waits five seconds
for an acknowledgement and then loses the message, lets anybody who guesses a client id throw its owner off before it
asks for a password, and keeps queues without bounds. What stays is its listeners, TLS, life cycle and the reading of
CONNECT.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker, Server
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from colonies_edge.protocol.limits import CONNECTIONS_PER_IDENTITY_MAX, ENROLLING_S, STATUS_ONLY_S
from colonies_edge.transports import mqtt_packets as packets
from colonies_edge.transports.admission import Access, Admission, Credentials
from colonies_edge.transports.broker_connection import Client, Confinement, Connection
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.broker_statuses import Statuses
from colonies_edge.transports.certificate_files import CertificateFiles
from colonies_edge.transports.door import PER_TURN, Door
from colonies_edge.transports.inflow import Inflow
from colonies_edge.transports.mailbox import Mailbox
from colonies_edge.transports.router import Message, Router

_log = logging.getLogger(__name__)

# A Pi Zero under load needs two seconds, and a bad radio link some round trips of a second each.
HANDSHAKE_S = 10.0
# From accepting a connection to its CONNECT packet; a TLS handshake of a Pi Zero is done before it starts.
CONNECT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; with a certificate it is TLS. Port 0: the system chooses one."""

    host: str = "127.0.0.1"
    port: int = 1883
    certfile: str = ""
    keyfile: str = ""
    cafile: str = ""  # the authority of client certificates, which are asked for
    clients_demanded: bool = False  # and insisted on


# Turns of the loop in which aborted transports, TLS over TCP, close their sockets; a loop that ends before leaks them.
CLOSING_TURNS = 3


class _Refused(Exception):
    """A connection that is not let in, and the CONNACK code that says so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Core(Broker):
    """One run of the embedded broker, from start to shutdown."""

    def __init__(
        self,
        *,
        router: Router,
        admit: Callable[[Credentials], Admission],
        confinement: Confinement,
        gate: Gate,
        door: Door,
        inflow: Inflow,
        payload_bytes_max: int,
    ) -> None:
        super().__init__(BrokerConfig(listeners={"default": ListenerConfig(bind=None)}, plugins={}))
        self._router = router
        self._statuses = Statuses(router, confinement.may_retain)
        self._admit = admit
        self._confinement = confinement
        self._gate = gate
        self._door = door
        self._inflow = inflow
        self._payload_bytes_max = payload_bytes_max
        self._connections: set[Connection] = set()
        self._clients: dict[str, Connection] = {}  # by client id, but for those who only look at the status
        self._lasting: dict[str, tuple[str, Mailbox]] = {}  # client id -> identity, mailbox
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, wanted: Listen) -> int:
        """Before `start`. Returns the port; raises OSError when it is taken, UsageError for unusable certificates."""
        context = None
        if wanted.certfile:
            demanded = wanted.clients_demanded
            files = CertificateFiles(wanted.certfile, wanted.keyfile, clients=wanted.cafile, demanded=demanded)
            context = files.context
        listeners = self._door.listen_everywhere(wanted.host, wanted.port)
        for listener in listeners:
            name = f"{wanted.host}:{wanted.port}:{len(self._servers)}"
            instance = await asyncio.start_server(
                partial(self.stream_connected, listener_name=name),
                sock=listener,
                backlog=PER_TURN,
                ssl=context,
                # amqtt leaves asyncio's minute: so long could anybody hold a socket by saying nothing.
                ssl_handshake_timeout=HANDSHAKE_S if context is not None else None,
            )
            self._servers[name] = Server(name, instance)
        port: int = listeners[0].getsockname()[1]
        return port

    def stop_listening(self) -> None:
        for server in self._servers.values():
            server.instance.close()

    async def _start_listeners(self) -> None:
        """They are listening already: a taken port is the operator's error, and amqtt would log it as a crash."""

    async def _session_monitor(self) -> None:
        """Nothing to watch every second: sessions end with their connections or are bounded per identity."""

    async def shutdown(self) -> None:
        self.stop_listening()
        for connection in list(self._connections):
            connection.end(abrupt=False)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for client_id in list(self._lasting):
            self._drop_session(client_id)
        await super().shutdown()
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

    def disconnect(self, identity: str) -> None:
        """Throw an identity out, with what was kept for it: it has been removed from the colony."""
        for connection in [c for c in self._connections if c.client.admission.identity == identity]:
            connection.end(abrupt=True)
        for client_id in [name for name, (owner, _) in self._lasting.items() if owner == identity]:
            self._drop_session(client_id)
        self._statuses.forget(identity)  # after the wills

    @property
    def identities(self) -> set[str]:
        """Who is connected, and for whom something is kept."""
        admissions = [connection.client.admission for connection in self._connections]
        connected = {admission.identity for admission in admissions if not admission.stranger}
        return connected | {owner for owner, _ in self._lasting.values()} | self._statuses.identities

    # -- one connection

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            connection = await self._welcome(reader, writer)
            if connection is not None:
                await connection.run()
        except (OSError, asyncio.CancelledError) as error:
            _log.debug("a connection ended: %r", error)
        except Exception:
            _log.exception("a connection ended by an error of ours")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        address = (writer.get_extra_info("peername") or ("unknown",))[0]
        now_s = asyncio.get_running_loop().time()
        if not self._gate.may_try(address, now_s):
            return None
        _set_options(writer)
        try:
            session = await self._read_connect(reader, writer)
            client = self._let_in(session, address, _certified(writer))
        except _Refused as refused:
            self._gate.note_failure(address, now_s)
            _log.info("refused a connection from %s: %s", address, refused)
            writer.write(packets.connack(refused.code))
            return None
        except (NoDataError, asyncio.TimeoutError) as error:
            # Neither a guess nor nonsense: on a bad line that is how an honest attempt ends, and the door bounds them.
            _log.debug("no CONNECT from %s: %r", address, error)
            return None
        except (AMQTTError, MQTTError, CodecError, ValueError) as error:
            self._gate.note_failure(address, now_s)
            _log.debug("no CONNECT from %s: %r", address, error)
            return None
        self._door.heard(writer.transport)
        if client.admission.stranger:
            self._gate.note_failure(address, now_s)
        return self._connection(client, reader, writer)

    async def _read_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Session:
        read = BrokerProtocolHandler.init_from_connect(
            StreamReaderAdapter(reader), StreamWriterAdapter(writer), self.plugins_manager
        )
        _, session = await asyncio.wait_for(read, CONNECT_S)
        return session

    def _let_in(self, session: Session, address: str, certified: str) -> Client:
        """Raises _Refused. Whoever gets through is counted at the gate."""
        client_id = session.client_id or ""
        admission = self._admit(
            Credentials(
                username=session.username or "",
                password=session.password or "",
                client_id=client_id,
                address=address,
                certified=certified,
            )
        )
        if admission.access is Access.REFUSED:
            raise _Refused(packets.NOT_AUTHORIZED, admission.reason)
        owner = self._owner(client_id)
        if owner is not None and owner != admission.identity:
            raise _Refused(packets.IDENTIFIER_REJECTED, f"the client id {client_id} belongs to another identity")
        will = self._will(session, admission)
        # A stale password proves no presence, it may be one that was overheard: who shows it takes over nothing.
        older = self._clients.get(client_id) if admission.access is not Access.STATUS_ONLY else None
        if not self._gate.enter(admission, instead_of=older.client.admission if older is not None else None):
            raise _Refused(packets.SERVER_UNAVAILABLE, f"too many connections of {admission.identity or 'anybody'}")
        if older is not None:
            _log.info("%s connected again; the older connection ends", client_id)
            older.end(abrupt=True)
        return Client(
            client_id=client_id,
            address=address,
            admission=admission,
            clean=bool(session.clean_session) or admission.access is not Access.FULL,
            keepalive_s=session.keep_alive,
            will=will,
        )

    def _will(self, session: Session, admission: Admission) -> Message | None:
        if not session.will_flag or admission.access is not Access.FULL:
            return None
        topic, payload = session.will_topic or "", bytes(session.will_message or b"")
        if not self._confinement.may_publish(admission.identity, topic):
            raise _Refused(packets.NOT_AUTHORIZED, f"a will for {topic}, where it may not publish")
        return Message(topic, payload, min(session.will_qos or 0, 1), bool(session.will_retain))

    def _connection(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        mailbox, present = self._mailbox(client)
        connection = Connection(
            client,
            reader,
            writer,
            router=self._router,
            statuses=self._statuses,
            inflow=self._inflow,
            mailbox=mailbox,
            confinement=self._confinement,
            payload_bytes_max=self._payload_bytes_max,
            on_end=self._connection_ended,
        )
        self._connections.add(connection)
        if client.admission.access is Access.STATUS_ONLY:
            connection.end_after(STATUS_ONLY_S)
        else:
            self._clients[client.client_id] = connection
        if client.admission.access is Access.ENROLLING:
            connection.end_after(ENROLLING_S)
        writer.write(packets.connack(packets.ACCEPTED, session_present=present))
        return connection

    def _connection_ended(self, connection: Connection) -> None:
        client = connection.client
        self._gate.leave(client.admission)
        self._connections.discard(connection)
        if self._clients.get(client.client_id) is connection:
            del self._clients[client.client_id]
        if client.clean:
            self._unsubscribe(connection.mailbox)

    # -- lasting sessions

    def _owner(self, client_id: str) -> str | None:
        if client_id in self._clients:
            return self._clients[client_id].client.admission.identity
        return self._lasting[client_id][0] if client_id in self._lasting else None

    def _mailbox(self, client: Client) -> tuple[Mailbox, bool]:
        """The mailbox for a connection, and whether it was there before."""
        if client.clean:
            if client.admission.access is not Access.STATUS_ONLY:
                self._drop_session(client.client_id)
            return Mailbox(durable=False), False
        if client.client_id in self._lasting:
            return self._lasting[client.client_id][1], True
        identity = client.admission.identity
        own = [name for name, (owner, _) in self._lasting.items() if owner == identity and name not in self._clients]
        if len(own) >= CONNECTIONS_PER_IDENTITY_MAX:
            self._drop_session(own[0])  # the oldest: somebody who connects under ever new names must not fill memory
        mailbox = Mailbox(durable=True)
        self._lasting[client.client_id] = (identity, mailbox)
        return mailbox, False

    def _drop_session(self, client_id: str) -> None:
        _, mailbox = self._lasting.pop(client_id, ("", None))
        if mailbox is not None:
            self._unsubscribe(mailbox)

    def _unsubscribe(self, mailbox: Mailbox) -> None:
        for filter_ in mailbox.filters:
            self._router.unsubscribe(mailbox, filter_)
        mailbox.filters.clear()

    @property
    def session_count(self) -> int:
        return len(self._connections) + sum(1 for name in self._lasting if name not in self._clients)


def _certified(writer: asyncio.StreamWriter) -> str:
    """The common name of the client certificate that was checked in the handshake, "" when none was shown."""
    certificate = writer.get_extra_info("peercert") or {}
    names = [value for attributes in certificate.get("subject", ()) for key, value in attributes if key == "commonName"]
    return names[0] if len(names) == 1 else ""


def _set_options(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        # Without it two acknowledgements wait for each other: 177 ms per job instead of 3.8 were measured.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # For clients that asked for no keep-alive of MQTT's own.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
