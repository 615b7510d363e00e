"""`database`: upstream's words for making and removing what the coordinator keeps, which here is a folder."""

from __future__ import annotations

from pathlib import Path

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import COORDINATOR_FOLDER


def create(session: Session) -> int:
    from colonies_edge.apps.coordinator import folder
    from colonies_edge.apps.dev import checked_key
    from colonies_edge.storage.errors import StoreFailed
    from colonies_edge.storage.folder import is_data_folder

    data = _data(session)
    there = is_data_folder(data)
    try:
        serverid = folder.create(data, checked_key(session.config, "server_prvkey"))
    except StoreFailed as error:
        raise Failed(str(error)) from error
    if session.shown_as_json({"data": str(data), "serverid": serverid, "created": not there}):
        return 0
    what = "was there already, nothing was changed" if there else "is ready"
    console, words = session.console, f"{PROGRAM} coordinator start"
    console.info(f"{data} {what}; the coordinator is {serverid}. Next: `{words}{_named(session)}`")
    return 0


def drop(session: Session) -> int:
    from colonies_edge.apps.coordinator import folder
    from colonies_edge.apps.coordinator.run import SERVER_KEY
    from colonies_edge.storage.errors import StoreFailed
    from colonies_edge.storage.folder import is_data_folder

    data = _data(session)
    if is_data_folder(data):
        session.confirm(f"All colonies in {data}, their history and the proof of it will be removed for good. Go on?")
    try:
        folder.drop(data)
    except StoreFailed as error:
        raise Failed(str(error)) from error
    key = data / SERVER_KEY
    stays = f"; {key} stays: it is who the coordinator is to its clients" if key.exists() else ""
    return session.done({"data": str(data), "dropped": True}, f"{data} holds no colonies any more{stays}")


def _data(session: Session) -> Path:
    return Path(session.args.data or Path(session.config.data_dir) / COORDINATOR_FOLDER)


def _named(session: Session) -> str:
    return f" --data {session.args.data}" if session.args.data else ""


_DATA = flag("--data", metavar="DIR", help="the coordinator's data folder (.colonies-edge/coordinator)")

GROUP = Group(
    name="database",
    help="make or remove the folder in which the coordinator keeps everything",
    commands=(
        Command(
            name="create",
            help="make the folder and the server's key, so that `coordinator start` finds them",
            run=create,
            connects=False,
            settings=("server_prvkey",),
            flags=(_DATA,),
        ),
        Command(
            name="drop",
            help="remove everything that the coordinator keeps, except its key",
            run=drop,
            connects=False,
            flags=(_DATA, switch("--yes", help="do not ask")),
        ),
    ),
)
