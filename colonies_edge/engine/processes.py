"""Submitting, reading, closing, cancelling and removing processes (`protocol-core.md` 4)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import dropwhile, islice
from typing import Any

from colonies_edge.engine import lifecycle, workflows_views
from colonies_edge.engine.ended import ended_after
from colonies_edge.engine.functions import count_success
from colonies_edge.engine.inputs import bounded
from colonies_edge.engine.lifecycle import SECOND
from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.rows import ProcessRow, Purge
from colonies_edge.engine.step import Handler, ProcessView, Step
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.views import process_value
from colonies_edge.engine.waiting import rank
from colonies_edge.protocol.errors import BadRequest, Conflict, Forbidden
from colonies_edge.protocol.limits import COUNT_MAX
from colonies_edge.protocol.messages import (
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    GetProcess,
    GetProcesses,
    GetProcessHist,
    RemoveAllProcesses,
    RemoveProcess,
    SetOutput,
    SubmitFuncSpec,
)
from colonies_edge.protocol.model import ANY_STATE, PRIORITY_NS, FunctionSpec, State
from colonies_edge.protocol.quantities import normalised


def submit(step: Step, message: SubmitFuncSpec) -> ProcessView:
    """A new process. Its id follows from the call, so the same call sent again, however late, makes no second one."""
    processid = step.new_id("process")
    known = step.tables.processes.get(processid)
    if known is None and step.colony in step.tables.tallies:  # only then is there an archive worth a look
        known = step.history.process(processid)
    if known is None:
        assert message.spec is not None  # access control refused it
        row = new_process(step, processid, normalised(message.spec))
        row = replace(row, in_=bounded(message.in_, message.failure)) if message.in_ else row
        step.draft.put("processes", processid, row)
    return ProcessView(processid)


def new_process(step: Step, processid: str, spec: FunctionSpec) -> ProcessRow:
    """The row of a process submitted now by the caller (4.2, 4.3)."""
    return ProcessRow(
        processid=processid,
        colonyname=step.colony,
        initiatorid=step.caller,
        initiatorname=initiator_name(step.tables, step.colony, step.caller),
        spec=spec,
        prioritytime=step.now - spec.priority * PRIORITY_NS,
        submissiontime=step.now,
        waitdeadline=step.now + spec.maxwaittime * SECOND if spec.maxwaittime > 0 else 0,
    )


def get_process(step: Step, message: GetProcess) -> Any:
    """One process, from memory or from the archive."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    return process_value(step.tables, row)


def get_processes(step: Step, message: GetProcesses) -> list[Any]:
    """A list by state (4.12); all filters that are given must fit."""
    if message.count > COUNT_MAX:
        raise BadRequest(f"Count is larger than MaxCount limit <{COUNT_MAX}>")
    if message.count < 0:
        raise BadRequest("Count must not be negative")
    if message.processgraphid:
        return _nodes(step, message)
    if message.endedafter:
        return ended_after(step, message)
    if message.state not in set(State):
        raise BadRequest("Failed to get processes, invalid msg.State")
    _require_initiator(step, message.initiator)
    after = _last_of_page_before(step, message.after)
    if State(message.state) in FINISHED:
        rows = _newest(step, message, after)
    else:
        rows = list(islice(_listed(step, State(message.state), message, after), message.count))
    return [process_value(step.tables, row) for row in rows]


def _last_of_page_before(step: Step, processid: str) -> ProcessRow | None:
    """The process after which a page begins. It may have moved on since, to another state or into the archive."""
    if not processid:
        return None
    row = step.process(processid)
    if row is None or row.colonyname != step.colony:
        raise BadRequest(f"Failed to get processes, {processid} is not there any more: begin with the first page")
    return row


def _newest(step: Step, message: GetProcesses, after: ProcessRow | None) -> list[ProcessRow]:
    """A page of those that ended, the latest first, from memory and archive as if they were one.

    Workflows leave memory as a whole, so what is in the archive is not always older than what is in memory.
    """
    before = _end(after) if after is not None else None
    ids = reversed(step.tables.ids_in_state(step.colony, State(message.state)))
    rows: list[ProcessRow] = []
    for row in (step.tables.processes[key] for key in ids):
        if len(rows) >= message.count and row.endtime < rows[-1].endtime:
            break  # whole groups of one end time, as a cancelled workflow leaves them: their order is that of the ids
        if _passes(row, message) and (before is None or _end(row) < before):
            rows.append(row)
    rows += step.history.newest(
        step.colony,
        message.state,
        message.count,
        executortype=message.executortype,
        label=message.label,
        initiatorname=message.initiator,
        before=before,
    )
    return sorted(rows, key=_end, reverse=True)[: message.count]


