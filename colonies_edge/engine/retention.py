"""What need not be kept for ever: successful work, and lines of logs, older than the operator's retention time.

Upstream's rule (`protocol-rest.md` 10.2) without its defects: age counts from the end, not from the submission, a
workflow leaves whole or not at all, and a time of 0 is refused where settings are read. Everything else stays.
"""

from typing import TYPE_CHECKING

from colonies_edge.engine.rows import GraphRow, Purge
from colonies_edge.engine.step import Step
from colonies_edge.engine.tallies import graphs_in
from colonies_edge.engine.timers import Timer
from colonies_edge.engine.workflows import drop_graph
from colonies_edge.protocol.limits import RETENTION_BATCH, RETENTION_EVERY_S, RETENTION_PAUSE_S
from colonies_edge.protocol.model import ANY_STATE, State

if TYPE_CHECKING:
    from colonies_edge.engine.live import Live

SECOND = 1_000_000_000
GRAPHS_AT_A_TIME = 64  # each is a write of its own, and read whole before


def start(live: "Live") -> None:
    """At once, as upstream does: a coordinator that was away has to catch up."""
    if live.settings.retention_s is not None:
        live.timers.set(live.steady, Timer.RETENTION, "")


def go_off(step: Step) -> None:
    """Remove a batch of what is too old, and come back: soon when there is more."""
    live, retention_s = step.live, step.settings.retention_s
    if retention_s is None:
        return
    before = step.now - int(retention_s * SECOND)
    more = _forget_work(step, before)
    more = _forget_lines(step, before) or more
    pause_s = RETENTION_PAUSE_S if more else min(RETENTION_EVERY_S, retention_s)
    live.timers.set(live.after(pause_s), Timer.RETENTION, "")


class _Room:
    """How much may still be removed in this batch."""

    def __init__(self) -> None:
        self.left = RETENTION_BATCH

    def take(self, count: int) -> bool:
        """False when there is no room; the first may be of any size, for a workflow leaves whole."""
        if self.left < count and self.left < RETENTION_BATCH:
            self.left = 0
            return False
        self.left = max(0, self.left - count)
        return True


def _forget_work(step: Step, before: int) -> bool:
    """Memory first: only when it holds nothing too old can nothing too old reach the archive later."""
    room = _Room()
    kept = _named_by_crons(step)
    return (
        _forget_processes(step, before, room)
        or _forget_graphs(step, before, room, kept)
        or _forget_archived(step, before, room, kept)
    )


def _named_by_crons(step: Step) -> set[str]:
    """The last workflow of a cron gives its output to the next one, however long that takes."""
    return {row.prevprocessgraphid for row in step.tables.schedule.crons.values()}


def _forget_processes(step: Step, before: int, room: _Room) -> bool:
    """All in memory are looked at, some thousands: one that is closed again ends later, and keeps its place."""
    tables = step.tables
    for (_, state), ids in tables.in_state.items():
        for key in ids if state is State.SUCCESS else ():
            row = tables.processes[key]
            if row.endtime < before and not row.processgraphid:
                if not room.take(1):
                    return True
                step.draft.drop("processes", key)
    return False


def _forget_graphs(step: Step, before: int, room: _Room, kept: set[str]) -> bool:
    tables, index = step.tables, step.tables.graphs_index
    for (_, state), ids in index.in_state.items():
        for key in ids if state is State.SUCCESS else ():
            if tables.graphs[key].endtime < before and key not in kept:
                if not room.take(len(index.nodes(key))):
                    return True
                drop_graph(step, key)
    return False


def _forget_archived(step: Step, before: int, room: _Room, kept: set[str]) -> bool:
    more = False
    for colony, tally in step.tables.tallies.items():
        if tally.success and room.left > 0:
            more = _forget_archived_processes(step, colony, before, room) or more
        if graphs_in(tally, State.SUCCESS):
            more = _forget_archived_graphs(step, colony, before, room, kept) or more
    return more or room.left <= 0


def _forget_archived_processes(step: Step, colony: str, before: int, room: _Room) -> bool:
    since = step.live.forgotten_until.get(colony, 0)
    count, until = step.history.ended_before(colony, int(State.SUCCESS), since, before, room.left)
    if count:
        purge = Purge(colonyname=colony, state=int(State.SUCCESS), nodes=(count,), before_ns=until)
        step.draft.instruct("archive", "", purge)
        room.left -= count
    step.live.forgotten_until[colony] = max(since, until)
    return until < before


def _forget_archived_graphs(step: Step, colony: str, before: int, room: _Room, kept: set[str]) -> bool:
    found = step.history.graphs_ended_before(colony, int(State.SUCCESS), before, GRAPHS_AT_A_TIME, kept)
    for graph in found:
        if not room.take(len(graph.processids)):
            return True
        _purge_graph(step, graph)
    return len(found) == GRAPHS_AT_A_TIME


def _purge_graph(step: Step, graph: GraphRow) -> None:
    """A workflow that succeeded has only processes that did."""
    purge = Purge(
        colonyname=graph.colonyname, state=int(State.SUCCESS), graphs=True, nodes=(len(graph.processids), 0, 0)
    )
    step.draft.instruct("archive", graph.processgraphid, purge)


def _forget_lines(step: Step, before: int) -> bool:
    """Of all processes, and of executors; in the order of their time stamps."""
    removed = 0
    for key, entry in step.tables.logs.items():
        if entry.timestamp >= before or removed == RETENTION_BATCH:
            break
        step.draft.drop("logs", key)
        removed += 1
    until = step.history.lines_before(before, RETENTION_BATCH)
    if until:
        step.draft.instruct("archive", "", Purge(colonyname="", state=ANY_STATE, logs=True, before_ns=until))
    return removed == RETENTION_BATCH or 0 < until < before
