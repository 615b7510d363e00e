"""The engine's volatile side: what is rebuilt or forgotten at a restart, and the bookkeeping that follows the rows."""

from collections import deque
from typing import Any

from colonies_edge.engine.channel_index import OPEN
from colonies_edge.engine.leases import Leases
from colonies_edge.engine.offers import Offers
from colonies_edge.engine.pace import Pace
from colonies_edge.engine.ports import NO_SHELF, Settings, Shelf
from colonies_edge.engine.rates import Rates
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.schedule_timers import is_alive
from colonies_edge.engine.subscriptions import Subscriptions
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.timers import Timer, Timers
from colonies_edge.engine.waiting import Waiting, is_waiting
from colonies_edge.protocol.limits import CHANNEL_APPENDS_BURST, CHANNEL_APPENDS_PER_S, LEFT_MAX
from colonies_edge.protocol.model import State

SECOND = 1_000_000_000


class Live:
    """Timers, leases, offers and subscriptions, and what the current step made dirty.

    `steady` is the time that only flows: `now` minus all steps of the wall clock since the start.
    """

    def __init__(self, tables: Tables, settings: Settings, shelf: Shelf = NO_SHELF) -> None:
        self.tables = tables
        self.settings = settings
        self.shelf = shelf
        self.stepped = 0
        self.steady = 0
        self.started_ns = 0
        self.timers = Timers(self._alive)
        self.waiting = Waiting(tables.processes)
        self.offers = Offers(tables)
        self.leases = Leases(self.timers)
        self.pace = Pace()
        self.subscriptions = Subscriptions(self.timers)
        self.passed: dict[str, dict[str, int]] = {}  # executor id -> process id -> steady time until it is passed over
        self.bridges: dict[str, dict[str, Any]] = {}  # executor id -> how the bridge that it belongs to says it is
        self._left_at: dict[str, int] = {}  # executor id -> when, of those who left, the last ones
        self.alive_at: dict[str, int] = {}  # executor id -> steady time of its last message of any kind
        self.dirty_processes: deque[str] = deque()  # wait since this step
        self.dirty_polls: deque[str] = deque()  # may look again since this step
        self.dirty_executors: dict[str, None] = {}  # may have room since this step
        self.changed: list[ProcessRow] = []  # entered a state in this step, or wait again
        self.graph_moves: deque[ProcessRow] = deque()  # began or ended in this step, and belong to a workflow
        self._unmet: dict[str, set[str]] = {}  # process id -> ids of the parents that it still waits for
        self.appends = Rates(CHANNEL_APPENDS_BURST, CHANNEL_APPENDS_PER_S)  # of entries, by process id
        self.silenced: list[ProcessRow] = []  # had channels, which ended in this step
        self.forgotten_until: dict[str, int] = {}  # colony -> nothing older is left in the archive (`retention`)
        tables.observers.append(self.observe)

    def begin(self, now: int) -> None:
        """A step starts."""
        self.steady = now - self.stepped

    def after(self, seconds: float) -> int:
        """Steady time so many seconds from now."""
        return self.steady + int(seconds * SECOND)

    def observe(self, before: ProcessRow | None, after: ProcessRow | None) -> None:
        """A process row changed."""
        if before is not None and before.spec.channels and _ended(before, after):
            self.silenced.append(before)
        if before is not None and before.state is State.RUNNING and not _same_run(before, after):
            self.leases.end(before.processid)
            self.dirty_executors[before.assignedexecutorid] = None
        if before is not None and before.waitforparents:
            self._unmet.pop(before.processid, None)
        if after is None:
            return
        if before is None or before.state is not after.state:
            self._enter(after)
        if is_waiting(after) and not is_waiting(before):
            self.changed.append(after)  # only now: who waits for parents cannot be had yet
            self._set_deadline(after)
            self.waiting.add(after)
            self.dirty_processes.append(after.processid)

    def _enter(self, row: ProcessRow) -> None:
        """A process entered its state."""
        if row.state is State.WAITING:
            self.waiting.enter(row)
            return
        self.changed.append(row)
        self._set_deadline(row)
        if row.state not in OPEN:
            self.pace.count(row)
        if row.processgraphid:
            self.graph_moves.append(row)

    def met(self, row: ProcessRow, parentid: str) -> bool:
        """This parent of a waiting process succeeded: was it the last one that was missing?

        All parents are looked at once; a join of thousands would else look at thousands each time one of them ends.
        """
        unmet = self._unmet.get(row.processid)
        if unmet is None:
            processes = self.tables.processes
            unmet = {key for key in row.parents if processes[key].state is not State.SUCCESS}
            self._unmet[row.processid] = unmet
        unmet.discard(parentid)
        return not unmet

    def _set_deadline(self, row: ProcessRow) -> None:
        if row.state is State.WAITING and row.waitdeadline:
            self.timers.set(row.waitdeadline - self.stepped, Timer.WAIT, row.processid)
        elif row.state is State.RUNNING and row.execdeadline:
            self.timers.set(row.execdeadline - self.stepped, Timer.EXEC, row.processid)

    def wake(self, colony: str) -> None:
        """Assignments of this colony go on: everybody there looks again."""
        self.dirty_executors.update(dict.fromkeys(self.offers.of_colony(colony)))
        self.dirty_polls.extend(self.offers.polls_of_colony(colony))

    def wake_executor(self, executorid: str) -> None:
        """This executor looks again."""
        self.dirty_executors[executorid] = None
        self.dirty_polls.extend(self.offers.polls_of_executor(executorid))

    def leave(self, executorid: str, now: int) -> None:
        """It said so, or its connection broke."""
        self.offers.withdraw(executorid)
        self._left_at.pop(executorid, None)
        self._left_at[executorid] = now
        if len(self._left_at) > LEFT_MAX:
            del self._left_at[next(iter(self._left_at))]

    def has_left(self, executorid: str) -> bool:
        """And was not heard since."""
        return self.tables.heard.get(executorid, 0) < self._left_at.get(executorid, 0)

    def excluded(self, executorid: str) -> dict[str, int]:
        """Processes that this executor released a moment ago."""
        passed = self.passed.get(executorid)
        if passed is None:
            return {}
        for processid in [key for key, until in passed.items() if until <= self.steady]:
            del passed[processid]
        if not passed:
            del self.passed[executorid]
        return passed

    def _alive(self, timer: Timer, key: str, steady: int) -> bool:
        row = self.tables.processes.get(key)
        if timer is Timer.EXEC:
            return row is not None and row.state is State.RUNNING and row.execdeadline - self.stepped == steady
        if timer is Timer.WAIT:
            return row is not None and row.state is State.WAITING and row.waitdeadline - self.stepped == steady
        if timer is Timer.LEASE:
            return self.leases.get(key) is not None
        if timer is Timer.POLL:
            return self.offers.poll(key) is not None
        if timer is Timer.SUBSCRIPTION:
            return self.subscriptions.get(key) is not None
        if timer in (Timer.CRON, Timer.GENERATOR):
            return is_alive(self, timer, key, steady)
        return True


def _ended(before: ProcessRow, after: ProcessRow | None) -> bool:
    return before.state in OPEN and (after is None or after.state not in OPEN)


def _same_run(before: ProcessRow, after: ProcessRow | None) -> bool:
    return after is not None and after.state is State.RUNNING and after.attempt == before.attempt
