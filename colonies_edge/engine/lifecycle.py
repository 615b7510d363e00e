"""The life of a process: the table of its states, and the steps between them (`protocol-core.md` 4.4)."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from colonies_edge.engine.outcome import Push
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.model import State

SECOND = 1_000_000_000
EXEC_TIMEOUT = "Maximum execution time limit exceeded"
WAIT_TIMEOUT = "Maximum waiting time limit exceeded"
LEASE_LOST = "Lease lost: the executor was not heard from in time"


class Move(str, Enum):
    """What can happen to a process."""

    ASSIGN = "assign"
    REQUEUE = "requeue"  # the executor was removed, released it, lost it, or took too long
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


# Where a move leads from a state. What is not here is refused: with the text below if there is one.
MOVES: dict[tuple[State, Move], State] = {
    (State.WAITING, Move.ASSIGN): State.RUNNING,
    (State.WAITING, Move.SUCCEED): State.SUCCESS,  # a late result of the latest attempt, when nobody else has it
    (State.WAITING, Move.FAIL): State.FAILED,  # waited too long, or such a late result
    (State.WAITING, Move.CANCEL): State.CANCELLED,
    (State.RUNNING, Move.REQUEUE): State.WAITING,
    (State.RUNNING, Move.SUCCEED): State.SUCCESS,
    (State.RUNNING, Move.FAIL): State.FAILED,
    (State.RUNNING, Move.CANCEL): State.CANCELLED,
    (State.SUCCESS, Move.SUCCEED): State.SUCCESS,  # the reply was lost and the executor says it again
}

REFUSALS: dict[tuple[State, Move], str] = {
    (State.SUCCESS, Move.FAIL): "Tried to set successful process as failed",
    (State.SUCCESS, Move.CANCEL): "Tried to cancel successful process",
    (State.FAILED, Move.SUCCEED): "Tried to set failed process as successful",
    (State.FAILED, Move.FAIL): "Tried to set failed process as failed",
    (State.FAILED, Move.CANCEL): "Tried to cancel failed process",
    (State.CANCELLED, Move.SUCCEED): "Tried to set cancelled process as successful",
    (State.CANCELLED, Move.FAIL): "Tried to set cancelled process as failed",
    (State.CANCELLED, Move.CANCEL): "Tried to cancel already cancelled process",
}


def after(row: ProcessRow, move: Move) -> State:
    """The state that the move leads to. Raises BadRequest when it cannot be made."""
    state = MOVES.get((row.state, move))
    if state is None:
        text = REFUSALS.get((row.state, move), f"Tried to {move.value} a {row.state.name.lower()} process")
        raise BadRequest(text)
    return state


def assign(step: Step, row: ProcessRow, executorid: str, *, leased: bool) -> ProcessRow:
    """WAITING -> RUNNING at that executor: one more attempt."""
    limit = row.spec.maxexectime
    changes: dict[str, Any] = {"execdeadline": step.now + limit * SECOND} if limit > 0 else {}
    if row.parents:
        parents = (step.draft.get("processes", key) for key in row.parents)
        changes["in_"] = tuple(value for parent in parents if parent is not None for value in parent.out)
    return step.patch_process(
        row,
        state=after(row, Move.ASSIGN),
        assignedexecutorid=executorid,
        lastexecutorid=executorid,
        starttime=step.now,
        attempt=row.attempt + 1,
        leased=leased,
        **changes,
    )


def succeed(step: Step, row: ProcessRow, out: tuple[Any, ...]) -> ProcessRow:
    """-> SUCCESS; an empty `out` leaves what `setoutputmsg` set before."""
    changes: dict[str, Any] = {"out": out} if out else {}
    return step.patch_process(row, state=after(row, Move.SUCCEED), endtime=step.now, **changes)


def fail(step: Step, row: ProcessRow, errors: Iterable[str], **changes: Any) -> ProcessRow:
    """-> FAILED."""
    return step.patch_process(row, state=after(row, Move.FAIL), endtime=step.now, errors=tuple(errors), **changes)


def cancel(step: Step, row: ProcessRow) -> ProcessRow:
    """-> CANCELLED; an executor that runs it is told to stop."""
    cancelled = step.patch_process(row, state=after(row, Move.CANCEL), endtime=step.now)
    if row.state is State.RUNNING:
        withdraw(step, row, "cancelled")
    return cancelled


def requeue(step: Step, row: ProcessRow, **changes: Any) -> ProcessRow:
    """RUNNING -> WAITING, for the next executor."""
    return step.patch_process(row, state=after(row, Move.REQUEUE), assignedexecutorid="", leased=False, **changes)


def give_back(step: Step, row: ProcessRow, **changes: Any) -> ProcessRow:
    """RUNNING -> WAITING as if never started: no retry is counted, and its time to wait goes on where it stopped.

    Else a process that ran for longer than it may wait would fail at once, through no fault of its own.
    """
    waitdeadline = step.now + row.waitdeadline - row.starttime if row.waitdeadline else 0
    return requeue(step, row, starttime=0, endtime=0, waitdeadline=waitdeadline, **changes)


def run_out(step: Step, row: ProcessRow, text: str, reason: str) -> None:
    """Time-out, lost lease: again while `maxretries` allows (negative: always), else failed with `text` (4.4, 7.1)."""
    withdraw(step, row, reason)
    if 0 <= row.spec.maxretries <= row.retries:
        fail(step, row, (text,))
        return
    limit = row.spec.maxwaittime
    waitdeadline = step.now + limit * SECOND if limit > 0 else row.waitdeadline
    requeue(step, row, retries=row.retries + 1, endtime=step.now, waitdeadline=waitdeadline)


def requeue_removed(step: Step, executorid: str) -> None:
    """The executor was removed: its running processes go back as if never started (3.3, rule 4)."""
    for processid in tuple(step.tables.held_by.get(executorid, ())):
        row = step.draft.get("processes", processid)
        if row is not None and row.state is State.RUNNING:
            withdraw(step, row, "removed")
            give_back(step, row)


def withdraw(step: Step, row: ProcessRow, reason: str) -> None:
    """Tell the executor to stop and forget this attempt (`PROTOCOL.md` 4); pulled work has nobody who listens."""
    if row.leased:
        value = {"processid": row.processid, "attempt": row.attempt, "reason": reason}
        step.pushes.append(
            Push(colony=row.colonyname, executorid=row.assignedexecutorid, payloadtype="withdrawmsg", value=value)
        )
