"""The bridge's own file: what was settled is there after a crash, torn lines are left out, a full disk ends it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from colonies_edge.apps.bridge import store as module
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, Verdict
from colonies_edge.apps.bridge.store import FILE, Store, StoreBroken
from colonies_edge.apps.bridge.table import Table
from colonies_edge.client.folder_lock import FolderBusy

ITEM = Item(key="up:gpu:p", kind=Kind.UP, rule="gpu", source="p", attempt=1, work={"spec": {"args": [1, "ü"]}})


def kept(folder: Path) -> tuple[list[Item], list[str]]:
    """What a new bridge finds, and what it complains of."""

    async def look() -> tuple[list[Item], list[str]]:
        store = Store(folder)
        try:
            return store.items(), store.complaints
        finally:
            await store.close()

    return asyncio.run(look())


def write(folder: Path, *events: Event, cut: int = 0) -> None:
    """Take the item, let the events happen, and die; `cut` bytes of the file's end never reached the disk."""

    async def run() -> None:
        store, table = Store(folder), Table()
        store.put(table.take(ITEM))
        for event in events:
            store.put(
                table.tell(ITEM.key, event, **({"verdict": Verdict(ok=True, out=(1,))} if event is Event.ENDED else {}))
            )
        store.put_note("cursor", "7")
        await store.settled()
        await store.close()

    asyncio.run(run())
    path = folder / FILE
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])


def test_what_was_settled_is_there_again(tmp_path: Path) -> None:
    write(tmp_path, Event.ASKED, Event.PLACED, Event.ENDED)
    items, complaints = kept(tmp_path)
    assert items == [replace(ITEM, stage=Stage.ENDED, verdict=Verdict(ok=True, out=(1,)))]
    assert not complaints


def test_what_is_over_is_gone_and_notes_stay(tmp_path: Path) -> None:
    write(tmp_path, Event.ASKED, Event.PLACED, Event.ENDED, Event.CLOSED)
    assert kept(tmp_path) == ([], [])

    async def look() -> None:
        store = Store(tmp_path)
        assert store.note("cursor") == "7"
        store.put_note("cursor", None)
        await store.settled()
        await store.close()
        store = Store(tmp_path)
        assert store.note("cursor") is None
        await store.close()

    asyncio.run(look())


def test_any_end_of_the_file_may_be_missing(tmp_path: Path) -> None:
    write(tmp_path, Event.ASKED)
    whole = (tmp_path / FILE).read_bytes()
    for size in range(len(whole)):
        (tmp_path / FILE).write_bytes(whole[:size])
        items, complaints = kept(tmp_path)
        assert [replace(item, doubt=False, stage=Stage.TAKEN) for item in items] in ([ITEM], [])
        assert len(complaints) <= 1


def test_a_damaged_line_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, Event.ASKED)
    lines = (tmp_path / FILE).read_bytes().split(b"\n")
    lines[0] = lines[0].replace(b"gpu", b"cpu")
    (tmp_path / FILE).write_bytes(b"\n".join(lines))
    items, complaints = kept(tmp_path)
    assert items == []
    assert "line 1 is damaged" in complaints[0]


def test_rewriting_keeps_what_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES_MIN", 2_000)

    async def run() -> None:
        store, table = Store(tmp_path), Table()
        store.put(table.take(ITEM))
        for number in range(200):
            other = replace(ITEM, key=f"up:gpu:{number}", source=str(number))
            store.put(table.take(other))
            store.put(table.tell(other.key, Event.ASKED))
            store.put(table.tell(other.key, Event.ENDED, verdict=Verdict(ok=True)))
            store.put(table.tell(other.key, Event.CLOSED))
            await store.settled()
        await store.close()

    asyncio.run(run())
    assert (tmp_path / FILE).stat().st_size < 20_000
    assert kept(tmp_path) == ([ITEM], [])


def test_large_results_that_wait_are_not_written_anew_with_every_small_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPACT_BYTES_MIN", 2_000)
    files = set()

    async def run() -> None:
        store, table = Store(tmp_path), Table()
        for number in range(50):
            other = replace(ITEM, key=f"up:gpu:{number}", source=str(number))
            store.put(table.take(other))
            store.put(table.tell(other.key, Event.ENDED, verdict=Verdict(ok=True, out=("x" * 1_000,))))
        await store.settled()
        for number in range(100):
            store.put_note("cursor", number)
            await store.settled()
            files.add((tmp_path / FILE).stat().st_ino)
        await store.close()

    asyncio.run(run())
    assert len(files) <= 2


def test_on_a_full_disk_what_can_be_appended_is_and_the_next_start_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no room for a second copy: here, as its name is taken."""
    monkeypatch.setattr(module, "COMPACT_BYTES_MIN", 2_000)

    async def run() -> None:
        store, table = Store(tmp_path), Table()
        (tmp_path / FILE).with_suffix(".new").mkdir()
        store.put(table.take(ITEM))
        for number in range(200):
            store.put_note("cursor", number)
            await store.settled()
        await store.close()

    asyncio.run(run())
    assert kept(tmp_path) == ([ITEM], [])


def test_a_folder_has_one_bridge(tmp_path: Path) -> None:
    async def run() -> None:
        store = Store(tmp_path)
        with pytest.raises(FolderBusy):
            Store(tmp_path)
        await store.close()

    asyncio.run(run())


def test_a_disk_that_refuses_ends_the_bridge_before_anything_is_said(tmp_path: Path) -> None:
    async def run() -> None:
        store, table = Store(tmp_path), Table()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, store._file._descriptor)
        os.close(full)
        store.put(table.take(ITEM))
        with pytest.raises(StoreBroken, match="No space left"):
            await store.settled()
        with pytest.raises(StoreBroken):
            await store.settled()
        await store.close()

    asyncio.run(run())
