"""Bytes beside the engine: what is answered, what is refused, and when something is forgotten."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.coordinator import bytes_keeper
from colonies_edge.apps.coordinator.bytes_keeper import SECOND, BytesKeeper
from colonies_edge.engine.files_index import FilesIndex
from colonies_edge.engine.outcome import Aside, Reply, Request, Route
from colonies_edge.protocol.limits import BLOB_UNNAMED_KEEP_S, BLOB_UPLOAD_KEEP_S
from colonies_edge.protocol.messages import BeginBlob, GetBlob, Message, PutBlob
from colonies_edge.protocol.model_files import BLOB, File, Reference

DATA = b"some bytes"
SHA = hashlib.sha256(DATA).hexdigest()
ROUTE = Route(colony="lab", party="ab" * 32, conn="conn0001")

Ask = Callable[[Message], Awaitable[tuple[int, Any]]]


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0

    def monotonic_ns(self) -> int:
        return self.now


class House:
    """A keeper with an index and a clock."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.keeper = BytesKeeper(root, **options)
        self.clock = Watch()
        self.keeper._clock = self.clock  # type: ignore[assignment]
        self.index = FilesIndex()
        self.keeper.load(self.index)

    async def ask(self, message: Message) -> tuple[int, Any]:
        """Status and value of the reply."""
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = Request(caller="", payloadtype=message.msgtype, value={}, route=ROUTE)
        self.keeper.answer(Aside(request=request, message=message, msgid="m"), answered.set_result)
        reply = await answered
        return (reply.value["status"] if reply.error else 200), reply.value

    async def upload(self, data: bytes = DATA) -> tuple[int, Any]:
        return await self.ask(
            PutBlob(colonyname="lab", sha256=hashlib.sha256(data).hexdigest(), size=len(data), data=b64(data))
        )

    def has(self) -> bool:
        return self.keeper.folder.size("lab", SHA) is not None

    def row(self, before: bool, after: bool) -> None:
        file = File(fileid="f", colonyname="lab", name="f", checksum=SHA, ref=Reference(protocol=BLOB))
        self.index.see_file("f", file if before else None, file if after else None)

    def later(self, seconds: float) -> None:
        self.clock.now += int(seconds * SECOND)
        self.keeper.collect(self.index)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.keeper.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_bytes_that_no_row_ever_named_go_after_a_while(tmp_path: Path) -> None:
    with House(tmp_path / "blobs") as house:
        assert asyncio.run(house.upload())[1]["complete"]
        house.later(BLOB_UNNAMED_KEEP_S - 1)
        assert house.has() and house.keeper.restless
        house.later(bytes_keeper.SWEEP_S)
        assert not house.has() and not house.keeper.restless


def test_bytes_that_a_row_names_stay_and_go_with_it(tmp_path: Path) -> None:
    with House(tmp_path / "blobs") as house:
        asyncio.run(house.upload())
        house.row(False, True)
        house.later(10 * BLOB_UNNAMED_KEEP_S)
        assert house.has() and not house.keeper.restless
        house.row(True, False)
        house.later(0)
        assert not house.has()


def test_with_a_durability_of_an_interval_bytes_outlive_the_row_by_it(tmp_path: Path) -> None:
    with House(tmp_path / "blobs", settle_s=4) as house:
        asyncio.run(house.upload())
        house.row(False, True)
        house.row(True, False)
        house.later(0)
        house.later(3)
        assert house.has() and house.keeper.restless, "a power cut now would bring the row back"
        house.later(2)
        assert not house.has()


def test_bytes_that_are_named_again_meanwhile_stay(tmp_path: Path) -> None:
    with House(tmp_path / "blobs", settle_s=4) as house:
        asyncio.run(house.upload())
        house.row(False, True)
        house.row(True, False)
        house.later(1)
        house.row(False, True)
        house.later(10)
        assert house.has()


