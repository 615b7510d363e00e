"""`server`: the coordinator itself."""

from __future__ import annotations

from dataclasses import replace

from colonies_edge import __version__
from colonies_edge.apps.cli.colony import COUNTERS
from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.config import without_password
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word, yes_no


def _start() -> tuple[Command, ...]:
    """Upstream's name for `coordinator start`; the file for executors has neither."""
    try:
        from colonies_edge.apps.cli.coordinator import START
    except ModuleNotFoundError:
        return ()
    return (replace(START, help="run the coordinator until Ctrl-C, as `coordinator start` does"),)


async def status(session: Session) -> int:
    info = await session.ask("getserverinfomsg", topic_colony="_")
    if session.shown_as_json(info):
        return 0
    config = session.config
    session.console.pairs(
        [
            ("Server id", session.serverid),
            ("Server version", word(info.get("buildversion"))),
            ("Server buildtime", word(info.get("buildtime"))),
            ("CLI version", __version__),
        ],
        "Server",
    )
    for backend in info.get("backends") or ():
        kind = word(backend.get("type")).upper()
        session.console.pairs(
            [
                (f"{kind} host", word(backend.get("host"))),
                (f"{kind} port", word(backend.get("port"))),
                (f"{kind} TLS", yes_no(backend.get("tls"))),
            ],
            "Server backend",
        )
    session.console.pairs(
        [("Broker", without_password(config.mqtt)), ("Colony", config.colonyname)], "Client configuration"
    )
    return 0


async def stats(session: Session) -> int:
    reply = await session.ask("getstatisticsmsg", topic_colony="_")
    if not session.shown_as_json(reply):
        counters = (("Colonies", "colonies"), ("Executors", "executors"), *COUNTERS)
        session.console.pairs([(title, word(reply.get(key))) for title, key in counters], "Server")
    return 0


async def alive(session: Session) -> int:
    """Unlike upstream's, which checks nothing: the coordinator must answer, signed."""
    reply = await session.ask("versionmsg", topic_colony="_")
    return session.done(reply, f"The coordinator {session.serverid} is alive")


async def chid(session: Session) -> int:
    reply = await session.ask("changeserveridmsg", serverid=session.args.serverid, topic_colony="_")
    return session.done(reply, f"The owner of the server is now {session.args.serverid}")


GROUP = Group(
    name="server",
    help="the coordinator: start, status, counters, owner",
    commands=(
        *_start(),
        Command(name="status", help="version, backends and settings", run=status, key="any"),
        Command(name="stats", help="count what is in all colonies", run=stats, key="server_prvkey"),
        Command(name="alive", help="exit code 0 if the coordinator answers", run=alive, key="any"),
        Command(
            name="chid",
            help="give the server to another owner",
            run=chid,
            key="server_prvkey",
            flags=(
                flag(
                    "--serverid",
                    required=True,
                    type=identity,
                    metavar="ID",
                    help="the new owner's identity, 64 hex digits",
                ),
            ),
        ),
    ),
)
