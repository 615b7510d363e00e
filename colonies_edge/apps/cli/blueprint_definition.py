"""`blueprint definition`: which kinds of blueprints a colony has."""

from __future__ import annotations

from colonies_edge.apps.cli import show_blueprint
from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.specs_workflow import read_definition


async def add(session: Session) -> int:
    definition = read_definition(session.args.spec, session.colony)
    reply = await session.ask("addblueprintdefinitionmsg", blueprintdefinition=definition)
    return session.done(reply, f"Blueprint definition added: {reply['metadata']['name']}")


async def get(session: Session) -> int:
    reply = await session.ask("getblueprintdefinitionmsg", colonyname=session.colony, name=session.args.name)
    if not session.shown_as_json(reply):
        show_blueprint.definition(session.console, reply)
    return 0


async def ls(session: Session) -> int:
    definitions = await session.ask("getblueprintdefinitionsmsg", colonyname=session.colony)
    if session.listed(definitions, "No blueprint definitions found"):
        show_blueprint.definition_list(session.console, definitions)
    return 0


async def remove(session: Session) -> int:
    name = session.args.name
    reply = await session.ask("removeblueprintdefinitionmsg", namespace=session.colony, name=name)
    return session.done(reply, f"Blueprint definition removed: {name}")


_NAME = flag("--name", required=True, metavar="NAME", help="the definition's name, which need not be the kind's")

GROUP = Group(
    name="definition",
    help="kinds of blueprints: their schema, and who brings them about",
    commands=(
        Command(
            name="add",
            help="add the definition in a file",
            run=add,
            key="colony_prvkey",
            colony=True,
            flags=(flag("--spec", required=True, metavar="FILE", help="a definition, JSON; - is stdin"),),
        ),
        Command(name="get", help="show one definition", run=get, key="prvkey", colony=True, flags=(_NAME,)),
        Command(name="ls", help="list the definitions of the colony", run=ls, key="prvkey", colony=True),
        Command(
            name="remove",
            help="remove a definition of which there are no blueprints",
            run=remove,
            key="colony_prvkey",
            colony=True,
            flags=(_NAME,),
        ),
    ),
)
