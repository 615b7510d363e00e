"""Engines that let things go which should stay, or keep what should go: for plans, their removal, and retention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from colonies_edge.engine import crons, lifecycle, retention, tallies, workflows, workflows_children
from colonies_edge.engine import engine as door
from colonies_edge.engine.channel_index import Channel
from colonies_edge.engine.step import Step
from colonies_edge.protocol.model import State
from tests.simulation.mutants import Change


def children_beside_the_way() -> list[Change]:
    return [(workflows_children, "_heirs", lambda step, message, parent: [])]


def anybody_may_add_children() -> list[Change]:
    parent = workflows_children._parent

    def whoever(step: Step, message: Any) -> Any:
        row = step.process(message.parentprocessid)
        if row is not None and row.processgraphid in step.tables.graphs:
            return row, step.tables.graphs[row.processgraphid]
        return parent(step, message)

    return [(workflows_children, "_parent", whoever)]


def crons_that_do_not_listen() -> list[Change]:
    def deaf(step: Step, message: Any) -> Any:
        return crons.shown(step.tables.schedule.crons[message.cronid])

    return [(door, "HANDLERS", {**door.HANDLERS, "runcronmsg": deaf})]


def removed_workflows_leave_a_process() -> list[Change]:
    def nearly_all(step: Step, graphid: str) -> None:
        for processid in tuple(step.tables.graphs_index.nodes(graphid))[1:]:
            step.draft.drop("processes", processid)
        step.draft.drop("graphs", graphid)

    return [(workflows, "drop_graph", nearly_all), (retention, "drop_graph", nearly_all)]


def running_workflows_can_be_removed() -> list[Change]:
    def whatever_its_state(step: Step, message: Any) -> Any:
        if message.processgraphid in step.tables.graphs:
            workflows.drop_graph(step, message.processgraphid)
        return {}

    return [(door, "HANDLERS", {**door.HANDLERS, "removeprocessgraphmsg": whatever_its_state})]


def cancelled_workflows_go_on() -> list[Change]:
    cancel = workflows.cancel_graph

    def the_first_only(step: Step, message: Any) -> Any:
        reply = cancel(step, message)
        writes = step.draft.writes
        step.draft.writes = [*writes[:1], *(write for write in writes if write.table == "graphs")]
        return reply

    return [(door, "HANDLERS", {**door.HANDLERS, "cancelprocessgraphmsg": the_first_only})]


def retention_tears_workflows_apart() -> list[Change]:
    def whatever(step: Step, before: int, room: Any) -> bool:
        for row in step.tables.processes.values():
            if row.state is State.SUCCESS and row.endtime < before:
                step.draft.drop("processes", row.processid)
        return False

    return [(retention, "_forget_processes", whatever)]


def retention_counts_from_the_submission() -> list[Change]:
    def by_submission(step: Step, before: int, room: Any) -> bool:
        for row in step.tables.processes.values():
            if row.state is State.SUCCESS and row.submissiontime < before and not row.processgraphid:
                step.draft.drop("processes", row.processid)
        return False

    return [(retention, "_forget_processes", by_submission)]


def retention_takes_failures_too() -> list[Change]:
    def every_end(step: Step, before: int, room: Any) -> bool:
        for row in step.tables.processes.values():
            if row.endtime and row.endtime < before and not row.processgraphid and row.state is not State.WAITING:
                step.draft.drop("processes", row.processid)
        return False

    return [(retention, "_forget_processes", every_end)]


def retention_is_forgotten() -> list[Change]:
    return [(retention, "start", lambda live: None)]


def what_retention_removed_still_counts() -> list[Change]:
    without = tallies.without

    def kept(tally: Any, key: str, purge: Any) -> Any:
        return tally if purge.before_ns else without(tally, key, purge)

    return [(tallies, "without", kept)]


def retention_takes_the_last_workflow_of_a_cron() -> list[Change]:
    return [(retention, "_named_by_crons", lambda step: set())]


def entries_said_twice_are_there_twice() -> list[Change]:
    return [(Channel, "said", lambda channel, senderid, attempt, sequence: None)]


def channels_are_emptied_by_a_new_attempt() -> list[Change]:
    assign = lifecycle.assign

    def forgetful(step: Step, row: Any, executorid: str, *, leased: bool) -> Any:
        for key in step.tables.channels.rows:
            if key.startswith(row.processid):
                step.draft.drop("channelentries", key)
        return assign(step, row, executorid, leased=leased)

    return [(lifecycle, "assign", forgetful)]


QUICK: list[Callable[[], list[Change]]] = [
    children_beside_the_way,
    anybody_may_add_children,
    crons_that_do_not_listen,
    removed_workflows_leave_a_process,
    running_workflows_can_be_removed,
    cancelled_workflows_go_on,
    retention_tears_workflows_apart,
    retention_counts_from_the_submission,
    retention_takes_failures_too,
    retention_is_forgotten,
    what_retention_removed_still_counts,
    entries_said_twice_are_there_twice,
    channels_are_emptied_by_a_new_attempt,
]
RARE: list[Callable[[], list[Change]]] = [retention_takes_the_last_workflow_of_a_cron]
