"""Carries plans out: some files at a time, each for itself, so that one that fails takes no other with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.depot import Progress, TransferFailed
from colonies_edge.client.files import Arrived, Filer, nothing
from colonies_edge.client.labels import parts_of
from colonies_edge.client.place import Place, UnsafeName
from colonies_edge.client.plan import CleanPlan, FolderPlan, Item, SyncPlan
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import ColoniesError
from colonies_edge.protocol.model_files import File, Snapshot

FILES_AT_ONCE = 4  # small files cost round trips, which overlap; large ones share the window of parts


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of a plan. `kept` are local files that were replaced and that nobody else has, `ours` what belongs to
    this program and was left alone."""

    uploaded: int = 0
    downloaded: int = 0
    kept: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


async def apply_sync(filer: Filer, place: Place, plan: SyncPlan, progress: Progress = nothing) -> Report:
    """Move everything. What could not be moved is in the report; NoConnection ends it at once."""
    return await _Syncing(filer, place, plan, progress).run()


class _Syncing:
    def __init__(self, filer: Filer, place: Place, plan: SyncPlan, progress: Progress) -> None:
        self._filer = filer
        self._place = place
        self._plan = plan
        self._progress = progress
        self._report = Report(ours=plan.ours)

    async def run(self) -> Report:
        for folder in self._plan.folders:
            if not folder.empty or not folder.parts:  # the top always: it is where a person types `fs sync` next time
                await self._write_label(folder)
        replace = self._upload if self._plan.keeplocal else self._download
        work = [
            (kind, folder, item)
            for name, kind in (("download", self._download), ("upload", self._upload), ("conflicts", replace))
            for folder, item in self._plan.items(name)
        ]
        await at_once([self._guarded(kind, folder, item) for kind, folder, item in work])
        return self._report

    async def _write_label(self, folder: FolderPlan) -> None:
        try:
            text = dump_json({"label": folder.label}) + "\n"
            await asyncio.to_thread(self._place.write_label, folder.parts, text)
        except (UnsafeName, OSError) as error:  # a help for the next time; the files may work all the same
            self._report.failures.append(f"{self._place.path(folder.parts, '.cfs')}: {explained(error)}")

    async def _guarded(
        self, move: Callable[[FolderPlan, Item], Coroutine[Any, Any, None]], folder: FolderPlan, item: Item
    ) -> None:
        try:
            await move(folder, item)
        except (ColoniesError, TransferFailed, UnsafeName, OSError) as error:
            self._report.failures.append(f"{self._place.path(folder.parts, item.name)}: {explained(error)}")

    async def _upload(self, folder: FolderPlan, item: Item) -> None:
        await self._filer.upload(self._place, folder.parts, item.name, folder.label, self._progress)
        self._report.uploaded += 1

    async def _download(self, folder: FolderPlan, item: Item) -> None:
        file = await self._filer.latest(folder.label, item.name)
        arrived = await self._filer.download(file, self._place, folder.parts, item.name, self._progress)
        self._note(arrived)

    def _note(self, arrived: Arrived) -> None:
        self._report.downloaded += 1
        if arrived.kept is not None:
            self._report.kept.append(arrived.kept)


async def files_of_snapshot(client: AsyncClient, snapshot: Snapshot) -> list[File]:
    """The versions that it names. Raises ColoniesError."""
    gate = asyncio.Semaphore(FILES_AT_ONCE)

    async def one(fileid: str) -> File:
        async with gate:
            return await client.get_file(fileid, snapshot.snapshotid)

    return list(await asyncio.gather(*(one(fileid) for fileid in snapshot.fileids)))


async def download_snapshot(
    filer: Filer, snapshot: Snapshot, files: list[File], place: Place, progress: Progress = nothing
) -> Report:
    """Build the tree anew below a folder; files that are there already are not fetched again."""
    report = Report()

    async def one(file: File) -> None:
        try:
            parts = parts_of(snapshot.label, file.label)
            if await asyncio.to_thread(_has, place, parts, file):
                progress(file.size)
                return
            arrived = await filer.download(file, place, parts, progress=progress)
            report.downloaded += 1
            if arrived.kept is not None:
                report.kept.append(arrived.kept)
        except (ColoniesError, TransferFailed, UnsafeName, OSError) as error:
            report.failures.append(f"{file.label}/{file.name}: {explained(error)}")

    await at_once([one(file) for file in files])
    return report


def _has(place: Place, parts: tuple[str, ...], file: File) -> bool:
    present = place.list(parts).files.get(file.name)
    return present is not None and present.size == file.size and place.sha256(parts, file.name) == file.checksum


def apply_clean(place: Place, plan: CleanPlan) -> Report:
    """Remove what the plan says."""
    report = Report()
    for parts, name in plan.files:
        try:
            place.remove(parts, name)
        except (OSError, UnsafeName) as error:
            report.failures.append(f"{place.path(parts, name)}: {explained(error)}")
    for parts in plan.folders:
        try:
            place.remove_folder(parts)
        except (OSError, UnsafeName) as error:
            report.failures.append(f"{place.path(parts)}: {explained(error)}")
    return report


async def at_once(work: list[Coroutine[Any, Any, None]]) -> None:
    """Some at a time; the first exception ends the others."""
    left = iter(work)

    async def worker() -> None:
        for one in left:
            await one

    tasks = [asyncio.create_task(worker()) for _ in range(FILES_AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in left:
            one.close()


def explained(error: Exception) -> str:
    """One line about why."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
