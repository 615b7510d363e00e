"""What a sync or a clean would do, worked out before anything is done (`protocol-rest.md` 3.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.labels import label_of, parts_of
from colonies_edge.client.ours import is_our_name
from colonies_edge.client.place import Listing, Ours, Parts, Place, UnsafeName, require_safe_name
from colonies_edge.protocol.errors import NotFound, UsageError
from colonies_edge.protocol.limits import LABEL_CHARS_MAX, NAME_CHARS_MAX
from colonies_edge.protocol.model_files import FileData

LOCAL_NEWER, REMOTE_NEWER = "the local one is newer", "the server's is newer"
OUTDATED = "the local one is an earlier version of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to move. `note` says, of a conflict, which side is newer."""

    name: str
    size: int
    note: str = ""


@dataclass(slots=True, kw_only=True)
class FolderPlan:
    """One folder and its label."""

    parts: Parts
    label: str
    upload: list[Item] = field(default_factory=list)
    download: list[Item] = field(default_factory=list)
    conflicts: list[Item] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.upload or self.download or self.conflicts)


@dataclass(slots=True, kw_only=True)
class SyncPlan:
    """`refused` are names that cannot be on the other side, each with its reason; `ours` is what belongs to this
    program and is left as it is, on both sides."""

    label: str
    keeplocal: bool
    folders: list[FolderPlan] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return all(folder.empty for folder in self.folders)

    def items(self, kind: str) -> Iterator[tuple[FolderPlan, Item]]:
        """All of a kind: `upload`, `download` or `conflicts`."""
        for folder in self.folders:
            for item in getattr(folder, kind):
                yield folder, item

    @property
    def bytes(self) -> int:
        """What will be moved."""
        return sum(item.size for kind in ("upload", "download", "conflicts") for _, item in self.items(kind))


@dataclass(slots=True, kw_only=True)
class CleanPlan:
    """What is here and not at the label: files, and folders that are empty then, innermost first. `ours` stays."""

    files: list[tuple[Parts, str]] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


