"""`generator`: workflows that start when enough arguments have come together."""

from __future__ import annotations

from typing import Any

from colonies_edge.apps.cli import show_schedule
from colonies_edge.apps.cli.command import Command, Flag, Group, flag
from colonies_edge.apps.cli.listing import COUNT_FLAG, first_of, id_of
from colonies_edge.apps.cli.numbers import count, number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.specs_workflow import workflow_of
from colonies_edge.apps.cli.table import Column
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.limits import GENERATOR_ARGS_MAX


async def add(session: Session) -> int:
    args = session.args
    spec = workflow_of(session)
    generator = {
        "name": args.name,
        "colonyname": session.colony,
        "trigger": args.trigger,
        "timeout": args.timeout,
        "workflowspec": dump_json(spec),
    }
    reply = await session.ask("addgeneratormsg", generator=generator)
    return session.done(reply, f"Generator added: {reply['generatorid']}")


async def pack(session: Session) -> int:
    args = session.args
    reply = await session.ask("packgeneratormsg", generatorid=await _id(session), arg=args.arg)
    return session.done(reply, f"Argument packed into generator {args.generatorid}")


async def get(session: Session) -> int:
    reply = await session.ask("getgeneratormsg", generatorid=await _id(session))
    if not session.shown_as_json(reply):
        show_schedule.generator(session.console, reply)
    return 0


async def ls(session: Session) -> int:
    generators = await first_of(session, "getgeneratorsmsg", "generatorid")
    if session.listed(generators, "No generators found"):
        columns = [Column("GeneratorId", keep=True, drop=3), Column("Name", keep=True), Column("Initiator", drop=2)]
        columns += [Column("Trigger", right=True, drop=1)]
        rows = [
            [word(generator.get(key)) for key in ("generatorid", "name", "initiatorname", "trigger")]
            for generator in sorted(generators, key=lambda generator: word(generator.get("name")))
        ]
        session.console.grid(columns, rows)
    return 0


async def remove(session: Session) -> int:
    reply = await session.ask("removegeneratormsg", generatorid=await _id(session))
    return session.done(reply, f"Generator removed: {session.args.generatorid}")


async def _id(session: Session) -> str:
    return await id_of(session, "getgeneratorsmsg", "generatorid", session.args.generatorid)


_ID = flag(
    "--generatorid", "--name", dest="generatorid", required=True, metavar="ID", help="the generator: its id or its name"
)


def _simple(name: str, help: str, run: Any, *flags: Flag) -> Command:
    return Command(name=name, help=help, run=run, key="prvkey", colony=True, flags=flags)


GROUP = Group(
    name="generator",
    help="workflows that start when enough arguments have come together",
    commands=(
        _simple(
            "add",
            "start the workflow in a file for every so many arguments",
            add,
            flag("--name", required=True, metavar="NAME", help="a name no other generator of the colony has"),
            flag("--spec", required=True, metavar="FILE", help="a JSON array of function specs; - is stdin"),
            flag(
                "--trigger",
                required=True,
                type=count(GENERATOR_ARGS_MAX),
                metavar="N",
                help="how many arguments start a workflow",
            ),
            flag("--timeout", type=number, default=-1, metavar="S", help="start with fewer after so many seconds"),
        ),
        _simple(
            "pack",
            "add an argument",
            pack,
            _ID,
            flag("--arg", required=True, metavar="TEXT", help="the argument; it is text"),
        ),
        _simple("get", "show one generator, its queue and what it starts", get, _ID),
        _simple(
            "ls",
            "list the generators of the colony",
            ls,
            COUNT_FLAG,
        ),
        _simple("remove", "forget a generator and the arguments that wait in it", remove, _ID),
    ),
)
