"""Files with their bytes: upload, download, remove; every download is checked before it takes a file's place."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

from colonies_edge.client import ours
from colonies_edge.client.blobs import Blobs
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.depot import Changed, Depot, HashMismatch, Progress, TransferFailed
from colonies_edge.client.place import Arriving, Ours, Parts, Place, UnsafeName, digest_of, require_safe_name
from colonies_edge.protocol.errors import ColoniesError, Conflict, NotFound
from colonies_edge.protocol.model_files import BLOB, SHA256, File

_SHA256 = re.compile(r"[0-9a-f]{64}")
TRIES = 3  # the coordinator forgot bytes between upload and entry, because another client removed the same ones


def nothing(_: int) -> None:
    """Nobody looks at the progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A download: where it is, and where a local file went that was in its place and that nobody else has."""

    path: Path
    kept: Path | None = None


class Filer:
    """One for all transfers of a client. New bytes go to `store` if there is one, else to the coordinator."""

    def __init__(self, client: AsyncClient, store: Depot | None = None) -> None:
        self._client = client
        self._blobs = Blobs(client)
        self._store = store

    def _depot(self, file: File) -> Depot:
        if file.ref.protocol == BLOB:
            return self._blobs
        if self._store is None:
            where = address(file.ref.s3object.server, file.ref.s3object.port) or "that is not named"
            raise TransferFailed(
                f"{file.name} is in the object store {where}: set AWS_S3_ENDPOINT, AWS_S3_BUCKET,"
                " AWS_S3_ACCESSKEY and AWS_S3_SECRETKEY"
            )
        return self._store

    # -- up

    async def upload(self, place: Place, parts: Parts, name: str, label: str, progress: Progress = nothing) -> File:
        """A new version of a file. Raises TransferFailed, UnsafeName, OSError, ColoniesError or NoConnection."""
        require_safe_name(name)
        with place.reading(parts, name) as file:
            if ours.is_secret(name, file):  # of whoever named it, or since it was planned
                raise Ours(f"{place.path(parts, name)} holds a private key")
            for left in reversed(range(TRIES)):
                size = os.fstat(file).st_size
                sha256 = (await asyncio.to_thread(digest_of, file)).hexdigest()
                ref = await (self._store or self._blobs).send(file, sha256, size, progress)
                if os.fstat(file).st_size != size:
                    raise Changed(f"{place.path(parts, name)} changed while it was sent")
                entry = File(
                    colonyname=self._client.colonyname,
                    label=label,
                    name=name,
                    size=size,
                    checksum=sha256,
                    checksumalg=SHA256,
                    ref=ref,
                )
                try:
                    return await self._client.add_file(entry)
                except Conflict:
                    if not left:
                        raise
                    progress = nothing
        raise AssertionError("unreachable")

    # -- down

    async def latest(self, label: str, name: str) -> File:
        """What the colony has under that name now."""
        return await self._client.get_latest_file(label, name)

    async def download(
        self, file: File, place: Place, parts: Parts, name: str = "", progress: Progress = nothing
    ) -> Arrived:
        """A version into a folder. A different local file that the colony does not know is kept aside, never lost.

        Raises as `upload`.
        """
        name = require_safe_name(name or file.name)
        if file.size < 0:
            raise TransferFailed(f"{name}: a file of {file.size} bytes cannot be")
        known = await self._known(place, parts, name, file)
        with place.arriving(parts, name, file.checksum) as arriving:
            await self._fetch(file, arriving, progress)
            kept: list[Path] = []
            await asyncio.to_thread(arriving.arrive, lambda: kept.extend(_make_way(place, parts, name, known)))
        return Arrived(path=place.path(parts, name), kept=kept[0] if kept else None)

    async def _known(self, place: Place, parts: Parts, name: str, file: File) -> set[str]:
        """Checksums of local files that may be overwritten: the colony has them."""
        listing = await asyncio.to_thread(place.list, parts)
        if name in listing.folders or name in listing.others:
            raise UnsafeName(f"{place.path(parts, name)} is not a regular file")
        if name in listing.ours:
            raise Ours(f"{place.path(parts, name)} holds a private key")
        if name not in listing.files:
            return {file.checksum}
        try:
            versions = await self._client.get_file_versions(file.label, file.name)
        except NotFound:
            versions = []
        return {file.checksum, *(version.checksum for version in versions)}

    async def _fetch(self, file: File, arriving: Arriving, progress: Progress) -> None:
        resumed = arriving.have > 0
        if file.size:
            await self._depot(file).fetch(file, arriving, progress)
        elif resumed:
            arriving.start_over()
        if _is_right(file, arriving):
            return
        if resumed:  # an old part was spoilt, or was another's
            arriving.start_over()
            await self._depot(file).fetch(file, arriving, nothing)
            if _is_right(file, arriving):
                return
        arriving.discard()
        raise HashMismatch(f"{file.name}: what came is not what its checksum {file.checksum} promises")

    # -- away

    async def remove(self, label: str, name: str, pinned: set[str] | None = None) -> None:
        """A file with all its versions, and their bytes, except what snapshots name. Raises NotFound."""
        versions = await self._client.get_file_versions(label, name)
        pinned = await self._pinned() if pinned is None else pinned
        await self._client.remove_file(label, name)
        for version in versions:
            await self._forget(version, pinned)

    async def remove_version(self, fileid: str) -> None:
        """One version. Raises NotFound."""
        version = await self._client.get_file(fileid)
        pinned = await self._pinned()
        await self._client.remove_file(fileid=fileid)
        await self._forget(version, pinned)

    async def remove_label(self, label: str) -> int:
        """Every file on the label and below it, nothing beside it. How many there were."""
        removed, pinned = 0, await self._pinned()
        for found in await self._client.get_file_labels(label, exact=True):
            for file in await self._client.get_files(found.name):
                await self.remove(found.name, file.name, pinned)
                removed += 1
        return removed

    async def _pinned(self) -> set[str]:
        if self._store is None:
            return set()
        return {fileid for snapshot in await self._client.get_snapshots() for fileid in snapshot.fileids}

    async def _forget(self, version: File, pinned: set[str]) -> None:
        if version.ref.protocol != BLOB and self._store is not None and version.fileid not in pinned:
            await self._store.forget(version)

    async def remove_snapshot(self, name: str = "", snapshotid: str = "") -> None:
        """One snapshot, with the bytes that only it still named. Raises NotFound."""
        snapshot = await self._client.get_snapshot(name, snapshotid)
        orphans = []
        if self._store is not None:
            others = [other for other in await self._client.get_snapshots() if other.snapshotid != snapshot.snapshotid]
            pinned = {fileid for other in others for fileid in other.fileids}
            for fileid in set(snapshot.fileids) - pinned:
                if not await self._is_there(fileid) and await self._is_there(fileid, snapshot.snapshotid):
                    orphans.append(await self._client.get_file(fileid, snapshot.snapshotid))
        await self._client.remove_snapshot(snapshotid=snapshot.snapshotid)
        for file in orphans:
            await self._forget(file, set())

    async def _is_there(self, fileid: str, snapshotid: str = "") -> bool:
        try:
            await self._client.get_file(fileid, snapshotid)
        except ColoniesError as error:
            if isinstance(error, NotFound):
                return False
            raise
        return True


def _make_way(place: Place, parts: Parts, name: str, known: set[str]) -> list[Path]:
    """Looked at as late as possible: what somebody wrote during the download is not lost either."""
    try:
        present = place.sha256(parts, name)
    except FileNotFoundError:
        return []
    return [] if present in known else [place.keep_aside(parts, name, present)]


def _is_right(file: File, arriving: Arriving) -> bool:
    """A description without a SHA-256 promises nothing but the size."""
    if not _SHA256.fullmatch(file.checksum):
        return arriving.have == file.size
    return arriving.sha256 == file.checksum


def address(server: str, port: int) -> str:
    """`host:port`, from either form that clients write: `host:9000` and -1, or `host` and 9000."""
    host, colon, number = server.rpartition(":")
    named = bool(colon) and number.isdigit() and not (":" in host and not host.endswith("]"))
    return server if named or port <= 0 or not server else f"{server}:{port}"
