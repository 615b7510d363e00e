"""Waiting work in its order: the heaps that find the best process for an executor without scanning."""

from __future__ import annotations

import heapq
from dataclasses import replace
from random import Random

import pytest

from colonies_edge.engine import waiting as module
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.waiting import Seeker, Waiting, in_order
from colonies_edge.protocol.model import Conditions, FunctionSpec, State

DAY = 86_400_000_000_000


def row(
    processid: str,
    *,
    at: int = 0,
    priority: int = 0,
    names: tuple[str, ...] = (),
    location: str = "",
    cpu: str = "0m",
    mem: str = "0Mi",
    colony: str = "lab",
    kind: str = "cli",
) -> ProcessRow:
    conditions = Conditions(
        colonyname=colony, executortype=kind, executornames=names, locationname=location, cpu=cpu, mem=mem
    )
    return ProcessRow(
        processid=processid,
        colonyname=colony,
        initiatorid="",
        initiatorname="",
        spec=FunctionSpec(priority=priority, conditions=conditions),
        prioritytime=at - priority * DAY,
        submissiontime=at,
    )


class Queue:
    """The heaps and the rows they speak of."""

    def __init__(self) -> None:
        self.rows: dict[str, ProcessRow] = {}
        self.waiting = Waiting(self.rows)

    def put(self, *rows: ProcessRow) -> None:
        for one in rows:
            self.rows[one.processid] = one
            self.waiting.enter(one)
            self.waiting.add(one)

    def best(self, seeker: Seeker, *excluded: str) -> str:
        found = self.waiting.best(seeker, excluded)
        return found.processid if found is not None else ""

    def drain(self, seeker: Seeker) -> list[str]:
        """Everything that it gets, in order."""
        found = []
        while processid := self.best(seeker):
            del self.rows[processid]
            found.append(processid)
        return found

    def listed(self) -> list[str]:
        return [one.processid for one in self.waiting.in_rank("lab")]


def seeker(name: str = "e", *, location: str = "", cpu: int | None = None, mem: int | None = None) -> Seeker:
    return Seeker(
        executorid="id", name=name, colony="lab", executortype="cli", location=location, millicores=cpu, mem_bytes=mem
    )


def test_the_order_is_priority_then_age_then_id() -> None:
    queue = Queue()
    queue.put(row("d", at=3), row("b", at=2, priority=1), row("c", at=1), row("a", at=5, priority=1), row("e", at=1))
    assert queue.listed() == ["b", "a", "c", "e", "d"]
    assert queue.drain(seeker()) == ["b", "a", "c", "e", "d"]


def test_a_point_of_priority_is_worth_a_day_of_age() -> None:
    queue = Queue()
    queue.put(row("younger", at=DAY - 1, priority=1), row("older", at=0))
    assert queue.drain(seeker()) == ["younger", "older"]
    queue.put(row("younger", at=DAY + 1, priority=1), row("older", at=0))
    assert queue.drain(seeker()) == ["older", "younger"]


def test_work_of_all_kinds_competes_by_rank_alone() -> None:
    queue = Queue()
    queue.put(
        row("general", at=4), row("named", at=3, names=("e",)), row("placed", at=2, location="Lulea"),
        row("both", at=1, location="LULEA", names=("x", "e")), row("small", at=0, cpu="500m", mem="1Gi"),
    )  # fmt: skip
    assert queue.drain(seeker(location="lulea", cpu=500, mem=1 << 30)) == [
        "small",
        "both",
        "placed",
        "named",
        "general",
    ]


def test_what_does_not_fit_does_not_hide_what_does() -> None:
    queue = Queue()
    queue.put(row("other name", at=0, names=("x",)), row("other place", at=1, location="kiruna"))
    queue.put(row("too much", at=2, cpu="501m"), row("too big", at=3, mem="2Gi"))
    queue.put(row("other kind", at=4, kind="gpu"), row("other colony", at=5, colony="home"), row("fits", at=6))
    assert queue.drain(seeker(location="lulea", cpu=500, mem=1 << 30)) == ["fits"]


