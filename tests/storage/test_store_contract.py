"""What every store promises, asked of the one on disk and of the one in memory."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from colonies_edge.engine.outcome import Kind, Record, Write
from colonies_edge.engine.ports import Archived, Store
from colonies_edge.engine.rows import AnswerRow, ClockStep, PresenceRow, attribute_id
from colonies_edge.protocol.envelope import Envelope
from colonies_edge.protocol.model import State
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.storage.file_store import FileStore, open_store
from colonies_edge.storage.memory import MemoryStore
from tests.storage.samples import (
    SERVER,
    START_NS,
    Author,
    awkward_rows,
    finished,
    identity,
    journaled,
    log,
    patch,
    put,
    row,
)

AnyStore = FileStore | MemoryStore


class Place:
    """Where a store lives between two openings."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._store: AnyStore | None = None

    def open(self) -> AnyStore:
        """The store as after a crash of whoever had it."""
        if self._folder is None:
            self._store = self._store.reopen() if isinstance(self._store, MemoryStore) else MemoryStore()
        else:
            if isinstance(self._store, FileStore):
                self._store.abandon()
            self._store = open_store(self._folder, sign_head=SERVER.sign)
        return self._store


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path / "data" if request.param == "disk" else None)


def opened(place: Place) -> AnyStore:
    store = place.open()
    load(store)
    return store


def load(store: Store) -> tuple[list[Write], list[Record]]:
    found = store.load()
    assert not found.damage
    return list(found.rows), list(found.records)


def commit_each(store: Store, records: Iterable[Record]) -> list[Record]:
    kept = list(records)
    for record in kept:
        store.commit([record])
    return kept


def test_a_new_store_is_empty(place: Place) -> None:
    found = place.open().load()
    assert (list(found.rows), list(found.records), found.floor_ns, found.damage, found.notes) == ([], [], 0, "", ())


def test_what_was_committed_comes_back_in_order_after_a_crash(place: Place) -> None:
    author, store = Author(), opened(place)
    one_by_one = commit_each(store, [author.founding(), *author.job(1), author.refuse()])
    batch = [*author.job(2), *author.job(3)]
    store.commit(batch)
    assert load(place.open()) == ([], [*one_by_one, *batch])


def test_the_floor_of_the_clock_is_the_newest_time_of_any_record(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit(list(author.job(1)))
    store.close()
    assert place.open().load().floor_ns == author.now


def test_requests_come_back_byte_for_byte_however_they_were_written(place: Place) -> None:
    store = opened(place)
    payloads = [
        "eyJtc2d0eXBlIjoidmVyc2lvbm1zZyJ9",  # {"msgtype":"versionmsg"}
        "eyAibXNndHlwZSIgOiAidmVyc2lvbm1zZyIgfQ==",  # with spaces
        "eyJtc2d0eXBlIjoidmVyc2lvbm1zZyJ9\n",  # not plain base64
        "eyJtc2d0eXBlIjoidmVyc2lvbm1zZyIsCiAiYSI6MX0=",  # with a line feed inside
        "eyJhIjoi/yJ9",  # not UTF-8
        "W10=",
        "e30=",
        "",
        "not base64",
    ]
    signatures = ["ab" * 65, "AB" * 65, "abc", ""]
    records = [
        Record(
            time_ns=START_NS + number,
            writes=(),
            caller=SERVER.identity,
            msgid="some id",
            envelope=Envelope(payloadtype="versionmsg", payload=payload, signature=signatures[number % 4]),
        )
        for number, payload in enumerate(payloads)
    ]
    store.commit(records)
    assert load(place.open())[1] == records


def test_awkward_texts_survive_in_the_journal_and_in_a_checkpoint(place: Place) -> None:
    writes, store = tuple(awkward_rows()), opened(place)
    record = Record(time_ns=START_NS, writes=writes, caller=identity(1000), msgid="=")
    store.commit([record])
    assert load(place.open())[1] == [record]
    store = opened(place)
    store.checkpoint(writes, store.rotate())
    assert load(place.open()) == (list(writes), [])


def test_a_field_that_changes_back_to_its_default_does_so_after_a_crash_too(place: Place) -> None:
    store = opened(place)
    record = Record(time_ns=1, writes=(patch("processes", identity(1), state=State.WAITING, out=(), execdeadline=0),))
    store.commit([record])
    assert load(place.open())[1] == [record]


def test_a_checkpoint_replaces_what_was_before_it_and_nothing_after_it(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.founding(), author.submit(1)])
    segment = store.rotate()
    later = commit_each(store, [author.submit(2)])
    rows = [
        put("processes", identity(1), row(1)),
        put("answers", "somebody/msg", AnswerRow(time_ns=5, answer=author.refuse().answer)),  # type: ignore[arg-type]
        put("presence", identity(9), PresenceRow(heard_ns=7)),
    ]
    store.checkpoint(iter(rows), segment)
    later += commit_each(store, [author.submit(3)])
    assert load(place.open()) == (rows, later)


