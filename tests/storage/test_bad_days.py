"""Killed, cut short, out of space: what was acknowledged is there, and the person is told what to do."""

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.engine.outcome import Record
from colonies_edge.storage.errors import FolderInUse, NoDescriptor, StoreFailed, failure
from colonies_edge.storage.file_store import open_store
from colonies_edge.storage.files import DiskFiles, OpenFile
from tests.storage.folders import loaded, opened, write_some
from tests.storage.samples import EXECUTOR, Author, finished, identity, put, row

WRITER = """
import sys
from tests.storage.samples import Author, SERVER, put, row, identity
from colonies_edge.storage.file_store import open_store
store = open_store(sys.argv[1], sign_head=SERVER.sign)
list(store.load().records)
author = Author()
for number in range(1, 100000):
    records = [author.submit(number), author.assign(number)]
    if number > 3:
        records.append(author.retire(number - 3))
    store.commit(records)
    if number % 20 == 0:
        store.checkpoint([put("processes", identity(number), row(number))], store.rotate())
    print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 19, 20, 21, 47])
def test_a_killed_writer_loses_nothing_it_acknowledged(lines: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        last = max([lines, *map(int, writer.stdout.read().split())])
    store, records, damage, _ = loaded(tmp_path)
    assert damage == ""
    submitted = [write.key for record in records for write in record.writes if write.table == "processes"]
    assert submitted or last % 20 == 0
    for number in range(1, last - 2):
        assert store.history.process(identity(number)) == finished(number)
    store.commit([Author().refuse()])
    store.close()


def test_every_length_of_the_last_segment_opens(tmp_path: Path) -> None:
    records = write_some(tmp_path, jobs=2)
    path = tmp_path / "journal/00000001.jsonl"
    data = path.read_bytes()
    for size in range(0, len(data), 13):
        path.write_bytes(data[:size])
        store, found, damage, notes = loaded(tmp_path)
        whole = max(0, data[:size].count(b"\n") - 1)
        assert damage == "" and found == records[:whole]
        assert bool(notes) == bool(size and not data[:size].endswith(b"\n"))
        store.commit([Author().refuse()])
        store.close()


class Nearly(DiskFiles):
    """A disk with so many bytes left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def create(self, path: Path) -> OpenFile:
        return NearlyFile(self, path, super().create(path))

    def append(self, path: Path) -> OpenFile:
        return NearlyFile(self, path, super().append(path))


class Passing:
    """A file that passes everything on."""

    def __init__(self, inner: OpenFile) -> None:
        self._inner = inner

    def write(self, data: bytes) -> None:
        self._inner.write(data)

    def sync(self) -> None:
        self._inner.sync()

    def close(self) -> None:
        self._inner.close()


