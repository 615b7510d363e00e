"""Calls about files and snapshots: one method per message; lists are read page by page, however long they are."""

from __future__ import annotations

from typing import Any

from colonies_edge.client.calls_base import Calls
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.messages import (
    AddFile,
    CreateSnapshot,
    GetFile,
    GetFileLabels,
    GetFiles,
    GetSnapshot,
    GetSnapshots,
    RemoveAllSnapshots,
    RemoveFile,
    RemoveSnapshot,
)
from colonies_edge.protocol.model_files import File, FileData, Label, Snapshot

PAGE = 1_000  # rows asked for at a time; the coordinator sends fewer when they are long


class FileCalls(Calls):
    """Files, labels and snapshots of the client's colony. The bytes are the business of `client.files`."""

    async def add_file(self, file: File) -> File:
        """A new version; its bytes must be where `ref` says."""
        return decode(File, await self.call(AddFile(file=file)))

    async def get_file(self, fileid: str, snapshotid: str = "") -> File:
        """One version by its id; one that was removed, too, if that snapshot names it."""
        found = await self.call(GetFile(colonyname=self.colonyname, fileid=fileid, snapshotid=snapshotid))
        return self.many(File, found)[0]

    async def get_latest_file(self, label: str, name: str) -> File:
        """The latest version."""
        found = await self.call(GetFile(colonyname=self.colonyname, label=label, name=name, latest=True))
        return self.many(File, found)[0]

    async def get_file_versions(self, label: str, name: str, count: int = PAGE) -> list[File]:
        """Versions, newest first; the newest `count` of them."""
        found = await self.call(GetFile(colonyname=self.colonyname, label=label, name=name, count=count))
        return self.many(File, found)

    async def get_files(self, label: str) -> list[FileData]:
        """The latest version of each file directly on a label, by name."""
        files: list[FileData] = []
        while True:
            after = files[-1].name if files else ""
            page = await self.call(GetFiles(colonyname=self.colonyname, label=label, after=after, count=PAGE))
            files += (rows := self.many(FileData, page))
            if not rows or not rows[-1].name:
                return files

    async def get_file_labels(self, name: str = "", exact: bool = False) -> list[Label]:
        """All labels that begin with `name`, or with `exact` that label and what is below it."""
        labels: list[Label] = []
        while True:
            after = labels[-1].name if labels else ""
            message = GetFileLabels(colonyname=self.colonyname, name=name, exact=exact, after=after, count=PAGE)
            labels += (rows := self.many(Label, await self.call(message)))
            if not rows or not rows[-1].name:
                return labels

    async def remove_file(self, label: str = "", name: str = "", fileid: str = "") -> Any:
        """A file with all its versions, or one version by its id."""
        return await self.call(RemoveFile(colonyname=self.colonyname, fileid=fileid, label=label, name=name))

    async def create_snapshot(self, label: str, name: str) -> Snapshot:
        """Remember the latest versions below a label."""
        message = CreateSnapshot(colonyname=self.colonyname, label=label, name=name)
        return decode(Snapshot, await self.call(message))

    async def get_snapshot(self, name: str = "", snapshotid: str = "") -> Snapshot:
        """One, by name or by id."""
        message = GetSnapshot(colonyname=self.colonyname, snapshotid=snapshotid, name=name)
        return decode(Snapshot, await self.call(message))

    async def get_snapshots(self) -> list[Snapshot]:
        """All of the colony, newest first."""
        snapshots: list[Snapshot] = []
        while True:
            after = snapshots[-1].snapshotid if snapshots else ""
            page = await self.call(GetSnapshots(colonyname=self.colonyname, after=after, count=PAGE))
            snapshots += (rows := self.many(Snapshot, page))
            if not rows:
                return snapshots

    async def remove_snapshot(self, name: str = "", snapshotid: str = "") -> Any:
        """Forget one; its files stay."""
        return await self.call(RemoveSnapshot(colonyname=self.colonyname, snapshotid=snapshotid, name=name))

    async def remove_all_snapshots(self) -> Any:
        """Forget all of the colony."""
        return await self.call(RemoveAllSnapshots(colonyname=self.colonyname))
