"""Bits rot, files vanish: it is said what is wrong, what is sound is loaded, nothing is thrown away."""

from pathlib import Path

import pytest

from colonies_edge.protocol.model import State
from colonies_edge.storage.errors import StoreFailed
from tests.storage.folders import loaded, opened, write_some
from tests.storage.samples import Author, finished, identity, put, row


def test_a_flipped_bit_in_the_journal_is_reported_and_everything_before_it_loaded(tmp_path: Path) -> None:
    records = write_some(tmp_path)
    path = tmp_path / "journal/00000001.jsonl"
    data = path.read_bytes()
    for offset in range(0, len(data) - 1, 97):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        store, found, damage, notes = loaded(tmp_path)
        sound = max(0, data[:offset].count(b"\n") - 1)
        assert found == records[:sound], f"byte {offset}"
        assert "00000001.jsonl" in damage, f"byte {offset}: {damage} {notes}"
        assert f"record {sound}" in damage or sound == 0
        with pytest.raises(StoreFailed, match="read-only"):
            store.commit([Author().refuse()])
        store.close()
        assert path.read_bytes() == changed
    assert list((tmp_path / "quarantine").iterdir())


@pytest.mark.parametrize("broken", ["a line", "a first line", "a missing segment"])
def test_a_person_may_give_up_what_is_damaged(broken: str, tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    records = [author.founding(), *(record for number in range(3) for record in author.job(number))]
    for record in records:
        store.commit([record])
        if len(records) % 4 == 2:
            store.rotate()
    store.rotate()
    store.commit([author.refuse()])
    store.close()
    path = tmp_path / "journal/00000004.jsonl"
    if broken == "a missing segment":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b'"w":[' if broken == "a line" else b'"heads"', b"?", 1))
    store, found, damage, _ = loaded(tmp_path)
    assert found == records[: len(found)] and damage
    assert "work goes on after record" in store.accept_loss()
    with pytest.raises(StoreFailed, match="opened again"):
        store.commit([author.refuse()])
    store.close()
    store, again, damage, _ = loaded(tmp_path)
    assert again == found and damage == ""
    more = author.refuse()
    store.commit([more])
    with pytest.raises(StoreFailed, match="not damaged"):
        store.accept_loss()
    store.close()
    assert loaded(tmp_path)[1] == [*found, more]
    assert any((tmp_path / "quarantine").iterdir())


def test_a_damaged_middle_does_not_touch_the_archive(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    store.commit([author.submit(1)])
    store.commit([author.retire(1)])
    store.close()
    path = tmp_path / "journal/00000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"job 1", b"job 2", 1))
    store, _, damage, _ = loaded(tmp_path)
    assert damage and store.history.process(identity(1)) == finished(1)
    store.close()


def test_a_flipped_bit_in_the_checkpoint_is_reported_and_history_replayed(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    records = [author.founding(), *author.job(1)]
    store.commit(records)
    store.checkpoint([put("processes", identity(1), row(1))], store.rotate())
    store.commit(list(author.job(2)))
    store.close()
    path = tmp_path / "colony.json"
    data = path.read_bytes()
    for offset in range(0, len(data), max(1, len(data) // 40)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        store, found, damage, notes = loaded(tmp_path)
        assert damage == "" and found[:4] == records and len(found) == 7
        assert "colony.json is damaged" in notes[0] and "replayed from the ledger" in notes[0]
        assert store.checkpoint_due()
        store.close()
        assert not path.exists()


def test_without_the_beginning_of_the_ledger_a_lost_checkpoint_is_damage(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    for number in range(3):
        store.commit(list(author.job(number)))
        store.checkpoint([], store.rotate())
    store.close()
    (tmp_path / "ledger/00000001.jsonl.gz").unlink()
    (tmp_path / "colony.json").unlink()
    store, found, damage, _ = loaded(tmp_path)
    assert found == [] and "colony.json is missing" in damage and "segment 1" in damage
    with pytest.raises(StoreFailed, match="read-only"):
        store.commit([author.refuse()])
    store.close()


def test_a_missing_segment_is_damage(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    for number in range(3):
        store.commit(list(author.job(number)))
        store.rotate()
    store.close()
    (tmp_path / "journal/00000002.jsonl").unlink()
    store, found, damage, _ = loaded(tmp_path)
    assert len(found) == 3 and "00000002.jsonl is missing" in damage
    store.close()


@pytest.mark.parametrize("offset", [0, 20, 4096 * 3 + 5])
def test_a_damaged_archive_is_set_aside_and_a_new_one_begun(offset: int, tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    store.commit([author.retire(*range(200))])
    store.close()
    path = tmp_path / "archive.sqlite"
    data = bytearray(path.read_bytes())
    data[offset:] = b"\xa5" * (len(data) - offset)
    path.write_bytes(data)
    for _ in range(3):  # at the latest the second start knows of what the first one stumbled over
        try:
            store, _, damage, notes = loaded(tmp_path)
            store.commit([author.retire(500)])
            store.close()
            break
        except StoreFailed as failed:
            assert "start the coordinator again" in str(failed)
    else:
        pytest.fail("the archive stays damaged")
    assert damage == "" and any("a new archive was begun" in note for note in notes)
    assert list((tmp_path / "quarantine").glob("archive.sqlite*"))


def test_one_damaged_row_hides_only_itself(tmp_path: Path) -> None:
    author, store = Author(), opened(tmp_path)
    list(store.load().records)
    store.commit([author.retire(*range(10))])
    with store.history._file.writing() as execute:
        execute("UPDATE processes SET row = zeroblob(200) WHERE number = 4")
    assert len(store.history.newest("dev", State.SUCCESS, 100)) == 9
    assert store.history.damaged_rows
    store.close()
