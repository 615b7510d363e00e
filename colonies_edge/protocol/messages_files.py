"""Messages about files, snapshots and the bytes that the coordinator keeps (`protocol-rest.md` 3, 4 and
docs/FILES.md); `messages.py` is the door.

`count` and `after` of the lists are ours: a list that is too long for one message is read page by page.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model_base import OMIT
from colonies_edge.protocol.model_files import NOWHERE, File


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFile(Stamp):
    """A new file, or a new version of one."""

    msgtype: ClassVar[str] = "addfilemsg"
    failure: ClassVar[str] = "Failed to add log"  # upstream's text
    mismatch: ClassVar[str] = "Failed to add file"
    file: File | None = None

    @property
    def confidential(self) -> bool:
        """Upstream's clients send the keys of their object store along."""
        stored = self.file.ref.s3object if self.file is not None else NOWHERE
        return bool(stored.accesskey or stored.secretkey or stored.encryptionkey)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFile(Stamp):
    """A version by its id, or the versions of a file, newest first. With `snapshotid` (ours) an id that the snapshot
    names is found though the file was removed. `count` 0: all versions."""

    msgtype: ClassVar[str] = "getfilemsg"
    failure: ClassVar[str] = "Failed to add log"  # upstream's text
    mismatch: ClassVar[str] = "Failed to get file"
    colonyname: str = ""
    fileid: str = ""
    label: str = ""
    name: str = ""
    latest: bool = False
    snapshotid: str = field(default="", metadata=OMIT)
    count: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFiles(Stamp):
    """The latest versions of the files directly on a label."""

    msgtype: ClassVar[str] = "getfilesmsg"
    failure: ClassVar[str] = "Failed to get files"
    colonyname: str = ""
    label: str = ""
    after: str = field(default="", metadata=OMIT)
    count: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFileLabels(Stamp):
    """The labels that begin with `name`; with `exact` the label itself and what is below it."""

    msgtype: ClassVar[str] = "getfilelabelsmsg"
    failure: ClassVar[str] = "Failed to get files"
    colonyname: str = ""
    name: str = ""
    exact: bool = False
    after: str = field(default="", metadata=OMIT)
    count: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFile(Stamp):
    """Forget one version by its id, or a file with all its versions."""

    msgtype: ClassVar[str] = "removefilemsg"
    failure: ClassVar[str] = "Failed to remove file"
    colonyname: str = ""
    fileid: str = ""
    label: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSnapshot(Stamp):
    """Remember the latest versions below a label."""

    msgtype: ClassVar[str] = "createsnapshotmsg"
    failure: ClassVar[str] = "Failed to create snapshot"
    colonyname: str = ""
    label: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshot(Stamp):
    """One snapshot, by id or by name."""

    msgtype: ClassVar[str] = "getsnapshotmsg"
    failure: ClassVar[str] = "Failed to get snapshot"
    colonyname: str = ""
    snapshotid: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshots(Stamp):
    """The snapshots of a colony, newest first; `after` is a snapshot's id."""

    msgtype: ClassVar[str] = "getsnapshotsmsg"
    failure: ClassVar[str] = "Failed to get snapshots"
    colonyname: str = ""
    after: str = field(default="", metadata=OMIT)
    count: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSnapshot(Stamp):
    """Forget one snapshot, by id or by name."""

    msgtype: ClassVar[str] = "removesnapshotmsg"
    failure: ClassVar[str] = "Failed to remove snapshot"
    colonyname: str = ""
    snapshotid: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAllSnapshots(Stamp):
    """Forget all snapshots of a colony."""

    msgtype: ClassVar[str] = "removeallsnapshotmsg"
    failure: ClassVar[str] = "Failed to remove snapshot"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginBlob(Stamp):
    """These bytes will come, or are there already: from where on are they wanted?"""

    msgtype: ClassVar[str] = "beginblobmsg"
    failure: ClassVar[str] = "Failed to begin blob"
    colonyname: str = ""
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBlob(Stamp):
    """Some bytes, from `offset` on, as base64."""

    msgtype: ClassVar[str] = "putblobmsg"
    failure: ClassVar[str] = "Failed to put blob"
    colonyname: str = ""
    sha256: str = ""
    size: int = 0
    offset: int = 0
    data: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlob(Stamp):
    """Give me up to `length` bytes from `offset` on."""

    msgtype: ClassVar[str] = "getblobmsg"
    failure: ClassVar[str] = "Failed to get blob"
    colonyname: str = ""
    sha256: str = ""
    offset: int = 0
    length: int = 0
