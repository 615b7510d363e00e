"""`location`: places that executors and conditions refer to by name."""

from __future__ import annotations

import argparse
import math

from colonies_edge.apps.cli import show_schedule
from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import word
from colonies_edge.apps.cli.table import Column


def degrees(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of degrees")
    return value


async def add(session: Session) -> int:
    args = session.args
    location = {
        "name": args.name,
        "colonyname": session.colony,
        "description": args.desc,
        "long": args.long,
        "lat": args.lat,
    }
    return session.done(await session.ask("addlocationmsg", location=location), f"Location added: {args.name}")


async def ls(session: Session) -> int:
    locations = await session.ask("getlocationsmsg", colonyname=session.colony)
    if session.listed(locations, "No locations found"):
        columns = [Column("Name", keep=True), Column("Description"), Column("Long", right=True, drop=1)]
        rows = [[word(place.get(key)) for key in ("name", "description", "long", "lat")] for place in locations]
        session.console.grid([*columns, Column("Lat", right=True, drop=1)], sorted(rows))
    return 0


async def get(session: Session) -> int:
    reply = await session.ask("getlocationmsg", colonyname=session.colony, name=session.args.name)
    if not session.shown_as_json(reply):
        show_schedule.location(session.console, reply)
    return 0


async def remove(session: Session) -> int:
    name = session.args.name
    session.confirm(f"Remove location {name} from colony {session.colony}?")
    reply = await session.ask("removelocationmsg", colonyname=session.colony, name=name)
    return session.done(reply, f"Location removed: {name}")


_NAME = flag("--name", required=True, metavar="NAME", help="the location's name")

GROUP = Group(
    name="location",
    help="places that executors and conditions refer to by name",
    commands=(
        Command(
            name="add",
            help="add a place to the colony",
            run=add,
            key="colony_prvkey",
            colony=True,
            flags=(
                _NAME,
                flag("--desc", default="", metavar="TEXT", help="what is there"),
                flag("--long", type=degrees, default=0.0, metavar="DEG", help="degrees east (0)"),
                flag("--lat", type=degrees, default=0.0, metavar="DEG", help="degrees north (0)"),
            ),
        ),
        Command(name="ls", help="list the places of the colony", run=ls, key="prvkey", colony=True),
        Command(name="get", help="show one place", run=get, key="prvkey", colony=True, flags=(_NAME,)),
        Command(
            name="remove",
            help="remove a place; executors keep its name",
            run=remove,
            key="colony_prvkey",
            colony=True,
            flags=(_NAME, switch("--yes", help="do not ask")),
        ),
    ),
)
