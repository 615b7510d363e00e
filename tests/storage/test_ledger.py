"""The ledger proves what happened; whatever is done to it afterwards is found."""

import gzip
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colonies_edge.crypto.identity import recover
from colonies_edge.storage.file_store import open_store
from colonies_edge.storage.ledger import Report
from colonies_edge.storage.ledger import verify as verify_folder
from tests.storage.samples import EXECUTOR, SERVER, USER, Author


def verify(folder: Path, server_id: str | None = None, expected: tuple[int, str] | None = None) -> Report:
    return verify_folder(folder, server_id, expected, recover=recover)


def write(folder: Path, *, checkpoints: int = 2, jobs: int = 3, bytes_max: int | None = None) -> Author:
    """A history of some sealed segments and a live one, ended cleanly."""
    author = Author()
    store = open_store(folder, sign_head=SERVER.sign, ledger_bytes_max=bytes_max)
    list(store.load().records)
    store.commit([author.founding()])
    for part in range(checkpoints + 1):
        for number in range(part * jobs, (part + 1) * jobs):
            store.commit(list(author.job(number)))
        store.commit([author.refuse()])
        if part < checkpoints:
            store.checkpoint([], store.rotate())
    store.close()
    return author


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger") / "data"
    write(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


def edit_sealed(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    data = gzip.compress(b"".join(change(lines)), mtime=0)
    path.write_bytes(data[:8] + b"\0\xff" + data[10:])  # as carefully as a forger would


def test_an_honest_ledger_proves_who_asked_for_what(folder: Path) -> None:
    report = verify(folder, SERVER.identity)
    assert report.findings == [] and report.ok
    assert (report.segments, report.heads) == (3, 3)
    assert (report.first_record, report.last_record, report.signed_up_to) == (1, 31, 31)
    assert (report.records, report.requests) == (31, 30)
    assert report.callers[USER.identity] == {"submitfuncspecmsg": 9, "cancelprocessmsg": 3}
    assert report.callers[EXECUTOR.identity] == {"assignprocessmsg": 9, "closesuccessfulmsg": 9}
    assert report.signers == {SERVER.identity}
    assert 0 < report.first_ns < report.last_ns
    assert verify(folder).ok


def test_it_holds_while_a_crash_left_the_end_unsigned(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", sign_head=SERVER.sign)
    list(store.load().records)
    store.commit([Author().founding()])
    report = verify(tmp_path / "data", SERVER.identity)
    assert report.ok and (report.records, report.signed_up_to) == (1, 0)
    store.close()


def test_what_somebody_noted_earlier_is_still_there(tmp_path: Path) -> None:
    author = write(tmp_path / "data")
    noted = verify(tmp_path / "data")
    store = open_store(tmp_path / "data", sign_head=SERVER.sign)
    list(store.load().records)
    store.commit([author.refuse()])
    store.checkpoint([], store.rotate())
    store.close()
    report = verify(tmp_path / "data", SERVER.identity, (noted.last_record, noted.last_hash))
    assert report.ok and report.last_record == noted.last_record + 1


def test_a_forgotten_beginning_is_admitted_under_signature(tmp_path: Path) -> None:
    write(tmp_path / "data", checkpoints=5, bytes_max=3000)
    assert not (tmp_path / "data/ledger/00000001.jsonl.gz").exists()
    report = verify(tmp_path / "data", SERVER.identity)
    assert report.findings == [] and report.first_record > 1


def swap(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def tamperings() -> Iterator[tuple[str, Callable[[Path], None], str]]:
    """(what was done, doing it, a part of what must be found)"""

    def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
        def edit(folder: Path) -> None:
            path = folder / name
            if path.suffix == ".gz":
                edit_sealed(path, change)
            else:
                path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

        return edit

    sealed, live, heads = "ledger/00000002.jsonl.gz", "journal/00000003.jsonl", "ledger/heads.jsonl"
    yield "a line removed from a sealed segment", lines(sealed, lambda x: x[:3] + x[4:]), "does not continue the chain"
    yield "a line removed from the live segment", lines(live, lambda x: x[:3] + x[4:]), "does not continue the chain"
    yield "a line twice", lines(live, lambda x: x[:3] + x[2:]), "does not continue the chain"
    yield "two lines exchanged", lines(live, lambda x: [*x[:2], x[3], x[2], *x[4:]]), "does not continue the chain"
    yield "the last line removed", lines(live, lambda x: x[:-1]), "rolled back"
    yield "the last lines of a sealed segment removed", lines(sealed, lambda x: x[:-2]), "does not continue the chain"
    yield "a segment cut in a line", lines(live, lambda x: [*x[:-1], x[-1][:100]]), "torn line"
    yield "an output changed", lambda f: swap(f / live, b"sayhello", b"saygooda"), "does not continue the chain"
    yield "a head removed", lines(heads, lambda x: x[1:]), "does not follow the line before"
    yield "the last head removed and the end", _roll_back, "rolled back"
    yield "a head changed", lambda f: swap(f / heads, b'"number":11', b'"number":12'), "was not signed by"
    yield "all heads removed", lambda f: (f / heads).unlink(), "heads were removed or replaced"
    yield "a segment missing", lambda f: (f / sealed).unlink(), "segments 2 to 2 are missing"
    yield "the first segment missing", lambda f: (f / "ledger/00000001.jsonl.gz").unlink(), "no signed note"
    yield "the live segment missing", lambda f: (f / live).unlink(), "rolled back"
    yield "a sealed segment cut", lambda f: _cut(f / sealed, 50), "truncated or damaged"
    yield "a segment under another name", lambda f: _rename(f, sealed, "ledger/00000007.jsonl.gz"), "under another name"
    yield (
        "the checkpoint changed",
        lambda f: swap(f / "colony.json", b'"number":21', b'"number":20'),
        "colony.json is damaged",
    )
    yield "rewritten by somebody else", _forge, "was not signed by"


def _cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def _rename(folder: Path, old: str, new: str) -> None:
    (folder / old).rename(folder / new)


def _roll_back(folder: Path) -> None:
    """To the second checkpoint, heads and all: colony.json was forgotten."""
    (folder / "journal/00000003.jsonl").unlink()
    (folder / "ledger/00000002.jsonl.gz").unlink()
    path = folder / "ledger/heads.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))


def _forge(folder: Path) -> None:
    """The whole folder made anew by somebody without the coordinator's key, who names himself as its owner."""
    shutil.rmtree(folder)
    author = Author()
    store = open_store(folder, sign_head=USER.sign)
    list(store.load().records)
    store.commit([author.founding(), *author.job(1)])
    store.close()


TAMPERINGS = {name: (act, found) for name, act, found in tamperings()}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_it_finds(name: str, folder: Path) -> None:
    act, expected = TAMPERINGS[name]
    act(folder)
    report = verify(folder, SERVER.identity)
    assert not report.ok
    assert any(expected in finding for finding in report.findings), report.findings


def test_a_forger_who_rewrites_everything_after_a_noted_head_is_found(folder: Path) -> None:
    noted = verify(folder)
    _forge(folder)
    report = verify(folder, None, (noted.last_record, noted.last_hash))
    assert any("the head you noted earlier" in finding for finding in report.findings)


def test_a_request_put_into_another_mouth_is_found_even_in_a_consistent_chain(tmp_path: Path) -> None:
    """The coordinator itself cannot invent requests: it has its own key only."""
    author = Author()
    store = open_store(tmp_path / "data", sign_head=SERVER.sign)
    list(store.load().records)
    founding, honest = author.founding(), author.submit(1)
    store.commit([founding, replace(honest, caller=EXECUTOR.identity)])
    store.commit([replace(author.submit(2), msgid="another message id")])
    store.commit([replace(author.submit(3), envelope=None)])
    store.close()
    findings = verify(tmp_path / "data", SERVER.identity).findings
    assert len(findings) == 3, findings
    assert "was not signed by it" in findings[0]
    assert "something else than its signed request" in findings[1]
    assert "holds no signed request" in findings[2]


@pytest.mark.parametrize("name", ["journal/00000003.jsonl", "ledger/heads.jsonl", "ledger/00000001.jsonl.gz"])
def test_a_flipped_bit_anywhere_is_found(name: str, folder: Path) -> None:
    path = folder / name
    data = path.read_bytes()
    for offset in range(0, len(data), max(1, len(data) // 60)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        path.write_bytes(changed)
        assert not verify(folder, SERVER.identity).ok, f"byte {offset}"
