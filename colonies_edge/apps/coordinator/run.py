"""A coordinator put together: key, data folder, broker, and the order in which they start and end."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from colonies_edge import __version__
from colonies_edge.apps.coordinator.bytes_keeper import BytesKeeper
from colonies_edge.apps.coordinator.coordinator import Coordinator
from colonies_edge.apps.coordinator.serve_http import Http, serve_http
from colonies_edge.apps.coordinator.serving import LOOPBACK, ServerTls, cut_off, enrolling, keep_renewed, listens
from colonies_edge.apps.keys import keep_key
from colonies_edge.apps.tls_folder import FOLDER as TLS_FOLDER
from colonies_edge.apps.tls_folder import TlsFolder
from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import (
    BLOB_QUOTA_BYTES,
    CONNECTIONS_MAX,
    HTTP_CONNECTIONS_MAX,
    MESSAGE_BYTES_MAX,
    REMEMBER_S,
    REPLY_BYTES_MAX,
)
from colonies_edge.protocol.model import Backend
from colonies_edge.protocol.topics import Topics
from colonies_edge.storage.file_store import open_store
from colonies_edge.storage.folder import has_records
from colonies_edge.transports.admission import PasswordChecker
from colonies_edge.transports.descriptors import share_descriptors
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.mqtt_socket import BrokerUrl, Tls
from colonies_edge.transports.ports import Link
from colonies_edge.transports.system import SystemClock

Durability = Literal["always"] | int  # or an interval in ms

SERVER_KEY = "server.key"
SWITCH_S = 0.0002
GC_THRESHOLDS = (50_000, 20, 100)  # young ones are looked at some times a minute at full speed, all of them hardly ever
BLOBS = "blobs"  # the bytes of files, below the data folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run. With `mqtt` a broker of one's own is used; without it one is started here, on `host` and `port`.

    `server_prvkey` "" means the key kept in the data folder, made at the first start. `port` 0 lets the system choose.
    """

    data: Path
    mqtt: str = ""
    host: str = "127.0.0.1"
    port: int = 1883
    server_tls: ServerTls | None = None  # of the embedded broker
    server_prvkey: str = ""
    topic_root: str = "colonies"
    message_bytes_max: int = MESSAGE_BYTES_MAX
    durability: Durability = "always"
    tls: Tls | None = None  # towards a broker of one's own
    settings: Settings = field(default_factory=Settings)
    file_quota: int = BLOB_QUOTA_BYTES  # of the files of one colony, in bytes
    http: Http | None = None
    home_assistant_prefix: str = ""  # where Home Assistant looks for devices; "" tells it nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A coordinator that listens; `url` is where clients find its broker, `plain_url` where this machine's own programs
    do without TLS, if it is not the same. `http` is its gateway, "" if there is none."""

    coordinator: Coordinator
    url: str
    server_id: str
    plain_url: str = ""
    http: str = ""


@asynccontextmanager
async def coordinating(options: Options) -> AsyncIterator[Running]:
    """Start a coordinator, with its broker if it shall have one; `await running.coordinator.run()` inside.

    Raises StoreFailed, NoConnection, ColoniesError (another coordinator's data), UsageError, OSError (port in use),
    HttpPortTaken.
    """
    async with AsyncExitStack() as stack:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = Signer(server_key(options.data, options.server_prvkey))
        clock = SystemClock()
        store = open_store(
            options.data,
            durability=options.durability,
            sign_head=signer.sign,
            monotonic=clock.monotonic_ns,
        )
        sync_every_s = 0.0 if options.durability == "always" else options.durability / 1000
        coordinator = Coordinator(
            signer=signer,
            store=store,
            history=store.history,
            topics=Topics(options.topic_root),
            settings=replace(options.settings, build_version=__version__),
            message_bytes_max=options.message_bytes_max,
            keeper=BytesKeeper(options.data / BLOBS, quota=options.file_quota, settle_s=2 * sync_every_s),
            sync_every_s=sync_every_s,
            home_assistant_prefix=options.home_assistant_prefix,
            stamps_required=options.http is not None and options.http.stamps_required,
            viewer=options.http.viewer if options.http is not None else "",
        )
        stack.push_async_callback(coordinator.stop)  # should the broker fail to start
        gc.disable()  # a hundred thousand rows that all stay: looking for garbage among them takes a third of the time
        try:
            coordinator.recover()
        finally:
            gc.enable()
        broker_sockets, http_sockets = share_descriptors(
            0 if options.mqtt else CONNECTIONS_MAX, 0 if options.http is None else HTTP_CONNECTIONS_MAX
        )
        link, url, plain_url = await _link(options, coordinator, signer, stack, broker_sockets)
        broker = BrokerUrl.parse(url)
        backends = [Backend(type="mqtt", host=broker.host, port=broker.port, tls=broker.tls)]
        stack.push_async_callback(coordinator.stop)  # before the broker ends: it still says goodbye
        await coordinator.start(link)
        gateway, http = "", options.http
        if http is not None:
            gateway, backend = await serve_http(
                http, coordinator, options.data, options.message_bytes_max, stack, http_sockets
            )
            backends.append(backend)
        if any(tls is not None and tls.own for tls in (options.server_tls, http.tls if http is not None else None)):
            renewing = keep_renewed(TlsFolder(options.data / TLS_FOLDER), lambda: coordinator.now_ms() * 1_000_000)
            stack.callback(asyncio.create_task(renewing).cancel)
        coordinator.engine.reachable_at(*backends)
        settle_interpreter()
        yield Running(coordinator=coordinator, url=url, server_id=signer.identity, plain_url=plain_url, http=gateway)


def server_key(folder: Path, given: str = "") -> str:
    """The coordinator's private key: the given one, else the one in its data folder, made at the first start. Raises
    UsageError for data without one: with a new key it would be another coordinator, which nobody knows."""
    path = folder / SERVER_KEY
    if not given and not path.exists() and has_records(folder):
        raise UsageError(
            f"{folder} has a coordinator's data and no {SERVER_KEY}, which is who it is to its clients: put the"
            f" {SERVER_KEY} of that coordinator there, or set COLONIES_SERVER_PRVKEY to its key"
        )
    return given or keep_key(path)


def settle_interpreter() -> None:
    """Two settings that suit a program of one busy loop, one journal thread and many long-lived rows.

    The journal's thread must not wait 5 ms for the interpreter each time it comes back from the disk: commits of thirty
    records went from 5 to 3 ms. What is loaded stays for good, and nearly all that comes is freed by its reference
    count: looking through a hundred thousand rows for circles again and again costs time, and on a Pi it stops
    everybody for a while.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)


