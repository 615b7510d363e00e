"""`executor os start`: run the os executor."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.session import Session


async def start(session: Session) -> int:
    return 0


OS = Group(
    name="os",
    help="the executor that runs Unix commands",
    commands=(Command(name="start", help="run it", run=start, colony=True),),
)