def _end(row: ProcessRow) -> tuple[int, str]:
    return (row.endtime, row.processid)


def _nodes(step: Step, message: GetProcesses) -> list[Any]:
    """Processes of one workflow, in the order of its spec; with the state -1 all of them, as pycolonies asks."""
    if message.state != ANY_STATE and message.state not in set(State):
        raise BadRequest("Failed to get processes, invalid msg.State")
    graph = step.graph(message.processgraphid)
    if graph is None or graph.colonyname != step.colony:
        raise BadRequest(f"Failed to get processes, colony <{step.colony}> has no workflow {message.processgraphid}")
    rows = iter(workflows_views.rows_of(step, graph).values())
    if message.after and all(row.processid != message.after for row in rows):  # else it goes on where that stopped
        raise BadRequest(f"Failed to get processes, {message.after} is no process of this workflow")
    rows = (row for row in rows if message.state in (ANY_STATE, row.state) and _passes(row, message))
    return [process_value(step.tables, row) for row in islice(rows, message.count)]


def _require_initiator(step: Step, name: str) -> None:
    if not name or step.tables.executor_named(step.colony, name) is not None:
        return
    if not any(step.tables.users[key].name == name for key in step.tables.users_in.get(step.colony, ())):
        raise BadRequest(f"User {name} does not exist")


def _listed(step: Step, state: State, message: GetProcesses, after: ProcessRow | None) -> Iterator[ProcessRow]:
    """Those that wait, next to be served first, or run, the oldest first."""
    rows: Iterator[ProcessRow]
    if state is State.WAITING:
        rows = step.live.waiting.in_rank(step.colony)
        if after is not None:
            rows = (row for row in rows if rank(row) > rank(after))
    else:
        rows = (step.tables.processes[key] for key in step.tables.ids_in_state(step.colony, state))
        if after is not None:
            rows = _running_after(rows, after)
    return (row for row in rows if _passes(row, message))


def _running_after(rows: Iterator[ProcessRow], after: ProcessRow) -> Iterator[ProcessRow]:
    """What follows `after`; once that has ended, what began at its time or later: rather shown twice than never."""
    if after.state is not State.RUNNING:
        return (row for row in rows if row.starttime >= after.starttime)
    return islice(dropwhile(lambda row: row.processid != after.processid, rows), 1, None)


def _passes(row: ProcessRow, message: GetProcesses) -> bool:
    return (
        (not message.executortype or row.spec.conditions.executortype == message.executortype)
        and (not message.label or row.spec.label == message.label)
        and (not message.initiator or row.initiatorname == message.initiator)
    )


def get_process_hist(step: Step, message: GetProcessHist) -> list[Any]:
    """Processes in exactly that state submitted within the last `seconds`, oldest first (4.12)."""
    if message.state not in set(State):
        return []
    since = step.now - message.seconds * SECOND
    state = State(message.state)
    found = [
        row
        for row in (step.tables.processes[key] for key in step.tables.ids_in_state(step.colony, state))
        if row.submissiontime >= since and (not message.executorid or row.assignedexecutorid == message.executorid)
    ]
    if state in FINISHED:
        found += step.history.submitted_since(step.colony, message.state, since, message.executorid)
    found.sort(key=lambda row: (row.submissiontime, row.processid))
    return [process_value(step.tables, row) for row in found]


def close_successful(step: Step, message: CloseSuccessful) -> dict[str, Any]:
    """The executor's verdict: done (4.9; with `attempt`, `PROTOCOL.md` 4)."""
    row = _closable(step, message, "successful", State.SUCCESS)
    if row is None:
        return {}
    first = row.state is not State.SUCCESS
    after = lifecycle.succeed(step, _at_caller(step, row), message.out)
    if first:
        count_success(step, after)
    return {}


