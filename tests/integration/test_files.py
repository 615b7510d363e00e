"""Files with their bytes at a real coordinator: broken links, pulled plugs, hostile names, quotas, forgetting."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.client import AsyncClient
from colonies_edge.client.depot import HashMismatch
from colonies_edge.client.files import Filer
from colonies_edge.client.place import Place
from colonies_edge.client.plan import OUTDATED
from colonies_edge.protocol.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge
from colonies_edge.protocol.messages import BeginBlob, GetBlob, PutBlob
from colonies_edge.protocol.model_files import BLOB, File, Reference
from tests.support.brokers import Mosquitto
from tests.support.filing import contents, planned, some_bytes, sync, tree
from tests.support.site import COLONY, REPOSITORY, Site

LIMIT_S = 90  # of one test: none may hang


@pytest.fixture(params=["embedded", "mosquitto"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    broker = Mosquitto().start() if request.param == "mosquitto" else None
    running = Site(tmp_path, broker)
    running.start()
    try:
        asyncio.run(asyncio.wait_for(running.found(), LIMIT_S))
        yield running
    finally:
        running.close()
        if broker is not None:
            broker.close()


def play(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


def blobs_in(site: Site) -> dict[str, int]:
    """Whole blobs on the coordinator's disk, by their hash."""
    folder = site.data / "blobs" / f"{COLONY}.blobs"
    return {path.name: path.stat().st_size for path in folder.glob("*/*/*") if not path.name.endswith(".part")}


def parts_in(site: Site) -> list[Path]:
    return list((site.data / "blobs").rglob("*.part"))


async def until(what: Any) -> None:
    """Waits until it is so; `play` bounds it."""
    while not what():
        await asyncio.sleep(0.02)


def files_of_all_sizes() -> dict[str, bytes | str]:
    return {
        "empty": b"",
        "one": b"1",
        "chunk": some_bytes(131_072),
        "chunk and one": some_bytes(131_073),
        "sub/large": some_bytes(3_000_000),
        "sub/deep/twin": b"same",
        "sub/deep/other twin": b"same",
        "sub/ünïcode ☃": "snow",
    }


def test_folders_of_all_sizes_go_up_and_come_down(site: Site, tmp_path: Path) -> None:
    here, there = tree(tmp_path / "here", files_of_all_sizes()), tmp_path / "there"

    async def run() -> None:
        async with site.client("user") as user:
            report = await sync(user, here)
            assert (report.uploaded, report.failures) == (8, [])
        async with site.client("worker") as worker:
            report = await sync(worker, there)
            assert (report.downloaded, report.failures) == (8, [])
            assert (await planned(worker, there)).empty

    play(run())
    assert contents(there) == contents(here)
    assert len(blobs_in(site)) == 6, "the same bytes are there once, and nothing is not there at all"


PROGRAM = """
import sys
from colonies_edge.apps.cli import main
sys.exit(main(["fs", "sync", "-d", sys.argv[1], "-l", "/d", "--yes"]))
"""


