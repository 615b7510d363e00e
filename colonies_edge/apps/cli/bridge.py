"""`bridge start` and `bridge status`: this colony and one elsewhere, joined by the rules of a bridge.toml."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.console import PROGRAM, Console
from colonies_edge.apps.cli.exits import FAILED, SUCCESS, Failed
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import when
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.apps.bridge.settings import BridgeSettings

_FILE = "bridge.toml"
_CONFIG = flag("--config", metavar="FILE", default=_FILE, help=f"where the two colonies and the rules are ({_FILE})")


async def start(session: Session) -> int:
    from colonies_edge.apps.cli.services import manager, until_told
    from colonies_edge.client.tasks import end_tasks

    settings = settings_of(session)
    notifier = manager()
    watching = asyncio.ensure_future(notifier.watch())
    try:
        await run(session, settings, until_told(), notifier.ready)
    finally:
        notifier.stopping()
        await end_tasks([watching])
    return SUCCESS


def settings_of(session: Session) -> BridgeSettings:
    """The folder's own colony serves for what `[edge]` leaves out."""
    from colonies_edge.apps.bridge.settings import read_settings

    config, file = session.config, _there(session.args.config, "--config")
    edge = {
        "url": config.mqtt,
        "colony": config.colonyname,
        "serverid": config.serverid,
        "ca": str(Path(config.mqtt_ca).resolve()) if config.mqtt_ca else "",
        "topic_root": config.topic_root,
        "colony_prvkey": config.colony_prvkey,
    }
    return read_settings(file, environ=os.environ, edge=edge, data_dir=Path(config.data_dir))


def _there(name: str, option: str) -> Path:
    path = Path(name)
    if not path.exists():
        raise UsageError(f"there is no {path} here: name the file of the bridge with {option} FILE")
    return path


def settings_beside(session: Session, file: str, url: str, serverid: str) -> BridgeSettings:
    """Of a bridge in a coordinator, which is its edge."""
    from colonies_edge.apps.bridge.settings import read_settings

    config = session.config
    edge = {
        "url": url,
        "serverid": serverid,
        "colony": config.colonyname,
        "topic_root": config.topic_root,
        "colony_prvkey": config.colony_prvkey,
    }
    return read_settings(_there(file, "--bridge"), environ=os.environ, edge=edge, data_dir=Path(config.data_dir))


async def run(
    session: Session, settings: BridgeSettings, stopping: asyncio.Event, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Until the event; `tell` hears what it joins once it has begun, whether or not both sides are there.

    Raises Failed when the disk refuses, UsageError when another one has the folder.
    """
    from colonies_edge.apps.bridge.bridge import Bridge
    from colonies_edge.apps.bridge.store import StoreBroken

    console = session.console

    async def ready() -> None:
        ends = f"{settings.edge.colony} at {settings.edge.url} and {settings.cloud.colony} at {settings.cloud.url}"
        console.info(f"Bridge {settings.name} between {ends}; `{PROGRAM} bridge status` shows how it is")
        tell(f"bridge {settings.name} between {ends}")

    try:
        await Bridge(settings).run(stopping, ready)
    except StoreBroken as error:
        raise Failed(f"{error}; make room, or move its folder to another disk, and start it again") from error


def status(session: Session) -> int:
    """From the file that the bridge writes: works while the coordinator is away."""
    from colonies_edge.apps.bridge.status import read_status, running

    folder = settings_of(session).folder
    try:
        value = read_status(folder)
    except ValueError as error:
        raise Failed(f"the status in {folder} cannot be read: {error}") from error
    if value is None:
        raise UsageError(f"no bridge has run with {folder} yet: `{PROGRAM} bridge start` starts it")
    if value.get("state") == "running" and not running(folder):
        value["state"] = "ended without saying so"
    if not session.shown_as_json(value):
        _show(session.console, value)
    return SUCCESS if value.get("state") == "running" else FAILED


def _show(console: Console, value: Mapping[str, Any]) -> None:
    runs = value.get("state") == "running"
    console.pairs(
        [
            ("Bridge", f"{value.get('name')}, {value.get('state')} since {when(value.get('since'))}"),
            ("Edge", _line(value.get("edge"), runs=runs)),
            ("Cloud", _line(value.get("cloud"), runs=runs)),
            ("On their way", _waiting(value.get("waiting"))),
            ("Delivered", f"{value.get('delivered')} since the start"),
        ]
    )


def _line(value: Any, *, runs: bool) -> str:
    """How a side is; of a bridge that does not run, how it was."""
    if not isinstance(value, dict):
        return "unknown"
    text = f"{'' if runs else 'was '}{value.get('line')} since {when(value.get('since'))}"
    error = value.get("lasterror")
    return f"{text}; the last trouble, at {when(value.get('lasterrorat'))}: {error}" if error else text


def _waiting(value: Any) -> str:
    found = value if isinstance(value, dict) else {}
    return f"{found.get('down', 0)} down, {found.get('up', 0)} up, {found.get('history', 0)} records"


GROUP = Group(
    name="bridge",
    help="join this colony with one elsewhere, over a line that may be bad",
    commands=(
        Command(
            name="start",
            help="run the bridge until Ctrl-C",
            run=start,
            connects=False,
            settings=("mqtt", "mqtt_ca", "serverid", "topic_root", "colonyname", "data_dir", "colony_prvkey"),
            flags=(_CONFIG,),
        ),
        Command(
            name="status",
            help="lines up or down and since when, what waits for them, the last errors",
            run=status,
            connects=False,
            settings=("colonyname", "data_dir"),
            flags=(_CONFIG,),
        ),
    ),
)
