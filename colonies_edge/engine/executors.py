"""Registering, approving and removing executors, and what they report of themselves (`protocol-core.md` 3.3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine import lifecycle
from colonies_edge.engine.functions import forget_functions
from colonies_edge.engine.names import require_identity, require_name, require_text
from colonies_edge.engine.rows import AwayRow, PresenceRow
from colonies_edge.engine.schedule_owners import hand_over_schedule
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.views import echo
from colonies_edge.engine.views import executor as shown
from colonies_edge.protocol.errors import BadRequest, Internal
from colonies_edge.protocol.messages import (
    AddExecutor,
    ApproveExecutor,
    ChangeExecutorId,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    RejectExecutor,
    RemoveExecutor,
    ReportAllocation,
    UpdateExecutor,
)
from colonies_edge.protocol.model import Executor, ExecutorState, State

NEVER_CHECKED = "invalid executor Id length"  # upstream takes any id


def add_executor(step: Step, message: AddExecutor) -> Executor:
    """A new executor, or another one in the place of an old one of that name; either waits for approval."""
    executor = message.executor
    assert executor is not None  # access control refused it
    require_sound(executor, "Failed to add executor")
    name, colony = executor.executorname, step.colony
    former = step.tables.executor_named(colony, name)
    if former is not None and former.state != ExecutorState.UNREGISTERED and not step.settings.allow_reregister:
        raise BadRequest(f"Executor with name <{name}> in Colony <{colony}> already exists")
    require_free(step, executor.executorid, former, _silent_here(step, executor.executorid))
    return place(step, executor, former, ExecutorState.PENDING)


def _silent_here(step: Step, executorid: str) -> Executor | None:
    """The owner may give a silent executor of the colony another name."""
    other = step.tables.executors.get(executorid)
    silent = other is not None and other.state == ExecutorState.UNREGISTERED and other.colonyname == step.colony
    return other if silent else None


def place(step: Step, executor: Executor, former: Executor | None, state: ExecutorState) -> Executor:
    """The new row, where `former` had the name before."""
    if former is not None:
        unregister(step, former)
        _put_away(step, former.executorid)
        executor = replace(executor, requirefuncreg=former.requirefuncreg)
    _put_away(step, executor.executorid)
    executor = replace(executor, state=int(state), commissiontime=step.now, online=False, left=False, bridge={})
    step.draft.put("executors", executor.executorid, executor)
    return executor


def require_sound(executor: Executor, failure: str) -> None:
    """Raises BadRequest for names and identities that nobody could use."""
    require_name(failure, "executor name", executor.executorname)
    require_identity(failure, executor.executorid, NEVER_CHECKED)
    require_text(failure, "executor type", executor.executortype)
    require_text(failure, "location name", executor.locationname)


def require_free(step: Step, executorid: str, *mine: Executor | None) -> None:
    """One identity is one executor: upstream lets two rows share one, and then decides about the wrong one of them. Who
    was only silent for too long keeps it; about `mine` the caller has a say."""
    other = step.tables.executors.get(executorid)
    if other is None or other in mine:
        return
    if other.state != ExecutorState.UNREGISTERED or executorid in step.tables.away:
        raise BadRequest(f"An executor with Id <{executorid}> already exists")


def _put_away(step: Step, executorid: str) -> None:
    """Drop the row with this identity, if there is one, and what was known of it."""
    if step.draft.get("executors", executorid) is not None:
        step.draft.drop("executors", executorid)
    if executorid in step.tables.heard:
        step.draft.drop("presence", executorid)
    _decide_for_good(step, executorid)


def _decide_for_good(step: Step, executorid: str) -> None:
    """The owner has spoken: a silent one does not get back what it was by itself any more."""
    if executorid in step.tables.away:
        step.draft.drop("away", executorid)


def unregister(step: Step, executor: Executor) -> None:
    """The row stays visible; the executor's functions go, and its work goes back to the queue. Nothing if it is so."""
    _decide_for_good(step, executor.executorid)
    if executor.state == ExecutorState.UNREGISTERED:
        return
    step.draft.patch("executors", executor.executorid, state=int(ExecutorState.UNREGISTERED))
    forget_functions(step, executor)
    lifecycle.requeue_removed(step, executor.executorid)


def sweep(step: Step, executor: Executor) -> None:
    """A silent executor is unregistered (7.1), but not for good as upstream does it: a gateway that was a day behind a
    broken line is what it was as soon as it is heard again, and its functions are still known."""
    if executor.state == ExecutorState.UNREGISTERED:
        return
    step.draft.put("away", executor.executorid, AwayRow(state=executor.state))
    step.draft.patch("executors", executor.executorid, state=int(ExecutorState.UNREGISTERED))
    lifecycle.requeue_removed(step, executor.executorid)


def welcome_back(step: Step, executorid: str) -> None:
    """It is heard again."""
    step.draft.patch("executors", executorid, state=step.tables.away[executorid].state)
    step.draft.drop("away", executorid)


