"""`upgrade`: the installed program gives way to a newer one, and comes back by itself if that one does not work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.install import SHARED, layout_of, manager_of, work_off
from colonies_edge.apps.cli.numbers import count
from colonies_edge.apps.cli.progress import Waiting
from colonies_edge.apps.cli.session import Session

if TYPE_CHECKING:
    from colonies_edge.apps.install.steps import Step

_WITHIN_S = 120
_WITHIN_S_MAX = 86_400


def upgrade(session: Session) -> int:
    from colonies_edge.apps.install import upgrading
    from colonies_edge.apps.install.program import own_file, python_for_services, tried
    from colonies_edge.apps.install.steps import StepFailed

    args, layout = session.args, layout_of(session)
    manager = manager_of(session, layout)
    program = tried(Path(args.file) if args.file else own_file(), python_for_services(args.python))
    done: list[dict[str, Any]] = []

    def work(steps: Sequence[Step]) -> None:
        try:
            done.extend(work_off(session, steps))
        except Failed as error:
            raise StepFailed(str(error)) from error

    try:
        with Waiting(session.console):  # the new program looks through the whole ledger
            plan = upgrading.plan_upgrade(
                layout, manager, program, within_s=args.within, one_way=args.one_way, tell=session.console.info
            )
        upgrading.upgrade(plan, work, session.console.warn)
    except StepFailed as error:
        raise Failed(str(error)) from error
    if session.shown_as_json({"from": plan.old, "to": plan.new, "dryrun": args.dry_run, "steps": done}):
        return 0
    _report(session, plan, supervised=layout.live and manager.supervises)
    return 0


def _report(session: Session, plan: Any, *, supervised: bool) -> None:
    if plan.old == plan.new:
        session.console.info(f"{plan.new} is installed already")
    elif session.args.dry_run:
        if supervised:
            session.console.text(f"and, if that fails, would {', '.join(step.describe() for step in plan.back)}")
    elif supervised:
        session.console.info(f"{plan.new} runs and is healthy; {plan.old} is kept")
    else:
        session.console.info(f"{plan.new} is in place; restart what runs it. {plan.old} is kept")


GROUP = Group(
    name="upgrade",
    help="put a newer program in the installed one's place, with the way back",
    itself=Command(
        name="upgrade",
        help="put a newer program in the installed one's place, with the way back",
        run=upgrade,
        connects=False,
        words=(flag("file", nargs="?", metavar="FILE", help="the new .pyz (the one that runs)"),),
        flags=(
            flag(
                "--within",
                type=count(_WITHIN_S_MAX),
                default=_WITHIN_S,
                metavar="S",
                help=f"how long the new one may take to be healthy ({_WITHIN_S})",
            ),
            switch("--one-way", help="go on though the old program cannot read what the new one writes"),
            flag("--python", metavar="FILE", help="the Python that tries the new program"),
            *SHARED,
        ),
    ),
)
