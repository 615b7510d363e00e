"""Snapshots: the latest versions below a label, remembered as they were (`protocol-rest.md` 4)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.files import page, require_path
from colonies_edge.engine.step import Handler, Step
from colonies_edge.protocol.errors import BadRequest, Conflict, NotFound, TooLarge, TooManyRequests
from colonies_edge.protocol.limits import SNAPSHOT_FILES_MAX, SNAPSHOTS_PER_COLONY_MAX
from colonies_edge.protocol.messages import (
    CreateSnapshot,
    GetSnapshot,
    GetSnapshots,
    RemoveAllSnapshots,
    RemoveSnapshot,
)
from colonies_edge.protocol.model_files import Snapshot


def create_snapshot(step: Step, message: CreateSnapshot) -> Snapshot:
    """Freeze what is below a label now; without files it is empty."""
    failure, index = "Failed to create snapshot", step.tables.files_index
    label = message.label.removesuffix("/")
    require_path(failure, label, message.name)
    if ":" in message.name:
        raise BadRequest(f"{failure}, the name must not contain a colon")
    if (step.colony, message.name) in index.snapshot_names:
        raise Conflict(f"Snapshot with name <{message.name}> in Colony <{step.colony}> already exists")
    if len(index.snapshots_in.get(step.colony, ())) >= SNAPSHOTS_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {SNAPSHOTS_PER_COLONY_MAX} snapshots already")
    fileids: list[str] = []
    for below in index.labels(step.colony, label, exact=True):
        fileids += [file.fileid for file in index.latest(step.colony, below)]
        if len(fileids) > SNAPSHOT_FILES_MAX:
            raise TooLarge(f"{failure}, there are more than {SNAPSHOT_FILES_MAX} files below {label or '/'}")
    snapshot = Snapshot(
        snapshotid=step.new_id("snapshot"),
        colonyname=step.colony,
        label=label,
        name=message.name,
        fileids=tuple(fileids),
        added=step.now,
    )
    step.draft.put("snapshots", snapshot.snapshotid, snapshot)
    return snapshot


def _found(step: Step, snapshotid: str, name: str) -> Snapshot | None:
    index = step.tables.files_index
    key = snapshotid or index.snapshot_names.get((step.colony, name), "")
    snapshot = index.snapshots.get(key)
    return snapshot if snapshot is not None and snapshot.colonyname == step.colony else None


def get_snapshot(step: Step, message: GetSnapshot) -> Snapshot:
    """One; the id wins over the name."""
    if not message.snapshotid and not message.name:
        raise BadRequest("Failed to get snapshot, malformatted msg")
    snapshot = _found(step, message.snapshotid, message.name)
    if snapshot is None:
        which = f"Id <{message.snapshotid}>" if message.snapshotid else f"name <{message.name}>"
        raise NotFound(f"Snapshot not found with {which} in Colony <{step.colony}> does not exists")
    return snapshot


def get_snapshots(step: Step, message: GetSnapshots) -> list[Snapshot]:
    """Newest first."""
    index = step.tables.files_index
    rows = [index.snapshots[key] for key in index.snapshots_in.get(step.colony, ())]
    rows.sort(key=_age, reverse=True)
    last = index.snapshots.get(message.after)
    if last is not None:
        rows = [row for row in rows if _age(row) < _age(last)]
    return page(rows, message.count, lambda row: row)


def _age(row: Snapshot) -> tuple[int, str]:
    return (row.added, row.snapshotid)


def remove_snapshot(step: Step, message: RemoveSnapshot) -> dict[str, Any]:
    """Nothing there is no error. Files stay; removed ones that nothing else names are forgotten now."""
    if not message.snapshotid and not message.name:
        raise BadRequest("Failed to remove snapshot, malformatted msg")
    snapshot = _found(step, message.snapshotid, message.name)
    if snapshot is not None:
        _remove(step, snapshot)
    return {}


def remove_all_snapshots(step: Step, message: RemoveAllSnapshots) -> dict[str, Any]:
    """All of the colony."""
    index = step.tables.files_index
    for key in tuple(index.snapshots_in.get(step.colony, ())):
        _remove(step, index.snapshots[key])
    return {}


def _remove(step: Step, snapshot: Snapshot) -> None:
    index, draft = step.tables.files_index, step.draft
    draft.drop("snapshots", snapshot.snapshotid)
    for fileid in snapshot.fileids:
        frozen = fileid in index.frozen and draft.get("frozenfiles", fileid) is not None
        if frozen and all(draft.get("snapshots", key) is None for key in index.pinned_by.get(fileid, ())):
            draft.drop("frozenfiles", fileid)


HANDLERS: Mapping[str, Handler] = {
    "createsnapshotmsg": create_snapshot,
    "getsnapshotmsg": get_snapshot,
    "getsnapshotsmsg": get_snapshots,
    "removesnapshotmsg": remove_snapshot,
    "removeallsnapshotmsg": remove_all_snapshots,
}
