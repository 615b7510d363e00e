"""What the bridge carries, as values: an item, the stages it goes through, and what each stage asks to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """Which way an item goes: its source is the cloud (down) or the edge (up, history), its target the other side."""

    DOWN = "down"
    UP = "up"
    HISTORY = "history"


class Stage(str, Enum):
    """How far an item is. Every stage is on disk before what it asks for is done."""

    TAKEN = "taken"  # the source gave it to us, the target was not asked yet
    SENDING = "sending"  # the target may have been asked: whoever does not know for sure looks before asking again
    PLACED = "placed"  # the target has it
    ENDED = "ended"  # what came of it is known here; the source has not confirmed that it knows
    KEPT = "kept"  # the source wants nothing now, but may ask again: for the verdict, or for a new round
    UNWANTED = "unwanted"  # the source does not want it any more; the target may still have it


class Event(str, Enum):
    """What happened to an item."""

    ASKED = "asked"  # its turn has come: the target is asked next
    SILENT = "silent"  # the target gave no answer, so whether it has it is not known
    MISSING = "missing"  # the target was looked through: it does not have it
    PLACED = "placed"  # the target has it, as process `target` (of workflow `graph`)
    ENDED = "ended"  # it ended at the target, or cannot be put there: `verdict`
    CLOSED = "closed"  # the source has confirmed the verdict
    REFUSED = "refused"  # the source does not take the verdict: it has given the work to somebody else, or ended it
    WITHDRAWN = "withdrawn"  # the source does not want it from us any more
    AGAIN = "again"  # the source gives us the same work once more
    CANCELLED = "cancelled"  # nothing of it is left at the target
    FORGOTTEN = "forgotten"  # the source will not ask for it again


class Action(str, Enum):
    """What a stage asks for."""

    WAIT_TURN = "wait for its turn"
    LOOK_UP = "look whether the target has it"
    SUBMIT = "ask the target"
    WATCH = "wait for its end at the target"
    CLOSE = "tell the source"
    LINGER = "wait until the source asks again, or never will"
    CANCEL = "cancel it at the target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it at the target."""

    ok: bool
    out: tuple[Any, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of work on its way. `key` names it for good: kind, rule and the process id at its source."""

    key: str
    kind: Kind
    rule: str
    source: str  # the process at the source
    stage: Stage = Stage.TAKEN
    attempt: int = 0  # of the source's assignment, where it counts them
    round: int = 1  # of what we submit at the target: a new one only after the last has failed or was cancelled
    work: Mapping[str, Any] = field(default_factory=dict)  # what to submit, as JSON
    target: str = ""
    graph: str = ""  # the target's workflow, when it is one
    verdict: Verdict | None = None
    again: bool = False  # asked for again while the round that was begun for an earlier assignment is not over
    earlier: bool = False  # a bridge of our name, whose folder is lost, may have carried it: looked up once
    doubt: bool = False  # never written: whoever reads a row from disk does not know how far the call got

    @property
    def action(self) -> Action:
        """What has to be done next."""
        if self.stage is Stage.SENDING and self.doubt:
            return Action.LOOK_UP
        return _ACTIONS[self.stage]


_ACTIONS = {
    Stage.TAKEN: Action.WAIT_TURN,
    Stage.SENDING: Action.SUBMIT,
    Stage.PLACED: Action.WATCH,
    Stage.ENDED: Action.CLOSE,
    Stage.KEPT: Action.LINGER,
    Stage.UNWANTED: Action.CANCEL,
}
# Where an event leads; what is not here does not concern an item in that stage and changes nothing. None: it is over.
MOVES: Mapping[tuple[Stage, Event], Stage | None] = {
    (Stage.TAKEN, Event.ASKED): Stage.SENDING,
    (Stage.TAKEN, Event.WITHDRAWN): Stage.KEPT,
    (Stage.TAKEN, Event.AGAIN): Stage.TAKEN,
    (Stage.SENDING, Event.SILENT): Stage.SENDING,
    (Stage.SENDING, Event.MISSING): Stage.SENDING,
    (Stage.SENDING, Event.PLACED): Stage.PLACED,
    (Stage.SENDING, Event.ENDED): Stage.ENDED,
    (Stage.SENDING, Event.WITHDRAWN): Stage.UNWANTED,
    (Stage.SENDING, Event.AGAIN): Stage.SENDING,
    (Stage.PLACED, Event.ENDED): Stage.ENDED,
    (Stage.PLACED, Event.CLOSED): None,
    (Stage.PLACED, Event.WITHDRAWN): Stage.UNWANTED,
    (Stage.PLACED, Event.AGAIN): Stage.PLACED,
    (Stage.ENDED, Event.CLOSED): None,
    (Stage.ENDED, Event.REFUSED): Stage.KEPT,
    (Stage.ENDED, Event.WITHDRAWN): Stage.KEPT,
    (Stage.ENDED, Event.AGAIN): Stage.ENDED,
    (Stage.KEPT, Event.AGAIN): Stage.ENDED,
    (Stage.KEPT, Event.CLOSED): None,
    (Stage.KEPT, Event.FORGOTTEN): None,
    (Stage.UNWANTED, Event.PLACED): Stage.UNWANTED,
    (Stage.UNWANTED, Event.AGAIN): Stage.UNWANTED,
    (Stage.UNWANTED, Event.WITHDRAWN): Stage.UNWANTED,
    (Stage.UNWANTED, Event.CANCELLED): Stage.KEPT,
    (Stage.UNWANTED, Event.ENDED): Stage.KEPT,
}


def after(item: Item, event: Event, facts: Mapping[str, Any]) -> Item | None:
    """The item when that has happened; None when it is over. `facts` are fields that the event brings."""
    if (item.stage, event) not in MOVES:
        return item
    stage = MOVES[item.stage, event]
    if event is Event.AGAIN:
        return _asked_again(replace(item, stage=stage or item.stage, **facts))
    if item.again and event is Event.ENDED:
        return _asked_again(replace(item, stage=Stage.ENDED, again=False, **facts))
    if item.again and event is Event.CANCELLED:
        return _next_round(item)
    if stage is None:
        return None
    doubt = {Event.SILENT: True, Event.MISSING: False, Event.ASKED: item.earlier}.get(event, item.doubt)
    again = item.again and event is not Event.WITHDRAWN
    return replace(item, stage=stage, doubt=doubt, again=again, **facts)


def _asked_again(item: Item) -> Item:
    """A success is delivered for the new assignment; what runs is adopted; what failed is tried anew.

    What is adopted was begun for an earlier assignment. Should it fail, the new one has not had its try yet.
    """
    if item.stage in (Stage.SENDING, Stage.PLACED, Stage.UNWANTED):
        return replace(item, again=True)
    if item.stage is Stage.ENDED and not (item.verdict is not None and item.verdict.ok):
        return _next_round(item)
    return item


def _next_round(item: Item) -> Item:
    return replace(
        item,
        stage=Stage.TAKEN,
        round=item.round + 1,
        target="",
        graph="",
        verdict=None,
        again=False,
        doubt=False,
    )


def restored(item: Item) -> Item:
    """An item as it was read from disk: how far its last call got, nobody knows."""
    return replace(item, doubt=item.stage in (Stage.SENDING, Stage.UNWANTED))


# -- as rows of the bridge's own file

_NOT_WRITTEN = frozenset({"key", "doubt"})
_NAMES = tuple(f.name for f in fields(Item) if f.name not in _NOT_WRITTEN)


def row_of(item: Item) -> dict[str, Any]:
    return {name: _plain(getattr(item, name)) for name in _NAMES}


def changes(before: Item, now: Item) -> dict[str, Any]:
    """The fields of the row that differ."""
    return {name: _plain(getattr(now, name)) for name in _NAMES if getattr(before, name) != getattr(now, name)}


def item_of(key: str, row: Mapping[str, Any]) -> Item:
    """Raises ValueError, KeyError or TypeError for what `row_of` never made."""
    known = {name: row[name] for name in _NAMES if name in row}
    known |= {"kind": Kind(row["kind"]), "stage": Stage(row["stage"])}
    verdict = row.get("verdict")
    if verdict is not None:
        known["verdict"] = Verdict(ok=verdict["ok"], out=tuple(verdict["out"]), errors=tuple(verdict["errors"]))
    return restored(Item(key=key, **known))


def _plain(value: Any) -> Any:
    if isinstance(value, Verdict):
        return {"ok": value.ok, "out": list(value.out), "errors": list(value.errors)}
    return value.value if isinstance(value, Enum) else value