def test_a_sync_killed_in_the_middle_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    data = some_bytes(40_000_000)
    here, there = tree(tmp_path / "here", {"large": data}), tmp_path / "there"

    async def run() -> None:
        command = [sys.executable, "-c", PROGRAM, str(here)]
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "COLONIES_MQTT": site.url,
            "COLONIES_SERVER_ID": site.keys["server"].identity,
            "COLONIES_COLONY_NAME": COLONY,
            "COLONIES_PRVKEY": site.keys["user"].private_key,
        }
        syncing = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        try:
            await until(lambda: any(path.stat().st_size > 1_000_000 for path in parts_in(site)))
        finally:
            syncing.send_signal(signal.SIGKILL)
            syncing.communicate()
        site.kill()
        (part,) = parts_in(site)
        assert 1_000_000 < part.stat().st_size < len(data) and not blobs_in(site)
        site.start()
        async with site.client("user") as user:
            begun = await user.call(
                BeginBlob(colonyname=COLONY, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            )
            assert begun["have"] >= 1_000_000 and not begun["complete"]
            assert await user.get_files("/d") == [], "a file is there when its bytes are"
            report = await sync(user, here)
            assert (report.uploaded, report.failures) == (1, [])
            report = await sync(user, there)
        assert (there / "large").read_bytes() == data

    play(run())


@pytest.mark.long
def test_the_coordinator_is_killed_again_and_again_while_a_folder_moves(site: Site, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {f"{number}": some_bytes(2_000_000) for number in range(8)}
    here, there = tree(tmp_path / "here", files), tmp_path / "there"

    async def disturbed(client: AsyncClient, folder: Path, seen: Any) -> None:
        moving = asyncio.create_task(sync(client, folder))
        for limit in (3_000_000, 8_000_000):
            await until(lambda limit=limit: moving.done() or seen() > limit)
            if not moving.done():
                site.kill()
                site.start()
        report = await moving
        assert report.failures == []

    def arrived() -> int:
        return sum(path.stat().st_size for path in there.rglob("*") if path.is_file()) if there.exists() else 0

    async def run() -> None:
        async with site.client("user") as user:
            await disturbed(user, here, lambda: sum(blobs_in(site).values()))
            await disturbed(user, there, arrived)

    play(run())
    assert contents(there) == contents(here)


def test_a_download_that_broke_off_goes_on(site: Site, tmp_path: Path) -> None:
    data = some_bytes(1_000_000)
    here, there = tree(tmp_path / "here", {"f": data}), tmp_path / "there"

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, here)
            file = await user.get_latest_file("/d", "f")
            with Place(there).arriving((), "f", file.checksum) as arriving:
                arriving.write(data[:600_000])
            counted: list[int] = []
            await Filer(user).download(file, Place(there), (), progress=counted.append)
            assert counted[0] == 600_000 and sum(counted) == len(data)
            with Place(there).arriving((), "again", file.checksum) as arriving:
                arriving.write(bytes(600_000))  # of something else
            await Filer(user).download(file, Place(there), (), "again")

    play(run())
    assert (there / "f").read_bytes() == (there / "again").read_bytes() == data


def test_bytes_that_are_not_what_they_should_be_are_noticed_on_both_sides(site: Site, tmp_path: Path) -> None:
    data = some_bytes(200_000)
    here = tree(tmp_path / "here", {"f": data})
    sha256 = hashlib.sha256(data).hexdigest()

    async def run() -> None:
        async with site.client("user") as user:
            put = PutBlob(colonyname=COLONY, sha256=sha256, size=3, offset=0, data="AAAA")
            with pytest.raises(Conflict, match="begin again"):
                await user.call(put)
            with pytest.raises(Conflict, match="upload"):
                await user.add_file(
                    File(
                        colonyname=COLONY,
                        label="/d",
                        name="f",
                        size=3,
                        checksum=sha256,
                        checksumalg="SHA256",
                        ref=Reference(protocol=BLOB),
                    )
                )
            await sync(user, here)
            (path,) = (site.data / "blobs").rglob(sha256)
            path.write_bytes(bytes(len(data)))  # the coordinator's disk forgets
            file = await user.get_latest_file("/d", "f")
            with pytest.raises(HashMismatch, match="checksum"):
                await Filer(user).download(file, Place(tmp_path / "there"), ())

    play(run())
    assert contents(tmp_path / "there") == {} and not list((tmp_path / "there").glob(".cfs-*"))


def test_a_quota_is_kept_and_room_is_free_again_after_a_removal(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.start("--file-quota", "1MiB")

    async def run() -> None:
        await site.found()
        async with site.client("user") as user:
            report = await sync(user, tree(tmp_path / "a", {"f": some_bytes(700_000)}), "/a")
            assert report.failures == []
            report = await sync(user, tree(tmp_path / "b", {"g": some_bytes(700_000)}), "/b")
            assert len(report.failures) == 1 and "quota" in report.failures[0]
            grown = BeginBlob(colonyname=COLONY, sha256="ab" * 32, size=1)
            await user.call(grown)
            with pytest.raises(TooLarge, match="quota"):
                await user.call(PutBlob(colonyname=COLONY, sha256="ab" * 32, size=1 << 30, offset=0, data="AAAA"))
            await user.remove_file("/a", "f")
            report = await sync(user, tmp_path / "b", "/b")
            assert report.failures == []
            await until(lambda: len(blobs_in(site)) == 1)

    try:
        play(run())
    finally:
        site.close()


def test_a_crash_loses_no_bytes_that_are_named_and_bytes_that_are_not_go(site: Site, tmp_path: Path) -> None:
    keep, held, drop = (some_bytes(50_000 + number) for number in range(3))
    here = tree(tmp_path / "here", {"keep": keep, "held": held, "drop": drop})

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, here)
            await user.remove_file("/d", "drop")
            await user.create_snapshot("/d", "v1")
            await user.remove_file("/d", "held")
            site.kill()
            site.start()
            async with site.client("worker") as worker:
                await worker.get_files("/d")
            assert {len(keep), len(held)} <= set(blobs_in(site).values())
            snapshot = await user.get_snapshot("v1")
            for fileid in snapshot.fileids:
                file = await user.get_file(fileid, snapshot.snapshotid)
                await Filer(user).download(file, Place(tmp_path / "there"), ())
            await user.remove_snapshot("v1")
            await until(lambda: len(held) not in blobs_in(site).values())
            assert len(keep) in blobs_in(site).values()

    play(run())
    assert contents(tmp_path / "there") == {"keep": keep, "held": held}


def test_bytes_are_for_members_of_their_colony(site: Site, tmp_path: Path) -> None:
    data = b"secret of the lab"
    sha256 = hashlib.sha256(data).hexdigest()

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, tree(tmp_path / "here", {"f": data}))
            with pytest.raises(NotFound):
                await user.call(GetBlob(colonyname=COLONY, sha256="ab" * 32, offset=0, length=9))
        async with site.client("owner") as owner:
            with pytest.raises(Forbidden):
                await owner.call(GetBlob(colonyname=COLONY, sha256=sha256, offset=0, length=9))
            with pytest.raises(Forbidden):
                await owner.call(BeginBlob(colonyname=COLONY, sha256=sha256, size=9))

    play(run())


