"""The files are what they are said to be: an ordinary TinyDB, versioned, small, and quick to read back."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB, where

from colonies_edge.engine.outcome import Answer, Kind, Record, Write
from colonies_edge.engine.rows import TABLES
from colonies_edge.engine.rows_channel import EntryRow
from colonies_edge.protocol.codec import pack
from colonies_edge.storage.atomic_json import CheckedJson
from colonies_edge.storage.errors import UnknownFormat
from colonies_edge.storage.file_store import open_store
from colonies_edge.storage.migrations import FORMAT, STEPS, Migration
from colonies_edge.storage.records import decode_record, encode_record
from colonies_edge.storage.tinydb_store import CheckpointStorage, ColonyFile
from tests.storage.samples import SERVER, USER, Author, awkward_rows, identity, put, row

ROOT = Path(__file__).parents[2]


def write_checkpoint(folder: Path, rows: list[Write]) -> Path:
    store = open_store(folder, sign_head=SERVER.sign)
    list(store.load().records)
    store.commit([Author().founding()])
    store.checkpoint(rows, store.rotate())
    store.close()
    return folder / "colony.json"


def test_tinydb_opens_the_checkpoint(tmp_path: Path) -> None:
    rows = [put("processes", identity(number), row(number)) for number in range(5)]
    path = write_checkpoint(tmp_path, [*rows, put("colonies", "dev", TABLES["colonies"](name="dev", colonyid="x"))])
    before = path.read_bytes()
    with TinyDB(path) as db:
        assert db.tables() == {"processes", "colonies", "checkpoint"}
        processes = db.table("processes")
        assert len(processes) == 5
        assert processes.get(doc_id=identity(3)) == pack(row(3))
        processes.document_id_class = str
        assert [found.doc_id for found in processes.search(where("spec").label == "odd")] == [identity(1), identity(3)]
        assert len(processes.all()) == 5
    with ColonyFile(path) as ours:
        assert ours.table("processes").get(where("processid") == identity(2)).doc_id == identity(2)
    assert path.read_bytes() == before


def test_our_classes_are_a_whole_tinydb(tmp_path: Path) -> None:
    with ColonyFile(tmp_path / "new.json") as db:
        assert db.tables() == set()
        table = db.table("colonies")
        table.insert(table.document_class({"name": "dev"}, "dev"))
        table.insert(table.document_class({"name": "other"}, "other"))
        assert table.update({"colonyid": "x"}, where("name") == "dev") == ["dev"]
        table.remove(doc_ids=["other"])
    with ColonyFile(tmp_path / "new.json") as db:
        assert db.table("colonies").all() == [{"name": "dev", "colonyid": "x"}]
    assert list(CheckedJson(tmp_path / "new.json").rows()) == [("colonies", "dev", {"name": "dev", "colonyid": "x"})]


def test_a_checkpoint_in_a_thread_of_its_own_holds_the_same(tmp_path: Path) -> None:
    rows = [*awkward_rows(), *(put("processes", identity(number), row(number)) for number in range(300))]
    store = open_store(tmp_path, sign_head=SERVER.sign)
    list(store.load().records)
    author = Author()
    store.commit([author.founding()])
    segment = store.rotate()
    thread = threading.Thread(target=store.checkpoint, args=(iter(rows), segment))
    thread.start()
    later: list[Record] = []
    while thread.is_alive() or not later:
        later.append(author.submit(len(later)))
        store.commit(later[-1:])
    thread.join()
    store.close()
    store = open_store(tmp_path)
    found = store.load()
    assert list(found.rows) == rows and list(found.records) == later
    store.close()


def test_rows_of_a_table_must_come_in_one_piece(tmp_path: Path) -> None:
    pieces = [put("processes", "a", row(1)), put("colonies", "b", TABLES["colonies"]()), put("processes", "c", row(2))]
    with pytest.raises(ValueError, match="in one piece"):
        write_checkpoint(tmp_path, pieces)
    assert not list(tmp_path.glob("colony.json*"))


def downgrade(path: Path, version: int) -> None:
    """Make a checkpoint say another format, as a program of that format would have written it."""
    checked = CheckedJson(path)
    tables: dict[str, list[tuple[str, Any]]] = {}
    for table, key, fields in checked.rows():
        tables.setdefault(table, []).append((key, fields))
    CheckpointStorage(path).write_tables(tables.items(), {**checked.about, "format": version})


def test_a_newer_format_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a", [put("processes", identity(1), row(1))])
    downgrade(path, FORMAT + 1)
    store = open_store(tmp_path / "a")
    with pytest.raises(UnknownFormat, match=r"colony\.json has format version 2, this program knows up to 1"):
        store.load()
    store.close()

    write_checkpoint(tmp_path / "b", [])
    store = open_store(tmp_path / "b")
    with store.history._file.writing() as execute:
        execute("PRAGMA user_version = 9")
    store.close()
    with pytest.raises(UnknownFormat, match=r"archive\.sqlite has format version 9"):
        open_store(tmp_path / "b")
    open_store(tmp_path / "c").close()  # the lock of a refused folder is free again
    with pytest.raises(UnknownFormat):
        open_store(tmp_path / "b")


def test_old_formats_pass_every_step_on_the_way_up() -> None:
    def first(table: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {("initiatorname" if key == "initiator" else key): value for key, value in fields.items()}

    def second(table: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "initiatorname": fields["initiatorname"].upper()} if "initiatorname" in fields else fields

    steps = {1: first, 2: second}
    migration = Migration(1, "a file", current=3, steps=steps)
    assert migration.needed and not Migration(3, "a file", current=3, steps=steps).needed
    old = row(1, initiatorname="alice")
    record = Record(time_ns=1, writes=(put("processes", old.processid, old),))
    body = b'"n":1,"t":1,' + encode_record(record).replace(b'"initiatorname"', b'"initiator"')
    assert decode_record(body, migration).writes[0].row.initiatorname == "ALICE"
    change = Write(table="processes", key="x", kind=Kind.PATCH, changes={"initiatorname": "bob"})
    body = b'"n":1,"t":1,' + encode_record(Record(time_ns=1, writes=(change,))).replace(b"initiatorname", b"initiator")
    assert decode_record(body, migration).writes[0].changes == {"initiatorname": "BOB"}
    assert Migration(2, "a file", current=3, steps=steps).apply("processes", {"retries": 1}) == {"retries": 1}


def test_what_a_row_repeats_of_its_message_is_in_the_line_once() -> None:
    said, key = "c2FpZCBvbiBhIGNoYW5uZWwgYW5kIG5vd2hlcmUgZWxzZQ==", f"{identity(1)}/00000000/chat"
    entry = EntryRow(sequence=1, senderid=USER.identity, timestamp=1, payload=said, type="=msg.payload")
    message = {"msgtype": "channelappendmsg", "processid": identity(1), "name": "chat", "payload": said}
    answer = Answer(payloadtype="channelappendmsg", error=False, value={})
    record = Author().asked(USER, message, answer, put("channelentries", key, entry))
    line = encode_record(record)
    assert line.count(said.encode()) == 1
    assert decode_record(b'"n":1,"t":%d,' % record.time_ns + line, Migration(FORMAT, "a line")) == record
    unsigned = encode_record(replace(record, envelope=None))
    assert unsigned.count(said.encode()) == 1 and b'"type":"==msg.payload"' in unsigned


@pytest.mark.parametrize("version", [None, "1", 0, True, 1.0])
def test_a_file_without_a_format_is_refused(version: object) -> None:
    with pytest.raises(UnknownFormat, match="not a file of this program"):
        Migration(version, "a file")


def test_there_is_a_step_for_every_format_there_was() -> None:
    assert sorted(STEPS) == list(range(1, FORMAT))


def test_a_whole_job_stays_below_4_kib_of_journal(tmp_path: Path) -> None:
    author, store = Author(), open_store(tmp_path, sign_head=SERVER.sign)
    list(store.load().records)
    store.commit([author.founding()])
    before = (tmp_path / "journal/00000001.jsonl").stat().st_size
    for number in range(20):
        for record in author.job(number):
            store.commit([record])
    store.close()
    job_bytes = ((tmp_path / "journal/00000001.jsonl").stat().st_size - before) / 20
    assert job_bytes < 2900  # the checkpoint and the ledger add to this (see the benchmark); 4096 is the promise


def test_a_python_without_sqlite_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sqlite3'] = None\n"
        "from colonies_edge.storage.errors import StoreFailed\n"
        "from colonies_edge.storage.file_store import open_store\n"
        "try: open_store(sys.argv[1])\n"
        "except StoreFailed as failed: print(failed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "built without sqlite3" in done.stdout and "apt install" in done.stdout


@pytest.mark.long
def test_a_hundred_thousand_processes_come_back(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    list(store.load().records)
    store.commit([Author().founding()])
    store.checkpoint((put("processes", identity(number), row(number)) for number in range(50_000)), store.rotate())
    for start in range(50_000, 100_000, 1000):
        store.commit(
            [
                Record(time_ns=number, writes=(put("processes", identity(number), row(number)),))
                for number in range(start, start + 1000)
            ]
        )
    store.close()
    store = open_store(tmp_path)
    found = store.load()
    count = sum(1 for _ in found.rows) + sum(len(record.writes) for record in found.records)
    assert count == 100_000
    store.close()
