"""A look at a data folder finds what a start would find, and changes nothing, also beside a coordinator at work."""

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.storage.chain import GENESIS, body_of, frame
from colonies_edge.storage.look import look
from tests.storage.folders import loaded, opened, write_some
from tests.storage.samples import Author, identity, put, row
from tests.storage.test_bad_days import WRITER


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sealed(folder: Path) -> None:
    """Three segments: two in the ledger, one in the journal, and a checkpoint."""
    author, store = Author(), opened(folder)
    list(store.load().records)
    store.commit([author.founding()])
    for number in range(2):
        store.commit(author.job(number))
        store.checkpoint([put("processes", identity(number), row(number))], store.rotate())
    store.commit(author.job(7))
    store.close()


def test_a_sound_folder_is_sound_and_stays_as_it_is(tmp_path: Path) -> None:
    sealed(tmp_path)
    before = contents(tmp_path)
    seen = look(tmp_path)
    assert (seen.problems, seen.segments, seen.formats, seen.one_way) == ([], 3, {1}, False)
    assert contents(tmp_path) == before


def test_an_empty_folder_is_sound(tmp_path: Path) -> None:
    assert look(tmp_path).ok


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_damaged_line_of_the_journal_is_named(line: int, tmp_path: Path) -> None:
    write_some(tmp_path)
    path = tmp_path / "journal/00000001.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[line] = lines[line].replace(b'"', b"'", 1)
    path.write_bytes(b"\n".join(lines))
    seen = look(tmp_path)
    assert len(seen.problems) == 1 and str(path) in seen.problems[0]
    assert loaded(tmp_path)[2] != "", "a start says the same"


def test_a_torn_tail_is_no_damage(tmp_path: Path) -> None:
    write_some(tmp_path)
    path = tmp_path / "journal/00000001.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    before = contents(tmp_path)
    seen = look(tmp_path)
    assert seen.ok and seen.torn_bytes > 0
    assert contents(tmp_path) == before


def test_damage_in_the_ledger_is_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    path = tmp_path / "ledger/00000001.jsonl.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert "segment 1 of the ledger is damaged" in look(tmp_path).problems[0]


def test_a_changed_and_compressed_again_segment_of_the_ledger_is_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    path = tmp_path / "ledger/00000002.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"t":1', b'"t":2', 1)))
    assert str(path) in look(tmp_path).problems[0]


def test_a_missing_segment_is_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    (tmp_path / "ledger/00000002.jsonl.gz").unlink()
    assert look(tmp_path).problems[0] == "segments 2 to 2 are missing"


def test_a_damaged_checkpoint_is_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    path = tmp_path / "colony.json"
    path.write_bytes(path.read_bytes().replace(b"processes", b"processed", 1))
    assert "colony.json is damaged" in look(tmp_path).problems[0]


def test_a_journal_that_ends_before_the_checkpoint_is_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    (tmp_path / "journal/00000003.jsonl").unlink()
    (tmp_path / "ledger/00000002.jsonl.gz").unlink()
    assert "colony.json knows record" in look(tmp_path).problems[0]


def test_the_format_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    write_some(tmp_path)
    path = tmp_path / "journal/00000001.jsonl"
    head = path.read_bytes().split(b"\n", 1)[0]
    body = body_of(head + b"\n").replace(b'"format":1', b'"format":9')
    path.write_bytes(frame(GENESIS, body)[0])
    seen = look(tmp_path)
    assert "format version 9" in seen.problems[0] and seen.formats == {9}


def test_beside_a_coordinator_at_work_it_is_always_sound(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as writer:
        assert writer.stdout is not None
        for _ in range(60):
            writer.stdout.readline()
            seen = look(tmp_path)
            assert seen.ok, seen.problems
        writer.kill()
