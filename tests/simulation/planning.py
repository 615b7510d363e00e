"""What workflows, crons and generators may do: a model of every run, followed from requests and from what moved."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Outcome, Request
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.rows_schedule import CronRow
from colonies_edge.protocol.model import State
from tests.simulation.leaving import Leaving
from tests.simulation.loop import SECOND
from tests.simulation.network import Up
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

OPEN = (State.WAITING, State.RUNNING)
LATE_NS = 2 * SECOND
Moved = list[tuple[ProcessRow | None, ProcessRow]]
View = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Words:
    """What was said to be done, to whoever may have heard it."""

    graphs: dict[str, int] = field(default_factory=dict)  # id -> how many nodes
    cancelled: dict[str, None] = field(default_factory=dict)
    crons: dict[str, None] = field(default_factory=dict)
    generators: dict[str, None] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)  # argument -> generator
    children: dict[str, str] = field(default_factory=dict)  # process that was added -> graph
    removed: dict[str, None] = field(default_factory=dict)


class Planning:
    """Judges what starts by itself, and what waits for something else."""

    def __init__(self, world: World, leaving: Leaving) -> None:
        self._world = world
        self._leaving = leaving
        self.words = Words()
        self._nodes: dict[str, list[str]] = {}  # graph -> its processes
        self._args: dict[str, tuple[str, tuple[str, ...]]] = {}  # graph -> generator, arguments that started it
        self._queues: dict[str, list[str]] = {}  # generator -> accepted, not started
        self._order: dict[str, int] = {}  # argument -> when it was accepted last
        self._of_cron: dict[str, list[str]] = {}  # cron -> its graphs
        self._ran: dict[str, int] = {}  # cron -> true time of its last run
        self._kept: dict[str, int] = {}  # the same as of the last commit
        self._since: dict[str, int] = {}  # cron -> since when it could have run, for all that is known
        self._removing: set[str] = set()

    # What was asked and said

    def learn(self, message: dict[str, Any], value: Any) -> None:
        """A call was answered with success for the first time."""
        msgtype, words = message["msgtype"], self.words
        if msgtype == "submitworkflowspecmsg" and value:
            words.graphs[value["processgraphid"]] = len(message["spec"]["functionspecs"])
        elif msgtype == "cancelprocessgraphmsg":
            words.cancelled[message["processgraphid"]] = None
        elif msgtype == "addcronmsg":
            words.crons[value["cronid"]] = None
        elif msgtype == "addgeneratormsg":
            words.generators[value["generatorid"]] = None
        elif msgtype == "packgeneratormsg":
            words.args[message["arg"]] = message["generatorid"]
        elif msgtype == "addchildmsg" and value:
            words.children[value["processid"]] = value["processgraphid"]
        elif msgtype == "removeprocessgraphmsg":
            words.removed[message["processgraphid"]] = None

    def committed(self) -> None:
        self._kept = dict(self._ran)

    def restarted(self, shell: Shell, shifted: bool) -> None:
        """What was not committed never happened; what is there is what the inspector found to be right."""
        tables, now = shell.engine.tables, self._world.loop.now
        self._ran = {} if shifted else {key: at for key, at in self._kept.items() if self._ran.get(key) == at}
        self._since = dict.fromkeys(tables.schedule.crons, now)
        self._args = {key: what for key, what in self._args.items() if self._is_known(shell, key)}
        self._queues = {key: [row.arg for _, row in tables.schedule.queue(key)] for key in tables.schedule.generators}
        self._nodes = {}
        for row in tables.processes.values():
            if row.processgraphid:
                self._nodes.setdefault(row.processgraphid, []).append(row.processid)

    def _is_known(self, shell: Shell, graphid: str) -> bool:
        """It is there, or was there and rightly removed."""
        return graphid in self._leaving.gone or self._graph(shell, graphid) is not None

    @staticmethod
    def _graph(shell: Shell, graphid: str) -> GraphRow | None:
        return shell.engine.tables.graphs.get(graphid) or shell.history.graph(graphid)

    # Steps

    def step(self, shell: Shell, up: Up | None, outcome: Outcome, old: View, moved: Moved) -> None:
        """Judge one step; `moved` are the processes that it changed."""
        tables = shell.engine.tables
        if isinstance(up, Request):
            self._follow(up, outcome)
        touched: dict[str, list[ProcessRow]] = {}
        for before, after in moved:
            if after.processgraphid:
                births = touched.setdefault(after.processgraphid, [])
                if before is None:
                    births.append(after)
                elif before.parents != after.parents and not _is(up, "addchildmsg"):
                    raise Violation(f"process {after.processid[:8]} got other parents by {up}")
                if after.state is State.RUNNING and (before is None or before.attempt != after.attempt):
                    self._judge_start(shell, after)
        for graphid, births in touched.items():
            if births and _is(up, "addchildmsg"):
                assert isinstance(up, Request)
                self._judge_child(up, births, old, tables.processes)
            elif births:
                self._judge_birth(shell, up, graphid, births, old)
        for graphid, graph in tables.graphs.items():
            if graphid in touched or old["graphs"].get(graphid) is not graph:
                self._judge_state(graph, [tables.processes[key] for key in self._nodes[graphid]])
        if old["crons"] or tables.schedule.crons:
            for cronid, cron in tables.schedule.crons.items():
                self._judge_cron(shell, up, old["crons"].get(cronid), cron)
                self._judge_order(shell, up, outcome, old, cron)
        for generatorid in tables.schedule.generators:
            queue = [row.arg for _, row in tables.schedule.queue(generatorid)]
            if queue != self._queues.get(generatorid, []):
                raise Violation(f"generator {generatorid[:8]} has {queue}, and {self._queues.get(generatorid)} waited")

    def _follow(self, up: Request, outcome: Outcome) -> None:
        if up.payloadtype == "removecronmsg":
            self._removing.add(up.value["cronid"])
        if up.payloadtype != "packgeneratormsg" or not outcome.records or outcome.replies[0].error:
            return
        self._order[up.value["arg"]] = self._world.number()
        self._queues.setdefault(up.value["generatorid"], []).append(up.value["arg"])

    def _judge_start(self, shell: Shell, row: ProcessRow) -> None:
        where = f"node {row.spec.nodename} of workflow {row.processgraphid[:8]}"
        parents = [shell.engine.tables.processes[key] for key in row.parents]
        for parent in parents:
            if parent.state is not State.SUCCESS:
                raise Violation(f"{where} started, and its parent {parent.spec.nodename} is {parent.state.name}")
        if parents and list(row.in_) != [value for parent in parents for value in parent.out]:
            raise Violation(f"{where} got {row.in_} of {[parent.out for parent in parents]}")
        self._world.auditor.counts["nodes"] += 1

    def _judge_birth(self, shell: Shell, up: Up | None, graphid: str, births: list[ProcessRow], old: View) -> None:
        where = f"workflow {graphid[:8]}"
        if graphid in old["graphs"] or shell.history.graph(graphid) is not None or graphid in self._args:
            raise Violation(f"{where} was started again")
        self._nodes[graphid] = [row.processid for row in births]
        names = {row.processid: row.spec.nodename for row in births}
        spec = self._spec_of(shell, up, graphid, births, old)
        wanted = {node["nodename"]: node["conditions"]["dependencies"] for node in spec["functionspecs"]}
        found = {row.spec.nodename: [names[key] for key in row.parents] for row in births}
        if found != wanted:
            raise Violation(f"{where} has {found}, and {wanted} was asked for")

    def _judge_child(self, up: Request, births: list[ProcessRow], old: View, new: dict[str, ProcessRow]) -> None:
        """Below a process that its caller runs; those that waited for that one wait for the new one if it was asked."""
        (row,) = births
        parent: ProcessRow = old["processes"][up.value["parentprocessid"]]
        where = f"child {row.processid[:8]} of {parent.processid[:8]}"
        if parent.state is not State.RUNNING or parent.assignedexecutorid != up.caller:
            raise Violation(f"{where} was added by {self._world.who(up.caller)}, its parent is {parent.state.name}")
        if row.parents != (parent.processid,) or row.processgraphid != parent.processgraphid:
            raise Violation(f"{where} is below {row.parents} of workflow {row.processgraphid[:8]}")
        self._nodes[row.processgraphid].append(row.processid)
        for key in self._nodes[row.processgraphid]:
            before = old["processes"].get(key)
            if before is None:
                continue
            wanted = before.parents
            if up.value.get("insert") and parent.processid in wanted:
                wanted = (*(one for one in wanted if one != parent.processid), row.processid)
            if new[key].parents != wanted:
                raise Violation(f"{where} left {key[:8]} below {new[key].parents}, and {wanted} is right")
        self._world.auditor.counts["children"] += 1

    def _spec_of(self, shell: Shell, up: Up | None, graphid: str, births: list[ProcessRow], old: View) -> Any:
        """Who started this workflow, and what for."""
        if isinstance(up, Request) and up.payloadtype == "submitworkflowspecmsg":
            return up.value["spec"]
        schedule = shell.engine.tables.schedule
        for cronid, cron in schedule.crons.items():
            if cron.prevprocessgraphid == graphid:
                self._of_cron.setdefault(cronid, []).append(graphid)
                return json.loads(cron.workflowspec)
        for generatorid, generator in schedule.generators.items():
            before = old["generators"].get(generatorid)
            if before is not None and generator.runs != before.runs:
                args = next(row.spec.args for row in births if not row.parents)
                queue = self._queues.get(generatorid, [])
                if args and list(args) == queue[: len(args)]:
                    del queue[: len(args)]
                    self._args[graphid] = generatorid, args
                    if any(row.spec.args != args for row in births if not row.parents):
                        raise Violation(f"the roots of workflow {graphid[:8]} have different arguments")
                    return json.loads(generator.workflowspec)
        raise Violation(f"nobody asked for workflow {graphid[:8]} with {births[0].spec.args}")

    @staticmethod
    def _judge_state(graph: GraphRow, rows: list[ProcessRow]) -> None:
        where = f"workflow {graph.processgraphid[:8]}"
        states = {row.state for row in rows}
        if State.FAILED in states:
            state = State.FAILED
        elif State.CANCELLED in states:
            state = State.CANCELLED
        elif states == {State.SUCCESS}:
            state = State.SUCCESS
        else:
            state = State.RUNNING if any(row.attempt for row in rows) else State.WAITING
        if graph.state is not state:
            raise Violation(f"{where} is {graph.state.name}, its processes are {[row.state.name for row in rows]}")
        waited_for = {key for row in rows for key in row.parents}
        fallen = any(row.state is State.FAILED and row.processid in waited_for for row in rows)
        if (fallen or State.CANCELLED in states) and not states.isdisjoint(OPEN):
            raise Violation(f"{where} goes on although it cannot succeed: {[row.state.name for row in rows]}")

    # Crons

    def _judge_cron(self, shell: Shell, up: Up | None, before: CronRow | None, after: CronRow) -> None:
        now, cronid = self._world.loop.now, after.cronid
        if before is None:
            self._since[cronid] = now
            return
        where = f"cron {after.name}"
        if after.runs not in (before.runs, before.runs + 1):
            raise Violation(f"{where}: {before.runs} runs became {after.runs}")
        if after.runs == before.runs:
            if self._open_runs(shell, after):
                self._since[cronid] = now
            return
        self._world.auditor.counts["cron runs"] += 1
        if after.waitforprevprocessgraph and self._open_runs(shell, after) > 1:
            raise Violation(f"{where} must wait, and has two workflows that run")
        if up is None and after.interval > 0:
            least = 1 if after.random else after.interval
            if cronid in self._ran and now - self._ran[cronid] < least * SECOND:
                raise Violation(f"{where} ran {(now - self._ran[cronid]) / SECOND:.3f} s after its last run")
        elif up is None and before.lastrun:
            every = period_s(after) * SECOND
            if after.lastrun // every <= before.lastrun // every:
                raise Violation(f"{where} ran twice for the same time: {before.lastrun}, {after.lastrun}")
        self._ran[cronid] = self._since[cronid] = now

    def _judge_order(self, shell: Shell, up: Up | None, outcome: Outcome, old: View, after: CronRow) -> None:
        """Only time starts a cron, or who asks for it; and then it starts, unless it must wait."""
        before: CronRow | None = old["crons"].get(after.cronid)
        if before is None or up is None:
            return
        ran = after.runs != before.runs
        asked = _is(up, "runcronmsg") and isinstance(up, Request) and up.value["cronid"] == after.cronid
        if ran and not asked:
            raise Violation(f"cron {after.name} ran by {up}")
        if asked and not ran and outcome.records and not outcome.replies[0].error:
            waits = after.waitforprevprocessgraph and self._open_runs(shell, after)
            if not waits:
                raise Violation(f"cron {after.name} was told to run, and did not")
            return
        self._world.auditor.counts["crons told to run"] += asked

    def _open_runs(self, shell: Shell, cron: CronRow) -> int:
        graphs = shell.engine.tables.graphs
        runs = [graphs[key].state for key in self._of_cron.get(cron.cronid, ()) if key in graphs]
        return sum(state in OPEN for state in runs)

    def look(self, shell: Shell) -> None:
        """Between two batches: nothing that should have started by itself is late."""
        now, schedule = self._world.loop.now, shell.engine.tables.schedule
        if shell.clock._step:
            return
        for cronid, cron in schedule.crons.items():
            waits = cron.waitforprevprocessgraph and self._open_runs(shell, cron)
            if not waits and now - self._since[cronid] > period_s(cron) * SECOND + LATE_NS:
                text = f"it could have run {(now - self._since[cronid]) / SECOND:.1f} s ago"
                raise Violation(f"cron {cron.name} is forgotten: {text}")
        for generatorid, generator in schedule.generators.items():
            oldest = schedule.oldest(generatorid)
            waited = shell.clock.now_ns() - oldest.since if oldest is not None else 0
            if generator.timeout > 0 and waited > generator.timeout * SECOND + LATE_NS:
                raise Violation(f"generator {generator.name} lets {oldest} wait for {waited / SECOND:.1f} s")

    # Comparing

    def compare(self, shell: Shell) -> None:
        """Nothing that was said is contradicted by what is there."""
        tables, words = shell.engine.tables, self.words
        for graphid, size in words.graphs.items():
            graph = tables.graphs.get(graphid)
            if not self._is_known(shell, graphid):
                raise Violation(f"workflow {graphid[:8]} was acknowledged, and is lost")
            if graph is not None and len(self._nodes.get(graphid, ())) < size:
                raise Violation(f"workflow {graphid[:8]} has lost some of its {size} processes")
        for graphid in words.cancelled:
            row = self._graph(shell, graphid)
            if row is None and graphid in self._leaving.gone:
                continue
            if row is None or row.state not in (State.CANCELLED, State.FAILED):
                raise Violation(f"workflow {graphid[:8]} was cancelled, and is {row}")
        for graphid in words.removed:
            if self._graph(shell, graphid) is not None:
                raise Violation(f"workflow {graphid[:8]} was removed, and is back")
        for processid, graphid in words.children.items():
            if graphid in tables.graphs and processid not in tables.processes:
                raise Violation(f"child {processid[:8]} was acknowledged, and is lost")
        for cronid in words.crons:
            if cronid not in tables.schedule.crons and cronid not in self._removing:
                raise Violation(f"cron {cronid[:8]} was acknowledged, and is lost")
        for generatorid in words.generators:
            if generatorid not in tables.schedule.generators:
                raise Violation(f"generator {generatorid[:8]} was acknowledged, and is lost")
        self._compare_args(words.args)

    def _compare_args(self, said: dict[str, str]) -> None:
        started: dict[str, list[str]] = {}
        for generatorid, args in self._args.values():
            started.setdefault(generatorid, []).extend(args)
        for generatorid in {**started, **self._queues}:
            args = [*started.get(generatorid, ()), *self._queues.get(generatorid, ())]
            if len(set(args)) != len(args):
                raise Violation(f"an argument of generator {generatorid[:8]} was started twice: {args}")
            if sorted(args, key=lambda arg: self._order[arg]) != args:
                raise Violation(f"the arguments of generator {generatorid[:8]} are in another order: {args}")
        everywhere = {arg for generatorid in {**started, **self._queues}
                      for arg in (*started.get(generatorid, ()), *self._queues.get(generatorid, ()))}  # fmt: skip
        lost = [arg for arg in said if arg not in everywhere]
        if lost:
            raise Violation(f"packing was acknowledged, and is lost: {lost}")

    def open_plans(self, shell: Shell) -> Iterable[str]:
        """What will still start or end something."""
        tables = shell.engine.tables
        yield from (f"cron {key[:8]}" for key in tables.schedule.crons)
        for key, generator in tables.schedule.generators.items():
            if generator.timeout > 0 and tables.schedule.queues.get(key):
                yield f"generator {key[:8]}"
        yield from (f"workflow {key[:8]}" for key, graph in tables.graphs.items() if graph.state in OPEN)


def period_s(cron: CronRow) -> int:
    """The longest time between two times at which it is due."""
    if cron.interval > 0:
        return cron.interval
    seconds, minutes, *_ = cron.cronexpression.split()
    return int(seconds[2:]) if seconds != "0" else 60 * int(minutes[2:])


def _is(up: Up | None, payloadtype: str) -> bool:
    return isinstance(up, Request) and up.payloadtype == payloadtype
