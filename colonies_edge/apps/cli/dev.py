"""`dev`: everything a colony needs, for one folder on one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.console import PROGRAM, Console
from colonies_edge.apps.cli.numbers import port
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import COORDINATOR_FOLDER, DEVENV, ENVIRONMENT, FOLDER, VARIABLES, display, write_devenv

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Http, Running
    from colonies_edge.apps.dev import Identities

_HOST = "127.0.0.1"


async def run(session: Session) -> int:
    from colonies_edge.apps import dev
    from colonies_edge.apps.cli.services import Busy, serve
    from colonies_edge.apps.cli.start_flags import retention_of
    from colonies_edge.apps.cli.wire import asker
    from colonies_edge.apps.coordinator import Options
    from colonies_edge.engine.ports import Settings

    args = session.args
    folder = Path(args.data or FOLDER)
    session.devenv = folder / DEVENV
    config = session.config
    identities = dev.used_or_made(config, folder)
    options = Options(
        data=folder / COORDINATOR_FOLDER,
        host=_HOST,
        port=dev.port_of(config, args.port),
        server_prvkey=identities.server_prvkey,
        topic_root=config.topic_root,
        settings=Settings(retention_s=retention_of(config, None)),
        http=_http(session, dev.http_port_of(folder, args.http_port)),
    )

    async def ready(running: Running) -> None:
        await dev.found(identities, asker(config, running.url, running.server_id))
        write_devenv(folder / DEVENV, dev.devenv_of(identities, running.url, config.topic_root, http=running.http))
        _greet(session, running, identities, folder)

    busy = Busy(
        mqtt=f"name a free one: `{PROGRAM} dev --port N`",
        http=f"name a free one for HTTP: `{PROGRAM} dev --http-port N`, 0 for none",
    )
    return await serve(options, ready, busy=busy)


def _http(session: Session, port: int) -> Http | None:
    """The gateway, unless nobody wants it; without its libraries the rest works all the same."""
    from colonies_edge.apps.coordinator import Http, missing_for_http
    from colonies_edge.apps.dashboard import pages

    absent = missing_for_http() if port else ""
    if absent:
        session.console.warn(f"no HTTP gateway: {absent}")
    return Http(host=_HOST, port=port, pages=pages()) if port and not absent else None


def _greet(session: Session, running: Running, identities: Identities, folder: Path) -> None:
    console, devenv = session.console, display(folder / DEVENV)
    values = {
        "mqtt": running.url,
        "serverid": running.server_id,
        "colonyname": identities.colonyname,
        "devenv": devenv,
        "http": running.http,
    }
    _warn_about_other_settings(session, console, running, devenv)
    if session.shown_as_json(values):
        console.flush()
        return
    console.info(f"Colony {identities.colonyname} at {running.url}, kept in {display(folder)}. Ctrl-C stops it.")
    if running.http:
        console.info(f"Colonies SDKs and tools find it at {running.http} (`source {devenv}`).")
        # What follows # is never sent: the page takes the key from there, and out of the address bar.
        console.info(f"The dashboard: {running.http}/#{_fragment(running, identities)}")
    console.info("Next, in other terminals of this folder:")
    console.info(f"  {PROGRAM} executor os start --name testexecutor --executortype cli")
    console.info(f"  {PROGRAM} function submit --spec sayhello.json --wait --out")


def _fragment(running: Running, identities: Identities) -> str:
    return urlencode({"key": identities.prvkey, "colony": identities.colonyname, "server": running.server_id})


def _warn_about_other_settings(session: Session, console: Console, running: Running, devenv: str) -> None:
    config = session.config
    if config.source("mqtt") == ENVIRONMENT and config.mqtt != running.url:
        variable = VARIABLES["mqtt"]
        console.warn(f"{variable} of this environment is {config.mqtt}: commands go there until you `source {devenv}`")


GROUP = Group(
    name="dev",
    help="a colony for this folder: broker, coordinator, keys and a user",
    itself=Command(
        name="dev",
        help="a colony for this folder: broker, coordinator, keys and a user",
        run=run,
        connects=False,
        settings=("topic_root", "colonyname", "server_prvkey", "colony_prvkey", "prvkey"),
        flags=(
            flag("--port", type=port, metavar="N", help="the broker's port (1883, or the one used before)"),
            flag("--http-port", type=port, metavar="N", help="the HTTP gateway's port (50080); 0 for none"),
            flag("--data", metavar="DIR", help="where everything is kept (./.colonies-edge)"),
        ),
    ),
)