async def _link(
    options: Options, coordinator: Coordinator, signer: Signer, stack: AsyncExitStack, sockets_max: int
) -> tuple[Link, str, str]:
    """The link to a broker of one's own, or a link into an embedded one; then its address, and the one without TLS."""
    # A reply shows what several messages brought: a graph of many nodes, a process with its spec, input and output.
    reply_bytes_max = max(REPLY_BYTES_MAX, 4 * options.message_bytes_max)
    if options.mqtt:
        # A stable name and a persistent session: requests that arrive during a restart wait in the broker. Whoever
        # knows the name could throw the coordinator off some brokers, so only the key's owner can work it out.
        client_id = f"colonies-{signer.sign(b'client id')[:24]}"
        link = MqttLink(
            options.mqtt, client_id=client_id, clean=False, tls=options.tls, payload_bytes_max=reply_bytes_max
        )
        return link, options.mqtt, ""
    return await _embedded(options, coordinator, signer, stack, reply_bytes_max, sockets_max)


async def _embedded(
    options: Options,
    coordinator: Coordinator,
    signer: Signer,
    stack: AsyncExitStack,
    reply_bytes_max: int,
    sockets_max: int,
) -> tuple[Link, str, str]:
    from colonies_edge.transports.broker import EmbeddedBroker  # amqtt is loaded only by who runs it

    checker = PasswordChecker(
        serverid=signer.identity,
        knows=coordinator.engine.tables.has_place,
        now_ms=coordinator.now_ms,
        enrols=enrolling(coordinator),
    )
    tls = options.server_tls
    broker = EmbeddedBroker(
        *listens(options.host, options.port, tls, options.data),
        admit=checker.admit,
        confinement=Topics(options.topic_root),
        payload_bytes_max=options.message_bytes_max,
        sockets_max=sockets_max,
    )
    await broker.start()
    stack.push_async_callback(broker.close)
    coordinator.on_strangers.append(cut_off(broker, coordinator))
    stack.callback(asyncio.create_task(_forget(checker)).cancel)
    url = str(BrokerUrl(host=options.host, port=broker.ports[0], tls=tls is not None))
    plain = [str(BrokerUrl(host=LOOPBACK, port=port, tls=False)) for port in broker.ports[1:]]
    return broker.link(payload_bytes_max=reply_bytes_max), url, "".join(plain)


async def _forget(checker: PasswordChecker) -> None:
    while True:
        await asyncio.sleep(REMEMBER_S)
        checker.forget_idle()


async def run_until(coordinator: Coordinator, stopping: asyncio.Event) -> None:
    """Run until the event is set, or raise what ended the coordinator."""
    work = asyncio.create_task(coordinator.run())
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        stop.cancel()
        work.cancel()
        await asyncio.gather(work, stop, return_exceptions=True)
