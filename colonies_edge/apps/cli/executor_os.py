"""`executor os start`: an executor whose functions are the commands of this machine."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.numbers import count
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.specs import comma_list
from colonies_edge.protocol.limits import CAPACITY_MAX


async def start(session: Session) -> int:
    from colonies_edge.apps.cli.services import manager
    from colonies_edge.apps.config import tls_of
    from colonies_edge.apps.executor import os_executor

    args = session.args
    executor = os_executor(
        session.config,
        capacity=args.capacity,
        location=args.location,
        allow=comma_list(args.allow),
        workdir=args.workdir,
        tls=tls_of(session.config, believe_any=args.skip_tls_verify),
    )
    says = f"Executor {executor.name} ({session.config.executortype}) runs; Ctrl-C stops it"
    await executor.serve(manager(), lambda: session.console.info(says))
    return 0


OS = Group(
    name="os",
    help="the executor that runs commands of this machine",
    commands=(
        Command(
            name="start",
            help="register this machine and run commands until Ctrl-C",
            run=start,
            colony=True,
            settings=("executorname", "executortype", "data_dir", "executor_prvkey", "colony_prvkey"),
            flags=(
                flag(
                    "--capacity", type=count(CAPACITY_MAX), default=1, metavar="N", help="so many commands at once (1)"
                ),
                flag(
                    "--location", default="", metavar="NAME", help="where this machine is, for work that must run there"
                ),
                flag("--allow", metavar="A,B", help="run only these programs, and no shell"),
                flag("--workdir", metavar="DIR", help="where commands run; without it, in a new folder each"),
            ),
        ),
    ),
)
