"""`user`: people who may submit to a colony."""

from __future__ import annotations

from colonies_edge.apps.cli import show_members
from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.table import Column


async def add(session: Session) -> int:
    args = session.args
    user = {
        "colonyname": session.colony,
        "userid": args.userid,
        "name": args.name,
        "email": args.email,
        "phone": args.phone,
    }
    return session.done(await session.ask("addusermsg", user=user), f"User added: {args.name}")


async def ls(session: Session) -> int:
    users = await session.ask("getusersmsg", colonyname=session.colony) or []
    if session.listed(users, "No users found"):
        columns = [Column("Username", keep=True), Column("Email"), Column("Phone", drop=1)]
        session.console.grid(
            columns, sorted([word(user.get(key)) for key in ("name", "email", "phone")] for user in users)
        )
    return 0


async def get(session: Session) -> int:
    reply = await session.ask("getusermsg", colonyname=session.colony, name=session.args.name)
    if not session.shown_as_json(reply):
        show_members.user(session.console, reply)
    return 0


async def chid(session: Session) -> int:
    reply = await session.ask("changeuseridmsg", colonyname=session.colony, userid=session.args.userid)
    return session.done(reply, f"The user's identity is now {session.args.userid}")


async def remove(session: Session) -> int:
    name = session.args.name
    session.confirm(f"Remove user {name} from colony {session.colony}?")
    reply = await session.ask("removeusermsg", colonyname=session.colony, name=name)
    return session.done(reply, f"User removed: {name}")


_NAME = flag("--name", required=True, metavar="NAME", help="the user's name")
_USERID = flag("--userid", required=True, type=identity, metavar="ID", help="the user's identity, 64 hex digits")

GROUP = Group(
    name="user",
    help="add, list and remove users",
    commands=(
        Command(
            name="add",
            help="add a user to the colony",
            run=add,
            key="colony_prvkey",
            colony=True,
            flags=(
                _NAME,
                _USERID,
                flag("--email", default="", help="how to reach the user"),
                flag("--phone", default="", help="how to reach the user"),
            ),
        ),
        Command(name="ls", help="list the users of the colony", run=ls, key="prvkey", colony=True),
        Command(name="get", help="show one user", run=get, key="prvkey", colony=True, flags=(_NAME,)),
        Command(name="chid", help="change one's own identity", run=chid, key="prvkey", colony=True, flags=(_USERID,)),
        Command(
            name="remove",
            help="remove a user from the colony",
            run=remove,
            key="colony_prvkey",
            colony=True,
            flags=(_NAME, switch("--yes", help="do not ask")),
        ),
    ),
)
