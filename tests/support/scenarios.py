"""Plays the conformance scenarios of `tests/data/conformance` over any way of calling a coordinator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path(__file__).resolve().parents[1] / "data" / "conformance"
REFERENCE = re.compile(r"\$\{([^}]+)\}")
ID = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
UNSET_TIME = "0001-01-01T"
AGAIN_S = 0.2  # between two looks at what happens in the background


class Mismatch(AssertionError):
    """The reply is not what the scenario wants."""


class World(Protocol):
    """A coordinator and its callers."""

    def identity(self, key: str) -> str:
        """The identity of the key with this name; `server` owns the server."""

    def ask(self, key: str | None, message: dict[str, Any]) -> tuple[int, Any]:
        """Status and reply of a message signed with that key, or not signed."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


@dataclass
class Scenario:
    """One file."""

    name: str
    keys: list[str]
    names: list[str]
    steps: list[dict[str, Any]] = field(repr=False)

    def playable(self, known: Collection[str]) -> bool:
        """Every message is of a known type, or is refused with 403 whatever its type means."""
        return all("msg" not in step or step["msg"]["msgtype"] in known or _refused(step) for step in self.steps)

    def reduced(self, known: Collection[str]) -> Scenario:
        """Without the steps whose message type does not exist, and without those that build upon their replies."""
        steps: list[dict[str, Any]] = []
        lost: list[str] = []
        for step in self.steps:
            text = json.dumps(step)
            if step["msg"]["msgtype"] in known and not any(f"${{{name}." in text for name in lost):
                steps.append(step)
            elif "save" in step:
                lost.append(step["save"])
        return Scenario(name=self.name, keys=self.keys, names=self.names, steps=steps)


def _refused(step: dict[str, Any]) -> bool:
    return 403 in _statuses({**step, **step.get("better", {})})


def scenarios() -> Iterator[Scenario]:
    """All of them, by name."""
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        yield Scenario(name=path.stem, keys=data.get("keys", []), names=data.get("names", []), steps=data["steps"])


def play(scenario: Scenario, world: World, suffix: str = "") -> None:
    """Raises Mismatch at the first step whose reply is not as wanted. `suffix` keeps the names of scenarios apart that
    are played in one world."""
    seen: dict[str, Any] = {
        "id": {key: world.identity(key) for key in [*scenario.keys, "server"]},
        "name": {name: f"{name}{suffix}" for name in scenario.names},
    }
    for number, step in enumerate(scenario.steps, 1):
        if "sleep" in step:
            world.sleep(step["sleep"])
        else:
            where = f"{scenario.name} step {number} ({step.get('as', 'nobody')}: {step['msg']['msgtype']})"
            _play_step({**step, **step.get("better", {})}, seen, world, where)


def _play_step(step: dict[str, Any], seen: dict[str, Any], world: World, where: str) -> None:
    patience_s = step.get("within", 0)
    while True:
        status, reply = world.ask(step.get("as"), filled(step["msg"], seen))
        try:
            if status not in _statuses(step):
                raise Mismatch(f"{where}: want status {step['status']}, got {status}: {shown(reply)}")
            if "reply" in step:
                compare(filled(step["reply"], seen), reply, where)
        except Mismatch:
            if patience_s <= 0:
                raise
            patience_s -= AGAIN_S
            world.sleep(AGAIN_S)
            continue
        if "save" in step:
            seen[step["save"]] = reply
        return


def _statuses(step: dict[str, Any]) -> list[int]:
    status = step["status"]
    return status if isinstance(status, list) else [status]


def filled(value: Any, seen: dict[str, Any]) -> Any:
    """With the references replaced by what earlier steps returned."""
    if isinstance(value, str):
        whole = REFERENCE.fullmatch(value)
        return _found(whole[1], seen) if whole else REFERENCE.sub(lambda match: str(_found(match[1], seen)), value)
    if isinstance(value, list):
        return [filled(item, seen) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, seen) for key, item in value.items()}
    return value


def _found(path: str, seen: dict[str, Any]) -> Any:
    value: Any = seen
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS: dict[str, Callable[[Any], bool]] = {
    "anything": lambda got: True,
    "id": lambda got: isinstance(got, str) and bool(ID.fullmatch(got)),
    "time": lambda got: isinstance(got, str) and bool(TIME.fullmatch(got)) and not got.startswith(UNSET_TIME),
    "unset-time": lambda got: isinstance(got, str) and got.startswith(UNSET_TIME),
    "int": lambda got: isinstance(got, int) and not isinstance(got, bool),
    "positive": lambda got: _is_number(got) and got > 0,
    "number": _is_number,
    "string": lambda got: isinstance(got, str),
    "text": lambda got: isinstance(got, str) and got != "",
    "empty": lambda got: got in (None, [], {}),
}


def compare(want: Any, got: Any, where: str) -> None:
    """Raises Mismatch unless the reply is as wanted."""
    if isinstance(want, dict) and len(want) == 1 and (kind := next(iter(want))) in ("$is", "$has", "$bag"):
        _SPECIAL[kind](want[kind], got, where)
    elif isinstance(want, dict) and isinstance(got, dict):
        _compare_fields(want, got, where)
        if extra := sorted(set(got) - set(want)):
            raise Mismatch(f"{where}: unexpected fields {extra}")
    elif want in (None, []) and got in (None, []):
        return
    elif isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            raise Mismatch(f"{where}: want {len(want)} items, got {shown(got)}")
        for index, pair in enumerate(zip(want, got, strict=True)):
            compare(*pair, f"{where}[{index}]")
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        raise Mismatch(f"{where}: want {shown(want)}, got {shown(got)}")


def _compare_kind(kind: str, got: Any, where: str) -> None:
    if not KINDS[kind](got):
        raise Mismatch(f"{where}: want {kind}, got {shown(got)}")


def _compare_fields(want: dict[str, Any], got: Any, where: str) -> None:
    if not isinstance(got, dict):
        raise Mismatch(f"{where}: want an object, got {shown(got)}")
    for key, item in want.items():
        if key not in got:
            raise Mismatch(f"{where}.{key}: missing")
        compare(item, got[key], f"{where}.{key}")


def _compare_bag(want: list[Any], got: Any, where: str) -> None:
    if not isinstance(got, list) or len(got) != len(want):
        raise Mismatch(f"{where}: want {len(want)} items, got {shown(got)}")
    left = list(got)
    for item in want:
        match = next((index for index, candidate in enumerate(left) if _matches(item, candidate)), None)
        if match is None:
            raise Mismatch(f"{where}: nothing like {shown(item)} in {shown(got)}")
        del left[match]


def _matches(want: Any, got: Any) -> bool:
    try:
        compare(want, got, "")
    except Mismatch:
        return False
    return True


_SPECIAL: dict[str, Callable[[Any, Any, str], None]] = {
    "$is": _compare_kind,
    "$has": _compare_fields,
    "$bag": _compare_bag,
}


def shown(value: Any) -> str:
    """Enough of a value to see what is wrong."""
    return json.dumps(value)[:400]
