"""The stages of an item: each stage with each event, what a restart knows, and random crashes with an auditor."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace

import pytest

from colonies_edge.apps.bridge.items import (
    MOVES,
    Action,
    Event,
    Item,
    Kind,
    Stage,
    Verdict,
    after,
    changes,
    item_of,
    restored,
    row_of,
)
from colonies_edge.apps.bridge.table import Table, Write

GOOD, BAD = Verdict(ok=True, out=(1,)), Verdict(ok=False, errors=("no",))
ITEM = Item(key="up:gpu:p", kind=Kind.UP, rule="gpu", source="p", attempt=1, work={"spec": {}})


@pytest.mark.parametrize(("stage", "event"), list(itertools.product(Stage, Event)))
def test_every_event_in_every_stage_leads_where_the_table_says_or_changes_nothing(stage: Stage, event: Event) -> None:
    before = replace(ITEM, stage=stage, verdict=GOOD)
    now = after(before, event, {})
    if (stage, event) not in MOVES:
        assert now == before
    elif MOVES[stage, event] is None:
        assert now is None
    else:
        assert now is not None
        assert now.stage is MOVES[stage, event]


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_asks_for_something_so_nothing_is_ever_stuck(stage: Stage) -> None:
    assert isinstance(replace(ITEM, stage=stage).action, Action)


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_can_come_to_an_end(stage: Stage) -> None:
    seen, left = {stage}, [stage]
    while left:
        here = left.pop()
        for (start, _), end in MOVES.items():
            if start is here:
                if end is None:
                    return
                if end not in seen:
                    seen.add(end)
                    left.append(end)
    pytest.fail(f"{stage} never ends")


def test_what_was_being_sent_is_looked_up_after_a_restart_and_nothing_else() -> None:
    for stage in Stage:
        item = replace(ITEM, stage=stage, verdict=GOOD)
        again = item_of(item.key, row_of(item))
        assert (again.action is Action.LOOK_UP) is (stage is Stage.SENDING)
        assert replace(again, doubt=False) == item


def test_silence_is_followed_by_a_look() -> None:
    asked = after(ITEM, Event.ASKED, {})
    assert asked is not None and asked.action is Action.SUBMIT
    silent = after(asked, Event.SILENT, {})
    assert silent is not None and silent.action is Action.LOOK_UP
    missing = after(silent, Event.MISSING, {})
    assert missing is not None and missing.action is Action.SUBMIT


@pytest.mark.parametrize("stage", [Stage.ENDED, Stage.KEPT])
def test_a_success_is_delivered_when_the_source_asks_again(stage: Stage) -> None:
    now = after(replace(ITEM, stage=stage, verdict=GOOD), Event.AGAIN, {"attempt": 2})
    assert now is not None
    assert (now.stage, now.verdict, now.attempt, now.round) == (Stage.ENDED, GOOD, 2, 1)


@pytest.mark.parametrize("stage", [Stage.ENDED, Stage.KEPT])
def test_a_failure_is_tried_anew_when_the_source_asks_again(stage: Stage) -> None:
    now = after(replace(ITEM, stage=stage, verdict=BAD, target="t"), Event.AGAIN, {"attempt": 2})
    assert now is not None
    assert (now.stage, now.verdict, now.round, now.target) == (Stage.TAKEN, None, 2, "")


def test_what_was_adopted_and_fails_is_tried_anew_for_the_new_assignment() -> None:
    adopted = after(replace(ITEM, stage=Stage.PLACED, target="t"), Event.AGAIN, {"attempt": 2})
    assert adopted is not None
    failed = after(adopted, Event.ENDED, {"verdict": BAD})
    assert failed is not None and (failed.stage, failed.round, failed.again) == (Stage.TAKEN, 2, False)
    succeeded = after(adopted, Event.ENDED, {"verdict": GOOD})
    assert succeeded is not None and (succeeded.stage, succeeded.round, succeeded.again) == (Stage.ENDED, 1, False)


def test_what_runs_is_adopted_when_the_source_asks_again() -> None:
    now = after(replace(ITEM, stage=Stage.PLACED, target="t"), Event.AGAIN, {"attempt": 2})
    assert now is not None
    assert (now.stage, now.target, now.attempt, now.round) == (Stage.PLACED, "t", 2, 1)


@pytest.mark.parametrize(
    ("event", "facts", "stage", "round"),
    [(Event.CANCELLED, {}, Stage.TAKEN, 2), (Event.ENDED, {"verdict": GOOD}, Stage.ENDED, 1)],
)
def test_asked_again_while_it_is_being_cancelled(event: Event, facts: dict, stage: Stage, round: int) -> None:
    unwanted = after(replace(ITEM, stage=Stage.UNWANTED, target="t"), Event.AGAIN, {"attempt": 2})
    assert unwanted is not None and unwanted.stage is Stage.UNWANTED
    now = after(unwanted, event, facts)
    assert now is not None
    assert (now.stage, now.round, now.attempt) == (stage, round, 2)


def test_a_row_holds_only_what_changed() -> None:
    table = Table()
    assert table.take(ITEM) == [Write(key=ITEM.key, row=row_of(ITEM))]
    assert table.tell(ITEM.key, Event.ASKED) == [Write(key=ITEM.key, fields={"stage": "sending"})]
    assert table.tell(ITEM.key, Event.CLOSED) == []
    assert changes(ITEM, ITEM) == {}


# -- random crashes


@dataclass
class Target:
    """A server without request ids: each submit makes a process, whoever asked before."""

    processes: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> label, state

    def submit(self, label: str) -> str:
        processid = f"t{len(self.processes)}"
        self.processes[processid] = (label, "running")
        return processid

    def find(self, label: str) -> str:
        return next((key for key, (carried, _) in self.processes.items() if carried == label), "")

    def turn(self, processid: str, state: str) -> None:
        label, now = self.processes[processid]
        if now == "running":
            self.processes[processid] = (label, state)


@dataclass
class Source:
    """Work under attempts: only a close of the attempt that runs counts."""

    state: str = "waiting"
    attempt: int = 0
    successes: int = 0
    failures: int = 0

    def assign(self) -> int:
        self.state, self.attempt = "running", self.attempt + 1
        return self.attempt

    def close(self, attempt: int, ok: bool) -> bool:
        if self.state != "running" or attempt != self.attempt:
            return False
        self.state = "success" if ok else "failed"
        self.successes += ok
        self.failures += not ok
        return True


class World:
    """One item, its two ends, and a bridge that dies between any two things that it does."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.source, self.target = Source(), Target()
        self.disk: dict[str, dict] = {}
        self.table = Table()

    def write(self, writes: list[Write]) -> None:
        for write in writes:
            if write.row is not None:
                self.disk[write.key] = dict(write.row)
            elif write.fields is not None:
                self.disk[write.key].update(write.fields)
            else:
                del self.disk[write.key]

    def crash(self) -> None:
        self.table = Table(item_of(key, row) for key, row in self.disk.items())

    def tell(self, event: Event, **facts: object) -> None:
        self.write(self.table.tell(ITEM.key, event, **facts))

    def step(self) -> None:
        """Something happens: the ends move, the bridge acts, or it dies."""
        what = self.luck.random()
        if what < 0.1:
            self.crash()
        elif what < 0.2:
            self.move_source()
        elif what < 0.4:
            for processid in list(self.target.processes):
                self.target.turn(processid, self.luck.choice(["success", "success", "failed"]))
        else:
            self.act()

    def move_source(self) -> None:
        if self.source.state == "running" and self.luck.random() < 0.3:
            self.source.state = "waiting"  # a lease ended
            if self.luck.random() < 0.7:
                self.tell(Event.WITHDRAWN)
        elif self.source.state == "waiting":
            attempt = self.source.assign()
            if self.luck.random() < 0.8:  # else the assignment got lost
                self.write(self.table.take(replace(ITEM, attempt=attempt)))
            else:
                self.source.state = "waiting"

    def act(self) -> None:
        item = self.table.get(ITEM.key)
        if item is None:
            return
        label = f"label:{item.round}"
        lost = self.luck.random() < 0.2  # it has its effect, and the answer gets lost
        match item.action:
            case Action.WAIT_TURN:
                self.tell(Event.ASKED)
            case Action.LOOK_UP:
                found = self.target.find(label)
                self.tell(Event.PLACED, target=found) if found else self.tell(Event.MISSING)
            case Action.SUBMIT:
                placed = self.target.submit(label)
                if lost:
                    self.tell(Event.SILENT) if self.luck.random() < 0.5 else self.crash()
                else:
                    self.tell(Event.PLACED, target=placed)
            case Action.WATCH:
                state = self.target.processes[item.target][1]
                if state != "running":
                    self.tell(Event.ENDED, verdict=GOOD if state == "success" else BAD)
            case Action.CLOSE:
                assert item.verdict is not None
                taken = self.source.close(item.attempt, item.verdict.ok)
                if not lost:
                    self.tell(Event.CLOSED if taken or self.source.state in ("success", "failed") else Event.REFUSED)
            case Action.LINGER:
                if self.source.state in ("success", "failed"):
                    self.tell(Event.FORGOTTEN)
            case Action.CANCEL:
                self.cancel(item, label)

    def cancel(self, item: Item, label: str) -> None:
        found = item.target or self.target.find(label)
        if not found:
            self.tell(Event.CANCELLED)
            return
        self.target.turn(found, "cancelled")
        state = self.target.processes[found][1]
        self.tell(Event.ENDED, verdict=GOOD) if state == "success" else self.tell(Event.CANCELLED)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_crashes_and_gets_lost_nothing_runs_twice_to_success_and_all_comes_to_an_end(seed: int) -> None:
    world = World(seed)
    for _ in range(400):
        world.step()
    for _ in range(60):  # the line is good now, and nobody dies
        if world.source.state == "waiting":
            world.write(world.table.take(replace(ITEM, attempt=world.source.assign())))
        for processid in list(world.target.processes):
            world.target.turn(processid, "success")
        world.luck = random.Random(10)  # the answers come
        world.act()
    labels = [label for label, _ in world.target.processes.values()]
    assert len(labels) == len(set(labels)), "the same round was submitted twice"
    ended = [state for _, state in world.target.processes.values()]
    assert ended.count("success") <= 1
    assert "running" not in ended
    assert world.source.successes + world.source.failures == 1
    assert world.source.successes == 0 or ended.count("success") == 1
    assert world.disk == {}


def test_a_row_that_was_never_written_by_us_is_refused() -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        item_of("k", {"kind": "sideways", "stage": "taken"})
    assert restored(replace(ITEM, stage=Stage.UNWANTED)).doubt
