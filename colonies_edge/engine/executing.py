"""Executors at work: asking for it, being ready for it, staying alive, giving it back (`PROTOCOL.md` 4)."""

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine import lifecycle
from colonies_edge.engine.access import RULES, memory_of
from colonies_edge.engine.live import SECOND
from colonies_edge.engine.offers import Poll, seeker_of
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import LATER, Handler, ProcessView, Step
from colonies_edge.engine.timers import Timer
from colonies_edge.protocol.errors import (
    BadRequest,
    ColoniesError,
    Conflict,
    Forbidden,
    Internal,
    NotFound,
    TooManyRequests,
    Unavailable,
    WaitTimeout,
)
from colonies_edge.protocol.limits import (
    CAPACITY_MAX,
    LONG_POLLS_MAX,
    LONG_POLLS_PER_CALLER_MAX,
    LOST_ASSIGNMENTS_MAX,
)
from colonies_edge.protocol.messages import AssignProcess, Heartbeat, Ready, ReleaseProcess
from colonies_edge.protocol.model import Executor, State
from colonies_edge.protocol.quantities import bytes_of, millicores


def _executor(step: Step, failure: ColoniesError) -> Executor:
    executor = step.tables.executors.get(step.caller)
    if executor is None or executor.colonyname != step.colony:
        raise failure
    return executor


def assign(step: Step, message: AssignProcess) -> Any:
    """Pull: the best process now, or wait for one up to `timeout` seconds (4.5 to 4.7)."""
    if message.timeout == 0:
        raise BadRequest("Invalid timeout value, timeout cannot be zero")
    executor = _executor(step, Internal("Failed to assign process, executor not found"))
    cpu = millicores(message.availablecpu) if message.availablecpu else None
    mem = bytes_of(message.availablemem) if message.availablemem else None
    seeker = seeker_of(executor, cpu, mem)
    step.tables.heard[step.caller] = step.now
    paused = step.colony in step.tables.pauses
    row = None if paused else step.live.waiting.best(seeker, step.live.excluded(step.caller))
    if row is not None:
        lifecycle.assign(step, row, step.caller, leased=False)
        return ProcessView(row.processid)
    if message.timeout < 0:
        raise nothing_now(paused)
    if step.live.offers.polls_count >= LONG_POLLS_MAX:
        raise TooManyRequests(f"Too many waiting assigns: the limit is {LONG_POLLS_MAX}; try again later")
    if len(step.live.offers.polls_of_executor(step.caller)) >= LONG_POLLS_PER_CALLER_MAX:
        raise TooManyRequests(f"Too many waiting assigns of one executor: the limit is {LONG_POLLS_PER_CALLER_MAX}")
    assert step.request is not None
    live, request, key = step.live, step.request, f"{step.caller}/{step.msgid}"
    until = live.after(message.timeout)
    memory = memory_of(RULES[message.msgtype], message, step.now)

    def wait() -> None:
        live.offers.wait(key, Poll(seeker=seeker, request=request, until=until, memory=memory))
        live.timers.set(until, Timer.POLL, key)

    step.then.append(wait)
    return LATER


def nothing_now(paused: bool) -> ColoniesError:
    """The answer to an assign that does not wait."""
    if paused:
        return Unavailable("No processes available: colony assignments are paused")
    return NotFound("No process available for assignment")


def nothing_in_time(paused: bool) -> ColoniesError:
    """The answer to an assign that waited in vain."""
    if paused:
        return WaitTimeout("Assignment timeout: colony assignments are paused")
    return NotFound("No process available for assignment")


