"""Nobody who subscribed misses a change: who listens to what, followed from the requests alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Outcome, Request
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.model import State
from tests.simulation.loop import SECOND
from tests.simulation.matching import is_free
from tests.simulation.network import Up
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Ear:
    """One subscription."""

    processid: str  # or "" for all of the type
    executortype: str
    states: tuple[int, ...]
    until: int  # true time

    def hears(self, row: ProcessRow) -> bool:
        if int(row.state) not in self.states:
            return False
        return self.processid == row.processid or self.executortype == row.spec.conditions.executortype


def is_waiting(row: ProcessRow, rows: dict[str, ProcessRow]) -> bool:
    return row.state is State.WAITING and is_free(row, rows)


class Listening:
    """Judges the events of every step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ears: dict[tuple[str, str, str], Ear] = {}  # (party, conn, msgid)

    def restarted(self) -> None:
        """Subscriptions are volatile."""
        self._ears.clear()

    def step(self, up: Up | None, outcome: Outcome, old: dict[str, ProcessRow], new: dict[str, ProcessRow]) -> None:
        """Every subscriber hears of the state that a process is in after a step that changed it."""
        now = self._world.loop.now
        self._ears = {key: ear for key, ear in self._ears.items() if ear.until > now}
        if self._ears:
            events = [
                (event.route, event.msgid, event.value["processid"], event.value["state"]) for event in outcome.events
            ]
            heard = {
                (route.party, route.conn, msgid.rpartition(".")[0], pid, state) for route, msgid, pid, state in events
            }
            for processid, row in new.items():
                before = old.get(processid)
                if before is row:
                    continue
                if row.state is State.WAITING:  # said of a node when it could be had
                    if is_free(row, new) and not (before is not None and is_waiting(before, old)):
                        self._judge(row, heard)
                elif before is None or before.state is not row.state:
                    self._judge(row, heard)
        if isinstance(up, Request) and up.payloadtype in ("subscribeprocessmsg", "subscribeprocessesmsg"):
            self._follow(up, outcome)

    def _judge(self, row: ProcessRow, heard: set[Any]) -> None:
        for (party, conn, msgid), ear in self._ears.items():
            if ear.hears(row) and (party, conn, msgid, row.processid, int(row.state)) not in heard:
                raise Violation(f"{self._world.who(party)} did not hear that {row.processid[:8]} is {row.state.name}")

    def _follow(self, up: Request, outcome: Outcome) -> None:
        reply = outcome.replies[0]
        if reply.error or not self._world.auditor.first_time(up.caller, reply.msgid):
            return
        value, until = up.value, self._world.loop.now + up.value["timeout"] * SECOND
        key = up.caller, up.route.conn, reply.msgid
        self._ears[key] = Ear(value.get("processid", ""), value.get("executortype", ""), tuple(value["states"]), until)
