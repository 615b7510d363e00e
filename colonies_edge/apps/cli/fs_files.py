"""`fs ls`, `info`, `get`, `remove` and `fs label`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from colonies_edge.apps.cli import show
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.fs_common import client_of, filer_of, label_of, place_of, using
from colonies_edge.apps.cli.progress import Bar, size
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.table import Column
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.protocol.model_files import File

_AT_ONCE = 8


async def ls(session: Session) -> int:
    client, label = await client_of(session), label_of(session)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def versions(name: str) -> list[File]:
        async with gate:
            return await client.get_file_versions(label, name)

    listed = await client.get_files(label)
    found = await asyncio.gather(*(versions(file.name) for file in listed))
    rows = [{**encode(all_[0]), "revisions": len(all_)} for all_ in found]
    if session.listed(rows, f"No files found at {label}"):
        columns = [
            Column("Filename", keep=True), Column("Size", right=True), Column("Latest Id", keep=True, drop=2),
            Column("Added", keep=True, drop=1), Column("Revisions", right=True, drop=3),
        ]  # fmt: skip
        cells = [
            [all_[0].name, size(all_[0].size), all_[0].fileid, show.at(all_[0].added), str(len(all_))] for all_ in found
        ]
        session.console.grid(columns, cells)
    return 0


async def info(session: Session) -> int:
    client, args = await client_of(session), session.args
    if args.fileid:
        versions = [await client.get_file(args.fileid)]
    else:
        versions = await client.get_file_versions(label_of(session), _name(session))
    if not session.shown_as_json([encode(version) for version in versions]):
        for version in versions:
            session.console.pairs(_items(version), "File")
    return 0


def _items(file: File) -> list[tuple[str, str]]:
    there = file.ref.s3object
    items = [
        ("Filename", file.name),
        ("FileId", file.fileid),
        ("Added", show.at(file.added)),
        ("Sequence Number", str(file.sequencenr)),
        ("Label", file.label),
        ("Colony", file.colonyname),
        ("Size", size(file.size)),
        ("Checksum", file.checksum),
        ("Checksum Alg", file.checksumalg),
        ("Protocol", file.ref.protocol),
    ]
    if there.server:
        from colonies_edge.client.files import address

        items += [
            ("S3 Endpoint", address(there.server, there.port)),
            ("S3 TLS", show.yes_no(there.tls)),
            ("S3 Region", there.region),
            ("S3 Bucket", there.bucket),
            ("S3 Object", there.object),
        ]
    return items


def _name(session: Session) -> str:
    name: str = session.args.name or ""
    if not name:
        raise UsageError("name the file: -i ID, or -l LABEL and -n NAME")
    return name


async def get(session: Session) -> int:
    client, args = await client_of(session), session.args
    if args.fileid:
        file = await client.get_file(args.fileid)
    else:
        file = await client.get_latest_file(label_of(session), _name(session))
    await _download(session, file)
    return 0


async def _download(session: Session, file: File) -> None:
    from colonies_edge.client.depot import TransferFailed
    from colonies_edge.client.place import UnsafeName

    filer, bar, place = await filer_of(session), Bar(session.console, file.size), place_of(session)
    try:
        with using(place):
            arrived = await filer.download(file, place, (), progress=bar)
    except (TransferFailed, UnsafeName) as error:
        raise Failed(str(error)) from error
    finally:
        bar.close()
    if arrived.kept is not None:
        session.console.info(f"a local file that only you had is kept: {arrived.kept}")
    session.done(encode(file), f"{arrived.path}: {size(file.size)}")


async def remove(session: Session) -> int:
    from colonies_edge.client.depot import TransferFailed

    filer, args = await filer_of(session), session.args
    try:
        if args.fileid:
            await filer.remove_version(args.fileid)
            return session.done({}, f"Version removed: {args.fileid}")
        label, name = label_of(session), _name(session)
        session.confirm(f"Remove {label.rstrip('/')}/{name} with all its versions?")
        await filer.remove(label, name)
    except TransferFailed as error:
        raise Failed(f"it is removed from the list, not from the object store: {error}") from error
    return session.done({}, f"File removed: {label.rstrip('/')}/{name}")


async def label_ls(session: Session) -> int:
    labels = await (await client_of(session)).get_file_labels()
    if session.listed([encode(label) for label in labels], "No labels found"):
        columns = [Column("Label", keep=True), Column("Files", right=True)]
        session.console.grid(columns, [[label.name, str(label.files)] for label in labels])
    return 0


async def label_remove(session: Session) -> int:
    from colonies_edge.client.depot import TransferFailed
    from colonies_edge.client.labels import normal_label

    label = normal_label(session.args.label)
    filer = await filer_of(session)
    session.confirm(f"Remove all files of {label} and of the labels below it?")
    try:
        removed = await filer.remove_label(label)
    except TransferFailed as error:
        raise Failed(f"files are removed from the list, not all from the object store: {error}") from error
    if not removed:
        raise Failed(f"there are no files at {label}; `colonies-edge fs label ls` lists the labels")
    return session.done({"removed": removed}, f"{show.counted(removed, 'file')} removed")
