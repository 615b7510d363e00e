"""`uninstall`: takes installed services away; data, settings and users stay unless --purge."""

from __future__ import annotations

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.install import SHARED, layout_of, manager_of, work_off
from colonies_edge.apps.cli.session import Session


def uninstall(session: Session) -> int:
    from colonies_edge.apps.install.installing import installed, plan_uninstall
    from colonies_edge.apps.install.roles import ROLES

    args, layout = session.args, layout_of(session)
    manager = manager_of(session, layout)
    roles = [ROLES[args.role]] if args.role else (list(ROLES.values()) if args.purge else installed(layout))
    steps = plan_uninstall(layout, manager, roles, purge=args.purge)
    if steps and args.purge and not args.dry_run:
        folders = ", ".join(str(layout.data(role.name)) for role in roles if layout.data(role.name).exists())
        session.confirm(f"Everything in {folders or 'the settings folder'} will be gone: keys, jobs, ledger. Go on?")
    done = work_off(session, steps)
    if session.shown_as_json({"dryrun": args.dry_run, "steps": done}):
        return 0
    if not steps:
        session.console.info("Nothing of this is installed here")
    elif not args.dry_run and not args.purge:
        session.console.info("Settings and data are still there; --purge removes them too")
    return 0


GROUP = Group(
    name="uninstall",
    help="take installed services away; data stays",
    itself=Command(
        name="uninstall",
        help="take installed services away; data stays",
        run=uninstall,
        connects=False,
        words=(flag("role", nargs="?", choices=("coordinator", "executor", "bridge"), help="only this one"),),
        flags=(
            switch("--purge", help="remove settings, users and ALL DATA too; asks"),
            switch("--yes", help="do not ask"),
            *SHARED,
        ),
    ),
)
