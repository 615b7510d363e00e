"""Files for the usual company of an engine's test, and messages about them."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.support.engine_bench import LAB, Bench

SHA = hashlib.sha256(b"bytes").hexdigest()


def file(name: str = "a", label: str = "/d", **fields: Any) -> dict[str, Any]:
    """As on the wire; its bytes are in some object store."""
    ref = {"protocol": "s3", "s3object": {"object": f"object of {name}"}}
    return {
        "colonyname": LAB, "label": label, "name": name, "size": 1, "checksum": "c", "checksumalg": "SHA256",
        "ref": ref, **fields,
    }  # fmt: skip


def blob(name: str = "a", label: str = "/d", data: bytes = b"bytes", **fields: Any) -> dict[str, Any]:
    """As on the wire; its bytes are with the coordinator."""
    sha256 = hashlib.sha256(data).hexdigest()
    return file(name, label, **{"size": len(data), "checksum": sha256, "ref": {"protocol": "blob"}, **fields})


def add_file(bench: Bench, name: str = "a", label: str = "/d", key: str = "ann", **fields: Any) -> dict[str, Any]:
    """One more version of a file."""
    added: dict[str, Any] = bench.do(key, "addfilemsg", file=file(name, label, **fields))
    return added


def names_in(bench: Bench, label: str) -> list[str]:
    """The files directly on a label."""
    return [one["name"] for one in bench.do("ann", "getfilesmsg", colonyname=LAB, label=label)]


def labels(bench: Bench, name: str, **fields: Any) -> dict[str, int]:
    """Labels with their numbers of versions."""
    found = bench.do("ann", "getfilelabelsmsg", colonyname=LAB, name=name, **fields)
    return {one["name"]: one["files"] for one in found}


def snapshot(bench: Bench, label: str, name: str) -> dict[str, Any]:
    """A new snapshot."""
    created: dict[str, Any] = bench.do("ann", "createsnapshotmsg", colonyname=LAB, label=label, name=name)
    return created


def file_messages(bench: Bench) -> dict[str, dict[str, Any]]:
    """A message of each type that is fine in everything but perhaps its sender."""
    fileid = add_file(bench)["fileid"]
    snapshot(bench, "/d", "first")
    bytes_of = {"colonyname": LAB, "sha256": SHA}
    return {
        "addfilemsg": {"file": file("b")},
        "getfilemsg": {"colonyname": LAB, "fileid": fileid},
        "getfilesmsg": {"colonyname": LAB, "label": "/d"},
        "getfilelabelsmsg": {"colonyname": LAB, "name": "/d"},
        "removefilemsg": {"colonyname": LAB, "fileid": fileid},
        "createsnapshotmsg": {"colonyname": LAB, "label": "/d", "name": "second"},
        "getsnapshotmsg": {"colonyname": LAB, "name": "first"},
        "getsnapshotsmsg": {"colonyname": LAB},
        "removesnapshotmsg": {"colonyname": LAB, "name": "first"},
        "removeallsnapshotmsg": {"colonyname": LAB},
        "beginblobmsg": {**bytes_of, "size": 5},
        "putblobmsg": {**bytes_of, "size": 5, "offset": 0, "data": "Ynl0ZXM="},
        "getblobmsg": {**bytes_of, "offset": 0, "length": 5},
    }
