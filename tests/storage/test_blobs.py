"""Bytes on disk: parts that resume, hashes that are checked, colonies that share nothing, and what counts."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from colonies_edge.storage import blobs
from colonies_edge.storage.blobs import Blob, BlobFolder, WrongHash

DATA = bytes(range(256)) * 40


def blob_of(data: bytes = DATA, colony: str = "lab") -> Blob:
    return (colony, hashlib.sha256(data).hexdigest())


def opened(root: Path) -> BlobFolder:
    folder = BlobFolder(root)
    folder.load()
    return folder


def put(
    folder: BlobFolder, data: bytes = DATA, start: int = 0, end: int | None = None, blob: Blob | None = None
) -> int:
    """Begin if need be, then put some of it."""
    blob = blob or blob_of(data)
    arguments = (blob, len(data), start, data[start:end])
    while (have := folder.put(*arguments)) is None:
        folder.begin(blob, len(data))
    return have


def test_a_blob_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    assert folder.begin(blob_of(), len(DATA)) == 0
    assert put(folder, end=1000) == 1000
    assert folder.size(*blob_of()) is None and folder.read(blob_of(), 0, 1) is None
    assert put(folder, start=1000) == len(DATA)
    assert folder.size(*blob_of()) == len(DATA)
    assert folder.read(blob_of(), 5, 3) == DATA[5:8]
    assert folder.begin(blob_of(), len(DATA)) == len(DATA)


def test_only_their_owner_can_read_the_files_and_no_colony_is_a_path(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "blobs"
    for colony in ("lab", "..", ".", "trash"):
        put(opened(root), blob=blob_of(colony=colony))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4 and all(path.is_relative_to(root) for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {len(path.relative_to(root).parts) for path in files} == {4}
    assert {colony for colony, _ in opened(root).blobs()} == {"lab", "..", ".", "trash"}


def test_parts_may_come_twice_and_overlap_but_leave_no_gap(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    assert put(folder, start=500, end=1000) == 0
    assert put(folder, end=500) == 500
    assert put(folder, end=500) == 500
    assert put(folder, start=300, end=900) == 900
    assert put(folder, start=900) == len(DATA)
    assert put(folder, end=10) == len(DATA)
    assert folder.read(blob_of(), 0, len(DATA)) == DATA


def test_an_upload_goes_on_after_a_crash_and_old_bytes_are_hashed_slice_by_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(opened(tmp_path), end=5000)
    monkeypatch.setattr(blobs, "SLICE_BYTES", 2000)
    monkeypatch.setattr(blobs, "READ_BYTES", 1000)
    folder = opened(tmp_path)
    assert folder.used("lab") == 5000
    assert [folder.begin(blob_of(), len(DATA)) for _ in range(3)] == [None, None, 5000]
    assert folder.used("lab") == len(DATA)
    assert put(folder, start=5000) == len(DATA)
    assert folder.size(*blob_of()) == len(DATA)


def test_what_is_whole_but_for_its_name_is_finished_by_the_next_begin(tmp_path: Path) -> None:
    put(opened(tmp_path), end=5000)
    (part,) = tmp_path.rglob("*.part")
    part.write_bytes(DATA)  # the power went between the last byte and the rename
    assert opened(tmp_path).begin(blob_of(), len(DATA)) == len(DATA)


def test_wrong_bytes_are_thrown_away(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    put(folder, end=100)
    with pytest.raises(WrongHash):
        folder.put(blob_of(), len(DATA), 100, bytes(len(DATA) - 100))
    assert (folder.used("lab"), folder.uploads("lab"), list(tmp_path.rglob("*.part"))) == (0, 0, [])
    assert put(folder) == len(DATA)


def test_a_part_that_the_power_cut_spoilt_is_found_out(tmp_path: Path) -> None:
    put(opened(tmp_path), end=5000)
    (part,) = tmp_path.rglob("*.part")
    part.write_bytes(bytes(5000))
    folder = opened(tmp_path)
    with pytest.raises(WrongHash):
        put(folder, start=5000)


def test_more_than_was_announced_is_not_taken(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    folder.begin(blob_of(), len(DATA))
    assert folder.put(blob_of(), len(DATA), 0, DATA + b"more") == len(DATA)
    assert folder.read(blob_of(), 0, 2 * len(DATA)) == DATA


def test_colonies_share_nothing(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    put(folder)
    assert folder.size("next", blob_of()[1]) is None
    assert folder.begin(blob_of(colony="next"), len(DATA)) == 0
    assert (folder.used("lab"), folder.used("next"), folder.uploads("next")) == (len(DATA), len(DATA), 1)


def test_what_is_discarded_is_gone_at_once_and_frees_its_room(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    put(folder)
    folder.discard(blob_of())
    assert (folder.size(*blob_of()), folder.used("lab"), folder.read(blob_of(), 0, 1)) == (None, 0, None)
    assert list(opened(tmp_path).blobs()) == [], "and a restart does not bring it back"
    put(folder)
    folder.discard(blob_of())
    folder.empty_trash()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_many_uploads_at_a_time_do_not_keep_many_files_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "OPEN_MAX", 2)
    folder = opened(tmp_path)
    several = [DATA + bytes([number]) for number in range(5)]
    for position in range(0, len(several[0]), 4000):
        for data in several:
            put(folder, data, position, position + 4000)
    assert len(list(folder.blobs())) == 5
    assert len(folder._open) == 0
