"""`coordinator start`: the coordinator as a service, with a broker of one's own or with the embedded one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.coordinator_http import http_of, tell_of_http
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.progress import Bar
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.start_flags import DATA_FLAG, START_FLAGS, START_SETTINGS, retention_of
from colonies_edge.apps.config import COORDINATOR_FOLDER, ENVIRONMENT, FLAG, tls_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import BLOB_QUOTA_BYTES, MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Options, Running
    from colonies_edge.apps.coordinator.serving import ServerTls
    from colonies_edge.apps.dev import Identities

_HOST, _PORT, _TLS_PORT = "127.0.0.1", 1883, 8883


def check(session: Session) -> int:
    """Whether this program can go on with a data folder; a coordinator may work in it meanwhile."""
    from colonies_edge.storage.errors import StoreFailed
    from colonies_edge.storage.look import look
    from colonies_edge.storage.reading import bytes_to_read

    folder = data_folder(session)
    try:
        with Bar(session.console, bytes_to_read(folder)) as bar:
            seen = look(folder, bar)
    except StoreFailed as error:
        raise Failed(str(error)) from error
    session.shown_as_json({"problems": seen.problems, "records": seen.records, "oneway": seen.one_way})
    if seen.problems:
        raise Failed("; ".join(seen.problems))
    session.console.info(f"{folder} is sound: {seen.records} records in {seen.segments} segments")
    return 0


def data_folder(session: Session) -> Path:
    """The one with a coordinator's data in it. Raises UsageError: of another folder nothing can be said."""
    from colonies_edge.storage.folder import is_data_folder

    folder = Path(session.args.data or Path(session.config.data_dir) / COORDINATOR_FOLDER)
    if is_data_folder(folder):
        return folder
    below = folder / COORDINATOR_FOLDER
    where = f"they are in {below}" if is_data_folder(below) else "give the folder that the coordinator was started with"
    raise UsageError(f"no coordinator's data are in {folder}; {where} (--data)")


async def start(session: Session) -> int:
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.services import Busy, serve
    from colonies_edge.apps.coordinator.run import server_key

    options = _options(session)

    async def ready(running: Running) -> None:
        where = without_password(running.url)
        session.console.info(f"Coordinator {running.server_id} at {where}, data in {options.data}; Ctrl-C stops it")
        tell_of_http(session.console, running.http, options.http.host if options.http else "")
        if options.settings.retention_s is not None:
            seconds = f"{options.settings.retention_s} s after its end"
            session.console.info(f"Successful work is removed {seconds}, and lines of logs when they are as old")
        identities = dev.given(session.config, server_key(options.data, options.server_prvkey))
        if identities.colonyname and identities.colony_prvkey:
            await _found(session, running, identities)

    busy = Busy(
        mqtt=f"name a free one: `{PROGRAM} coordinator start --listen HOST:PORT`",
        http="name a free one with --http HOST:PORT, or leave --http away for none",
    )
    return await serve(options, ready, busy=busy, beside=_bridge(session))


def _bridge(session: Session) -> Callable[[Running, asyncio.Event], Awaitable[None]] | None:
    """The bridge that runs with it, if there is one. Raises UsageError for a file that makes no sense."""
    if not session.args.bridge:
        return None
    from colonies_edge.apps.cli import bridge

    bridge.settings_beside(session, session.args.bridge, "mqtt://127.0.0.1", "")

    async def beside(running: Running, stopping: asyncio.Event) -> None:
        url = running.plain_url or running.url
        settings = bridge.settings_beside(session, session.args.bridge, url, running.server_id)
        await bridge.run(session, settings, stopping)

    return beside


def _options(session: Session) -> Options:
    """A broker named by a flag or the environment is used; the one of a devenv is that folder's own embedded one."""
    from colonies_edge.apps.coordinator import Options
    from colonies_edge.apps.dev import checked_key
    from colonies_edge.engine.ports import Settings
    from colonies_edge.transports.mqtt_socket import BrokerUrl

    args, config = session.args, session.config
    if args.listen and config.source("mqtt") == FLAG:
        raise UsageError("--listen is for the embedded broker and --mqtt for one of your own; give one of them")
    own = not args.listen and config.source("mqtt") in (FLAG, ENVIRONMENT)
    if own:
        BrokerUrl.parse(config.mqtt)
    server_tls = _server_tls(session, own)
    host, number = args.listen or (_HOST, _PORT if server_tls is None else _TLS_PORT)
    return Options(
        data=Path(args.data or Path(config.data_dir) / COORDINATOR_FOLDER),
        mqtt=config.mqtt if own else "",
        host=host,
        port=number,
        server_tls=server_tls,
        server_prvkey=checked_key(config, "server_prvkey"),
        topic_root=config.topic_root,
        tls=tls_of(config),
        message_bytes_max=args.message_kib * 1024 if args.message_kib else MESSAGE_BYTES_MAX,
        file_quota=args.file_quota or BLOB_QUOTA_BYTES,
        durability="always" if args.sync_ms is None else args.sync_ms,
        settings=Settings(retention_s=retention_of(config, args.retention)),
        http=http_of(session),
        home_assistant_prefix=args.home_assistant or "",
    )


def _server_tls(session: Session, own_broker: bool) -> ServerTls | None:
    """Raises UsageError for flags that do not go together: a wish for TLS is never dropped silently."""
    from colonies_edge.apps.coordinator.serving import ServerTls

    args = session.args
    wanted = bool(args.tls or args.tls_cert or args.tls_key)
    further = args.tls_client_ca or args.tls_demand_clients or args.plain_port is not None
    if not (wanted or further):
        return None
    if own_broker:
        raise UsageError("--tls and what goes with it are for the embedded broker; yours is configured by itself")
    if not wanted:
        raise UsageError("--tls-client-ca, --tls-demand-clients and --plain-port go with --tls or --tls-cert")
    if args.tls_key and not args.tls_cert:
        raise UsageError("--tls-key goes with --tls-cert; with --tls alone the certificate is made here")
    if args.tls_demand_clients and not args.tls_client_ca:
        raise UsageError(
            "--tls-demand-clients needs --tls-client-ca FILE, the authority that signs client certificates"
        )
    return ServerTls(
        certfile=args.tls_cert or "",
        keyfile=args.tls_key or "",
        client_ca=args.tls_client_ca or "",
        clients_demanded=args.tls_demand_clients,
        plain_port=args.plain_port,
    )


async def _found(session: Session, running: Running, identities: Identities) -> None:
    """The colony and user of the environment. A broker of one's own may not let us speak for them: then it is said."""
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.wire import asker

    try:
        # Our own broker on this machine: its certificate need not be for the address that it listens on.
        own = session.config.mqtt != running.url
        ask = asker(session.config, running.plain_url or running.url, running.server_id, trust_any_broker=own)
        await dev.found(identities, ask)
        session.console.info(f"Colony {identities.colonyname} and what the environment says of it are there")
    except (ColoniesError, NoConnection) as error:
        what = f"colony {identities.colonyname} could not be made sure of: {error}"
        session.console.warn(f"{what}; if it is new, `{PROGRAM} colony add` and `{PROGRAM} user add` make it")


CHECK = Command(
    name="check",
    help="look whether this program can go on with a data folder; changes nothing",
    run=check,
    connects=False,
    flags=(DATA_FLAG,),
)
START = Command(
    name="start",
    help="run the coordinator until Ctrl-C",
    run=start,
    connects=False,
    settings=START_SETTINGS,
    flags=START_FLAGS,
)
GROUP = Group(name="coordinator", help="run the coordinator", commands=(CHECK, START))
