"""`coordinator start`: the coordinator as a service, with a broker of one's own or with the embedded one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.start_flags import START_FLAGS, START_SETTINGS, retention_of
from colonies_edge.apps.config import COORDINATOR_FOLDER, ENVIRONMENT, FLAG, tls_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import BLOB_QUOTA_BYTES, MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Options, Running
    from colonies_edge.apps.dev import Identities

_LISTEN = ("127.0.0.1", 1883)


async def start(session: Session) -> int:
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.services import serve
    from colonies_edge.apps.coordinator.run import SERVER_KEY
    from colonies_edge.apps.keys import keep_key

    options = _options(session)

    async def ready(running: Running) -> None:
        where = without_password(running.url)
        session.console.info(f"Coordinator {running.server_id} at {where}, data in {options.data}; Ctrl-C stops it")
        if options.settings.retention_s is not None:
            seconds = f"{options.settings.retention_s} s after its end"
            session.console.info(f"Successful work is removed {seconds}, and lines of logs when they are as old")
        identities = dev.given(session.config, options.server_prvkey or keep_key(options.data / SERVER_KEY))
        if identities.colonyname and identities.colony_prvkey:
            await _found(session, running, identities)

    return await serve(options, ready, busy=f"name a free one: `{PROGRAM} coordinator start --listen HOST:PORT`")


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
    host, port = args.listen or _LISTEN
    return Options(
        data=Path(args.data or Path(config.data_dir) / COORDINATOR_FOLDER),
        mqtt=config.mqtt if own else "",
        host=host,
        port=port,
        server_prvkey=checked_key(config, "server_prvkey"),
        topic_root=config.topic_root,
        tls=tls_of(config),
        message_bytes_max=args.message_kib * 1024 if args.message_kib else MESSAGE_BYTES_MAX,
        file_quota=args.file_quota or BLOB_QUOTA_BYTES,
        durability="always" if args.sync_ms is None else args.sync_ms,
        settings=Settings(retention_s=retention_of(config, args.retention)),
    )


async def _found(session: Session, running: Running, identities: Identities) -> None:
    """The colony and user of the environment. A broker of one's own may not let us speak for them: then it is said."""
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.wire import asker

    try:
        await dev.found(identities, asker(session.config, running.url, running.server_id))
        session.console.info(f"Colony {identities.colonyname} and what the environment says of it are there")
    except (ColoniesError, NoConnection) as error:
        what = f"colony {identities.colonyname} could not be made sure of: {error}"
        session.console.warn(f"{what}; if it is new, `{PROGRAM} colony add` and `{PROGRAM} user add` make it")


GROUP = Group(
    name="coordinator",
    help="run the coordinator",
    commands=(
        Command(
            name="start",
            help="run the coordinator until Ctrl-C",
            run=start,
            connects=False,
            settings=START_SETTINGS,
            flags=START_FLAGS,
        ),
    ),
)