def test_a_crash_between_rotation_and_checkpoint_loses_nothing(place: Place) -> None:
    author, store = Author(), opened(place)
    before = commit_each(store, author.job(1))
    store.rotate()
    after = commit_each(store, author.job(2))
    store = place.open()
    assert load(store) == ([], before + after)
    after += commit_each(store, author.job(3))
    assert load(place.open()) == ([], before + after)


def test_checkpoints_follow_one_another(place: Place) -> None:
    author, store = Author(), opened(place)
    for number in range(1, 5):
        store.commit(list(author.job(number)))
        rows = [put("processes", identity(number), row(number))]
        store.checkpoint(rows, store.rotate())
        assert load(place.open()) == (rows, [])
        store = opened(place)


def test_a_checkpoint_of_nothing_new_changes_nothing(place: Place) -> None:
    author, store = Author(), opened(place)
    store.checkpoint([], store.rotate())
    store = opened(place)
    record = commit_each(store, [author.founding()])
    store.checkpoint([], store.rotate())
    store.checkpoint([], store.rotate())
    assert load(place.open()) == ([], [])
    assert record


def test_steps_of_the_clock_come_back(place: Place) -> None:
    store = opened(place)
    record = Record(time_ns=3, writes=(put("clock", "", ClockStep(by_ns=-5)),))
    store.commit([record])
    assert load(place.open())[1] == [record]


def test_a_retired_process_is_in_history_and_its_row_not_in_the_journal(place: Place) -> None:
    author, store = Author(), opened(place)
    record = author.retire(1, 2)
    store.commit([author.submit(1), author.submit(2), record])
    assert store.history.process(identity(1)) == finished(1)
    store = place.open()
    assert load(store)[1][-1] == journaled(record)
    assert store.history.process(identity(2)) == finished(2)
    assert store.history.process(identity(3)) is None


def test_history_goes_on_below_an_end_also_among_those_that_ended_together(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(*range(1, 4))])
    together = [finished(number, endtime=finished(2).endtime) for number in range(4, 8)]
    writes = [
        Write(table="processes", key=row.processid, kind=Kind.RETIRE, row=Archived(process=row)) for row in together
    ]
    store.commit([Record(time_ns=author.now, writes=tuple(writes))])
    inorder = sorted([finished(1), finished(2), finished(3), *together], key=lambda r: (r.endtime, r.processid))[::-1]
    found = list(store.history.newest("dev", State.SUCCESS, 2))
    while page := store.history.newest("dev", State.SUCCESS, 2, before=(found[-1].endtime, found[-1].processid)):
        found += page
    assert found == inorder


def test_history_is_found_by_attribute(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(1, 2)])
    assert store.history.process_of_attribute(attribute_id(identity(2), "NUMBER", 3)) == finished(2)
    assert store.history.process_of_attribute(attribute_id(identity(3), "NUMBER", 3)) is None


