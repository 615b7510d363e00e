"""What `status` says of a colony, put together from replies: plain values, no questions and no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from colonies_edge.apps.cli.presence import (
    AT_WORK,
    OFFLINE,
    ONLINE,
    SECOND_NS,
    UNREGISTERED,
    ExecutorLine,
    Json,
    executor_line,
    funcname_of,
    held_by,
    time_of,
)
from colonies_edge.apps.cli.show import word
from colonies_edge.protocol.times import format_time

# Unregistered executors were removed, or have been silent for ten minutes and may come back; after a day nobody asks.
UNREGISTERED_SHOWN_S = 86_400
_TIMES = frozenset({"now", "online_since", "starttime", "lastheardfromtime", "submissiontime", "endtime", "nextrun"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorLine:
    """The coordinator, as it shows itself. `online_since` is 0 when it did not say."""

    serverid: str
    version: str
    online_since: int
    broker: str
    clock_offset_ms: int | None
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """Waiting work of one executor type: how much was seen of it, its oldest, and who could take it."""

    executortype: str
    waiting: int
    processid: str
    funcname: str
    submissiontime: int
    executors: int  # approved ones of the type
    executors_online: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLine:
    """A process that failed, and the first line of why."""

    processid: str
    funcname: str
    executorname: str
    endtime: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CronLine:
    """A cron and when it starts next. `error` is why its latest run did not start."""

    cronid: str
    name: str
    nextrun: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """What was asked for. `trouble` are refusals by what they were about: the rest is shown all the same."""

    statistics: Json
    executors: list[Json]
    running: list[Json]
    waiting: list[Json]
    failed: list[Json]
    crons: list[Json]
    trouble: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A colony at one moment; times are nanoseconds of the coordinator's clock."""

    colonyname: str
    now: int
    coordinator: CoordinatorLine
    statistics: Json
    executors: tuple[ExecutorLine, ...]
    waiting: tuple[WaitingLine, ...]
    waiting_seen: int
    failed: tuple[FailedLine, ...]
    crons: tuple[CronLine, ...]
    trouble: Mapping[str, str]

    def count(self, state: str, of: str = "processes") -> int:
        """A counter of the colony: `waiting` processes, `failed` workflows."""
        value = self.statistics.get(f"{state}{of}")
        return value if isinstance(value, int) else 0

    def as_json(self) -> dict[str, Any]:
        """With times as they are on the wire."""
        found: dict[str, Any] = _with_times(asdict(self))
        return found

    def without_ages(self) -> dict[str, Any]:
        """What changes only when something happened: for those who are told of changes, not of time."""
        value = asdict(self)
        del value["now"], value["coordinator"]["clock_offset_ms"]
        for executor in value["executors"]:
            del executor["lastheardfromtime"]
        return value


def view_of(colonyname: str, now: int, coordinator: CoordinatorLine, replies: Replies) -> View:
    executors = _executors(replies.executors, replies.running, now, coordinator.online_since)
    names = {word(e.get("executorid")): word(e.get("executorname")) for e in replies.executors}
    ready = [process for process in replies.waiting if not process.get("waitforparents")]
    return View(
        colonyname=colonyname,
        now=now,
        coordinator=coordinator,
        statistics=replies.statistics,
        executors=tuple(executors),
        waiting=tuple(_waiting(ready, executors)),
        waiting_seen=len(replies.waiting),
        failed=tuple(_failed(process, names) for process in replies.failed),
        crons=tuple(sorted((_cron(cron) for cron in replies.crons), key=lambda cron: (not cron.nextrun, cron.nextrun))),
        trouble=replies.trouble,
    )


def _with_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: format_time(v) if k in _TIMES and isinstance(v, int) else _with_times(v) for k, v in value.items()}
    return [_with_times(item) for item in value] if isinstance(value, tuple) else value


def _executors(executors: Iterable[Json], running: Iterable[Json], now: int, since: int) -> list[ExecutorLine]:
    """Those who hold work first, oldest work first; then by name."""
    held = held_by(running)
    lines = [executor_line(one, held.get(word(one.get("executorid")), []), now, since) for one in executors]
    shown = [line for line in lines if line.presence != UNREGISTERED or _left_lately(line, now)]
    return sorted(shown, key=lambda e: (not e.holding, e.holding[0].starttime if e.holding else 0, e.executorname))


def _left_lately(line: ExecutorLine, now: int) -> bool:
    return bool(line.holding) or now - line.lastheardfromtime <= UNREGISTERED_SHOWN_S * SECOND_NS


def _waiting(processes: Iterable[Json], executors: list[ExecutorLine]) -> Iterable[WaitingLine]:
    """By executor type, the one that has waited longest first."""
    by_type: dict[str, list[Json]] = {}
    for process in processes:
        conditions = (process.get("spec") or {}).get("conditions") or {}
        by_type.setdefault(word(conditions.get("executortype")), []).append(process)
    lines = [_waiting_line(kind, found, executors) for kind, found in by_type.items()]
    return sorted(lines, key=lambda line: line.submissiontime)


def _waiting_line(executortype: str, processes: list[Json], executors: list[ExecutorLine]) -> WaitingLine:
    oldest = min(processes, key=lambda process: time_of(process.get("submissiontime")))
    serving = [e for e in executors if e.executortype == executortype and e.presence in (ONLINE, AT_WORK, OFFLINE)]
    return WaitingLine(
        executortype=executortype,
        waiting=len(processes),
        processid=word(oldest.get("processid")),
        funcname=funcname_of(oldest),
        submissiontime=time_of(oldest.get("submissiontime")),
        executors=len(serving),
        executors_online=sum(executor.presence != OFFLINE for executor in serving),
    )


def _failed(process: Json, names: Mapping[str, str]) -> FailedLine:
    executorid = word(process.get("assignedexecutorid"))
    errors = " ".join(word(error) for error in process.get("errors") or ())
    return FailedLine(
        processid=word(process.get("processid")),
        funcname=funcname_of(process),
        executorname=names.get(executorid, executorid[:8]),
        endtime=time_of(process.get("endtime")),
        error=" ".join(errors.split()),
    )


def _cron(cron: Json) -> CronLine:
    return CronLine(
        cronid=word(cron.get("cronid")),
        name=word(cron.get("name")),
        nextrun=time_of(cron.get("nextrun")),
        error=word(cron.get("error")),
    )