def _named(step: Step, name: str, failure: str) -> Executor:
    executor = step.tables.executor_named(step.colony, name)
    if executor is None:
        raise Internal(f"{failure}, executor is nil")
    return executor


def approve_executor(step: Step, message: ApproveExecutor) -> dict[str, Any]:
    """From any state; a removed one is back."""
    executor = _named(step, message.executorname, "Failed to approve executor")
    step.draft.patch("executors", executor.executorid, state=int(ExecutorState.APPROVED))
    _decide_for_good(step, executor.executorid)
    return {}


def reject_executor(step: Step, message: RejectExecutor) -> dict[str, Any]:
    """From any state. It may not close what it runs any more, so that goes back to the queue."""
    executor = _named(step, message.executorname, "Failed to reject executor")
    step.draft.patch("executors", executor.executorid, state=int(ExecutorState.REJECTED))
    _decide_for_good(step, executor.executorid)
    lifecycle.requeue_removed(step, executor.executorid)
    return {}


def remove_executor(step: Step, message: RemoveExecutor) -> dict[str, Any]:
    """From any state; removing twice is not an error."""
    unregister(step, _named(step, message.executorname, "Failed to remove executor"))
    return {}


def get_executors(step: Step, message: GetExecutors) -> list[Executor]:
    """All of the colony, removed ones too."""
    tables, present = step.tables, step.live.offers.present()
    return [shown(step, tables.executors[key], present) for key in tables.executors_in.get(step.colony, ())]


def get_executor(step: Step, message: GetExecutor) -> Executor:
    """One by name."""
    executor = _named(step, message.executorname, "Failed to get executor")
    return shown(step, executor, step.live.offers.present())


def get_executor_by_id(step: Step, message: GetExecutorById) -> Executor:
    """One by identity."""
    return shown(step, step.tables.executors[message.executorid], step.live.offers.present())


def _own(step: Step, name: str, refusal: str) -> Executor:
    executor = step.tables.executor_named(step.colony, name)
    if executor is None:
        raise BadRequest(f"Executor with name <{name}> does not exist")
    if executor.executorid != step.caller:
        raise BadRequest(refusal)
    return executor


def report_allocation(step: Step, message: ReportAllocation) -> dict[str, Any]:
    """What projects use of the calling executor, in place of what it said before."""
    executor = _own(step, message.executorname, "Only an executor can report allocations to itself")
    step.draft.patch("executors", executor.executorid, allocations=message.allocations)
    return {}


def update_executor(step: Step, message: UpdateExecutor) -> dict[str, Any]:
    """What the calling executor has, in place of what it said before."""
    executor = _own(step, message.executorname, "Only an executor can update its own capabilities")
    step.draft.patch("executors", executor.executorid, capabilities=message.capabilities)
    return {}


def change_executor_id(step: Step, message: ChangeExecutorId) -> Any:
    """The calling executor gets another key; what it runs goes on under the new one."""
    old, new = step.caller, message.executorid
    if not new:
        raise BadRequest("Failed to change executor Id, executor Id is empty")
    executor = step.tables.executors.get(old)
    if executor is None or executor.colonyname != step.colony:
        raise BadRequest("Failed to change executor Id, executor not found")
    require_identity("Failed to change executor Id", new, "new executor Id is not 64 characters")
    if new == old:
        return echo(step)
    if (other := step.tables.executors.get(new)) is not None:  # nobody's place is taken without the owner's word
        raise BadRequest(f"An executor with Id <{other.executorid}> already exists")
    heard = step.tables.heard.get(old)
    _put_away(step, old)
    step.draft.put("executors", new, replace(executor, executorid=new))
    if heard is not None:
        step.draft.put("presence", new, PresenceRow(heard_ns=heard))
    _hand_over(step, old, new)
    hand_over_schedule(step, old, new)
    return echo(step)


def _hand_over(step: Step, old: str, new: str) -> None:
    """Work of the former identity: what it runs, and what it may still have a late result of."""
    for processid in tuple(step.tables.held_by.get(old, ())):
        step.draft.patch("processes", processid, assignedexecutorid=new, lastexecutorid=new)
    for processid in step.tables.ids_in_state(step.colony, State.WAITING):
        if step.tables.processes[processid].lastexecutorid == old:
            step.draft.patch("processes", processid, lastexecutorid=new)


HANDLERS: Mapping[str, Handler] = {
    "addexecutormsg": add_executor,
    "approveexecutormsg": approve_executor,
    "rejectexecutormsg": reject_executor,
    "removeexecutormsg": remove_executor,
    "getexecutorsmsg": get_executors,
    "getexecutormsg": get_executor,
    "getexecutorbyidmsg": get_executor_by_id,
    "reportallocationmsg": report_allocation,
    "updateexecutormsg": update_executor,
    "changeexecutoridmsg": change_executor_id,
}