def test_history_lists_the_newest_first_and_filters(place: Place) -> None:
    author, store = Author(), opened(place)
    other = Archived(process=finished(9, colonyname="other"))
    failed = Archived(process=finished(8, state=State.FAILED, initiatorname="bob"))
    extra = [
        Write(table="processes", key=item.process.processid, kind=Kind.RETIRE, row=item) for item in (other, failed)
    ]
    store.commit([author.retire(*range(1, 7)), Record(time_ns=author.now, writes=tuple(extra))])
    history = store.history

    def numbers(**filters: str) -> list[object]:
        return [found.spec.args[0] for found in history.newest("dev", State.SUCCESS, 4, **filters)]

    assert numbers() == ["job 6", "job 5", "job 4", "job 3"]
    assert numbers(label="odd") == ["job 5", "job 3", "job 1"]
    assert numbers(executortype="cli", label="odd") == ["job 5", "job 3", "job 1"]
    assert numbers(executortype="unheard of") == numbers(initiatorname="bob") == []
    assert [found.spec.args[0] for found in history.newest("dev", State.FAILED, 9, initiatorname="bob")] == ["job 8"]
    assert history.newest("nowhere", State.SUCCESS, 4) == [] and history.newest("dev", State.SUCCESS, 0) == []


def test_history_lists_by_time_of_submission(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(3, 1, 2)])
    since = row(2).submissiontime
    assert list(store.history.submitted_since("dev", State.SUCCESS, since)) == [finished(2), finished(3)]
    assert list(store.history.submitted_since("dev", State.SUCCESS, since, identity(5))) == []
    assert len(store.history.submitted_since("dev", State.SUCCESS, 0, finished(1).assignedexecutorid)) == 3


def test_logs_outlive_their_process_in_memory(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(1, 2, logs=5)])
    history = store.history
    ask = {"colony": "dev", "processid": identity(1)}
    assert list(history.logs(**ask, latest=False, count=2)) == [log(1, 0), log(1, 1)]  # type: ignore[arg-type]
    assert list(history.logs(**ask, latest=True, count=2)) == [log(1, 3), log(1, 4)]  # type: ignore[arg-type]
    since = log(1, 2).timestamp
    assert list(history.logs(**ask, since_ns=since, latest=False, count=9)) == [log(1, 3), log(1, 4)]
    assert len(history.logs(colony="dev", executorname="worker", latest=True, count=100)) == 10
    assert list(history.logs(colony="dev", executorname="nobody", latest=True, count=100)) == []
    assert list(history.logs(colony="other", processid=identity(1), latest=True, count=100)) == []
    assert list(history.search_logs("dev", "line 4", 0, 10)) == [log(2, 4), log(1, 4)]
    assert list(history.search_logs("dev", "line 4", log(1, 4).timestamp, 10)) == [log(2, 4)]
    assert list(history.search_logs("dev", "line", 0, 1)) == [log(2, 4)]


def test_a_purge_removes_what_was_retired_before_it_and_nothing_after_it(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(1, 2, 3), author.purge(identity(2), State.SUCCESS), author.retire(4)])
    for _ in range(2):
        there = [number for number in range(1, 6) if store.history.process(identity(number)) is not None]
        assert there == [1, 3, 4]
        assert store.history.process_of_attribute(attribute_id(identity(2), "NUMBER", 3)) is None
        store = opened(place)
    store.commit([author.purge(state=State.FAILED)])
    assert len(store.history.newest("dev", State.SUCCESS, 9)) == 3
    store.commit([author.purge(state=State.SUCCESS), author.retire(5)])
    for _ in range(2):
        assert list(store.history.newest("dev", State.SUCCESS, 9)) == [finished(5)]
        assert list(store.history.logs(colony="dev", processid=identity(1), latest=True, count=9)) == [log(1)]
        store = opened(place)


def test_retiring_twice_keeps_one(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(1)])
    store.commit([author.retire(1)])
    assert len(store.history.newest("dev", State.SUCCESS, 9)) == 1
    assert len(store.history.logs(colony="dev", processid=identity(1), latest=True, count=9)) == 1


