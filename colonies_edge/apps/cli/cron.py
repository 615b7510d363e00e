"""`cron`: workflows that start at certain times."""

from __future__ import annotations

from typing import Any

from colonies_edge.apps.cli import show_schedule
from colonies_edge.apps.cli.command import Command, Flag, Group, flag, switch
from colonies_edge.apps.cli.listing import COUNT_FLAG, first_of, id_of
from colonies_edge.apps.cli.numbers import number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import when, word
from colonies_edge.apps.cli.specs_workflow import workflow_of
from colonies_edge.apps.cli.table import Column
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import UsageError

_NONE = -1


async def add(session: Session) -> int:
    args = session.args
    if args.cron is None and args.interval == _NONE:
        raise UsageError('when? Give --cron "S M H DAY MONTH WEEKDAY", or --interval SECONDS')
    if args.random and args.interval == _NONE:
        raise UsageError("--random is about --interval: a run at a random time of each")
    spec = workflow_of(session)
    cron = {
        "name": args.name,
        "colonyname": session.colony,
        "cronexpression": args.cron or "",
        "interval": args.interval,
        "random": args.random,
        "waitforprevprocessgraph": args.waitprevious,
        "workflowspec": dump_json(spec),
    }
    reply = await session.ask("addcronmsg", cron=cron)
    next_run = when(reply.get("nextrun"))
    return session.done(reply, f"Cron added: {reply['cronid']}{f', next run {next_run}' if next_run else ''}")


async def get(session: Session) -> int:
    reply = await session.ask("getcronmsg", cronid=await _id(session))
    if not session.shown_as_json(reply):
        show_schedule.cron(session.console, reply)
    return 0


async def ls(session: Session) -> int:
    crons = await first_of(session, "getcronsmsg", "cronid")
    if session.listed(crons, "No crons found"):
        columns = [Column("CronId", keep=True, drop=3), Column("Name", keep=True), Column("Initiator", drop=2)]
        columns += [Column("Next run", keep=True, drop=1)]
        rows = [
            [word(cron.get("cronid")), word(cron.get("name")), word(cron.get("initiatorname")), when(cron["nextrun"])]
            for cron in sorted(crons, key=lambda cron: word(cron.get("name")))
        ]
        session.console.grid(columns, rows)
    return 0


async def run(session: Session) -> int:
    """The answer is the cron as it was; whether it was started is seen from what it is now."""
    cronid = await _id(session)
    before = await session.ask("runcronmsg", cronid=cronid)
    if session.shown_as_json(before):
        return 0
    now = await session.ask("getcronmsg", cronid=cronid)
    graphid = now.get("prevprocessgraphid")
    if graphid and graphid != before.get("prevprocessgraphid"):
        session.console.info(f"Cron run: workflow {graphid}")
    else:
        session.console.info(f"Cron not run: it waits for its previous workflow {graphid}")
    return 0


async def remove(session: Session) -> int:
    reply = await session.ask("removecronmsg", cronid=await _id(session))
    return session.done(reply, f"Cron removed: {session.args.cronid}")


async def _id(session: Session) -> str:
    return await id_of(session, "getcronsmsg", "cronid", session.args.cronid)


_ID = flag("--cronid", "--name", dest="cronid", required=True, metavar="ID", help="the cron: its id or its name")


def _simple(name: str, help: str, run: Any, *flags: Flag) -> Command:
    return Command(name=name, help=help, run=run, key="prvkey", colony=True, flags=flags)


GROUP = Group(
    name="cron",
    help="workflows that start at certain times",
    commands=(
        Command(
            name="add",
            help="start the workflow in a file again and again",
            run=add,
            key="prvkey",
            colony=True,
            flags=(
                flag("--name", required=True, metavar="NAME", help="a name no other cron of the colony has"),
                flag("--spec", required=True, metavar="FILE", help="a JSON array of function specs; - is stdin"),
                switch("--random", help="at a random time within each interval"),
                switch("--waitprevious", help="not before the previous workflow has ended"),
            ),
            exclusive=(
                (
                    flag(
                        "--cron",
                        metavar="EXPR",
                        help='second minute hour day month weekday, like "0 30 2 * * *"; or @daily, @every 90s',
                    ),
                    flag("--interval", type=number, default=_NONE, metavar="S", help="every so many seconds"),
                ),
            ),
        ),
        _simple("get", "show one cron and what it starts", get, _ID),
        _simple(
            "ls",
            "list the crons of the colony",
            ls,
            COUNT_FLAG,
        ),
        _simple("run", "start it now, too", run, _ID),
        _simple("remove", "start it no more", remove, _ID),
    ),
)
