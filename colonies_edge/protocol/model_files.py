"""The wire's objects for files and snapshots (`protocol-rest.md` 3 and 4); `model.py` is the door."""

from dataclasses import dataclass

from colonies_edge.protocol.model_base import Time

S3 = "s3"  # the bytes are in an object store that the coordinator knows nothing of
BLOB = "blob"  # ours: the bytes are with the coordinator, under their SHA-256
SHA256 = "SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """Where bytes are in an object store; for `BLOB` only `object` is set, to the SHA-256.

    The three keys are never kept: every member of the colony could read them.
    """

    server: str = ""
    port: int = 0
    tls: bool = False
    accesskey: str = ""
    secretkey: str = ""
    region: str = ""
    encryptionkey: str = ""
    encryptionalg: str = ""
    object: str = ""
    bucket: str = ""


NOWHERE = S3Object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where the bytes of a file are."""

    protocol: str = ""
    s3object: S3Object = NOWHERE


NO_REFERENCE = Reference()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One version of a file. Versions do not change; the latest has the highest `sequencenr`."""

    fileid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    size: int = 0
    sequencenr: int = 0
    checksum: str = ""
    checksumalg: str = ""
    ref: Reference = NO_REFERENCE
    added: Time = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileData:
    """The latest version of a file, in a list."""

    name: str = ""
    checksum: str = ""
    size: int = 0
    s3filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A folder of files; `files` counts versions."""

    name: str = ""
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The latest versions below a label as they were."""

    snapshotid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    fileids: tuple[str, ...] = ()
    added: Time = 0
