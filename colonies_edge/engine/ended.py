"""What has ended, page by page in the order of its end: for who mirrors a colony and may be away for weeks."""

import re
from typing import Any

from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.views import process_value
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.messages import GetProcesses
from colonies_edge.protocol.model import ANY_STATE, State

_CURSOR = re.compile(r"([0-9]{1,19}):([0-9a-f]{0,64})")


def ended_after(step: Step, message: GetProcesses) -> list[Any]:
    """Up to `count` processes that ended after the one that `endedafter` names, equal times in the order of their ids.

    Nothing is missed: what ends later than a page was read has a later end. Only a process whose success is reported
    twice may come twice, as its end moves.
    """
    cursor = _CURSOR.fullmatch(message.endedafter)
    if cursor is None:
        raise BadRequest("Failed to get processes, endedafter is an end in nanoseconds, a colon and a process id")
    if message.state not in (ANY_STATE, *FINISHED):
        raise BadRequest("Failed to get processes, only states that end have an end to list them after")
    behind = _place(step, int(cursor[1]), cursor[2])
    rows: dict[str, ProcessRow] = {}
    for state in FINISHED if message.state == ANY_STATE else (State(message.state),):
        for row in step.history.ended_after(step.colony, int(state), *behind, message.count):
            rows[row.processid] = row
        for key in step.tables.ids_in_state(step.colony, state):
            row = step.tables.processes[key]
            if (row.endtime, key) > behind:
                rows[key] = row
    found = sorted(rows.values(), key=lambda row: (row.endtime, row.processid))[: message.count]
    return [process_value(step.tables, row) for row in found]


def _place(step: Step, endtime: int, processid: str) -> tuple[int, str]:
    """Exactly behind that process. The wire shows microseconds only, and what is inside of one is found by the id; when
    it is not there any more, or its end has moved, all of that microsecond comes again: rather twice than never."""
    micro = endtime - endtime % 1000
    row = step.process(processid) if processid else None
    if row is not None and row.colonyname == step.colony and row.endtime - row.endtime % 1000 == micro:
        return row.endtime, processid
    return micro, ""
