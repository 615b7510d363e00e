"""`attribute`: notes that an executor keeps with a process."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import attribute_type, word

_OUT = 1


async def add(session: Session) -> int:
    args = session.args
    attribute = {
        "targetid": args.processid,
        "targetcolonyname": session.colony,
        "attributetype": _OUT,
        "key": args.attribute_key,
        "value": args.value,
    }
    reply = await session.ask("addattributemsg", attribute=attribute)
    return session.done(reply, f"Attribute added: {word(reply.get('attributeid'))}")


async def get(session: Session) -> int:
    reply = await session.ask("getattributemsg", attributeid=session.args.attributeid)
    if not session.shown_as_json(reply):
        fields = (("AttributeId", "attributeid"), ("TargetId", "targetid"), ("Key", "key"), ("Value", "value"))
        items = [(title, word(reply.get(key))) for title, key in fields]
        session.console.pairs([*items, ("Type", attribute_type(reply.get("attributetype")))], "Attribute")
    return 0


GROUP = Group(
    name="attribute",
    help="notes kept with a process",
    commands=(
        Command(
            name="add",
            help="add a note to a running process, as its executor",
            run=add,
            key="executor_prvkey",
            colony=True,
            flags=(
                flag("-p", "--processid", required=True, metavar="ID", help="the process"),
                flag("--key", dest="attribute_key", required=True, help="the note's name, once per process"),
                flag("--value", required=True, help="what it says"),
            ),
        ),
        Command(
            name="get",
            help="show one note",
            run=get,
            key="prvkey",
            colony=True,
            flags=(flag("--attributeid", required=True, metavar="ID", help="the note's id"),),
        ),
    ),
)
