"""Folders of files for tests, and a sync as `fs sync --yes` does it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.files import Filer
from colonies_edge.client.place import Place
from colonies_edge.client.plan import Planner, SyncPlan
from colonies_edge.client.sync import Report, apply_sync
from tests.support.live_colony import LiveColony


def tree(folder: Path, files: dict[str, bytes | str]) -> Path:
    """The folder with these files in it, by their paths."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that is not our own, by its path."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".cfs" not in path.as_posix())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def some_bytes(count: int) -> bytes:
    return os.urandom(count)


async def planned(client: AsyncClient, folder: Path, label: str = "/d", *, keeplocal: bool = True) -> SyncPlan:
    return await Planner(client, Place(folder), label).sync(keeplocal=keeplocal)


async def sync(client: AsyncClient, folder: Path, label: str = "/d", *, keeplocal: bool = True) -> Report:
    """Plan and carry out."""
    plan = await planned(client, folder, label, keeplocal=keeplocal)
    return await apply_sync(Filer(client), Place(folder), plan)


def put(colony: LiveColony, folder: Path, label: str, name: str, text: str) -> None:
    """A file with this text, by way of a folder of ours."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    with colony.client() as client:
        client.upload_file(folder / name, label)


def has(colony: LiveColony, label: str, name: str, text: str) -> bool:
    """Is that its latest version?"""
    with colony.client() as client:
        files = client.run(client.asynchronous.get_files(label))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return any((file.name, file.checksum) == (name, digest) for file in files)
