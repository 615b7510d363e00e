"""Pausing and resuming the assignments of a colony (`protocol-core.md` 4.8)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.rows import PauseRow
from colonies_edge.engine.step import Handler, Retyped, Step
from colonies_edge.protocol.messages import GetPauseStatus, PauseAssignments, ResumeAssignments

STATUS_REPLY = "pausestatusreplymsg"


def pause_assignments(step: Step, message: PauseAssignments) -> dict[str, Any]:
    """Nothing is handed out any more; everything else goes on."""
    if step.colony not in step.tables.pauses:
        step.draft.put("pauses", step.colony, PauseRow(colonyname=step.colony))
    return {}


def resume_assignments(step: Step, message: ResumeAssignments) -> dict[str, Any]:
    """Waiting executors look again, once this is applied."""
    if step.colony in step.tables.pauses:
        step.draft.drop("pauses", step.colony)
    return {}


def get_pause_status(step: Step, message: GetPauseStatus) -> Retyped:
    """Is the colony paused?"""
    value = {"msgtype": STATUS_REPLY, "colonyname": step.colony, "ispaused": step.colony in step.tables.pauses}
    return Retyped(STATUS_REPLY, value)


HANDLERS: Mapping[str, Handler] = {
    "pauseassignmentsmsg": pause_assignments,
    "resumeassignmentsmsg": resume_assignments,
    "getpausestatusmsg": get_pause_status,
}
