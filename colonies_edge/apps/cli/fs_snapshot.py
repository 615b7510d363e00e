"""`fs snapshot`: remember what is below a label, and fetch it again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonies_edge.apps.cli import show
from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.fs_common import DIR, LABEL, client_of, filer_of, judge, label_of, place_of
from colonies_edge.apps.cli.progress import Bar
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.table import Column
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.protocol.model_files import Snapshot


async def create(session: Session) -> int:
    client, label = await client_of(session), label_of(session)
    if not await client.get_file_labels(label, exact=True):
        raise Failed(f"there are no files at {label}; `{PROGRAM} fs label ls` lists the labels")
    snapshot = await client.create_snapshot(label, session.args.snapshotname)
    found = show.counted(len(snapshot.fileids), "file")
    text = f"Snapshot {snapshot.name} of {snapshot.label or '/'}: {found}, {snapshot.snapshotid}"
    return session.done(encode(snapshot), text)


async def ls(session: Session) -> int:
    snapshots = await (await client_of(session)).get_snapshots()
    if session.listed([encode(snapshot) for snapshot in snapshots], "No snapshots found"):
        columns = [
            Column("Name", keep=True), Column("SnapshotId", keep=True, drop=4), Column("Label", drop=1),
            Column("Files", right=True, drop=3), Column("Added", keep=True, drop=2),
        ]  # fmt: skip
        rows = [[s.name, s.snapshotid, s.label or "/", str(len(s.fileids)), show.at(s.added)] for s in snapshots]
        session.console.grid(columns, rows)
    return 0


async def _found(session: Session) -> Snapshot:
    args = session.args
    if not args.snapshotid and not args.snapshotname:
        raise UsageError("name the snapshot: -i ID or -n NAME")
    return await (await client_of(session)).get_snapshot(args.snapshotname or "", args.snapshotid or "")


async def info(session: Session) -> int:
    from colonies_edge.client.sync import files_of_snapshot

    client, snapshot = await client_of(session), await _found(session)
    files = await files_of_snapshot(client, snapshot)
    if session.shown_as_json({**encode(snapshot), "files": [encode(file) for file in files]}):
        return 0
    session.console.pairs(
        [
            ("Name", snapshot.name),
            ("SnapshotId", snapshot.snapshotid),
            ("Label", snapshot.label or "/"),
            ("Colony", snapshot.colonyname),
            ("Added", show.at(snapshot.added)),
        ],
        "Snapshot",
    )
    columns = [Column("Filename", keep=True), Column("FileId", keep=True, drop=2), Column("Added", keep=True, drop=1)]
    paths = [(f"{file.label.rstrip('/')}/{file.name}", file) for file in files]
    session.console.grid(columns, [[path, file.fileid, show.at(file.added)] for path, file in paths])
    return 0


async def download(session: Session) -> int:
    from colonies_edge.client.sync import download_snapshot, files_of_snapshot

    client, snapshot = await client_of(session), await _found(session)
    filer, files = await filer_of(session), await files_of_snapshot(client, snapshot)
    bar = Bar(session.console, sum(max(0, file.size) for file in files))
    try:
        report = await download_snapshot(filer, snapshot, files, place_of(session), bar)
    finally:
        bar.close()
    there = len(files) - report.downloaded - len(report.failures)
    session.done(
        {"downloaded": report.downloaded, "there": there, "failures": report.failures},
        f"{show.counted(report.downloaded, 'file')} downloaded, {there} were there",
    )
    judge(session, report, [])
    return 0


async def remove(session: Session) -> int:
    from colonies_edge.client.depot import TransferFailed

    snapshot = await _found(session)
    try:
        await (await filer_of(session)).remove_snapshot(snapshotid=snapshot.snapshotid)
    except TransferFailed as error:
        raise Failed(f"the snapshot is removed, its bytes in the object store are not: {error}") from error
    return session.done({}, f"Snapshot removed: {snapshot.name}")


async def removeall(session: Session) -> int:
    session.confirm(f"Remove all snapshots of colony {session.colony}?")
    reply = await (await client_of(session)).remove_all_snapshots()
    return session.done(reply, f"Removed all snapshots of colony {session.colony}")


_NAME = flag("-n", "--snapshotname", metavar="NAME", help="the snapshot's name")
_ID = flag("-i", "--snapshotid", metavar="ID", help="the snapshot's id")

GROUP = Group(
    name="snapshot",
    help="what was below a label at a time",
    commands=(
        Command(
            name="create",
            help="remember the latest versions below a label",
            run=create,
            key="prvkey",
            colony=True,
            flags=(
                DIR,
                LABEL,
                flag("-n", "--snapshotname", required=True, metavar="NAME", help="a name for it"),
            ),
        ),
        Command(name="ls", help="list snapshots", run=ls, key="prvkey", colony=True),
        Command(
            name="info", help="show a snapshot and its files", run=info, key="prvkey", colony=True, flags=(_ID, _NAME)
        ),
        Command(
            name="download",
            help="build the tree of a snapshot in a folder",
            run=download,
            key="prvkey",
            colony=True,
            flags=(_ID, _NAME, flag("-d", "--dir", required=True, metavar="DIR", help="the folder")),
        ),
        Command(
            name="remove",
            help="forget a snapshot; its files stay",
            run=remove,
            key="prvkey",
            colony=True,
            flags=(_ID, _NAME),
        ),
        Command(
            name="removeall",
            help="forget all snapshots of the colony",
            run=removeall,
            key="prvkey",
            colony=True,
            flags=(switch("--yes", help="do not ask"),),
        ),
    ),
)
