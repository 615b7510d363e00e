"""Whether an executor is there, and what it holds: plain values from replies, for whoever lists executors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.apps.cli.show import word
from colonies_edge.protocol.times import parse_time

ONLINE, AT_WORK, OFFLINE = "online", "at work", "offline"
PENDING, REJECTED, UNREGISTERED = "pending", "rejected", "unregistered"

# Who asks for work again and again is there, though just now no question of his waits for an answer.
HEARD_S = 10
SECOND_NS = 1_000_000_000
PRESENCE_TONES = {ONLINE: "green", AT_WORK: "blue", OFFLINE: "red", PENDING: "yellow"}
_STATES = (PENDING, ONLINE, REJECTED, UNREGISTERED)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """One process that an executor holds."""

    processid: str
    funcname: str
    starttime: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorLine:
    """One executor with what it holds, oldest first."""

    executorname: str
    executortype: str
    locationname: str
    presence: str
    lastheardfromtime: int
    holding: tuple[HeldLine, ...]


def held_by(running: Iterable[Json]) -> dict[str, list[HeldLine]]:
    """Executor id → what it holds."""
    held: dict[str, list[HeldLine]] = {}
    for process in running:
        line = HeldLine(
            processid=word(process.get("processid")),
            funcname=funcname_of(process),
            starttime=time_of(process.get("starttime")),
        )
        held.setdefault(word(process.get("assignedexecutorid")), []).append(line)
    return held


def executor_line(executor: Json, holding: list[HeldLine], now: int, since: int = 0) -> ExecutorLine:
    """`since`: who was heard by the coordinator before it started anew may be gone, and shows himself if he is not."""
    state, heard = executor.get("state"), time_of(executor.get("lastheardfromtime"))
    presence = _STATES[state] if isinstance(state, int) and 0 <= state < len(_STATES) else OFFLINE
    lately = heard > max(since, now - HEARD_S * SECOND_NS) and not executor.get("left")
    if presence == ONLINE and not executor.get("online") and not lately:
        presence = AT_WORK if holding else OFFLINE  # one that works off what it pulled is not heard meanwhile
    return ExecutorLine(
        executorname=word(executor.get("executorname")),
        executortype=word(executor.get("executortype")),
        locationname=word(executor.get("locationname")),
        presence=presence,
        lastheardfromtime=heard,
        holding=tuple(sorted(holding, key=lambda line: line.starttime)),
    )


def time_of(value: Any) -> int:
    """A time of the wire in nanoseconds; 0 for one that is not set."""
    try:
        return max(0, parse_time(value if isinstance(value, str) else ""))
    except ValueError:
        return 0


def funcname_of(process: Json) -> str:
    return word((process.get("spec") or {}).get("funcname"))
