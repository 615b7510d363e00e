"""`colony`: colonies of a coordinator, mostly for the owner of the server."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.table import Column

COUNTERS = (
    ("Waiting processes", "waitingprocesses"),
    ("Running processes", "runningprocesses"),
    ("Successful processes", "successfulprocesses"),
    ("Failed processes", "failedprocesses"),
    ("Cancelled processes", "cancelledprocesses"),
    ("Waiting workflows", "waitingworkflows"),
    ("Running workflows", "runningworkflows"),
    ("Successful workflows", "successfulworkflows"),
    ("Failed workflows", "failedworkflows"),
    ("Cancelled workflows", "cancelledworkflows"),
)


async def add(session: Session) -> int:
    args = session.args
    reply = await session.ask("addcolonymsg", colony={"colonyid": args.colonyid, "name": args.name}, topic_colony="_")
    return session.done(reply, f"Colony added: {args.name}")


async def remove(session: Session) -> int:
    name = session.args.name or session.colony
    reply = await session.ask("removecolonymsg", colonyname=name, topic_colony="_")
    return session.done(reply, f"Colony removed: {name}")


async def ls(session: Session) -> int:
    colonies = await session.ask("getcoloniesmsg", topic_colony="_") or []
    if session.listed(colonies, "No colonies found"):
        rows = sorted([word(c.get("name")), word(c.get("colonyid"))] for c in colonies)
        session.console.grid([Column("Name", keep=True), Column("ColonyId", keep=True, drop=1)], rows)
    return 0


async def check(session: Session) -> int:
    name = session.args.name or session.colony
    reply = await session.ask("getcolonymsg", colonyname=name, topic_colony=name)
    return session.done(reply, f"Colony exists: {name}")


async def chid(session: Session) -> int:
    reply = await session.ask("changecolonyidmsg", colonyname=session.colony, colonyid=session.args.colonyid)
    return session.done(reply, f"The owner of colony {session.colony} is now {session.args.colonyid}")


async def stats(session: Session) -> int:
    reply = await session.ask("getcolonystatsmsg", colonyname=session.colony)
    if session.shown_as_json(reply):
        return 0
    members = (
        ("Executors", "executors"),
        ("Active executors", "activeexecutors"),
        ("Unregistered executors", "unregisteredexecutors"),
    )
    items = [(title, word(reply.get(key))) for title, key in (*members, *COUNTERS)]
    session.console.pairs([("Colony", session.colony), *items], "Colony")
    return 0


NAME = flag("--name", metavar="NAME", help="the colony; without it, the one of the settings")

GROUP = Group(
    name="colony",
    help="add, list and count colonies",
    commands=(
        Command(
            name="add",
            help="add a colony",
            run=add,
            key="server_prvkey",
            flags=(
                flag("--name", required=True, metavar="NAME", help="a name no other colony has"),
                flag(
                    "--colonyid", required=True, type=identity, metavar="ID", help="its owner's identity, 64 hex digits"
                ),
            ),
        ),
        Command(
            name="remove",
            help="remove a colony and everything in it",
            run=remove,
            key="server_prvkey",
            colony=True,
            flags=(NAME,),
        ),
        Command(name="ls", help="list the colonies", run=ls, key="server_prvkey"),
        Command(
            name="check",
            help="find out whether the key is a member's",
            run=check,
            key="prvkey",
            colony=True,
            flags=(NAME,),
        ),
        Command(
            name="chid",
            help="give the colony to another owner",
            run=chid,
            key="colony_prvkey",
            colony=True,
            flags=(
                flag(
                    "--colonyid",
                    required=True,
                    type=identity,
                    metavar="ID",
                    help="the new owner's identity, 64 hex digits",
                ),
            ),
        ),
        Command(name="stats", help="count what is in the colony", run=stats, key="prvkey", colony=True),
    ),
)