def test_an_upload_that_nobody_goes_on_with_ends(tmp_path: Path) -> None:
    with House(tmp_path / "blobs") as house:
        begun = asyncio.run(house.ask(BeginBlob(colonyname="lab", sha256=SHA, size=len(DATA))))
        assert begun == (200, {"have": 0, "complete": False, "chunk": 131_072})
        house.later(BLOB_UPLOAD_KEEP_S + 1)
    assert list((tmp_path / "blobs").rglob("*.part")) == []


def test_one_that_goes_on_does_not(tmp_path: Path) -> None:
    with House(tmp_path / "blobs") as house:
        put = PutBlob(colonyname="lab", sha256=SHA, size=len(DATA), data=b64(DATA[:3]))
        for _ in range(3):
            asyncio.run(house.ask(put))
            house.later(BLOB_UPLOAD_KEEP_S - 1)
        assert house.keeper.folder.uploads("lab") == 1


def test_a_read_only_coordinator_gives_takes_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    with House(tmp_path / "blobs") as house:
        asyncio.run(house.upload())
    with House(tmp_path / "blobs") as house:
        house.keeper.read_only = "the journal is damaged"
        house.later(10 * BLOB_UNNAMED_KEEP_S)
        get = GetBlob(colonyname="lab", sha256=SHA, offset=5, length=100)
        assert asyncio.run(house.ask(get)) == (200, {"size": len(DATA), "offset": 5, "data": b64(DATA[5:])})
        status, value = asyncio.run(house.upload(b"other"))
        assert status == 503 and "read-only" in value["message"]


@pytest.mark.parametrize("data", ["not base64!", "", "é", b64(bytes(131_073))])
def test_what_is_no_part_is_refused(tmp_path: Path, data: str) -> None:
    with House(tmp_path / "blobs") as house:
        put = PutBlob(colonyname="lab", sha256=SHA, size=200_000, data=data)
        assert asyncio.run(house.ask(put))[0] == 400


def test_two_uploads_cannot_take_the_same_room(tmp_path: Path) -> None:
    async def both(house: House) -> list[int]:
        begins = [BeginBlob(colonyname="lab", sha256=letter * 64, size=700) for letter in "ab"]
        return sorted(status for status, _ in await asyncio.gather(*(house.ask(begin) for begin in begins)))

    with House(tmp_path / "blobs", quota=1000) as house:
        assert asyncio.run(both(house)) == [200, 413]


def test_a_disk_that_is_nearly_full_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_keeper, "BLOB_DISK_RESERVE_BYTES", 1 << 62)
    with House(tmp_path / "blobs") as house:
        status, value = asyncio.run(house.upload())
        assert status == 503 and "disk" in value["message"]


def test_many_unfinished_uploads_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_keeper, "BLOB_UPLOADS_PER_COLONY_MAX", 2)
    with House(tmp_path / "blobs") as house:
        found = [asyncio.run(house.ask(BeginBlob(colonyname="lab", sha256=letter * 64, size=7)))[0] for letter in "abc"]
        assert found == [200, 200, 429]


def test_too_many_requests_at_once_are_left_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_keeper, "BLOB_WAITING_MAX", 2)
    said: list[Reply] = []

    async def flood(house: House) -> None:
        request = Request(caller="", payloadtype="getblobmsg", value={}, route=ROUTE)
        message = GetBlob(colonyname="lab", sha256=SHA, offset=0, length=1)
        for _ in range(5):
            house.keeper.answer(Aside(request=request, message=message, msgid="m"), said.append)
        while house.keeper._tasks:
            await asyncio.sleep(0)

    with House(tmp_path / "blobs") as house:
        asyncio.run(flood(house))
    assert len(said) == 2


def test_a_missing_blob_that_a_row_names_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with House(tmp_path / "blobs") as house:
        house.row(False, True)
        house.keeper.load(house.index)
    assert "the bytes of 1 files are not in" in caplog.text