def test_a_checkpoint_is_due_when_the_journal_has_grown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.storage.file_store.JOURNAL_BYTES_MIN", 20_000)
    store = place.open()
    if isinstance(store, MemoryStore):
        store = MemoryStore(records_per_checkpoint=20)
    load(store)
    author = Author()
    assert not store.checkpoint_due()
    for number in range(30):
        store.commit([author.submit(number)])
    assert store.checkpoint_due()
    store.checkpoint([], store.rotate())
    assert not store.checkpoint_due()


def test_a_closed_store_refuses(place: Place) -> None:
    store = opened(place)
    store.commit([Author().founding()])
    store.close()
    with pytest.raises(StoreFailed):
        store.commit([Author().founding()])


def test_a_store_that_was_not_loaded_refuses(place: Place) -> None:
    with pytest.raises(StoreFailed):
        place.open().commit([Author().founding()])


def test_nothing_is_written_by_committing_nothing(place: Place) -> None:
    store = opened(place)
    store.commit([])
    assert load(place.open()) == ([], [])


def test_history_says_how_much_is_older_a_batch_at_a_time(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([author.retire(*range(1, 7), logs=1)])
    ends = {number: finished(number).endtime for number in range(1, 8)}
    times = {number: log(number).timestamp for number in range(1, 8)}
    history = store.history
    for count, found in ((2, (2, ends[3])), (5, (5, ends[6])), (6, (6, ends[7])), (9, (6, ends[7]))):
        assert history.ended_before("dev", State.SUCCESS, 0, ends[7], count) == found
    assert history.ended_before("dev", State.SUCCESS, ends[3], ends[5], 9) == (2, ends[5])
    assert history.ended_before("dev", State.FAILED, 0, ends[7], 9) == (0, ends[7])
    assert history.ended_before("nowhere", State.SUCCESS, 0, ends[7], 9) == (0, ends[7])
    for count, until in ((2, times[3]), (6, times[7]), (9, times[7])):
        assert history.lines_before(times[7], count) == until
    assert history.lines_before(times[1], 9) == 0


def test_what_ended_in_one_instant_is_counted_together(place: Place) -> None:
    author, store = Author(), opened(place)
    rows = [Archived(process=finished(number, endtime=START_NS)) for number in range(5)]
    rows.append(Archived(process=finished(9, endtime=START_NS + 1)))
    writes = [Write(table="processes", key=row.process.processid, kind=Kind.RETIRE, row=row) for row in rows]
    store.commit([Record(time_ns=author.now, writes=tuple(writes))])
    assert store.history.ended_before("dev", State.SUCCESS, 0, START_NS + 9, 2) == (5, START_NS + 1)


def test_what_is_too_old_goes_with_its_attributes_and_nothing_else_does(place: Place) -> None:
    author, store = Author(), opened(place)
    failed = Archived(process=finished(0, state=State.FAILED))
    keep = Write(table="processes", key=identity(0), kind=Kind.RETIRE, row=failed)
    store.commit([author.retire(1, 2, 3), Record(time_ns=author.now, writes=(keep,))])
    store.commit([author.older(finished(3).endtime, 2), author.retire(4), author.older(log(2).timestamp, logs=True)])
    for _ in range(2):
        there = [number for number in range(6) if store.history.process(identity(number)) is not None]
        assert there == [0, 3, 4]
        assert store.history.process_of_attribute(attribute_id(identity(2), "NUMBER", 3)) is None
        assert [entry.processid for entry in store.history.search_logs("dev", "line", 0, 9)] == [
            identity(number) for number in (4, 3, 2)
        ]
        store = opened(place)


def test_what_is_retired_after_a_look_stays_however_old_it_is(place: Place) -> None:
    author, store = Author(), opened(place)
    late = finished(5).endtime
    store.commit([author.retire(3), author.older(late, 1), author.older(late, logs=True), author.retire(1)])
    for _ in range(2):
        assert store.history.process(identity(3)) is None and store.history.process(identity(1)) is not None
        assert [entry.processid for entry in store.history.search_logs("dev", "line", 0, 9)] == [identity(1)]
        store = opened(place)
