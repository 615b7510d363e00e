"""Files: versions, labels, what is refused, what is never kept, and what becomes of the bytes' names."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from colonies_edge.engine.engine import Engine
from colonies_edge.engine.files_index import FilesIndex
from colonies_edge.protocol.model_files import File
from tests.engine.calls import lab
from tests.support.engine_bench import LAB, Bench, colony
from tests.support.files import add_file, blob, file, labels, names_in, snapshot


class Shelf:
    """Bytes that are whole."""

    def __init__(self, *known: bytes) -> None:
        self.sizes = {hashlib.sha256(data).hexdigest(): len(data) for data in known}

    def size(self, colony: str, sha256: str) -> int | None:
        return self.sizes.get(sha256)


def with_shelf(bench: Bench, *known: bytes) -> Bench:
    bench.engine._live.shelf = Shelf(*known)
    return bench


def remove(bench: Bench, **fields: Any) -> None:
    bench.do("ann", "removefilemsg", colonyname=LAB, **fields)


def test_a_label_is_found_below_a_label_without_files_of_its_own() -> None:
    bench = colony()
    for label in ("/p/q/r", "/p/q", "/pq", "/p%", "/p_"):
        add_file(bench, label=label)
    assert labels(bench, "/p", exact=True) == {"/p/q": 1, "/p/q/r": 1}
    assert labels(bench, "/p%") == {"/p%": 1}
    assert set(labels(bench, "/")) == set(labels(bench, "")) == {"/p/q/r", "/p/q", "/pq", "/p%", "/p_"}
    assert set(labels(bench, "/", exact=True)) == set(labels(bench, ""))


def test_labels_next_to_each_other_in_the_alphabet_do_not_come_between() -> None:
    bench = colony()
    for label in ("/a", "/a!", "/a/b", "/a-b", "/a0"):  # "!" and "-" are before "/", "0" behind it
        add_file(bench, label=label)
    assert list(labels(bench, "/a", exact=True)) == ["/a", "/a/b"]


def test_a_question_about_labels_looks_at_nothing_else() -> None:
    index = FilesIndex()
    for number in range(10_000):
        key = str(number)
        row = File(fileid=key, colonyname=LAB, label=f"/{number % 1000:03d}/x", name="n", sequencenr=number)
        index.files[key] = row
        index.see_file(key, None, row)
    looked: list[int] = []

    class Watched(list[str]):
        def __getitem__(self, at: Any) -> Any:
            looked.append(at)
            return super().__getitem__(at)

    index._labels[LAB] = Watched(index._labels[LAB])
    assert list(index.labels(LAB, "/500", exact=True)) == ["/500/x"]
    assert len(looked) < 20


def test_lists_can_be_read_page_by_page() -> None:
    bench = colony()
    names = [f"file {number:02d}" for number in range(25)]
    for name in names:
        add_file(bench, name)
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        page = bench.do("ann", "getfilesmsg", colonyname=LAB, label="/d", after=after, count=10)
        if not page:
            break
        found += [one["name"] for one in page]
        assert len(page) <= 10
    assert found == names
    for number in range(5):
        add_file(bench, label=f"/l{number}")
    first = bench.do("ann", "getfilelabelsmsg", colonyname=LAB, name="/l", count=3)
    rest = bench.do("ann", "getfilelabelsmsg", colonyname=LAB, name="/l", count=3, after=first[-1]["name"])
    assert [one["name"] for one in first + rest] == [f"/l{number}" for number in range(5)]


def test_keys_of_an_object_store_are_neither_shown_nor_kept() -> None:
    calls = lab()
    keys = {"accesskey": "AK1A", "secretkey": "s3cret", "encryptionkey": "3ncrypt", "object": "o"}
    status, stored = calls.answer("ann", "addfilemsg", file=file(ref={"protocol": "s3", "s3object": keys}))
    assert status == 200
    assert not {"AK1A", "s3cret", "3ncrypt"} & set(map(str, stored["ref"]["s3object"].values()))
    (record,) = calls.outcome.records
    assert record.envelope is None
    assert "s3cret" not in repr(record)
    refused = file(name="x" * 300, ref={"protocol": "s3", "s3object": keys})
    assert calls.answer("ann", "addfilemsg", file=refused)[0] == 400
    assert "s3cret" not in repr(calls.outcome)


@pytest.mark.parametrize("protocol", ["s3", "", "ipfs"])
def test_where_the_bytes_are_is_kept_as_it_was_sent(protocol: str) -> None:
    bench = colony()
    added = add_file(bench, ref={"protocol": protocol, "s3object": {"server": "h", "port": 9000, "object": "o"}})
    assert added["ref"]["protocol"] == protocol
    assert (added["ref"]["s3object"]["server"], added["ref"]["s3object"]["port"]) == ("h", 9000)


def test_a_file_is_there_when_its_bytes_are() -> None:
    bench = colony()
    status, text = bench.refused("ann", "addfilemsg", file=blob())
    assert status == 409 and "upload" in text
    with_shelf(bench, b"bytes")
    assert bench.refused("ann", "addfilemsg", file=blob(size=6))[0] == 400
    assert bench.refused("ann", "addfilemsg", file=blob(checksum="abc"))[0] == 400
    assert bench.refused("ann", "addfilemsg", file=blob(checksumalg="MD5"))[0] == 400
    added = bench.do("ann", "addfilemsg", file=blob())
    assert added["ref"]["protocol"] == "blob" and added["ref"]["s3object"]["object"] == added["checksum"]
    assert bench.do("ann", "getfilesmsg", colonyname=LAB, label="/d")[0]["s3filename"] == added["checksum"]


def test_nothing_needs_no_upload() -> None:
    assert colony().do("ann", "addfilemsg", file=blob(data=b""))["size"] == 0


@pytest.mark.parametrize(
    "bad", [{"name": "a\nb"}, {"label": "/a\x00"}, {"name": "n" * 257}, {"label": "/" + "l" * 1024}], ids=str
)
def test_what_would_spoil_a_list_is_refused(bad: dict[str, str]) -> None:
    assert colony().refused("ann", "addfilemsg", file=file(**bad))[0] == 400


def test_bytes_are_released_with_the_last_row_that_names_them() -> None:
    bench = with_shelf(colony(), b"bytes")
    index = bench.engine.tables.files_index
    first, second = (bench.do("ann", "addfilemsg", file=blob(name)) for name in ("a", "b"))
    remove(bench, fileid=first["fileid"])
    assert index.names_blob(LAB, first["checksum"]) and not index.released
    remove(bench, label="/d", name="b")
    assert index.released == [(LAB, second["checksum"])]
    assert not index.names_blob(LAB, first["checksum"])


def test_a_snapshot_holds_on_to_what_was_removed() -> None:
    bench = with_shelf(colony(), b"bytes")
    index = bench.engine.tables.files_index
    added = bench.do("ann", "addfilemsg", file=blob())
    frozen, other = snapshot(bench, "/d", "one"), snapshot(bench, "/", "two")
    remove(bench, fileid=added["fileid"])
    assert names_in(bench, "/d") == []
    by_id = {"colonyname": LAB, "fileid": added["fileid"]}
    assert bench.refused("ann", "getfilemsg", **by_id)[0] == 404
    assert bench.refused("ann", "getfilemsg", **by_id, snapshotid="another")[0] == 404
    assert bench.do("ann", "getfilemsg", **by_id, snapshotid=frozen["snapshotid"]) == [added]
    for checkpoint in (True, False):
        bench.restart(checkpoint=checkpoint)
        assert bench.engine.tables.files_index.names_blob(LAB, added["checksum"])
    index = bench.engine.tables.files_index
    bench.do("ann", "removesnapshotmsg", colonyname=LAB, name="one")
    assert index.names_blob(LAB, added["checksum"])
    bench.do("ann", "removesnapshotmsg", colonyname=LAB, snapshotid=other["snapshotid"])
    assert index.released == [(LAB, added["checksum"])] and not index.frozen


def test_removing_all_snapshots_forgets_what_several_of_them_held() -> None:
    bench = colony()
    added = add_file(bench)
    for name in ("one", "two"):
        snapshot(bench, "/d", name)
    remove(bench, fileid=added["fileid"])
    bench.do("ann", "removeallsnapshotmsg", colonyname=LAB)
    assert not bench.engine.tables.files_index.frozen
    assert bench.do("ann", "getsnapshotsmsg", colonyname=LAB) == []


def test_a_colon_in_the_name_of_a_snapshot_is_refused() -> None:
    assert colony().refused("ann", "createsnapshotmsg", colonyname=LAB, label="/d", name="a:b")[0] == 400


def test_snapshots_can_be_read_page_by_page() -> None:
    bench = colony()
    for number in range(5):
        snapshot(bench, "/d", str(number))
    first = bench.do("ann", "getsnapshotsmsg", colonyname=LAB, count=3)
    rest = bench.do("ann", "getsnapshotsmsg", colonyname=LAB, count=3, after=first[-1]["snapshotid"])
    assert [one["name"] for one in first + rest] == ["4", "3", "2", "1", "0"]


def test_a_colony_takes_its_files_and_snapshots_along() -> None:
    bench = with_shelf(colony(), b"bytes")
    bench.do("ann", "addfilemsg", file=blob())
    add_file(bench)
    snapshot(bench, "/d", "one")
    remove(bench, label="/d", name="a")
    bench.do("server", "removecolonymsg", colonyname=LAB)
    index = bench.engine.tables.files_index
    assert (index.files, index.frozen, index.snapshots) == ({}, {}, {})
    assert len(index.released) == 1 and list(index.blobs()) == []


def test_versions_are_in_order_after_every_kind_of_restart() -> None:
    bench = colony()
    ids = [add_file(bench)["fileid"] for _ in range(5)]
    remove(bench, fileid=ids.pop(2))
    for checkpoint in (True, False, True):
        bench.restart(checkpoint=checkpoint)
        found = bench.do("ann", "getfilemsg", colonyname=LAB, label="/d", name="a")
        assert [one["fileid"] for one in found] == ids[::-1]
        ids.append(add_file(bench)["fileid"])


def test_bytes_are_answered_beside_the_engine_and_leave_no_trace_in_it() -> None:
    calls = lab()
    before: Engine = calls.engine
    message = {"colonyname": LAB, "sha256": "ab" * 32, "size": 3, "offset": 0, "data": "AAAA"}
    assert calls.call("ann", "putblobmsg", **message) == []
    (aside,) = calls.outcome.asides
    assert (aside.message.offset, aside.message.data, calls.outcome.records) == (0, "AAAA", ())
    assert calls.answer("stranger", "putblobmsg", **message)[0] == 403
    assert calls.answer("ann", "putblobmsg", **{**message, "offset": 3})[0] == 400
    assert calls.answer("ann", "putblobmsg", **{**message, "sha256": "../../etc/passwd"})[0] == 400
    assert calls.answer("ann", "getblobmsg", colonyname=LAB, sha256="ab" * 32, offset=0, length=1 << 30)[0] == 400
    assert calls.outcome.asides == () and before is calls.engine
