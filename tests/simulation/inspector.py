"""Looks at the engine's tables: before and after every step, after every commit, and after every restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Outcome, Request
from tests.simulation import recount
from tests.simulation.chatting import Chatting
from tests.simulation.disks import MemoryDisk
from tests.simulation.leaving import Leaving
from tests.simulation.listening import Listening
from tests.simulation.matching import Matching
from tests.simulation.network import Up
from tests.simulation.planning import Planning
from tests.simulation.transitions import Transitions
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

View = dict[str, dict[str, Any]]


def view_of(shell: Shell) -> View:
    """All tables as they are now. Rows are immutable."""
    return {name: dict(rows) for name, rows in shell.engine.tables.by_name.items()}


class Inspector:
    """Judges what the engine decides, with models of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._matching = Matching(world)
        self._transitions = Transitions(world)
        self._listening = Listening(world)
        self.chatting = Chatting(world)
        self.leaving = Leaving(world)
        self.planning = Planning(world, self.leaving)
        self._committed: View | None = None
        self._shift = 0  # the coordinator's time minus true time, as of the last commit
        self.looks = 0

    def step(self, shell: Shell, up: Up | None, decide: Callable[[], Outcome], now: int) -> Outcome:
        """Let the engine decide, and judge what it did."""
        old = view_of(shell)
        outcome = decide()
        for fault in outcome.faults:
            raise fault
        self._trace(up, outcome)
        if isinstance(up, Request):
            self._judge_refusal(shell, up, outcome, old)
        started = self._transitions.step(up, outcome, old["processes"], shell.engine.tables.processes)
        self.chatting.step(shell, up, outcome, old)
        self.leaving.step(shell, up, outcome, old, now)
        self.planning.step(shell, up, outcome, old, self._transitions.moved)
        self._matching.step(shell, up, outcome, started)
        self._listening.step(up, outcome, old["processes"], shell.engine.tables.processes)
        self._world.auditor.decided(outcome)
        return outcome

    @staticmethod
    def _judge_refusal(shell: Shell, up: Request, outcome: Outcome, old: View) -> None:
        refused = any(reply.error and reply.msgid == up.value["msgid"] for reply in outcome.replies)
        heard_again = up.caller in old["away"]  # it is back before its message is looked at
        if refused and not heard_again and old != shell.engine.tables.by_name:
            changed = [name for name, rows in shell.engine.tables.by_name.items() if rows != old[name]]
            raise Violation(f"{up.payloadtype} was refused, and changed {changed}")

    def committed(self, shell: Shell) -> None:
        """All that was decided is on the disk."""
        self._committed = view_of(shell)
        self._transitions.committed()
        self.leaving.committed()
        self.planning.committed()
        # Without a step that the engine was not told of: a crash before that makes it a step while nobody looked.
        self._shift = shell.clock.now_ns() - shell.clock._step - self._world.loop.now

    def committed_in_part(self) -> None:
        """A crash came in between: nobody can say what is on the disk."""
        self._committed = None

    def look(self, shell: Shell) -> None:
        """Between two batches; every check now and then, for some of them cost more than what they check."""
        self.looks += 1
        chance = self._world.rng.random()
        if chance < 0.15:
            self.planning.look(shell)
            recount.indices(shell.engine)
            recount.deadlines(shell)
            self._world.auditor.compare(shell)
        if chance < 0.02:
            recount.tallies(shell.engine, shell.history)
            self.leaving.look(shell)
            if isinstance(self._world.disk, MemoryDisk):
                recount.replay(shell)

    def restarted(self, shell: Shell) -> None:
        """What was committed is there, and nothing else."""
        tables = shell.engine.tables
        if self._committed is not None and self._committed != tables.by_name:
            changed = [name for name, rows in self._committed.items() if rows != tables.by_name[name]]
            raise Violation(f"after the restart other things are in {changed}")
        shift = shell.clock.now_ns() - self._world.loop.now
        self._transitions.restarted(shift > self._shift, tables.processes)
        self._matching.restarted()
        self.leaving.restarted(shell)
        self.planning.restarted(shell, shift > self._shift)
        self._listening.restarted()
        self._world.auditor.shifted(shift - self._shift)
        self._shift = shift
        recount.indices(shell.engine)
        recount.deadlines(shell, started=True)
        self._world.auditor.compare(shell)

    def _trace(self, up: Up | None, outcome: Outcome) -> None:
        if not self._world.tracing:
            return
        if isinstance(up, Request):
            self._world.trace(f"decides {self._world.auditor.name(up.caller, up.value['msgid'])} {brief(up.value)}")
        elif up is not None:
            self._world.trace(f"hears {up}")
        for record in outcome.records:
            for write in record.writes:
                text = brief(write.changes) if write.changes else type(write.row).__name__
                self._world.trace(f"    writes {write.kind.value} {write.table} {write.key[:8]} {text}")


def brief(value: dict[str, Any]) -> str:
    """Without what every message has."""
    return str({key: item[:8] if isinstance(item, str) and len(item) == 64 else item
                for key, item in value.items() if key not in ("msgid", "serverid")})  # fmt: skip
