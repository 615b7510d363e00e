"""What is said on channels: each entry once, in the order in which it was taken, for as long as its process is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Outcome, Request
from colonies_edge.engine.rows_channel import EntryRow
from colonies_edge.protocol.model import State
from tests.simulation.network import Up
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

OPEN = (State.WAITING, State.RUNNING)
View = dict[str, dict[str, Any]]


class Chatting:
    """Judges the entries of every step, from the requests alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._said: set[tuple[str, str, int, str]] = set()  # process, sender, number, payload: acknowledged

    def learn(self, caller: str, message: dict[str, Any]) -> None:
        """An entry was acknowledged for the first time."""
        if message["msgtype"] == "channelappendmsg":
            self._said.add((message["processid"], caller, message["sequence"], message["payload"]))

    def step(self, shell: Shell, up: Up | None, outcome: Outcome, old: View) -> None:
        """Judge one step."""
        before, after = old["channelentries"], shell.engine.tables.channels.rows
        asked = isinstance(up, Request) and up.payloadtype == "channelappendmsg"
        if not asked and before.keys() == after.keys():
            return
        for key in before.keys() - after.keys():
            row = shell.engine.tables.processes.get(key.partition("/")[0])
            if row is not None and row.state in OPEN:
                raise Violation(f"entry {key[:17]} vanished, and its process is {row.state.name}")
        for key in before.keys() & after.keys():
            if before[key] != after[key]:
                raise Violation(f"entry {key[:17]} became another one")
        new = after.keys() - before.keys()
        if new and not asked:
            raise Violation(f"entries {new} appeared by {up}")
        if asked and outcome.records and not outcome.replies[0].error:
            assert isinstance(up, Request)
            self._judge_append(up, before, {key: after[key] for key in new})

    def _judge_append(self, up: Request, before: dict[str, EntryRow], new: dict[str, EntryRow]) -> None:
        processid, sequence = up.value["processid"], up.value["sequence"]
        earlier = {key: row for key, row in before.items() if key.startswith(processid)}
        where = f"entry {sequence} of {self._world.who(up.caller)} for {processid[:8]}"
        same = [row for row in earlier.values() if (row.senderid, row.sequence) == (up.caller, sequence)]
        if not new:
            if not any(row.payload == up.value["payload"] for row in same):
                raise Violation(f"{where} was taken, and is not there")
            return
        ((key, row),) = new.items()
        if any(other.attempt == row.attempt for other in same):
            raise Violation(f"{where} is there twice")
        if int(key.split("/")[1]) != len(earlier):
            raise Violation(f"{where} stands at {key.split('/')[1]}, after {len(earlier)} others")
        if (row.senderid, row.sequence, row.payload) != (up.caller, sequence, up.value["payload"]):
            raise Violation(f"{where} became {row}")
        self._world.auditor.counts["entries"] += 1

    def compare(self, shell: Shell) -> None:
        """What was acknowledged is there while its process is open."""
        tables = shell.engine.tables
        rows = tables.channels.rows.items()
        there = {(key.partition("/")[0], row.senderid, row.sequence, row.payload) for key, row in rows}
        for entry in self._said - there:
            row = tables.processes.get(entry[0])
            if row is not None and row.state in OPEN:
                raise Violation(f"entry {entry[2]} for {entry[0][:8]} was acknowledged, and is lost")
