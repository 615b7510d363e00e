"""`coordinator start`: the coordinator as a service, with a broker of one's own or with the embedded one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import byte_size, count, listen_address
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import COORDINATOR_FOLDER, ENVIRONMENT, FLAG, tls_of
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError
from colonies_edge.protocol.limits import BLOB_QUOTA_BYTES, MESSAGE_BYTES_CEILING, MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Options, Running
    from colonies_edge.apps.dev import Identities

_LISTEN = ("127.0.0.1", 1883)
_SYNC_MS_MAX = 60_000


def check(session: Session) -> int:
    """Whether this program can go on with a data folder; a coordinator may work in it meanwhile."""
    from colonies_edge.storage.errors import StoreFailed
    from colonies_edge.storage.look import look

    folder = Path(session.args.data or Path(session.config.data_dir) / COORDINATOR_FOLDER)
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give --data the folder that the coordinator was started with")
    try:
        seen = look(folder)
    except StoreFailed as error:
        raise Failed(str(error)) from error
    session.shown_as_json({"problems": seen.problems, "records": seen.records, "oneway": seen.one_way})
    if seen.problems:
        raise Failed("; ".join(seen.problems))
    session.console.info(f"{folder} is sound: {seen.records} records in {seen.segments} segments")
    return 0


async def start(session: Session) -> int:
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.services import serve
    from colonies_edge.apps.coordinator.run import SERVER_KEY
    from colonies_edge.apps.keys import keep_key

    options = _options(session)

    async def ready(running: Running) -> None:
        where = without_password(running.url)
        session.console.info(f"Coordinator {running.server_id} at {where}, data in {options.data}; Ctrl-C stops it")
        identities = dev.given(session.config, options.server_prvkey or keep_key(options.data / SERVER_KEY))
        if identities.colonyname and identities.colony_prvkey:
            await _found(session, running, identities)

    return await serve(options, ready, busy=f"name a free one: `{PROGRAM} coordinator start --listen HOST:PORT`")


def _options(session: Session) -> Options:
    """A broker named by a flag or the environment is used; the one of a devenv is that folder's own embedded one."""
    from colonies_edge.apps.coordinator import Options
    from colonies_edge.apps.dev import checked_key
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
            name="check",
            help="look whether this program can go on with a data folder; changes nothing",
            run=check,
            connects=False,
            flags=(flag("--data", metavar="DIR", help="where everything is kept (.colonies-edge/coordinator)"),),
        ),
        Command(
            name="start",
            help="run the coordinator until Ctrl-C",
            run=start,
            connects=False,
            settings=("mqtt", "mqtt_ca", "topic_root", "colonyname", "server_prvkey", "colony_prvkey", "prvkey"),
            flags=(
                flag("--data", metavar="DIR", help="where everything is kept (.colonies-edge/coordinator)"),
                flag(
                    "--listen",
                    type=listen_address,
                    metavar="HOST:PORT",
                    help="start the embedded broker there (127.0.0.1:1883 without --mqtt)",
                ),
                flag(
                    "--message-kib",
                    type=count(MESSAGE_BYTES_CEILING // 1024),
                    metavar="KIB",
                    help="the largest message (256); a workflow of thousands of nodes needs more",
                ),
                flag(
                    "--file-quota",
                    type=byte_size,
                    metavar="SIZE",
                    help="how much the files of one colony may take of the disk (4GiB)",
                ),
                flag(
                    "--sync-ms",
                    type=count(_SYNC_MS_MAX),
                    metavar="MS",
                    help="sync to disk so often, not before every reply: a power cut may then lose as much",
                ),
            ),
        ),
    ),
)