def close_failed(step: Step, message: CloseFailed) -> dict[str, Any]:
    """The executor's verdict: failed."""
    row = _closable(step, message, "failed", State.FAILED)
    if row is not None:
        lifecycle.fail(step, _at_caller(step, row), message.errors)
    return {}


def _at_caller(step: Step, row: ProcessRow) -> ProcessRow:
    """A late result of a process that waits again: it counts as run by who ran it."""
    if row.state is State.WAITING:
        return step.patch_process(row, assignedexecutorid=step.caller)
    return row


def _closable(step: Step, message: CloseSuccessful | CloseFailed, verdict: str, state: State) -> ProcessRow | None:
    """The process to close; None when this very close was carried out before. Raises ColoniesError."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if message.attempt:
        return _closable_attempt(step, row, message.attempt, state)
    if not row.assignedexecutorid:
        raise Forbidden(f"Failed to close process as {verdict}, process is not assigned")
    if row.assignedexecutorid != step.caller:
        raise Forbidden(f"Failed to close process as {verdict}, not allowed to close process as {verdict}")
    lifecycle.after(row, lifecycle.Move.SUCCEED if state is State.SUCCESS else lifecycle.Move.FAIL)
    return None if step.in_archive(row.processid) else row


def _closable_attempt(step: Step, row: ProcessRow, attempt: int, state: State) -> ProcessRow | None:
    if attempt != row.attempt or row.lastexecutorid != step.caller:
        raise Conflict(f"Attempt {attempt} is over: attempt {row.attempt} of this process is the one that counts")
    if row.state in (State.RUNNING, State.WAITING):
        return row
    if row.state is state and row.assignedexecutorid == step.caller:
        return None
    raise Conflict(f"Attempt {attempt} is over: the process is {row.state.name.lower()}")


def set_output(step: Step, message: SetOutput) -> dict[str, Any]:
    """Output before the end."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if row.assignedexecutorid != step.caller:
        raise Forbidden("Failed to close process as successful, not allowed to close process as successful")
    if row.state is not State.RUNNING:
        raise Forbidden("Failed to set output, process is not running")
    if message.out:
        step.patch_process(row, out=message.out)
    return {}


def cancel_process(step: Step, message: CancelProcess) -> dict[str, Any]:
    """Any member may cancel (4.10)."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if row.processgraphid:
        raise BadRequest(
            "Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead"
        )
    lifecycle.cancel(step, row)
    return {}


def remove_process(step: Step, message: RemoveProcess) -> dict[str, Any]:
    """Any member may remove what does not run (4.13)."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if row.processgraphid:
        raise BadRequest(
            "Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead"
        )
    if row.state is State.RUNNING:
        raise BadRequest("Failed to remove process, cannot remove a running process")
    if step.in_archive(row.processid):
        step.draft.instruct("archive", row.processid, Purge(colonyname=row.colonyname, state=int(row.state)))
    else:
        step.draft.drop("processes", row.processid)
    return {}


def remove_all_processes(step: Step, message: RemoveAllProcesses) -> dict[str, Any]:
    """The colony owner removes all of a state; -1 means every state, and then running work is withdrawn (4.13)."""
    if message.state == State.RUNNING:
        raise BadRequest("Not possible to remove running processes")
    if message.state != ANY_STATE and message.state not in set(State):
        raise BadRequest("Invalid state when deleting all processes")
    states = tuple(State) if message.state == ANY_STATE else (State(message.state),)
    for state in states:
        for processid in tuple(step.tables.ids_in_state(step.colony, state)):
            row = step.tables.processes[processid]
            if not row.processgraphid:
                if state is State.RUNNING:
                    lifecycle.withdraw(step, row, "removed")
                step.draft.drop("processes", processid)
    if message.state != State.WAITING:
        step.draft.instruct("archive", "", Purge(colonyname=step.colony, state=message.state))
    return {}


HANDLERS: Mapping[str, Handler] = {
    "submitfuncspecmsg": submit,
    "getprocessmsg": get_process,
    "getprocessesmsg": get_processes,
    "getprocesshistmsg": get_process_hist,
    "closesuccessfulmsg": close_successful,
    "closefailedmsg": close_failed,
    "setoutputmsg": set_output,
    "cancelprocessmsg": cancel_process,
    "removeprocessmsg": remove_process,
    "removeallprocessesmsg": remove_all_processes,
}
