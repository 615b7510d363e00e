"""Numbers for those who watch a coordinator: read from indices that are kept anyway, so looking costs no scan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.engine import statistics
from colonies_edge.engine.live import Live
from colonies_edge.protocol.limits import BRIDGES_SHOWN_MAX, QUEUES_SHOWN_MAX
from colonies_edge.protocol.model import Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits for executors of one type: the age, in seconds, of what is served next, and who could serve it."""

    colony: str
    executortype: str
    age_s: float
    served: bool  # an executor that has room, or a long poll, waits for such work


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A moment. `events` are counted since the start."""

    server: Statistics
    colonies: Mapping[str, Statistics]
    ready: Mapping[str, int]  # by colony: executors that said they take work over MQTT
    bridges: Mapping[str, Mapping[str, Any]]  # by colony: the name of an executor -> what its bridge says of itself
    queues: tuple[Queue, ...]  # of at most QUEUES_SHOWN_MAX types
    leases: int
    long_polls: int
    subscriptions: int
    answers: int  # remembered
    events: Mapping[str, int]


def figures(live: Live, answers: int, events: Mapping[str, int], now: int) -> Figures:
    """As of now."""
    tables = live.tables
    return Figures(
        server=statistics.of_server(tables),
        colonies={colony: statistics.of_colony(tables, colony) for colony in tables.colonies},
        ready=live.offers.ready_in_colonies(),
        bridges=_bridges(live),
        queues=tuple(_queues(live, now)),
        leases=live.leases.count,
        long_polls=live.offers.polls_count,
        subscriptions=live.subscriptions.total,
        answers=answers,
        events=dict(events),
    )


def _bridges(live: Live) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for executorid, bridge in live.bridges.items():
        executor = live.tables.executors.get(executorid)
        if executor is not None:
            shown = found.setdefault(executor.colonyname, {})
            if len(shown) < BRIDGES_SHOWN_MAX:
                shown[executor.executorname] = bridge
    return found


def _queues(live: Live, now: int) -> list[Queue]:
    oldest: dict[tuple[str, str], int] = {}
    for colony, executortype, row in live.waiting.heads():
        key = (colony, executortype)
        if key in oldest or len(oldest) < QUEUES_SHOWN_MAX:
            oldest[key] = min(oldest.get(key, row.submissiontime), row.submissiontime)
    return [
        Queue(
            colony=colony,
            executortype=executortype,
            age_s=max(0, now - submitted) / 1e9,
            served=live.offers.anybody_for(colony, executortype),
        )
        for (colony, executortype), submitted in oldest.items()
    ]
