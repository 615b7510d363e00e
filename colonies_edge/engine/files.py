"""Files: what is where, in versions (`protocol-rest.md` 3). The bytes are elsewhere; the engine never sees them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from colonies_edge.engine.step import ASIDE, Aside, Handler, Step
from colonies_edge.protocol.codec import dump_json, encode
from colonies_edge.protocol.errors import BadRequest, Conflict, NotFound, TooManyRequests
from colonies_edge.protocol.limits import (
    BLOB_BYTES_MAX,
    BLOB_CHUNK_BYTES_MAX,
    FILES_PER_COLONY_MAX,
    LABEL_CHARS_MAX,
    NAME_CHARS_MAX,
    PAGE_CHARS_MAX,
)
from colonies_edge.protocol.messages import (
    AddFile,
    BeginBlob,
    GetBlob,
    GetFile,
    GetFileLabels,
    GetFiles,
    PutBlob,
    RemoveFile,
)
from colonies_edge.protocol.model_files import BLOB, SHA256, File, FileData, Label, Reference, S3Object

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What everybody may know about nothing: no upload is needed to have it.
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

T = TypeVar("T")


def add_file(step: Step, message: AddFile) -> File:
    """A new version; where its bytes are is said by the client, except what must not be known to all members."""
    file = message.file
    assert file is not None  # access control refused it
    failure, index = "Failed to add file", step.tables.files_index
    require_path(failure, file.label, file.name)
    if index.count.get(step.colony, 0) >= FILES_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {FILES_PER_COLONY_MAX} versions of files already")
    ref = file.ref
    if ref.protocol == BLOB:
        ref = _blob_reference(step, failure, file)
    else:
        ref = replace(ref, s3object=replace(ref.s3object, accesskey="", secretkey="", encryptionkey=""))
    stored = replace(
        file, fileid=step.new_id("file"), sequencenr=index.newest + 1, added=step.now, ref=ref, colonyname=step.colony
    )
    step.draft.put("files", stored.fileid, stored)
    return stored


def _blob_reference(step: Step, failure: str, file: File) -> Reference:
    """A file is there when all its bytes are: on disk, and of the right hash."""
    _require_sha256(failure, file.checksum)
    if file.checksumalg != SHA256:
        raise BadRequest(f"{failure}, the checksum of a blob is of the algorithm {SHA256}")
    size = 0 if file.checksum == EMPTY_SHA256 else step.live.shelf.size(step.colony, file.checksum)
    if size is None:
        raise Conflict(f"{failure}, the bytes of {file.checksum} are not here: upload them first")
    if size != file.size:
        raise BadRequest(f"{failure}, the blob {file.checksum} has {size} bytes, not {file.size}")
    return Reference(protocol=BLOB, s3object=S3Object(object=file.checksum))


def require_path(failure: str, label: str, name: str) -> None:
    """Bounds and no control characters; everything else is let in, as upstream does. Raises BadRequest."""
    if len(label) > LABEL_CHARS_MAX:
        raise BadRequest(f"{failure}, the label is longer than {LABEL_CHARS_MAX} characters")
    if len(name) > NAME_CHARS_MAX:
        raise BadRequest(f"{failure}, the name is longer than {NAME_CHARS_MAX} characters")
    if _CONTROL.search(label) or _CONTROL.search(name):
        raise BadRequest(f"{failure}, label and name must not contain control characters")


def get_file(step: Step, message: GetFile) -> list[File]:
    """By id one version; by label and name the latest, or all, newest first."""
    index = step.tables.files_index
    if message.fileid:
        file = index.files.get(message.fileid)
        if file is None and message.snapshotid in index.pinned_by.get(message.fileid, ()):
            file = index.frozen.get(message.fileid)
        if file is None or file.colonyname != step.colony:
            raise NotFound("Failed to get file")
        return [file]
    if not message.label or not message.name:
        raise BadRequest("malformatted get file msg")
    versions = index.versions(step.colony, message.label, message.name)
    if not versions:
        raise NotFound("Failed to get file")
    if message.latest:
        return versions[:1]
    return versions[: message.count] if message.count > 0 else versions


def get_files(step: Step, message: GetFiles) -> list[FileData]:
    """The latest versions directly on a label."""
    latest = step.tables.files_index.latest(step.colony, message.label, message.after)
    return page(latest, message.count, file_data)


def file_data(file: File) -> FileData:
    """A file as in a list."""
    return FileData(name=file.name, checksum=file.checksum, size=file.size, s3filename=file.ref.s3object.object)


def get_file_labels(step: Step, message: GetFileLabels) -> list[Label]:
    """Labels, with how many versions they have directly on them."""
    index = step.tables.files_index

    def label(name: str) -> Label:
        folder = index.folder(step.colony, name)
        return Label(name=name, files=folder.rows if folder is not None else 0)

    return page(index.labels(step.colony, message.name, exact=message.exact, after=message.after), message.count, label)


def page(items: Iterable[T], count: int, show: Callable[[T], Any]) -> list[Any]:
    """All items for who names no `count`; else the first so many, or fewer when they would not fit into one message.

    At least one: whoever turns the pages ends at an empty one.
    """
    shown: list[Any] = []
    chars = 0
    for item in items:
        value = show(item)
        if count > 0:
            chars += len(dump_json(encode(value)))
            if len(shown) == count or (shown and chars > PAGE_CHARS_MAX):
                break
        shown.append(value)
    return shown


def remove_file(step: Step, message: RemoveFile) -> dict[str, Any]:
    """One version, or all of a file; nothing there is no error."""
    index = step.tables.files_index
    if message.fileid:
        file = index.files.get(message.fileid)
        if file is not None and file.colonyname == step.colony:
            _remove(step, file)
        return {}
    if not message.label or not message.name:
        raise BadRequest("malformatted remove file msg")
    for version in index.versions(step.colony, message.label, message.name):
        _remove(step, version)
    return {}


def _remove(step: Step, file: File) -> None:
    """What a snapshot names can still be fetched through it."""
    step.draft.drop("files", file.fileid)
    if file.fileid in step.tables.files_index.pinned_by:
        step.draft.put("frozenfiles", file.fileid, file)


# Bytes. The engine says who may; what is kept and given is the business of whoever has a disk.


def begin_blob(step: Step, message: BeginBlob) -> Aside:
    """An upload starts or goes on."""
    _require_sha256(message.failure, message.sha256)
    _require_size(message.failure, message.size)
    return ASIDE


def put_blob(step: Step, message: PutBlob) -> Aside:
    """A part of an upload."""
    _require_sha256(message.failure, message.sha256)
    _require_size(message.failure, message.size)
    if not 0 <= message.offset < message.size:
        raise BadRequest(f"{message.failure}, the offset must be from 0 to the size")
    return ASIDE


def get_blob(step: Step, message: GetBlob) -> Aside:
    """A part of a download."""
    _require_sha256(message.failure, message.sha256)
    if message.offset < 0 or not 0 < message.length <= BLOB_CHUNK_BYTES_MAX:
        raise BadRequest(f"{message.failure}, the length must be from 1 to {BLOB_CHUNK_BYTES_MAX}")
    return ASIDE


def _require_sha256(failure: str, text: str) -> None:
    if not _SHA256.fullmatch(text):
        raise BadRequest(f"{failure}, a SHA-256 consists of 64 lower-case hex digits")


def _require_size(failure: str, size: int) -> None:
    if not 0 < size <= BLOB_BYTES_MAX:
        raise BadRequest(f"{failure}, the size must be from 1 to {BLOB_BYTES_MAX}")


HANDLERS: Mapping[str, Handler] = {
    "addfilemsg": add_file,
    "getfilemsg": get_file,
    "getfilesmsg": get_files,
    "getfilelabelsmsg": get_file_labels,
    "removefilemsg": remove_file,
    "beginblobmsg": begin_blob,
    "putblobmsg": put_blob,
    "getblobmsg": get_blob,
}