class Planner:
    """Compares a place with a label."""

    def __init__(self, client: AsyncClient, place: Place, label: str) -> None:
        self._client = client
        self._place = place
        self._label = label
        self._refused: list[str] = []
        self._ours: dict[Parts, None] = {}  # what is here, each once
        self._our_labels: dict[str, None] = {}

    async def sync(self, *, keeplocal: bool = True) -> SyncPlan:
        """What to move so that both sides have everything. Deletions are never passed on. Raises UsageError for a
        folder that is this program's own."""
        local = {parts: listing async for parts, listing in self._walk(())}
        labels = {parts for parts in await self._labels() if self._has_room(parts, local)}
        plan = SyncPlan(label=self._label, keeplocal=keeplocal, refused=self._refused)
        folders: dict[Parts, set[str]] = {}
        for parts in (*local, *labels):
            for depth, name in enumerate(parts):
                folders.setdefault(parts[:depth], set()).add(name)
        for parts in sorted({*local, *labels, ()}):
            label = label_of(self._label, parts)
            if len(label) > LABEL_CHARS_MAX:
                self._refused.append(f"{self._place.path(parts)}: its label would be longer than {LABEL_CHARS_MAX}")
                continue
            remote = await self._client.get_files(label) if parts in labels else []
            here = local.get(parts, Listing())
            plan.folders.append(await self._folder(parts, label, here, remote, folders.get(parts, set())))
        plan.ours = self._left_alone()
        return plan

    async def clean(self) -> CleanPlan:
        """What a clean would remove. Raises NotFound when there is nothing at the label: it would remove everything;
        UsageError for a folder that is this program's own."""
        labels = await self._labels()
        if not labels:
            raise NotFound(f"there are no files at {self._label}; all local ones would go")
        plan = CleanPlan()
        wanted = {parts[:depth] for parts in labels for depth in range(len(parts) + 1)}
        async for parts, listing in self._walk(()):
            remote = await self._client.get_files(label_of(self._label, parts)) if parts in labels else []
            names = {file.name for file in remote}
            plan.files += [(parts, name) for name in sorted((*listing.files, *listing.others)) if name not in names]
            if parts and parts not in wanted:
                plan.folders.insert(0, parts)
        wanted = {path[:depth] for path in self._ours for depth in range(len(path))}
        plan.folders = [parts for parts in plan.folders if parts not in wanted]
        plan.ours = self._left_alone()
        return plan

    def _left_alone(self) -> list[str]:
        return [*(str(self._place.path(path)) for path in self._ours), *self._our_labels]

    async def _walk(self, parts: Parts) -> AsyncIterator[tuple[Parts, Listing]]:
        try:
            listing = await asyncio.to_thread(self._place.list, parts)
        except Ours as ours:
            if not parts:
                raise UsageError(f"{ours}, which is not for others; name a folder of your own") from None
            self._ours[parts] = None
            return
        self._ours.update(dict.fromkeys((*parts, name) for name in listing.ours))
        yield parts, listing
        for name in listing.folders:
            try:
                require_safe_name(name)
            except UnsafeName as unsafe:
                self._refused.append(f"{self._place.path(parts)}: {unsafe}")
                continue
            async for below in self._walk((*parts, name)):
                yield below

    async def _labels(self) -> set[Parts]:
        """Folders that have files at the server."""
        found: set[Parts] = set()
        for label in await self._client.get_file_labels(self._label, exact=True):
            try:
                found.add(parts_of(self._label, label.name))
            except Ours:
                self._our_labels[f"label {_top_of_ours(label.name)}"] = None
            except UnsafeName as unsafe:
                self._refused.append(f"label {label.name!r}: {unsafe}")
        return found

    def _has_room(self, parts: Parts, local: dict[Parts, Listing]) -> bool:
        """Nothing else has the name of the folder or of one above it: a file, or a link that leads who knows where."""
        if any(parts[: depth + 1] in self._ours for depth in range(len(parts))):
            return False
        for depth, name in enumerate(parts):
            listing = local.get(parts[:depth], Listing())
            if name in listing.files or name in listing.others:
                label, path = label_of(self._label, parts), self._place.path(parts[: depth + 1])
                self._refused.append(f"label {label!r}: {path} is not a folder")
                return False
        return True

    async def _folder(
        self, parts: Parts, label: str, local: Listing, remote: list[FileData], folders: set[str]
    ) -> FolderPlan:
        plan = FolderPlan(parts=parts, label=label)
        names = set()
        for file in remote:
            names.add(file.name)
            if file.name in local.ours or is_our_name(file.name):
                self._ours.setdefault((*parts, file.name))
                continue
            try:
                require_safe_name(file.name)
                if file.name in local.others or file.name in folders:
                    raise UnsafeName(f"{self._place.path(parts, file.name)} is not a regular file")
            except UnsafeName as unsafe:
                self._refused.append(f"{label}: {unsafe}")
                continue
            if file.name not in local.files:
                plan.download.append(Item(name=file.name, size=max(0, file.size)))
            else:
                await self._compare(plan, local, file)
        for name in sorted(set(local.files) - names):
            if reason := _unfit(name):
                self._refused.append(f"{self._place.path(parts)}: {reason}")
            else:
                plan.upload.append(Item(name=name, size=local.files[name].size))
        return plan

    async def _compare(self, plan: FolderPlan, local: Listing, file: FileData) -> None:
        here = local.files[file.name]
        checksum = ""
        if here.size == file.size:
            checksum = await asyncio.to_thread(self._place.sha256, plan.parts, file.name)
            if checksum == file.checksum:
                return
        checksum = checksum or await asyncio.to_thread(self._place.sha256, plan.parts, file.name)
        versions = await self._client.get_file_versions(plan.label, file.name)
        if checksum in {version.checksum for version in versions[1:]}:
            note = OUTDATED
        else:
            note = REMOTE_NEWER if versions[0].added > here.mtime_ns else LOCAL_NEWER
        plan.conflicts.append(Item(name=file.name, size=max(here.size, file.size), note=note))


def _top_of_ours(label: str) -> str:
    """One line for all that is below it."""
    levels = label.split("/")
    depth = next(depth for depth, level in enumerate(levels, 1) if is_our_name(level))
    return "/".join(levels[:depth])


def _unfit(name: str) -> str:
    """Why a local name cannot be at the server."""
    if len(name) > NAME_CHARS_MAX:
        return f"{name[:40]!r}… is longer than {NAME_CHARS_MAX} characters"
    try:
        name.encode()
        require_safe_name(name)
    except (UnicodeEncodeError, UnsafeName):
        return f"{name!r} is no name that the server takes"
    return ""
