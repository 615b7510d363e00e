"""Files whose bytes are in an object store: a real server that speaks S3, and no key of it in anything we keep."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.depot import HashMismatch, TransferFailed
from colonies_edge.client.files import Filer, address
from colonies_edge.client.place import Place
from colonies_edge.client.plan import Planner
from colonies_edge.client.s3 import S3Depot, S3Settings
from colonies_edge.client.sync import Report, apply_sync
from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.protocol.model_files import S3
from tests.support.brokers import free_port
from tests.support.filing import contents, some_bytes, tree
from tests.support.object_store import object_store
from tests.support.site import Site

pytest.importorskip("boto3", reason="install the extra s3")
pytest.importorskip("moto", reason="install the extra test")

LIMIT_S = 90


@pytest.fixture(scope="module")
def store() -> Iterator[S3Settings]:
    with object_store() as settings:
        yield settings


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    running.start()
    try:
        play(running.found())
        yield running
    finally:
        running.close()


def play(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


async def sync(user: Any, depot: S3Depot | None, folder: Path) -> Report:
    plan = await Planner(user, Place(folder), "/d").sync()
    return await apply_sync(Filer(user, depot), Place(folder), plan)


def objects(depot: S3Depot, bucket: str = "colonies") -> set[str]:
    return {one["Key"] for one in depot._s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_bytes_go_to_the_store_and_come_back(site: Site, store: S3Settings, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"empty": b"", "small": b"1", "s/large": some_bytes(20_000_000)}
    here, there = tree(tmp_path / "here", files), tmp_path / "there"

    async def run() -> None:
        depot = S3Depot(store)
        async with site.client("user") as user:
            report = await sync(user, depot, here)
            assert (report.uploaded, report.failures) == (3, [])
            file = await user.get_latest_file("/d", "small")
            assert file.ref.protocol == S3 and len(file.ref.s3object.object) == 64
            kept = file.ref.s3object
            assert (kept.server, kept.port, kept.bucket, kept.accesskey, kept.secretkey) == (
                store.endpoint, -1, "colonies", "", "",
            )  # fmt: skip
            report = await sync(user, depot, there)
            assert (report.downloaded, report.failures) == (3, [])
            report = await sync(user, None, tmp_path / "elsewhere")
            assert any("AWS_S3_ENDPOINT" in text for text in report.failures), "and what to do is said"

    play(run())
    assert contents(there) == contents(here)
    assert not (site.data / "blobs").exists()


def test_descriptions_of_other_clients_and_broken_downloads_work(site: Site, store: S3Settings, tmp_path: Path) -> None:
    data = some_bytes(300_000)

    async def run() -> None:
        depot = S3Depot(store)
        host, _, port = store.endpoint.rpartition(":")
        async with site.client("user") as user:
            filer, place = Filer(user, depot), Place(tmp_path / "there")
            file = await filer.upload(Place(tree(tmp_path / "here", {"f": data})), (), "f", "/d")
            other = replace(file.ref.s3object, server=host, port=int(port))  # as pycolonies writes it
            added = await user.add_file(replace(file, name="g", ref=replace(file.ref, s3object=other)))
            with place.arriving((), "g", file.checksum) as arriving:
                arriving.write(data[:200_000])
            counted: list[int] = []
            await filer.download(added, place, (), progress=counted.append)
            await asyncio.sleep(0)
            assert counted[0] == 200_000
            assert (tmp_path / "there" / "g").read_bytes() == data
            depot._s3.put_object(Bucket=store.bucket, Key=other.object, Body=bytes(len(data)))
            with pytest.raises(HashMismatch):
                await filer.download(added, place, (), "h")
            depot._s3.delete_object(Bucket=store.bucket, Key=other.object)
            with pytest.raises(TransferFailed, match="object store"):
                await filer.download(added, place, (), "h")

    play(run())
    assert set(contents(tmp_path / "there")) == {"g"}


def test_objects_go_with_their_files_unless_a_snapshot_names_them(
    site: Site, store: S3Settings, tmp_path: Path
) -> None:
    own = replace(store, bucket="removal")
    here = tree(tmp_path / "here", {"f": "1", "g": "g"})

    async def run() -> None:
        depot = S3Depot(own)
        async with site.client("user") as user:
            filer = Filer(user, depot)
            await sync(user, depot, here)
            snapshot = await user.create_snapshot("/d", "v1")
            (here / "f").write_text("22")
            await sync(user, depot, here)
            assert len(objects(depot, "removal")) == 3
            assert await filer.remove_label("/d") == 2
            assert len(objects(depot, "removal")) == 2, "the version that only the label had is gone"
            await filer.remove_snapshot(snapshotid=snapshot.snapshotid)
            assert objects(depot, "removal") == set()

    play(run())


def test_a_store_that_is_not_there_is_said(site: Site, store: S3Settings, tmp_path: Path) -> None:
    gone = replace(store, endpoint=f"127.0.0.1:{free_port()}")

    async def run() -> None:
        async with site.client("user") as user:
            filer = Filer(user, S3Depot(gone))
            with pytest.raises(NoConnection, match=gone.endpoint):
                await filer.upload(Place(tree(tmp_path / "here", {"f": "1"})), (), "f", "/d")

    play(run())


def test_settings_come_from_the_usual_variables() -> None:
    assert S3Settings.from_environment({}) is None
    variables = {
        "ENDPOINT": "https://s3.example:9000/",
        "BUCKET": "b",
        "ACCESSKEY": "a",
        "SECRETKEY": "hidden",
        "TLS": "true",
    }
    found = S3Settings.from_environment({f"AWS_S3_{name}": value for name, value in variables.items()})
    assert found is not None and (found.endpoint, found.tls, found.skipverify) == ("s3.example:9000", True, False)
    assert "hidden" not in repr(found)
    with pytest.raises(UsageError, match="AWS_S3_BUCKET"):
        S3Settings.from_environment({"AWS_S3_ENDPOINT": "h:1"})


@pytest.mark.parametrize(
    ("server", "port", "wanted"),
    [
        ("h:9000", -1, "h:9000"), ("h", 9000, "h:9000"), ("h:9000", 9000, "h:9000"), ("h", -1, "h"), ("", 1, ""),
        ("[::1]:9000", -1, "[::1]:9000"), ("[::1]", 9000, "[::1]:9000"),
    ],
)  # fmt: skip
def test_both_forms_of_an_address_mean_the_same(server: str, port: int, wanted: str) -> None:
    assert address(server, port) == wanted


def test_the_library_is_loaded_only_by_who_has_a_store(tmp_path: Path) -> None:
    text = "import sys, colonies_edge.apps.cli.fs_common, colonies_edge.client.s3; print('boto3' in sys.modules)"
    folder = str(Path(__file__).resolve().parents[2])
    found = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"
