"""Counts everything again that the engine keeps count of, and asks of every open process what will end it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from colonies_edge.engine.access import RULES, Memory
from colonies_edge.engine.engine import Engine
from colonies_edge.engine.ports import History
from colonies_edge.engine.rows import TallyRow
from colonies_edge.engine.timers import Timer
from colonies_edge.protocol.model import ExecutorState, State
from tests.simulation.loop import SECOND
from tests.simulation.matching import is_free
from tests.simulation.party import COLONY
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell

TALLY_FIELDS = {State.SUCCESS: "success", State.FAILED: "failed", State.CANCELLED: "cancelled"}


def indices(engine: Engine) -> None:
    """Every index says what the rows say."""
    tables = engine.tables
    states: Counter[tuple[str, State]] = Counter()
    holders: dict[str, set[str]] = {}
    for row in tables.processes.values():
        states[row.colonyname, row.state] += 1
        if row.state is State.RUNNING:
            holders.setdefault(row.assignedexecutorid, set()).add(row.processid)
            if not row.assignedexecutorid or row.assignedexecutorid != row.lastexecutorid:
                raise Violation(f"process {row.processid[:8]} runs at {row.assignedexecutorid[:8]!r}")
            executor = tables.executors.get(row.assignedexecutorid)
            if executor is None or executor.state != ExecutorState.APPROVED:
                raise Violation(f"process {row.processid[:8]} runs at an executor that is not one any more")
    if states != Counter({key: len(ids) for key, ids in tables.in_state.items()}):
        raise Violation(f"counters say {tables.in_state}, the rows say {states}")
    if holders != {key: set(ids) for key, ids in tables.held_by.items()}:
        raise Violation(f"the index of holders says {tables.held_by}, the rows say {holders}")
    names = {(row.colonyname, row.executorname): key for key, row in tables.executors.items()}
    if names != tables.executor_names:
        raise Violation("the index of executor names differs from the rows")


def tallies(engine: Engine, history: History) -> None:
    """What is counted as archived is in the archive."""
    tally = engine.tables.tallies.get(COLONY, TallyRow())
    for state, name in TALLY_FIELDS.items():
        archived = [row for row in history.newest(COLONY, int(state), 100_000) if row.state is state]
        single = [row for row in archived if not row.processgraphid]
        if len(archived) - len(single) != sum(n for digits, n in tally.nodes.items() if digits[1] == str(int(state))):
            raise Violation(f"{tally.nodes} nodes count as archived, {len(archived) - len(single)} are {state.name}")
        if len(history.newest_graphs(COLONY, int(state), 100_000)) != tally.graphs.get(str(int(state)), 0):
            raise Violation(f"{tally.graphs} workflows count as archived")
        if len(single) != getattr(tally, name):
            raise Violation(f"{getattr(tally, name)} processes count as archived with {state.name}, {len(single)} are")
        for row in archived:
            if row.processid in engine.tables.processes:
                raise Violation(f"process {row.processid[:8]} is in memory and in the archive")


def deadlines(shell: Shell, *, started: bool = False) -> None:
    """No open process without something that will end its state, and nothing overdue (unless it has just `started`)."""
    engine, now = shell.engine, shell.clock.now_ns()
    if shell.clock._step:  # the wall clock jumped, and the engine will be told before its next decision
        return
    live, lease_ns = engine._live, int(engine.settings.lease_s * SECOND)
    steady = now - live.stepped
    timers = {(timer, key): when for when, _, timer, key in sorted(live.timers._heap, reverse=True)}
    for processid, row in engine.tables.processes.items():
        lease = live.leases.get(processid)
        where = f"process {processid[:8]} ({row.state.name})"
        if (lease is not None) != (row.state is State.RUNNING and row.leased):
            raise Violation(f"{where}: lease {lease}, pushed: {row.leased}")
        if lease is not None and timers.get((Timer.LEASE, processid), lease.until + 1) > lease.until:
            raise Violation(f"{where}: nothing will happen when its lease ends")
        if lease is not None and not steady - SECOND < lease.until <= steady + lease_ns:
            raise Violation(f"{where}: its lease ends in {(lease.until - steady) / SECOND:.1f} s")
        if row.state is State.RUNNING and row.spec.maxexectime > 0:
            ends = row.execdeadline - live.stepped
            _require(timers.get((Timer.EXEC, processid)), ends, None if started else steady, f"{where}: execution")
        if row.state is State.WAITING and row.spec.maxwaittime > 0 and is_free(row, engine.tables.processes):
            ends = row.waitdeadline - live.stepped
            _require(timers.get((Timer.WAIT, processid)), ends, None if started else steady, f"{where}: waiting")


def _require(timer: int | None, ends: int, steady: int | None, where: str) -> None:
    if timer is None or timer > ends:
        raise Violation(f"{where} may go on for ever: no timer at {ends}")
    if steady is not None and ends < steady - SECOND:
        raise Violation(f"{where} is {(steady - ends) / SECOND:.1f} s over its time")


def replay(shell: Shell) -> None:
    """A second engine that reads the store knows the same."""
    found = shell.store.load()
    other = Engine(shell.engine.settings, shell.history)
    other.restore(found.rows, found.records, shell.clock.now_ns())
    for name, rows in shell.engine.tables.by_name.items():
        if rows != other.tables.by_name[name]:
            mine, theirs = rows.items(), other.tables.by_name[name].items()
            raise Violation(f"the journal tells another story of {name}: {[x for x in mine if x not in theirs]}")
    _answers(shell, other)


def _answers(shell: Shell, other: Engine) -> None:
    mine, theirs = shell.engine._answers, other._answers
    auditor = shell.world.auditor
    for caller, answers in mine._by_caller.items():
        for msgid in answers:
            rule = RULES[auditor.message(caller, msgid)["msgtype"]]
            if rule.memory is Memory.DURABLE and theirs.get(caller, msgid) is None:
                raise Violation(f"the answer to {auditor.name(caller, msgid)} would not survive a crash")
    theirs.forget_old(other._live.steady)
    for caller, answers in theirs._by_caller.items():
        for msgid, answer in answers.items():
            if mine.get(caller, msgid) not in (None, answer):  # None: forgotten by now
                raise Violation(f"the journal tells another answer to {auditor.name(caller, msgid)}")
