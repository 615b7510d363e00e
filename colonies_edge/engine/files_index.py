"""What follows from the rows of files and snapshots: folders in order, versions, names, and which bytes are named.

Labels of a colony are kept sorted, so that a question about a prefix looks at what it finds and at nothing else.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from colonies_edge.protocol.model_files import BLOB, File, Snapshot

Blob = tuple[str, str]  # colony, SHA-256


class Folder:
    """The files directly on one label: per name the ids of its versions, oldest first."""

    __slots__ = ("names", "rows", "versions")

    def __init__(self) -> None:
        self.names: list[str] = []  # sorted
        self.versions: dict[str, list[tuple[int, str]]] = {}  # name -> (sequencenr, file id)
        self.rows = 0

    def add(self, name: str, sequencenr: int, fileid: str) -> None:
        if name not in self.versions:
            self.versions[name] = []
            insort(self.names, name)
        insort(self.versions[name], (sequencenr, fileid))
        self.rows += 1

    def discard(self, name: str, sequencenr: int, fileid: str) -> None:
        self.versions[name].remove((sequencenr, fileid))
        self.rows -= 1
        if not self.versions[name]:
            del self.versions[name]
            del self.names[bisect_left(self.names, name)]


class FilesIndex:
    """The tables themselves and their indices, kept by `Tables.apply`.

    `frozen` has the rows of files that were removed while a snapshot names them.
    """

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.frozen: dict[str, File] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.by_name: dict[str, dict[str, Any]] = {
            "files": self.files,
            "frozenfiles": self.frozen,
            "snapshots": self.snapshots,
        }
        self.newest = 0  # the highest sequence number that was seen
        self.count: dict[str, int] = {}  # colony -> rows of files, frozen ones too
        self.snapshots_in: dict[str, dict[str, None]] = {}  # colony -> snapshot ids
        self.snapshot_names: dict[tuple[str, str], str] = {}  # (colony, name) -> snapshot id
        self.pinned_by: dict[str, dict[str, None]] = {}  # file id -> ids of the snapshots that name it
        self.released: list[Blob] = []  # named by no row any more; whoever keeps the bytes takes them out of the list
        self._folders: dict[str, dict[str, Folder]] = {}  # colony -> label -> folder
        self._labels: dict[str, list[str]] = {}  # colony -> labels, sorted
        self._blobs: dict[Blob, int] = {}  # how many rows name these bytes

    # -- what handlers ask

    def folder(self, colony: str, label: str) -> Folder | None:
        """The files directly on a label."""
        return self._folders.get(colony, {}).get(label)

    def versions(self, colony: str, label: str, name: str) -> list[File]:
        """All versions of a file, newest first."""
        folder = self.folder(colony, label)
        found = folder.versions.get(name, ()) if folder is not None else ()
        return [self.files[fileid] for _, fileid in reversed(found)]

    def latest(self, colony: str, label: str, after: str = "") -> Iterator[File]:
        """The latest version of each file directly on a label, by name; with `after` only names behind it."""
        folder = self.folder(colony, label)
        if folder is not None:
            for name in folder.names[_behind(folder.names, after) :]:
                yield self.files[folder.versions[name][-1][1]]

    def labels(self, colony: str, name: str, *, exact: bool, after: str = "") -> Iterator[str]:
        """The labels that begin with `name`, in their order; with `exact` that label and what is below it."""
        labels = self._labels.get(colony, [])
        if exact and name not in ("", "/"):
            if self.folder(colony, name) is not None and (not after or name > after):
                yield name
            name += "/"
        start = max(bisect_left(labels, name), _behind(labels, after))
        for at in range(start, len(labels)):
            if not labels[at].startswith(name):
                return
            yield labels[at]

    def names_blob(self, colony: str, sha256: str) -> bool:
        """Does a file, or a snapshot of a removed one, name these bytes?"""
        return (colony, sha256) in self._blobs

    def blobs(self) -> Iterator[Blob]:
        """All bytes that are named."""
        return iter(self._blobs)

    def rows_of(self, colony: str) -> list[tuple[str, str]]:
        """Table and key of every row of a colony."""
        return [
            (table, key)
            for table, rows in self.by_name.items()
            for key, row in rows.items()
            if row.colonyname == colony
        ]

    # -- what `Tables.apply` tells

    def see_file(self, key: str, before: File | None, after: File | None) -> None:
        """A version came or went."""
        if before is not None:
            folders = self._folders[before.colonyname]
            folder = folders[before.label]
            folder.discard(before.name, before.sequencenr, key)
            if not folder.rows:
                del folders[before.label]
                labels = self._labels[before.colonyname]
                del labels[bisect_left(labels, before.label)]
        if after is not None:
            self.newest = max(self.newest, after.sequencenr)
            folders = self._folders.setdefault(after.colonyname, {})
            if after.label not in folders:
                folders[after.label] = Folder()
                insort(self._labels.setdefault(after.colonyname, []), after.label)
            folders[after.label].add(after.name, after.sequencenr, key)
        self._see_bytes(before, after)

    def see_frozen(self, key: str, before: File | None, after: File | None) -> None:
        """A removed version is kept for a snapshot, or is not needed any more."""
        self._see_bytes(before, after)

    def see_snapshot(self, key: str, before: Snapshot | None, after: Snapshot | None) -> None:
        """A snapshot came or went."""
        if before is not None:
            _discard(self.snapshots_in, before.colonyname, key)
            self.snapshot_names.pop((before.colonyname, before.name), None)
            for fileid in before.fileids:
                _discard(self.pinned_by, fileid, key)
        if after is not None:
            _add(self.snapshots_in, after.colonyname, key)
            self.snapshot_names[after.colonyname, after.name] = key
            for fileid in after.fileids:
                _add(self.pinned_by, fileid, key)

    def _see_bytes(self, before: File | None, after: File | None) -> None:
        for row, change in ((after, 1), (before, -1)):
            if row is None:
                continue
            self.count[row.colonyname] = self.count.get(row.colonyname, 0) + change
            if row.ref.protocol == BLOB:
                blob = (row.colonyname, row.checksum)
                left = self._blobs.get(blob, 0) + change
                if left:
                    self._blobs[blob] = left
                else:
                    self._blobs.pop(blob, None)
                    self.released.append(blob)


def _behind(names: list[str], after: str) -> int:
    at = bisect_left(names, after) if after else 0
    return at + 1 if after and at < len(names) and names[at] == after else at


def _add(index: dict[str, dict[str, None]], at: str, key: str) -> None:
    index.setdefault(at, {})[key] = None


def _discard(index: dict[str, dict[str, None]], at: str, key: str) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[at]
