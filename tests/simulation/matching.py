"""Who may run what, in which order, and that nobody is idle beside work: `protocol-core.md` 4.6 once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Outcome, Request
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.model import Executor, ExecutorState, State
from tests.simulation.loop import SECOND
from tests.simulation.network import Presence, Up
from tests.simulation.party import COLONY
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

SIZES = {"": None, "500m": 500, "1000m": 1000, "2000m": 2000, "512Mi": 512, "1Gi": 1024, "1024Mi": 1024, "2Gi": 2048}
SIZES |= {"0m": 0, "0Mi": 0, "2048Mi": 2048}


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody who wants work: an executor and what it has."""

    executorid: str
    cpu: int | None = None
    mem: int | None = None


def fits(row: ProcessRow, executor: Executor, wish: Wish) -> bool:
    conditions = row.spec.conditions
    if row.colonyname != executor.colonyname or conditions.executortype != executor.executortype:
        return False
    if conditions.executornames and executor.executorname not in conditions.executornames:
        return False
    if conditions.locationname and conditions.locationname.lower() != executor.locationname.lower():
        return False
    cpu, mem = SIZES[conditions.cpu] or 0, SIZES[conditions.mem] or 0
    return (wish.cpu is None or cpu <= wish.cpu) and (wish.mem is None or mem <= wish.mem)


def before(one: ProcessRow, other: ProcessRow) -> bool:
    """A point of priority is worth a day of age."""
    day = 86_400 * SECOND
    ranks = [(row.submissiontime - row.spec.priority * day, row.submissiontime, row.processid) for row in (one, other)]
    return ranks[0] < ranks[1]


TICK_NS = SECOND // 20  # longer than any commit: what became due in it is looked at right after


class Matching:
    """Follows who is ready, who waits for an answer and who released what, from the requests alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ready: dict[str, tuple[int, str]] = {}  # executor id -> capacity, conn
        self._polls: dict[tuple[str, str], Wish] = {}  # (caller, msgid)
        self._released: dict[tuple[str, str], int] = {}  # (executor id, process id) -> true time of its end

    def restarted(self) -> None:
        """All of it is volatile."""
        self._ready.clear()
        self._polls.clear()
        self._released.clear()

    def step(self, shell: Shell, up: Up | None, outcome: Outcome, started: list[ProcessRow]) -> None:
        """Judge one step of the engine; `started` are the processes that it assigned."""
        self._follow(shell, up, outcome)
        wishes = self._answered(outcome)
        for row in started:
            self._judge_start(shell, row, wishes.get(row.processid, Wish(row.assignedexecutorid)))
        self._judge_idleness(shell)

    def _follow(self, shell: Shell, up: Up | None, outcome: Outcome) -> None:
        if isinstance(up, Presence):
            if not up.online and self._ready.get(up.executorid, (0, ""))[1] == up.conn:
                del self._ready[up.executorid]
        elif up is not None:
            self._follow_request(up, outcome)
        for executorid in tuple(self._ready):
            executor = shell.engine.tables.executors.get(executorid)
            if executor is None or executor.state != ExecutorState.APPROVED:
                del self._ready[executorid]

    def _follow_request(self, up: Request, outcome: Outcome) -> None:
        msgid = str(up.value["msgid"])
        reply = next((reply for reply in outcome.replies if reply.msgid == msgid), None)
        if up.payloadtype == "assignprocessmsg" and reply is None:
            self._polls[up.caller, msgid] = wish_of(up.caller, up.value)
        if reply is None or reply.error:
            return
        if up.payloadtype == "readymsg" and self._world.auditor.first_time(up.caller, msgid):
            self._ready[up.caller] = (up.value["capacity"], up.route.conn)
        elif up.payloadtype == "releaseprocessmsg" and outcome.records:
            until = self._world.loop.now + int(self._world.settings.pass_over_s * SECOND)
            self._released[up.caller, up.value["processid"]] = until

    def _answered(self, outcome: Outcome) -> dict[str, Wish]:
        """What was given to whom by a reply; answered polls do not wait any more."""
        wishes = {}
        for reply in outcome.replies:
            self._polls.pop((reply.route.party, reply.msgid), None)
            if reply.payloadtype == "assignprocessmsg" and not reply.error and reply.value:
                message = self._world.auditor.message(reply.route.party, reply.msgid)
                wishes[reply.value["processid"]] = wish_of(reply.route.party, message)
        return wishes

    def _judge_start(self, shell: Shell, row: ProcessRow, wish: Wish) -> None:
        tables = shell.engine.tables
        executor = tables.executors.get(row.assignedexecutorid)
        where = f"process {row.processid[:8]} attempt {row.attempt}"
        if executor is None or executor.state != ExecutorState.APPROVED:
            raise Violation(f"{where} was given to an executor that is not approved")
        if row.colonyname in tables.pauses:
            raise Violation(f"{where} was assigned although the colony is paused")
        if not fits(row, executor, wish):
            raise Violation(f"{where} was given to {executor.executorname}, which does not fit")
        if self._released.get((executor.executorid, row.processid), 0) > self._world.loop.now:
            raise Violation(f"{where} was given to {executor.executorname}, which has just released it")
        held = sum(
            1 for other in tables.processes.values()
            if other.state is State.RUNNING and other.assignedexecutorid == executor.executorid
        )  # fmt: skip
        if row.leased and held > self._ready.get(executor.executorid, (0, ""))[0]:
            raise Violation(f"{where} was pushed to {executor.executorname}, which has no room: it holds {held}")
        for other in self._waiting(shell, executor, wish):
            if before(other, row):
                raise Violation(f"{where} was given away although {other.processid[:8]} comes first")

    def _judge_idleness(self, shell: Shell) -> None:
        tables = shell.engine.tables
        if COLONY in tables.pauses or not tables.ids_in_state(COLONY, State.WAITING):
            return
        for executorid, (capacity, _) in self._ready.items():
            if len(tables.held_by.get(executorid, ())) < capacity:
                self._judge_idle(shell, Wish(executorid), "ready for work")
        for wish in self._polls.values():
            self._judge_idle(shell, wish, "waiting for an answer")

    def _judge_idle(self, shell: Shell, wish: Wish, how: str) -> None:
        executor = shell.engine.tables.executors.get(wish.executorid)
        if executor is not None:
            for row in self._waiting(shell, executor, wish):
                raise Violation(f"{executor.executorname} is {how}, and process {row.processid[:8]} waits beside it")

    def _waiting(self, shell: Shell, executor: Executor, wish: Wish) -> Iterator[ProcessRow]:
        tables = shell.engine.tables
        for processid in tables.ids_in_state(COLONY, State.WAITING):
            row = tables.processes[processid]
            if (
                fits(row, executor, wish)
                and is_free(row, tables.processes)
                and not self._passed_over(executor.executorid, row)
            ):
                yield row

    def _passed_over(self, executorid: str, row: ProcessRow) -> bool:
        """Until the very end: that moment belongs to the tick, which may come after a commit and another step."""
        return self._released.get((executorid, row.processid), -TICK_NS) >= self._world.loop.now - TICK_NS


def is_free(row: ProcessRow, rows: dict[str, ProcessRow]) -> bool:
    """It waits for nobody but an executor."""
    return all(rows[key].state is State.SUCCESS for key in row.parents)


def wish_of(caller: str, message: dict[str, Any]) -> Wish:
    return Wish(caller, SIZES[message.get("availablecpu", "")], SIZES[message.get("availablemem", "")])