def test_an_executor_without_a_place_gets_no_placed_work_and_one_with_a_place_gets_both() -> None:
    queue = Queue()
    queue.put(row("placed", location="lulea"), row("anywhere", at=1))
    assert queue.best(seeker()) == "anywhere"
    assert queue.best(seeker(location="lulea")) == "placed"


def test_excluded_work_is_stepped_over_and_stays() -> None:
    queue = Queue()
    queue.put(row("a", at=0), row("b", at=1), row("c", at=2))
    assert queue.best(seeker(), "a", "b") == "c"
    assert queue.best(seeker(), "a", "b", "c") == ""
    assert queue.drain(seeker()) == ["a", "b", "c"]


def test_what_waits_again_has_its_old_place() -> None:
    queue = Queue()
    queue.put(row("a", at=0), row("b", at=1))
    del queue.rows["a"]
    assert queue.best(seeker()) == "b"
    queue.put(row("a", at=0))
    assert queue.best(seeker()) == "a"
    assert queue.listed() == ["a", "b"]


def test_what_was_removed_and_submitted_once_more_has_its_new_place_only() -> None:
    queue = Queue()
    queue.put(row("a", at=0), row("b", at=1))
    queue.put(row("a", at=2))
    assert queue.listed() == ["b", "a"]
    assert queue.best(seeker()) == "b"
    assert queue.drain(seeker()) == ["b", "a"]


def test_work_that_waits_for_parents_is_listed_and_not_given_away() -> None:
    queue = Queue()
    queue.put(replace(row("child"), waitforparents=True))
    assert (queue.listed(), queue.best(seeker())) == (["child"], "")


def test_what_does_not_wait_any_more_is_swept_out_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_AT_LEAST", 64)
    queue = Queue()
    queue.put(row("kept", at=0, names=("never there",)))
    for number in range(10_000):
        queue.put(row(f"{number}", at=number, names=("never there",)))
        del queue.rows[f"{number}"]
    sizes = [len(heap) for heaps in queue.waiting._heaps.values() for heap in heaps.values()]
    assert sizes[0] <= 64
    assert len(queue.waiting._all["lab"]) <= 64
    assert queue.listed() == ["kept"]


def test_a_heap_is_walked_in_order_without_being_disturbed() -> None:
    entries = [(number % 7, number, str(number)) for number in range(100)]
    heap = list(entries)
    Random(1).shuffle(heap)
    heapq.heapify(heap)
    before = list(heap)
    assert list(in_order(heap)) == sorted(entries)
    assert heap == before


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_looking_at_everything(seed: int) -> None:
    rng, queue = Random(seed), Queue()
    for number in range(300):
        one = row(
            f"p{number}", at=rng.randrange(50), priority=rng.choice((0, 0, 1)), location=rng.choice(("", "a", "b")),
            names=rng.choice(((), (), ("e",), ("x", "e"), ("x",))), cpu=rng.choice(("0m", "500m", "900m")),
        )  # fmt: skip
        queue.put(one)
        if rng.random() < 0.6:
            who = seeker(location=rng.choice(("", "a")), cpu=rng.choice((None, 500)))
            fitting = [
                other for other in queue.rows.values()
                if other.spec.conditions.locationname in ("", who.location)
                and (not other.spec.conditions.executornames or "e" in other.spec.conditions.executornames)
                and (who.millicores is None or other.spec.conditions.cpu in ("0m", "500m"))
            ]  # fmt: skip
            wanted = min(
                fitting, key=lambda other: (other.prioritytime, other.submissiontime, other.processid), default=None
            )
            found = queue.best(who)
            assert found == (wanted.processid if wanted else "")
            queue.rows.pop(found, None)
    assert all(one.state is State.WAITING for one in queue.rows.values())