def ready(step: Step, message: Ready) -> dict[str, Any]:
    """Push: the executor says what it can take and what it holds; both sides agree again."""
    executor = _executor(step, Forbidden("Only an executor can be ready for work"))
    if not 0 <= message.capacity <= CAPACITY_MAX:
        raise BadRequest(f"Capacity must be between 0 and {CAPACITY_MAX}")
    assert step.request is not None
    live, conn = step.live, step.request.route.conn
    holding = {(held.processid, held.attempt) for held in message.holding}
    keep = [held for held in message.holding if _runs_at(step, held.processid, held.attempt)]
    kept = {held.processid for held in keep}
    for processid in tuple(step.tables.held_by.get(step.caller, ())):
        row = step.tables.processes[processid]
        if row.leased and (processid, row.attempt) not in holding:
            _never_arrived(step, row)
    step.tables.heard[step.caller] = step.now

    def be_ready() -> None:
        for processid in kept:
            live.leases.confirm(processid, conn, live.after(live.settings.lease_s))
        live.offers.ready(executor, conn, message.capacity)
        live.dirty_executors[executor.executorid] = None

    step.then.append(be_ready)
    return {
        "leasems": int(step.settings.lease_s * 1000),
        "keep": [{"processid": held.processid, "attempt": held.attempt} for held in keep],
        "drop": [
            {"processid": held.processid, "attempt": held.attempt}
            for held in message.holding
            if held.processid not in kept
        ],
    }


def _runs_at(step: Step, processid: str, attempt: int) -> bool:
    row = step.tables.processes.get(processid)
    return (
        row is not None
        and row.state is State.RUNNING
        and row.leased
        and row.assignedexecutorid == step.caller
        and row.attempt == attempt
    )


def _never_arrived(step: Step, row: ProcessRow) -> None:
    """The executor does not have what it was given. A broker that forgot the assignment must not cost a retry, but a
    process that kills its executor before it can say anything must not go round for ever."""
    lease = step.live.leases.get(row.processid)
    if (lease is not None and lease.confirmed) or row.losses >= LOST_ASSIGNMENTS_MAX:
        lifecycle.run_out(step, row, lifecycle.LEASE_LOST, "reassigned")
    else:
        lifecycle.give_back(step, row, losses=row.losses + 1)


def heartbeat(step: Step, message: Heartbeat) -> dict[str, Any]:
    """The executor still works on these (all that it holds, when it names none)."""
    _executor(step, Forbidden("Only an executor has leases"))
    held = step.tables.held_by.get(step.caller, {})
    named = tuple(held) if message.processids is None else message.processids
    mine = [processid for processid in named if processid in held and step.tables.processes[processid].leased]
    assert step.request is not None
    live, conn = step.live, step.request.route.conn
    step.tables.heard[step.caller] = step.now

    def extend() -> None:
        for processid in mine:
            live.leases.confirm(processid, conn, live.after(live.settings.lease_s))

    step.then.append(extend)
    return {"drop": [processid for processid in named if processid not in mine]}


def release(step: Step, message: ReleaseProcess) -> dict[str, Any]:
    """Not me, not now: back to the queue at once, no retry counted, and not to this executor again for a while."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if row.attempt != message.attempt or row.lastexecutorid != step.caller:
        raise Conflict(f"Attempt {message.attempt} is over: attempt {row.attempt} of this process counts")
    if row.state is State.RUNNING:
        lifecycle.give_back(step, row)
    elif row.state is not State.WAITING:  # else it came back otherwise, and shall go to another one all the same
        return {}
    live, caller = step.live, step.caller
    until = live.after(live.settings.pass_over_s)

    def pass_over() -> None:
        live.passed.setdefault(caller, {})[row.processid] = until
        live.timers.set(until, Timer.PASS_OVER, caller)

    step.then.append(pass_over)
    return {}


def is_alive(step: Step, executor: Executor) -> bool:
    """For the sweep of silent executors (7.1): heard of lately, waiting in a long poll, or busy with work that has a
    deadline or a lease of its own. One that never asked for work is not swept."""
    live = step.live
    heard = step.tables.heard.get(executor.executorid, executor.lastheardfromtime)
    if not heard or step.now - heard <= step.settings.stale_executor_s * SECOND:
        return True
    if live.steady - live.alive_at.get(executor.executorid, 0) <= step.settings.stale_executor_s * SECOND:
        return True
    if live.offers.polls_of_executor(executor.executorid):
        return True
    held = (step.tables.processes[key] for key in step.tables.held_by.get(executor.executorid, ()))
    return any(row.leased or row.execdeadline > step.now for row in held)


HANDLERS: Mapping[str, Handler] = {
    "assignprocessmsg": assign,
    "readymsg": ready,
    "heartbeatmsg": heartbeat,
    "releaseprocessmsg": release,
}
