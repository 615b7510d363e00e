"""How processes may change: every step of the engine against what caused it and the time that really passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonies_edge.engine.outcome import Kind, Outcome, Request
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.limits import LOST_ASSIGNMENTS_MAX
from colonies_edge.protocol.model import State
from tests.simulation.loop import SECOND
from tests.simulation.network import Presence, Up
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

ENDED = (State.SUCCESS, State.FAILED, State.CANCELLED)
BEGUN_BY = ("submitfuncspecmsg", "submitworkflowspecmsg", "packgeneratormsg", "runcronmsg", "addchildmsg")
BY_OWNER = ("removeexecutormsg", "rejectexecutormsg", "addexecutormsg")
Rows = dict[str, ProcessRow]


class Transitions:
    """Judges changes of process rows. Its times are true time: what the wall clock did in between does not matter."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: dict[tuple[str, int], int] = {}  # (process, attempt) -> when it was assigned
        self._confirmed: dict[str, int] = {}  # process -> when its lease began or was extended last
        self._willed: dict[str, int] = {}  # process -> when the connection broke that its lease is bound to
        self._conns: dict[str, str] = {}  # process -> the connection that its lease is bound to
        self._ready_conns: dict[str, str] = {}  # executor -> the connection of its last readymsg
        self._waits: dict[str, int] = {}  # process -> since when its waiting counts
        self.moved: list[tuple[ProcessRow | None, ProcessRow]] = []  # by the last step
        self._kept: tuple[dict[tuple[str, int], int], dict[str, int]] = ({}, {})  # both as of the last commit

    def committed(self) -> None:
        self._kept = dict(self._begun), dict(self._waits)

    def restarted(self, shifted: bool, processes: Rows) -> None:
        """Leases begin anew; when the wall clock jumped while nobody looked, no deadline can be judged."""
        self._confirmed = dict.fromkeys(processes, self._world.loop.now)
        self._conns.clear()
        self._willed.clear()
        self._ready_conns.clear()
        # What was decided after the last commit may never have happened.
        self._begun = {key: at for key, at in self._kept[0].items() if self._begun.get(key) == at}
        self._waits = {key: at for key, at in self._kept[1].items() if self._waits.get(key) == at}
        if shifted:
            for submitter in self._world.submitters:
                submitter.lose_patience()
            self._begun.clear()
            self._waits.clear()

    def step(self, up: Up | None, outcome: Outcome, old: Rows, new: Rows) -> list[ProcessRow]:
        """Judge one step; returns the processes that it assigned."""
        self._follow(up, outcome, old)
        started = []
        self.moved = []
        fell: list[tuple[ProcessRow, ProcessRow]] = []
        for processid, after in new.items():
            before = old.get(processid)
            if before is not after:
                self.moved.append((before, after))
                if before is not None and after.processgraphid and after.state is State.FAILED is not before.state:
                    fell.append((before, after))
                else:
                    self._judge(up, before, after)
                if after.state is State.RUNNING and (before is None or before.attempt != after.attempt):
                    started.append(after)
                    self._start(after)
        if len(old) + len(started) != len(new) or old.keys() != new.keys():
            self._judge_retirement(outcome, old, new)
        if fell:
            self._judge_falls(up, fell, new)
        return started

    def _judge_falls(self, up: Up | None, fell: list[tuple[ProcessRow, ProcessRow]], new: Rows) -> None:
        """A node fails for a reason of its own, or with one that did and that others wait for."""
        waited_for = {key for row in new.values() for key in row.parents}
        reasons, others = set(), []
        for before, after in fell:
            try:
                self._judge(up, before, after)
            except Violation as violation:
                others.append((after.processgraphid, violation))
            else:
                if after.processid in waited_for:
                    reasons.add(after.processgraphid)
        for graphid, violation in others:
            if graphid not in reasons:
                raise violation

    def _follow(self, up: Up | None, outcome: Outcome, old: Rows) -> None:
        now = self._world.loop.now
        if isinstance(up, Presence):
            if not up.online and self._ready_conns.get(up.executorid) == up.conn:
                del self._ready_conns[up.executorid]
                for processid, conn in self._conns.items():
                    if conn == up.conn:
                        self._willed.setdefault(processid, now)
        elif up is not None and up.payloadtype in ("readymsg", "heartbeatmsg"):
            reply = outcome.replies[0] if outcome.replies else None
            if reply is None or reply.error or not self._world.auditor.first_time(up.caller, reply.msgid):
                return
            if up.payloadtype == "readymsg":
                self._ready_conns[up.caller] = up.route.conn
                named = [held["processid"] for held in reply.value["keep"]]
            else:
                dropped = reply.value["drop"]
                held = [key for key, row in old.items() if row.assignedexecutorid == up.caller]
                named = [key for key in up.value.get("processids", held) if key not in dropped]
            for processid in named:
                self._confirmed[processid] = now
                self._conns[processid] = up.route.conn
                self._willed.pop(processid, None)

    def _start(self, row: ProcessRow) -> None:
        self._begun[row.processid, row.attempt] = self._world.loop.now
        self._confirmed[row.processid] = self._world.loop.now
        self._conns[row.processid] = self._ready_conns.get(row.assignedexecutorid, "?")
        self._willed.pop(row.processid, None)

    # Judging

    def _judge(self, up: Up | None, before: ProcessRow | None, after: ProcessRow) -> None:
        where = f"process {after.processid[:8]}"
        if before is None:
            self._judge_birth(up, after, where)
            return
        moved = f"{where} went from {before.state.name} to {after.state.name} by {self._type(up)}"
        if not 0 <= after.attempt - before.attempt <= 1:
            raise Violation(f"{moved}: attempt {before.attempt} became {after.attempt}")
        if after.retries > before.spec.maxretries >= 0 and after.retries != before.retries:
            raise Violation(f"{moved}: {after.retries} retries of {before.spec.maxretries}")
        if before.state in ENDED:
            self._judge_ended(up, before, after, moved)
        elif before.state is State.RUNNING and (after.state is not State.RUNNING or after.attempt != before.attempt):
            self._judge_end_of_run(up, before, after, moved)
        elif before.state is State.WAITING and after.state in ENDED:
            self._judge_end(up, before, after, moved)
        elif before.waitforparents and not after.waitforparents:
            self._waits[after.processid] = self._world.loop.now

    def _judge_birth(self, up: Up | None, after: ProcessRow, where: str) -> None:
        if self._type(up) not in BEGUN_BY and not (up is None and after.processgraphid):
            raise Violation(f"{where} appeared by {self._type(up)}")
        if self._world.auditor.is_gone(after.processid):
            raise Violation(f"{where} appeared again after it was removed")
        if not after.parents:
            self._waits[after.processid] = self._world.loop.now

    def _judge_ended(self, up: Up | None, before: ProcessRow, after: ProcessRow, moved: str) -> None:
        again = (before.state, after.state) == (State.SUCCESS, State.SUCCESS)
        if not (again and isinstance(up, Request) and up.caller == before.assignedexecutorid):
            raise Violation(f"{moved}, although it had ended")

    def _judge_end_of_run(self, up: Up | None, before: ProcessRow, after: ProcessRow, moved: str) -> None:
        if after.state in ENDED:
            self._judge_end(up, before, after, moved)
        elif after.retries == before.retries + 1:
            self._judge_lateness(up, before, moved)
            self._waits[after.processid] = self._world.loop.now
        elif after.retries != before.retries:
            raise Violation(f"{moved}: {before.retries} retries became {after.retries}")
        else:
            self._judge_return(up, before, moved)
            self._go_on_waiting(before)

    def _go_on_waiting(self, row: ProcessRow) -> None:
        """While it ran, its time to wait stood still."""
        since, begun = self._waits.get(row.processid), self._begun.get((row.processid, row.attempt))
        if since is not None and begun is not None:
            self._waits[row.processid] = since + self._world.loop.now - begun
        else:
            self._waits.pop(row.processid, None)

    def _judge_return(self, up: Up | None, before: ProcessRow, moved: str) -> None:
        """Back in the queue, and no retry was counted."""
        if isinstance(up, Request):
            mine = up.caller == before.assignedexecutorid
            if up.payloadtype in BY_OWNER or (up.payloadtype == "releaseprocessmsg" and mine):
                return
            if up.payloadtype == "readymsg" and mine and before.losses < LOST_ASSIGNMENTS_MAX:
                return
        elif up is None and self._silent_s(before) >= self._world.settings.stale_executor_s:
            return
        raise Violation(f"{moved} without a retry, and nobody wanted that")

    def _silent_s(self, row: ProcessRow) -> float:
        begun = self._begun.get((row.processid, row.attempt), 0)
        return (self._world.loop.now - begun) / SECOND

    def _judge_end(self, up: Up | None, before: ProcessRow, after: ProcessRow, moved: str) -> None:
        kind = self._type(up)
        if (after.state is State.SUCCESS and kind == "closesuccessfulmsg") or (
            after.state is State.FAILED and kind == "closefailedmsg"
        ):
            self._judge_close(up, before, moved)
        elif after.state is State.CANCELLED and kind in ("cancelprocessmsg", "cancelprocessgraphmsg"):
            return
        elif after.state is State.FAILED and before.state is State.WAITING:
            since = self._waits.get(before.processid)
            early = since is not None and self._world.loop.now - since < before.spec.maxwaittime * SECOND
            if up is not None or early:
                raise Violation(f"{moved} too early: it may wait {before.spec.maxwaittime} s")
        elif after.state is State.FAILED:
            if before.spec.maxretries < 0 or before.retries < before.spec.maxretries:
                raise Violation(f"{moved} with {before.retries} of {before.spec.maxretries} retries")
            self._judge_lateness(up, before, moved)
        else:
            raise Violation(moved)

    def _judge_close(self, up: Up | None, before: ProcessRow, moved: str) -> None:
        assert isinstance(up, Request)
        attempt = up.value.get("attempt", 0)
        if up.caller != before.lastexecutorid or attempt not in (0, before.attempt):
            raise Violation(f"{moved} with a result of attempt {attempt}, and attempt {before.attempt} counts")
        if not attempt and before.state is not State.RUNNING:
            raise Violation(f"{moved}, closed without an attempt by one who does not have it")

    def _judge_lateness(self, up: Up | None, row: ProcessRow, moved: str) -> None:
        """A run ended and a retry was counted: its time must have been over, or its executor silent."""
        now, limit = self._world.loop.now, row.spec.maxexectime
        begun = self._begun.get((row.processid, row.attempt))
        if begun is None or (limit > 0 and now - begun >= limit * SECOND):
            return
        settings = self._world.settings
        if (
            row.leased
            and isinstance(up, Request)
            and up.payloadtype == "readymsg"
            and up.caller == row.assignedexecutorid
        ):
            return
        if row.leased and up is None:
            if now - self._confirmed.get(row.processid, 0) >= settings.lease_s * SECOND:
                return
            if now - self._willed.get(row.processid, now) >= settings.grace_s * SECOND:
                return
        raise Violation(f"{moved} too early: it ran {(now - begun) / SECOND:.3f} s of {limit} s")

    @staticmethod
    def _judge_retirement(outcome: Outcome, old: Rows, new: Rows) -> None:
        """What is gone for good is judged elsewhere (`leaving`)."""
        writes = [write for record in outcome.records for write in record.writes]
        retired = {write.key for write in writes if write.kind is Kind.RETIRE}
        for processid in [key for key in old if key not in new]:
            row = old[processid]
            if processid in retired and row.state not in ENDED:
                raise Violation(f"process {processid[:8]} went to the archive while {row.state.name}")

    @staticmethod
    def _type(up: Up | None) -> str:
        if isinstance(up, Request):
            return up.payloadtype
        return "last will" if up is not None else "the passing of time"
