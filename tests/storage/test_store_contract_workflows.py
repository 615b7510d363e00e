"""What every store promises of workflows: archived whole, found whole, removed whole."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from colonies_edge.engine.outcome import Answer, Kind, Record, Write
from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import GraphRow, ProcessRow, Purge, attribute_id
from colonies_edge.protocol.model import State
from colonies_edge.storage.file_store import FileStore
from tests.storage.samples import START_NS, USER, Author, finished, identity, put
from tests.storage.test_store_contract import AnyStore, Place, load, opened

GRAPHS = 1_000  # numbers of graphs begin here, those of processes at 0


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path / "data" if request.param == "disk" else None)


def node(number: int, graph: int) -> ProcessRow:
    return replace(finished(number), processgraphid=identity(GRAPHS + graph), children=(identity(number + 1),))


def graph(number: int, *nodes: int, state: State = State.SUCCESS, colony: str = "dev") -> GraphRow:
    ids = tuple(identity(one) for one in nodes)
    return GraphRow(
        processgraphid=identity(GRAPHS + number),
        colonyname=colony,
        initiatorid=USER.identity,
        initiatorname="ann",
        submissiontime=START_NS + number,
        state=state,
        starttime=START_NS + number + 1,
        endtime=START_NS + number + 2,
        rootprocessids=ids[:1],
        processids=ids,
    )


def retired(author: Author, row: GraphRow, *nodes: int) -> Record:
    number = int(row.submissiontime - START_NS)
    archived = [Archived(process=node(one, number)) for one in nodes]
    writes = [Write(table="processes", key=one.process.processid, kind=Kind.RETIRE, row=one) for one in archived]
    writes.append(Write(table="graphs", key=row.processgraphid, kind=Kind.RETIRE, row=row))
    author.now += 1
    return Record(time_ns=author.now, writes=tuple(writes))


def purged(author: Author, state: int, key: str = "", graphs: bool = True) -> Record:
    author.now += 1
    purge = Purge(colonyname="dev", state=state, graphs=graphs, nodes=(1, 0, 0) if key and graphs else ())
    return Record(time_ns=author.now, writes=(put("archive", key, purge),))


def there(store: AnyStore) -> tuple[list[int], list[int]]:
    """Numbers of the graphs and of the processes that the archive has."""
    history = store.history
    return (
        [number for number in range(10) if history.graph(identity(GRAPHS + number)) is not None],
        [number for number in range(10) if history.process(identity(number)) is not None],
    )


def three(author: Author) -> list[Record]:
    """A process outside, two graphs that succeeded and one that failed."""
    return [
        author.retire(0),
        retired(author, graph(1, 2, 1), 1, 2),
        retired(author, graph(2, 3), 3),
        retired(author, graph(3, 4, state=State.FAILED), 4),
    ]


def test_an_archived_workflow_is_found_with_its_processes_in_order(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit(three(author))
    for _ in range(2):
        assert store.history.graph(identity(GRAPHS + 1)) == graph(1, 2, 1)
        assert list(store.history.nodes_of_graph(identity(GRAPHS + 1))) == [node(1, 1), node(2, 1)]
        assert store.history.process(identity(3)) == node(3, 2)
        assert store.history.graph(identity(1)) is None and list(store.history.nodes_of_graph(identity(1))) == []
        assert len(store.history.newest("dev", State.SUCCESS, 9)) == 5
        store = opened(place)


def test_workflows_are_listed_by_submission_newest_first(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), retired(author, graph(4, colony="other"))])
    newest = store.history.newest_graphs
    assert list(newest("dev", State.SUCCESS, 9)) == [graph(2, 3), graph(1, 2, 1)]
    assert list(newest("dev", State.SUCCESS, 1)) == [graph(2, 3)]
    last = graph(2, 3)
    below = (last.submissiontime, last.processgraphid)
    assert list(newest("dev", State.SUCCESS, 9, before=below)) == [graph(1, 2, 1)]
    assert list(newest("dev", State.SUCCESS, 9, before=(below[0], "f" * 64))) == [graph(2, 3), graph(1, 2, 1)]
    assert list(newest("dev", State.SUCCESS, 9, before=(0, ""))) == []
    assert list(newest("dev", State.FAILED, 9)) == [graph(3, 4, state=State.FAILED)]
    assert list(newest("dev", State.CANCELLED, 9)) == list(newest("nowhere", State.SUCCESS, 9)) == []


def test_the_row_of_a_workflow_that_retires_is_not_in_the_journal(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([retired(author, graph(1, 1), 1)])
    (record,) = load(place.open())[1]
    assert [(write.table, write.kind, write.row) for write in record.writes] == [
        ("processes", Kind.RETIRE, None),
        ("graphs", Kind.RETIRE, None),
    ]


def test_retiring_a_workflow_twice_keeps_one(place: Place) -> None:
    author, store = Author(), opened(place)
    record = retired(author, graph(1, 1, 2), 1, 2)
    store.commit([record])
    store.commit([record])
    assert len(store.history.nodes_of_graph(identity(GRAPHS + 1))) == 2


def test_a_removed_workflow_takes_exactly_its_processes_along(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), purged(author, State.SUCCESS, identity(GRAPHS + 1))])
    for _ in range(2):
        assert there(store) == ([2, 3], [0, 3, 4])
        assert store.history.process_of_attribute(attribute_id(identity(1), "NUMBER", 3)) is None
        store = opened(place)


@pytest.mark.parametrize(
    ("state", "left"), [(State.SUCCESS, ([3], [0, 4])), (State.FAILED, ([1, 2], [0, 1, 2, 3])), (-1, ([], [0]))]
)
def test_removing_workflows_by_state_leaves_other_processes(
    place: Place, state: int, left: tuple[list[int], list[int]]
) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), purged(author, state)])
    for _ in range(2):
        assert there(store) == left
        store = opened(place)


def test_removing_processes_leaves_those_of_workflows(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), purged(author, -1, graphs=False)])
    assert there(store) == ([1, 2, 3], [1, 2, 3, 4])
    assert len(store.history.nodes_of_graph(identity(GRAPHS + 1))) == 2


def test_what_retires_after_a_removal_stays(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), purged(author, -1), retired(author, graph(5, 5), 5)])
    for _ in range(2):
        assert there(store) == ([5], [0, 5])
        store = opened(place)


def test_the_answer_to_a_submission_comes_back(place: Place) -> None:
    author, store = Author(), opened(place)
    row = replace(graph(1), state=State.WAITING, rootprocessids=(), starttime=0, endtime=0)
    answer = Answer(payloadtype="submitworkflowspecmsg", error=False, graphid=row.processgraphid)
    message = {"msgtype": "submitworkflowspecmsg", "spec": {"colonyname": "dev"}}
    record = author.asked(USER, message, answer, put("graphs", row.processgraphid, row))
    store.commit([record])
    assert load(place.open())[1] == [record]


def test_workflows_whose_record_never_reached_the_journal_are_taken_back(tmp_path: Path) -> None:
    place, author = Place(tmp_path / "data"), Author()
    store = opened(place)
    store.commit(three(author))
    assert isinstance(store, FileStore)
    lost = retired(author, graph(6, 6), 6)
    store.history.insert([(99, write.row) for write in lost.writes])
    assert there(store) == ([1, 2, 3, 6], [0, 1, 2, 3, 4, 6])
    store = place.open()
    assert "taken back" in "".join(store.load().notes)
    assert there(store) == ([1, 2, 3], [0, 1, 2, 3, 4])
    assert list(store.history.nodes_of_graph(identity(GRAPHS + 6))) == []


def test_an_archive_of_before_there_were_workflows_gets_their_tables(tmp_path: Path) -> None:
    place, author = Place(tmp_path / "data"), Author()
    store = opened(place)
    store.commit([author.retire(0)])
    store.close()
    old = sqlite3.connect(tmp_path / "data" / "archive.sqlite")
    old.executescript("DROP TABLE nodes; DROP TABLE graphs;")
    old.close()
    store = opened(place)
    store.commit([retired(author, graph(1, 1), 1)])
    assert there(store) == ([1], [0, 1])


def test_workflows_that_ended_before_are_found_except_those_that_are_named(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit([*three(author), retired(author, graph(4, colony="other"))])
    late = max(node(number, 1).endtime for number in (1, 2, 3)) + 1

    def found(before: int, count: int = 9, but: tuple[int, ...] = ()) -> list[GraphRow]:
        named = [identity(GRAPHS + number) for number in but]
        return list(store.history.graphs_ended_before("dev", State.SUCCESS, before, count, named))

    assert found(late) == [graph(1, 2, 1), graph(2, 3)]
    assert found(late, 1) == [graph(1, 2, 1)]
    assert found(late, 1, (1,)) == [graph(2, 3)]
    assert found(START_NS) == []


def test_processes_of_workflows_do_not_go_by_their_own_age(place: Place) -> None:
    author, store = Author(), opened(place)
    store.commit(three(author))
    late = START_NS * 2
    assert store.history.ended_before("dev", State.SUCCESS, 0, late, 9) == (1, late)
    purge = Purge(colonyname="dev", state=int(State.SUCCESS), nodes=(1,), before_ns=late)
    store.commit([Record(time_ns=author.now + 1, writes=(put("archive", "", purge),))])
    assert there(store) == ([1, 2, 3], [1, 2, 3, 4])
