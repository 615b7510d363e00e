"""What may leave for good, and when: by a wish, or because retention found it old enough. Everything else stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Kind, Outcome, Request, Write
from colonies_edge.engine.rows import GraphRow, ProcessRow, Purge
from colonies_edge.protocol.limits import RETENTION_EVERY_S
from colonies_edge.protocol.model import State
from tests.simulation.loop import SECOND
from tests.simulation.network import Up
from tests.simulation.party import COLONY
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

View = dict[str, dict[str, Any]]
ALL = 100_000
LATE_NS = (RETENTION_EVERY_S + 10) * SECOND


class Leaving:
    """Judges every row that is not there any more, and every instruction to the archive."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.gone: set[str] = set()  # ids of processes and workflows that were rightly removed
        self._kept: set[str] = set()  # those of them whose removal is on the disk
        self._overdue: dict[str, int] = {}  # id -> true time at which it was seen to be too old

    def committed(self) -> None:
        self._kept = set(self.gone)

    def restarted(self, shell: Shell) -> None:
        """A removal that was not committed never happened; one that was is for good."""
        back = {key for key in self.gone if _is_there(shell, key)}
        for key in back & self._kept:
            raise Violation(f"{key[:8]} was removed, and is back after a restart")
        self.gone -= back
        self._overdue.clear()

    def step(self, shell: Shell, up: Up | None, outcome: Outcome, old: View, now: int) -> None:
        """Judge one step."""
        tables = shell.engine.tables
        writes = [write for record in outcome.records for write in record.writes]
        retired = {write.key for write in writes if write.kind is Kind.RETIRE}
        graphs = old["graphs"].keys() - tables.graphs.keys() - retired
        processes = old["processes"].keys() - tables.processes.keys() - retired
        for key in graphs:
            self._judge_graph(shell, up, old["graphs"][key], now)
        for key in processes:
            self._judge_process(shell, up, old["processes"][key], graphs, now)
        if graphs:
            self._judge_wholeness(shell, graphs)
        for write in writes:
            if write.table == "archive":
                self._judge_purge(shell, up, write, now)
        self.gone |= graphs | processes

    @staticmethod
    def _judge_wholeness(shell: Shell, graphs: set[str]) -> None:
        for row in shell.engine.tables.processes.values():
            if row.processgraphid in graphs:
                raise Violation(f"workflow {row.processgraphid[:8]} was removed, process {row.processid[:8]} was not")

    def _judge_process(self, shell: Shell, up: Up | None, row: ProcessRow, graphs: set[str], now: int) -> None:
        if row.processgraphid in graphs:
            return
        value, kind = _asked(up)
        where = f"process {row.processid[:8]} ({row.state.name}) vanished by {kind}"
        if row.processgraphid:
            raise Violation(f"{where}, and its workflow is there")
        if kind == "removeprocessmsg" and value["processid"] == row.processid and row.state is not State.RUNNING:
            return
        if kind == "removeallprocessesmsg" and value["state"] in (-1, row.state):
            return
        if up is not None or not self._is_old(row, now):
            raise Violation(where)

    def _judge_graph(self, shell: Shell, up: Up | None, row: GraphRow, now: int) -> None:
        value, kind = _asked(up)
        where = f"workflow {row.processgraphid[:8]} ({row.state.name}) vanished by {kind}"
        if kind == "removeprocessgraphmsg" and value["processgraphid"] == row.processgraphid:
            if row.state is State.RUNNING:
                raise Violation(where)
        elif not (kind == "removeallprocessgraphsmsg" and value["state"] in (-1, row.state)) and (
            up is not None or not self._may_be_forgotten(shell, row, now)
        ):
            raise Violation(where)

    def _judge_purge(self, shell: Shell, up: Up | None, write: Write, now: int) -> None:
        """The archive is as before the instruction is carried out."""
        purge: Purge = write.row
        value, kind = _asked(up)
        where = f"the archive was told {write.key[:8]} {purge} by {kind}"
        if purge.before_ns:
            if up is not None or purge.before_ns > now - self._retention_ns():
                raise Violation(f"{where} at {now}")
            if not purge.only_lines:
                self._judge_count(shell, purge, where)
        elif purge.graphs:
            graphs = [shell.history.graph(write.key)] if write.key else _archived_graphs(shell, purge.state)
            asked = kind == "removeallprocessgraphsmsg" or (
                kind == "removeprocessgraphmsg" and value["processgraphid"] == write.key
            )
            for graph in graphs:
                assert graph is not None, where
                if not asked and (up is not None or not self._may_be_forgotten(shell, graph, now)):
                    raise Violation(where)
                self.gone.add(graph.processgraphid)
                self.gone.update(row.processid for row in shell.history.nodes_of_graph(graph.processgraphid))
        elif kind not in ("removeprocessmsg", "removeallprocessesmsg"):
            raise Violation(where)

    def _judge_count(self, shell: Shell, purge: Purge, where: str) -> None:
        rows = shell.history.newest(COLONY, State.SUCCESS, ALL)
        old = [row.processid for row in rows if row.endtime < purge.before_ns and not row.processgraphid]
        if purge.state != State.SUCCESS or len(old) != sum(purge.nodes):
            raise Violation(f"{where}, and there are {len(old)}")
        self.gone.update(old)

    # Retention

    def _retention_ns(self) -> int:
        seconds = self._world.settings.retention_s
        return int(seconds * SECOND) if seconds is not None else 1 << 62

    def _is_old(self, row: ProcessRow | GraphRow, now: int) -> bool:
        return row.state is State.SUCCESS and row.endtime < now - self._retention_ns()

    def _may_be_forgotten(self, shell: Shell, row: GraphRow, now: int) -> bool:
        crons = shell.engine.tables.schedule.crons.values()
        return self._is_old(row, now) and all(cron.prevprocessgraphid != row.processgraphid for cron in crons)

    def look(self, shell: Shell) -> None:
        """Nothing that is too old is kept for much longer than from one look of the engine to the next."""
        if self._world.settings.retention_s is None or shell.clock._step:
            return
        now, true = shell.clock.now_ns(), self._world.loop.now
        old = {key: self._overdue.get(key, true) for key in self._too_old(shell, now)}
        for key, since in old.items():
            if true - since > LATE_NS:
                raise Violation(f"{key[:8]} is kept although it is too old since {(true - since) / SECOND:.0f} s")
        self._overdue = old

    def _too_old(self, shell: Shell, now: int) -> Iterable[str]:
        tables, history = shell.engine.tables, shell.history
        for row in (*tables.processes.values(), *history.newest(COLONY, State.SUCCESS, ALL)):
            if not row.processgraphid and self._is_old(row, now):
                yield row.processid
        for graph in (*tables.graphs.values(), *history.newest_graphs(COLONY, State.SUCCESS, ALL)):
            if self._may_be_forgotten(shell, graph, now):
                yield graph.processgraphid


def _asked(up: Up | None) -> tuple[dict[str, Any], str]:
    if isinstance(up, Request):
        return up.value, up.payloadtype
    return {}, "the passing of time" if up is None else "last will"


def _is_there(shell: Shell, key: str) -> bool:
    tables, history = shell.engine.tables, shell.history
    if key in tables.processes or key in tables.graphs:
        return True
    return history.process(key) is not None or history.graph(key) is not None


def _archived_graphs(shell: Shell, state: int) -> list[GraphRow]:
    states = (State.SUCCESS, State.FAILED, State.CANCELLED) if state < 0 else (State(state),)
    return [graph for one in states for graph in shell.history.newest_graphs(COLONY, one, ALL)]