HOSTILE_LABELS = ["/d/../../escaped", "/d/..", "/d//x", "/d/.", "/d/.cfs-kept", "/d/link"]
HOSTILE_NAMES = ["../escaped", "..", "/etc/escaped", "a/b", ".cfs", ".cfs-x.part", ".", "x" * 256]


def test_no_name_of_the_server_leads_out_of_the_folder(site: Site, tmp_path: Path) -> None:
    outside, there = tmp_path / "outside", tmp_path / "deep" / "there"
    outside.mkdir()
    there.mkdir(parents=True)
    (there / "link").symlink_to(outside)
    (there / "f").symlink_to(outside / "f")

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, tree(tmp_path / "here", {"good": "good"}))
            for label in HOSTILE_LABELS:
                await _add(user, label, "escaped")
            for name in [*HOSTILE_NAMES, "f"]:
                await _add(user, "/d", name)
            plan = await planned(user, there)
            assert len(plan.refused) == len(HOSTILE_LABELS) + len(HOSTILE_NAMES) + 1
            report = await sync(user, there)
            assert (report.downloaded, report.failures) == (1, [])
            filer, file = Filer(user), await user.get_latest_file("/d", "../escaped")
            with pytest.raises(ValueError, match="no name of a file"):
                await filer.download(file, Place(there), ())
            snapshot = await user.create_snapshot("/d", "hostile")
            from colonies_edge.client.sync import download_snapshot, files_of_snapshot

            files = await files_of_snapshot(user, snapshot)
            report = await download_snapshot(filer, snapshot, files, Place(there))
            assert len(report.failures) == len(HOSTILE_LABELS) + len(HOSTILE_NAMES) + 1

    play(run())
    assert contents(there) == {"good": b"good"}
    assert list(outside.iterdir()) == []
    assert [path.name for path in tmp_path.rglob("*escaped*")] == []


async def _add(user: AsyncClient, label: str, name: str) -> None:
    ref = Reference(protocol=BLOB)
    sha256 = hashlib.sha256(b"good").hexdigest()
    await user.add_file(
        File(colonyname=COLONY, label=label, name=name, size=4, checksum=sha256, checksumalg="SHA256", ref=ref)
    )


def test_conflicts_follow_the_rule_and_lose_nothing(site: Site, tmp_path: Path) -> None:
    here, there = tree(tmp_path / "here", {"f": "first"}), tmp_path / "there"

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, here)
            await sync(user, there)
            (there / "f").write_text("second")
            await sync(user, there)
            plan = await planned(user, here)
            assert [item.note for _, item in plan.items("conflicts")] == [OUTDATED]
            report = await sync(user, here, keeplocal=False)
            assert (report.downloaded, report.kept) == (1, []), "the colony has that version"
            (here / "f").write_text("third!")
            report = await sync(user, here, keeplocal=False)
            assert report.downloaded == 1 and [path.read_text() for path in report.kept] == ["third!"]
            assert (here / "f").read_text() == "second"
            (here / "f").write_text("fourth")
            await sync(user, here)
            assert len(await user.get_file_versions("/d", "f")) == 3

    play(run())


def test_uploads_write_nothing_into_the_journal(site: Site, tmp_path: Path) -> None:
    here = tree(tmp_path / "here", {"f": some_bytes(5_000_000)})

    async def run() -> None:
        async with site.client("user") as user:
            await sync(user, here)

    play(run())
    journal = sum(path.stat().st_size for path in site.data.glob("*journal*/*"))
    journal += sum(path.stat().st_size for path in site.data.iterdir() if path.is_file())
    assert journal < 200_000


def test_keys_of_an_object_store_are_nowhere_on_the_disk_and_the_ledger_is_sound(site: Site) -> None:
    stored = {"server": "s3:9000", "port": -1, "accesskey": "AK1A-secret", "secretkey": "s3cret", "object": "o"}
    file = {"colonyname": COLONY, "label": "/d", "name": "f", "size": 1, "ref": {"protocol": "s3", "s3object": stored}}

    async def run() -> None:
        async with site.client("user") as user:
            added = await user.call({"msgtype": "addfilemsg", "file": file})
            assert added["ref"]["s3object"]["secretkey"] == ""
            refused = {**file, "name": "a\nb"}
            with pytest.raises(BadRequest):
                await user.call({"msgtype": "addfilemsg", "file": refused})
            site.kill()
            site.start()
            assert len(await user.get_file_versions("/d", "f")) == 1

    play(run())
    site.stop()
    for path in site.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(word in data for word in (b"s3cret", b"AK1A-secret", b"czNjcmV0")), path
    verify = [sys.executable, "-m", "colonies_edge", "ledger", "verify", "--data", str(site.data)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    found = subprocess.run(verify, env=environment, cwd=site.folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert found.returncode == 0, found.stdout + found.stderr
