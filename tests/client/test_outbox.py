"""The executor's outbox: what was kept is there again, whatever happened to the process or to the file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.folder_lock import FolderBusy
from colonies_edge.client.outbox import COMPACT_BYTES_MIN, FILE, Entry, Outbox
from colonies_edge.protocol.errors import BadRequest


def entry(number: int, out: Any = "x") -> Entry:
    message = {"msgtype": "closesuccessfulmsg", "processid": f"p{number}", "out": [out], "attempt": 1}
    return Entry(processid=f"p{number}", attempt=1, msgid=f"msgid-{number:012}", message=message)


def ids(outbox: Outbox) -> list[str]:
    return [kept.processid for kept in outbox.entries()]


def fill(folder: Path, numbers: range) -> None:
    async def run() -> None:
        outbox = Outbox(folder)
        await asyncio.gather(*(outbox.keep(entry(number)) for number in numbers))
        await outbox.close()

    asyncio.run(run())


def reopened(folder: Path) -> tuple[list[Entry], list[str]]:
    outbox = Outbox(folder)
    outbox.abandon()
    return outbox.entries(), outbox.notes


def test_what_was_kept_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    entries, notes = reopened(tmp_path)
    assert entries == [entry(number) for number in range(20)]
    assert notes == []


def test_what_was_answered_is_gone_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        outbox = Outbox(tmp_path)
        for number in range(4):
            await outbox.keep(entry(number))
        outbox.forget(("p1", 1))
        outbox.forget(("p3", 1))
        outbox.forget(("never kept", 1))
        await outbox.close()

    asyncio.run(run())
    entries, _ = reopened(tmp_path)
    assert [kept.processid for kept in entries] == ["p0", "p2"]


def test_keeping_returns_only_when_the_bytes_are_in_the_file(tmp_path: Path) -> None:
    async def run() -> None:
        outbox = Outbox(tmp_path)
        await outbox.keep(entry(1))
        assert b'"p1"' in (tmp_path / FILE).read_bytes()
        outbox.abandon()

    asyncio.run(run())


def test_a_killed_process_loses_nothing_that_it_had_kept(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from colonies_edge.client.outbox import Entry, Outbox

async def main():
    outbox = Outbox(Path({str(tmp_path)!r}))
    number = 0
    while True:
        batch = [Entry(processid=f"p{{number + i}}", attempt=1, msgid="m", message={{}}) for i in range(7)]
        await asyncio.gather(*map(outbox.keep, batch))
        number += 7
        print(number, flush=True)

asyncio.run(main())
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(30):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    promised = [int(line) for line in child.stdout.read().split()]
    child.stdout.close()
    child.wait()
    entries, _ = reopened(tmp_path)
    kept = [result.processid for result in entries]
    assert kept[:210] == [f"p{number}" for number in range(210)]
    assert len(kept) >= (promised[-1] if promised else 210)


@pytest.mark.parametrize("cut", [1, 7, 12, 60])
def test_a_torn_tail_costs_the_torn_line_only(tmp_path: Path, cut: int) -> None:
    fill(tmp_path, range(3))
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-cut])
    entries, notes = reopened(tmp_path)
    if cut == 1:  # only the line end is missing, and the checksum vouches for the rest
        assert len(entries) == 3
    else:
        assert [kept.processid for kept in entries] == ["p0", "p1"]
        assert "not written in full" in notes[0]


def test_a_damaged_line_is_reported_with_its_number_and_costs_only_itself(tmp_path: Path) -> None:
    fill(tmp_path, range(3))
    file = tmp_path / FILE
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"p1", b"p9", 1)
    file.write_bytes(b"".join(lines))
    entries, notes = reopened(tmp_path)
    assert [kept.processid for kept in entries] == ["p0", "p2"]
    assert notes == [f"{file}, line 2 is damaged and was left out"]
    assert reopened(tmp_path)[1] == [], "the damage is not reported a second time"


def test_a_file_of_noise_is_survived(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(5000) + b"\n" + b"[" * 100_000 + b"\n\n")
    entries, notes = reopened(tmp_path)
    assert entries == []
    assert notes


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    async def run() -> int:
        outbox = Outbox(tmp_path)
        largest = 0
        await outbox.keep(entry(0))
        for number in range(1, 60):
            await outbox.keep(entry(number, "y" * 50_000))
            outbox.forget((f"p{number}", 1))
            largest = max(largest, (tmp_path / FILE).stat().st_size)
        await outbox.close()
        return largest

    assert asyncio.run(run()) < COMPACT_BYTES_MIN + 8 * 50_000
    entries, _ = reopened(tmp_path)
    assert entries == [entry(0)]


def test_two_processes_cannot_use_one_folder(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    with pytest.raises(FolderBusy, match=f"process {os.getpid()}"):
        Outbox(tmp_path)
    outbox.abandon()
    Outbox(tmp_path).abandon()


def test_what_is_not_json_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        outbox = Outbox(tmp_path)
        for value in (object(), float("nan"), {1, 2}):
            with pytest.raises(BadRequest):
                await outbox.keep(entry(1, value))
        assert len(outbox) == 0
        await outbox.close()

    asyncio.run(run())


async def refused(outbox: Outbox, result: Entry) -> None:
    """The disk is full, and then it is not."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, outbox._file._descriptor)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        await outbox.keep(result)


@pytest.mark.parametrize("closing", [True, False])
def test_what_the_disk_refused_is_written_without_another_result(
    tmp_path: Path, closing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not closing:
        monkeypatch.setattr("colonies_edge.client.outbox.RETRY_S", 0.01)

    async def run() -> None:
        outbox = Outbox(tmp_path)
        await refused(outbox, entry(1))
        while not closing and b"p1" not in (tmp_path / FILE).read_bytes():
            await asyncio.sleep(0.01)
        if closing:
            await outbox.close()
        else:
            outbox.abandon()

    asyncio.run(run())
    assert [kept.processid for kept in reopened(tmp_path)[0]] == ["p1"]


def test_a_disk_that_refuses_is_reported_and_the_result_written_later(tmp_path: Path) -> None:
    async def run() -> None:
        outbox = Outbox(tmp_path)
        await outbox.keep(entry(1))
        await refused(outbox, entry(2))
        assert ids(outbox) == ["p1", "p2"]
        await outbox.keep(entry(3))
        await outbox.close()

    asyncio.run(run())
    entries, notes = reopened(tmp_path)
    assert [kept.processid for kept in entries] == ["p1", "p2", "p3"]
    assert notes == []


def test_only_the_owner_may_read_results(tmp_path: Path) -> None:
    fill(tmp_path / "outbox", range(1))
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "outbox" / FILE).stat().st_mode & 0o777 == 0o600