class NearlyFile(Passing):
    def __init__(self, disk: Nearly, path: Path, inner: OpenFile) -> None:
        super().__init__(inner)
        self._disk, self._path = disk, path

    def write(self, data: bytes) -> None:
        fits = data[: self._disk.left]
        self._disk.left -= len(fits)
        self._inner.write(fits)
        if len(fits) < len(data):
            raise failure(self._path, "written", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_a_full_disk_is_told_nothing_acknowledged_is_lost_and_nothing_is_accepted_after_it(tmp_path: Path) -> None:
    author, kept = Author(), list[Record]()
    store = opened(tmp_path, files=Nearly(10_000))
    list(store.load().records)
    with pytest.raises(
        StoreFailed, match=r"00000001\.jsonl cannot be written: No space left on device; free some space"
    ):
        for number in range(100):
            record = author.submit(number)
            store.commit([record])
            kept.append(record)
    assert len(kept) > 3
    with pytest.raises(StoreFailed, match="No space left"):
        store.commit([author.refuse()])
    assert "No space left" in store.refusal
    store.close()
    # Still full: it starts, reads, and says so again at the first write.
    store = opened(tmp_path, files=Nearly(0))
    found = store.load()
    assert list(found.records) == kept and found.damage == "" and "torn" in found.notes[0]
    with pytest.raises(StoreFailed, match="No space left"):
        store.commit([author.refuse()])
    store.close()
    store, records, damage, _ = loaded(tmp_path)
    assert records == kept and damage == ""
    store.commit([author.refuse()])
    store.close()


class Crowded(DiskFiles):
    """A process that has too many files open, so that opening `unopened` fails."""

    unopened = ""

    def create(self, path: Path) -> OpenFile:
        return self._open(path, super().create)

    def append(self, path: Path) -> OpenFile:
        return self._open(path, super().append)

    def _open(self, path: Path, opening: Callable[[Path], OpenFile]) -> OpenFile:
        if path.name != self.unopened:
            return opening(path)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            return opening(path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("unopened", ["heads.jsonl", "00000002.jsonl"])
def test_a_new_segment_that_cannot_be_opened_is_begun_later(tmp_path: Path, unopened: str) -> None:
    author, files = Author(), Crowded()
    store = opened(tmp_path, files=files)
    list(store.load().records)
    records = list(author.job(1))
    store.commit(records)
    files.unopened = unopened
    with pytest.raises(NoDescriptor, match="Too many open files"):
        store.rotate()
    records += author.job(2)
    store.commit(records[3:])
    files.unopened = ""
    store.rotate()
    records += author.job(3)
    store.commit(records[6:])
    assert store.refusal == ""
    store.close()
    assert loaded(tmp_path)[1] == records


def test_a_checkpoint_without_space_leaves_everything_as_it_was(tmp_path: Path) -> None:
    author = Author()
    files = Nearly(1 << 30)
    store = opened(tmp_path, files=files)
    list(store.load().records)
    records = list(author.job(1))
    store.commit(records)
    segment = store.rotate()
    files.left = 1000
    with pytest.raises(StoreFailed, match="free some space"):
        store.checkpoint([put("processes", identity(number), row(number)) for number in range(100)], segment)
    files.left = 1 << 30
    records += author.job(2)
    store.commit(records[3:])
    store.close()
    assert not (tmp_path / "colony.json.new").exists()
    assert loaded(tmp_path)[1] == records


def test_a_second_coordinator_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(FolderInUse, match=rf"process {os.getpid()}\).*another folder"):
        opened(tmp_path)
    store.close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="file"):
        opened(tmp_path / "file" / "data")


def test_everything_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        author, store = Author(), opened(tmp_path / "deep" / "data")
        list(store.load().records)
        store.commit([*author.job(1), author.retire(1)])
        store.checkpoint([], store.rotate())
        for path in [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]:
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        store.close()
    finally:
        os.umask(old)


def test_an_interval_syncs_when_it_is_over(tmp_path: Path) -> None:
    class Counting(DiskFiles):
        syncs = 0

        def append(self, path: Path) -> OpenFile:
            return CountingFile(self, super().append(path))

        def create(self, path: Path) -> OpenFile:
            return CountingFile(self, super().create(path))

    class CountingFile(Passing):
        def __init__(self, files: Counting, inner: OpenFile) -> None:
            super().__init__(inner)
            self._files = files

        def sync(self) -> None:
            self._files.syncs += 1
            super().sync()

    now, files, author = [10**12], Counting(), Author()
    store = open_store(tmp_path, durability=500, monotonic=lambda: now[0], files=files)
    list(store.load().records)
    store.commit([author.founding()])
    before = files.syncs
    for number in range(10):
        store.commit([author.submit(number)])
    store.sync_if_due()
    assert files.syncs == before
    now[0] += 500_000_000
    store.sync_if_due()
    assert files.syncs == before + 1
    store.commit([author.refuse()])
    now[0] += 500_000_000
    store.commit([author.refuse()])
    assert files.syncs == before + 2
    store.commit([author.purge()])
    assert files.syncs == before + 3
    store.close()
    with pytest.raises(ValueError, match="monotonic"):
        open_store(tmp_path, durability=500)


def test_requests_of_strangers_make_no_line_that_cannot_be_read(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    hard: list[dict[str, Any]] = [
        {"msgtype": "x", "a": "\u2028\ud800"},
        {"msgtype": "x", "big": 10**400},
        {"MsgType": "x", "msgid": 5},
        {"msgtype": ["x"], "w": 1, "size": 7, "msg": {}},
    ]
    answer = author.refuse().answer
    assert answer is not None
    records = [author.asked(EXECUTOR, message, answer) for message in hard]
    store.commit(records)
    store.close()
    assert loaded(tmp_path)[1] == records
