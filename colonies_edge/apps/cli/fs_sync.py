"""`fs sync` and `fs clean`: the plan first, then a question, then the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.fs_common import agree, client_of, filer_of, judge, label_of, place_of, tell_of_ours, using
from colonies_edge.apps.cli.progress import Bar, size
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import counted
from colonies_edge.apps.cli.table import Column

if TYPE_CHECKING:
    from colonies_edge.client.place import Place
    from colonies_edge.client.plan import CleanPlan, SyncPlan

_KINDS = ("upload", "download", "conflicts")


async def sync(session: Session) -> int:
    from colonies_edge.client.plan import Planner
    from colonies_edge.client.sync import Report, apply_sync

    args, place, label = session.args, place_of(session), label_of(session)
    filer = await filer_of(session)
    with using(place):
        plan = await Planner(await client_of(session), place, label).sync(keeplocal=args.keeplocal)
    if plan.empty and not place.root.exists():
        raise Failed(f"nothing to do: there is neither a folder {place.root} nor a file at {label}")
    _show_plan(session, plan)
    tell_of_ours(session, plan.ours)
    report = Report()
    if not args.dry and not plan.empty:
        agree(session, "Carry this out?")
        bar = Bar(session.console, plan.bytes)
        try:
            report = await apply_sync(filer, place, plan, bar)
        finally:
            bar.close()
        session.console.info(f"{counted(report.uploaded, 'file')} uploaded, {report.downloaded} downloaded")
    session.shown_as_json(
        {
            "label": plan.label,
            "dir": str(place.root),
            "keeplocal": plan.keeplocal,
            "applied": not args.dry,
            **{kind: [_item(folder.label, item) for folder, item in plan.items(kind)] for kind in _KINDS},
            "uploaded": report.uploaded,
            "downloaded": report.downloaded,
            "kept": [str(path) for path in report.kept],
            "refused": plan.refused,
            "ours": plan.ours,
            "failures": report.failures,
        }
    )
    judge(session, report, plan.refused)
    return 0


def _item(label: str, item: Any) -> dict[str, Any]:
    return {"label": label, "name": item.name, "size": item.size, **({"note": item.note} if item.note else {})}


def _show_plan(session: Session, plan: SyncPlan) -> None:
    """Counts always; every file on demand. What a conflict means for the newer side is never left out."""
    console = session.console
    loser = "replaced at the server" if plan.keeplocal else "replaced locally"
    other = f"--keeplocal {'false' if plan.keeplocal else 'true'}"
    upload, download, conflicts = (list(plan.items(kind)) for kind in _KINDS)
    console.info(
        f"{plan.label}: {len(upload)} to upload, {len(download)} to download, {len(conflicts)} in conflict,"
        f" {size(plan.bytes)}" + (f" (in conflict: {loser})" if conflicts else "")
    )
    if session.args.syncplans and not console.as_json:
        titles = (f"uploaded to {plan.label}", f"downloaded to {session.args.dir or '.'}", loser)
        for title, kind in zip(titles, (upload, download, conflicts), strict=True):
            if kind:
                columns = [Column("File", keep=True), Column("Size", right=True), Column("Label", drop=1)]
                columns += [Column("Note")] if any(item.note for _, item in kind) else []
                rows = [[item.name, size(item.size), folder.label, item.note][: len(columns)] for folder, item in kind]
                console.grid(columns, rows, title)
    elif not console.as_json:
        for folder, item in conflicts:
            path = f"{folder.label.rstrip('/')}/{item.name}"
            console.warn(f"in conflict, {path} will be {loser}: {item.note}; with {other} the other one is kept")


async def clean(session: Session) -> int:
    from colonies_edge.client.plan import Planner
    from colonies_edge.client.sync import Report, apply_clean

    args, place, label = session.args, place_of(session), label_of(session)
    with using(place):
        plan = await Planner(await client_of(session), place, label).clean()
    _show_clean(session, place, plan)
    tell_of_ours(session, plan.ours)
    report = Report()
    if not args.dry and (plan.files or plan.folders):
        session.confirm(f"Remove {_both(plan)} below {place.root}?")
        report = apply_clean(place, plan)
    session.shown_as_json(
        {
            "label": label,
            "applied": not args.dry,
            "files": [str(place.path(parts, name)) for parts, name in plan.files],
            "folders": [str(place.path(parts)) for parts in plan.folders],
            "ours": plan.ours,
            "failures": report.failures,
        }
    )
    judge(session, report, [])
    return 0


def _both(plan: CleanPlan) -> str:
    return f"{counted(len(plan.files), 'file')} and {counted(len(plan.folders), 'folder')}"


def _show_clean(session: Session, place: Place, plan: CleanPlan) -> None:
    session.console.info(f"Not at the label: {_both(plan)}")
    if session.args.cleanplans and not session.console.as_json:
        paths = [place.path(parts, name) for parts, name in plan.files]
        rows = [[str(path)] for path in (*paths, *(place.path(parts) for parts in plan.folders))]
        session.console.grid([Column("Removed", keep=True)], rows)
