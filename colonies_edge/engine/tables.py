"""The tables, their indices, and `apply`: the only function that changes them, at run time and at recovery."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from colonies_edge.engine import tallies
from colonies_edge.engine.blueprints_index import BlueprintIndex
from colonies_edge.engine.channel_index import ChannelIndex
from colonies_edge.engine.files_index import FilesIndex
from colonies_edge.engine.outcome import Kind, Write
from colonies_edge.engine.rows import (
    Attr,
    AwayRow,
    ClockStep,
    GraphRow,
    ProcessRow,
    Purge,
    ServerRow,
    TallyRow,
    attribute_id,
)
from colonies_edge.engine.schedule_index import ScheduleIndex
from colonies_edge.engine.workflows_index import GraphIndex
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.model import Colony, Enrolment, Executor, ExecutorState, Function, LogEntry, State, User

ENV = 3  # attribute type of environment variables (protocol-core.md 4.11)

# Called after a process row changed: (before, after), either may be None.
Observer = Callable[[ProcessRow | None, ProcessRow | None], None]


def attributes_of(row: ProcessRow) -> Iterable[Attr]:
    """Environment variables first, then what the executor added (`protocol-core.md` 4.11)."""
    for key, value in row.spec.env.items():
        yield Attr(attributetype=ENV, key=key, value=value)
    yield from row.attributes


class Tables:
    """All rows by table and key, with the indices that keep hot paths from scanning."""

    def __init__(self) -> None:
        self.server: dict[str, ServerRow] = {}
        self.colonies: dict[str, Colony] = {}
        self.executors: dict[str, Executor] = {}
        self.users: dict[str, User] = {}
        self.functions: dict[str, Function] = {}
        self.processes: dict[str, ProcessRow] = {}
        self.graphs: dict[str, GraphRow] = {}
        self.logs: dict[str, LogEntry] = {}
        self.pauses: dict[str, Any] = {}
        self.away: dict[str, AwayRow] = {}
        self.tallies: dict[str, TallyRow] = {}
        self.enrolments: dict[str, Enrolment] = {}
        self.heard: dict[str, int] = {}  # executor id -> ns; in the journal only when it is set back
        self.schedule = ScheduleIndex()
        self.by_name: dict[str, dict[str, Any]] = {
            "server": self.server,
            "colonies": self.colonies,
            "executors": self.executors,
            "users": self.users,
            "functions": self.functions,
            "processes": self.processes,
            "graphs": self.graphs,
            "logs": self.logs,
            "pauses": self.pauses,
            "away": self.away,
            "tallies": self.tallies,
            "enrolments": self.enrolments,
            **self.schedule.by_name,
        }
        self.channels = ChannelIndex()
        self.blueprints = BlueprintIndex()
        self.by_name |= {
            "channelentries": self.channels.rows,
            "definitions": self.blueprints.definitions,
            "blueprints": self.blueprints.blueprints,
            "blueprinthistory": self.blueprints.history,
        }
        self.files_index = FilesIndex()
        self.by_name |= self.files_index.by_name
        self.observers: list[Observer] = []
        # Indices. Inner dicts are ordered sets: insertion order is meaningful where noted.
        self.executor_names: dict[tuple[str, str], str] = {}  # (colony, name) -> executor id
        self.executors_in: dict[str, dict[str, None]] = {}  # colony -> executor ids
        self.users_by_id: dict[str, dict[str, None]] = {}  # user id -> keys of its rows
        self.users_in: dict[str, dict[str, None]] = {}
        self.colonies_of: dict[str, dict[str, None]] = {}  # owner id -> colony names
        self.functions_of: dict[tuple[str, str], dict[str, None]] = {}  # (colony, executor name) -> function ids
        self.in_state: dict[tuple[str, State], dict[str, None]] = {}  # (colony, state) -> ids in order of entering it
        self.held_by: dict[str, dict[str, None]] = {}  # executor id -> ids of its running processes
        self.attribute_targets: dict[str, str] = {}  # attribute id -> process id
        self.logs_of_process: dict[str, dict[str, None]] = {}  # process id -> log keys, by time
        self.logs_of_executor: dict[tuple[str, str], dict[str, None]] = {}
        self.loose_logs: dict[tuple[str, str], dict[str, None]] = {}  # of no process, or of one that was removed
        self.graphs_index = GraphIndex()
        self.newest_log = 0  # time stamp; the next one is later, so that time stamps can be keys

    def apply(self, write: Write) -> None:
        """Carry out one write. Raises KeyError for a patch or retirement of a row that is not there."""
        if write.table == "processes":
            self._apply_process(write)
        elif write.table == "graphs":
            self._apply_graph(write)
        elif write.table == "clock":
            self._step_clock(write.row)
        elif write.table == "archive":
            purge: Purge = write.row
            if purge.only_lines:
                return
            self.tallies[purge.colonyname] = tallies.without(self._tally(purge.colonyname), write.key, purge)
        elif write.table == "presence":
            self._apply_presence(write)
        else:
            rows = self.by_name[write.table]
            before = rows.get(write.key)
            after = self._after(rows, write)
            index = _INDEXERS.get(write.table)
            if index is not None:
                index(self, write.key, before, after)

    def _apply_presence(self, write: Write) -> None:
        if write.kind is Kind.PUT:
            self.heard[write.key] = write.row.heard_ns
        else:
            self.heard.pop(write.key, None)

    def put_in_order(self) -> None:
        """After the rows of a checkpoint, which come by the age of their keys: by when each state was entered."""
        for (_, state), ids in self.in_state.items():
            if state is not State.WAITING:
                rows = sorted((self.processes[key] for key in ids), key=_entered)
                ids.clear()
                ids.update((row.processid, None) for row in rows)
        self.schedule.put_in_order()

    @staticmethod
    def _after(rows: dict[str, Any], write: Write) -> Any:
        if write.kind is Kind.PUT:
            rows[write.key] = write.row
            return write.row
        if write.kind is Kind.PATCH:
            # A draft worked the row out already; a journal has only the changes.
            row = write.row if write.row is not None else revised(rows[write.key], write.changes)
            rows[write.key] = row
            return row
        rows.pop(write.key, None)
        return None

    def _apply_process(self, write: Write) -> None:
        before = self.processes.get(write.key)
        if write.kind is Kind.RETIRE:
            row = self.processes[write.key]
            graph = self.graphs.get(row.processgraphid)
            self.tallies[row.colonyname] = tallies.with_process(self._tally(row.colonyname), row, graph)
        after: ProcessRow | None = self._after(self.processes, write)
        if before is None or after is None or before.state is not after.state:
            if before is not None:
                _discard(self.in_state, (before.colonyname, before.state), write.key)
            if after is not None:
                _add(self.in_state, (after.colonyname, after.state), write.key)
        self._index_holder(write.key, before, after)
        self._index_attributes(before, after)
        self.channels.see_process(before, after)
        self.graphs_index.see_process(before, after)
        if write.kind is Kind.DROP:
            self._loosen_logs(write.key)
        for observer in self.observers:
            observer(before, after)

    def _apply_graph(self, write: Write) -> None:
        before = self.graphs.get(write.key)
        if write.kind is Kind.RETIRE:
            row = self.graphs[write.key]
            self.tallies[row.colonyname] = tallies.with_graph(self._tally(row.colonyname), row)
        self.graphs_index.see_graph(before, self._after(self.graphs, write))

    def _tally(self, colony: str) -> TallyRow:
        return self.tallies.get(colony, TallyRow())

    def _index_holder(self, key: str, before: ProcessRow | None, after: ProcessRow | None) -> None:
        was = before.assignedexecutorid if before is not None and before.state is State.RUNNING else ""
        now = after.assignedexecutorid if after is not None and after.state is State.RUNNING else ""
        if was != now:
            if was:
                _discard(self.held_by, was, key)
            if now:
                _add(self.held_by, now, key)

    def _index_attributes(self, before: ProcessRow | None, after: ProcessRow | None) -> None:
        if before is not None and after is not None and before.attributes is after.attributes:
            return
        if before is not None:
            for attr in attributes_of(before):
                self.attribute_targets.pop(attribute_id(before.processid, attr.key, attr.attributetype), None)
        if after is not None:
            for attr in attributes_of(after):
                self.attribute_targets[attribute_id(after.processid, attr.key, attr.attributetype)] = after.processid

    def _step_clock(self, step: ClockStep) -> None:
        """Move every deadline that runs with the wall clock: how long a process may still wait or run did not change.

        The `waitdeadline` of what runs stands still, at its distance from `starttime` (`lifecycle.give_back`).
        """
        for key, row in self.processes.items():
            if row.state is State.WAITING and row.waitdeadline:
                self.processes[key] = replace(row, waitdeadline=row.waitdeadline + step.by_ns)
            elif row.state is State.RUNNING and row.execdeadline:
                self.processes[key] = replace(row, execdeadline=row.execdeadline + step.by_ns)
        self.schedule.step_clock(step.by_ns)

    def _index_executor(self, key: str, before: Executor | None, after: Executor | None) -> None:
        if before is not None:
            self.executor_names.pop((before.colonyname, before.executorname), None)
            if after is None or after.colonyname != before.colonyname:
                _discard(self.executors_in, before.colonyname, key)
        if after is not None:
            self.executor_names[after.colonyname, after.executorname] = key
            _add(self.executors_in, after.colonyname, key)

    def _index_user(self, key: str, before: User | None, after: User | None) -> None:
        if before is not None:
            _discard(self.users_by_id, before.userid, key)
            _discard(self.users_in, before.colonyname, key)
        if after is not None:
            _add(self.users_by_id, after.userid, key)
            _add(self.users_in, after.colonyname, key)

    def _index_colony(self, key: str, before: Colony | None, after: Colony | None) -> None:
        if before is not None:
            _discard(self.colonies_of, before.colonyid, key)
        if after is not None:
            _add(self.colonies_of, after.colonyid, key)

    def _index_function(self, key: str, before: Function | None, after: Function | None) -> None:
        if before is not None:
            _discard(self.functions_of, (before.colonyname, before.executorname), key)
        if after is not None:
            _add(self.functions_of, (after.colonyname, after.executorname), key)

    def _index_log(self, key: str, before: LogEntry | None, after: LogEntry | None) -> None:
        for entry, change in ((before, _discard), (after, _add)):
            if entry is not None:
                change(self.logs_of_executor, (entry.colonyname, entry.executorname), key)
                if entry.processid:
                    change(self.logs_of_process, entry.processid, key)
                if entry.processid not in self.processes:
                    change(self.loose_logs, (entry.colonyname, entry.executorname), key)
        if after is not None:
            self.newest_log = max(self.newest_log, after.timestamp)

    def _loosen_logs(self, processid: str) -> None:
        """The process was removed, its lines stay (`protocol-core.md` 4.13): now as lines of their executor alone."""
        for key in self.logs_of_process.get(processid, ()):
            entry = self.logs[key]
            _add(self.loose_logs, (entry.colonyname, entry.executorname), key)

    # What handlers ask.

    @property
    def serverid(self) -> str:
        """The server owner's identity, "" before there is one."""
        row = self.server.get("server")
        return row.serverid if row is not None else ""

    @property
    def identity(self) -> str:
        """Whose key signs this coordinator's replies, "" before there is one."""
        row = self.server.get("server")
        return row.identity if row is not None else ""

    def knows(self, identity: str) -> bool:
        """Has this identity any role here? Strangers are refused before their signature costs anything; whoever was
        removed is one, and who was only silent for too long is not."""
        executor = self.executors.get(identity)
        return (
            (executor is not None and (executor.state != ExecutorState.UNREGISTERED or identity in self.away))
            or identity in self.users_by_id
            or identity in self.colonies_of
            or identity == self.serverid
        )

    def has_place(self, identity: str) -> bool:
        """Is this identity let in at the embedded broker? Whoever is known, but not an executor that was rejected."""
        return self.is_member(identity) or self._executor_state(identity) == ExecutorState.PENDING

    def is_member(self, identity: str) -> bool:
        """May this identity change anything here? Not an executor that waits for approval or was refused it."""
        return (
            self._executor_state(identity) == ExecutorState.APPROVED
            or identity in self.users_by_id
            or identity in self.colonies_of
            or identity == self.serverid
        )

    def _executor_state(self, identity: str) -> int | None:
        """Of one that was silent for too long, the state from before."""
        executor, away = self.executors.get(identity), self.away.get(identity)
        return away.state if away is not None else executor.state if executor is not None else None

    def executor_named(self, colony: str, name: str) -> Executor | None:
        """The executor of that name in that colony, in any state."""
        key = self.executor_names.get((colony, name))
        return self.executors[key] if key is not None else None

    def user_with_id(self, colony: str, userid: str) -> User | None:
        """The user of that colony with that identity."""
        for key in self.users_by_id.get(userid, ()):
            if self.users[key].colonyname == colony:
                return self.users[key]
        return None

    def ids_in_state(self, colony: str, state: State) -> dict[str, None]:
        """Ids of the processes in that state, in the order in which they entered it. Not to be changed."""
        return self.in_state.get((colony, state), {})

    def count(self, colony: str, state: State) -> int:
        """How many processes of the colony are in that state, archived ones included."""
        return len(self.ids_in_state(colony, state)) + tallies.processes_in(self._tally(colony), state)

    def count_graphs(self, colony: str, state: State) -> int:
        """How many workflows of the colony are in that state, archived ones included."""
        return len(self.graphs_index.in_state.get((colony, state), ())) + tallies.graphs_in(self._tally(colony), state)


def _entered(row: ProcessRow) -> tuple[int, str]:
    return (row.starttime if row.state is State.RUNNING else row.endtime, row.processid)


def user_key(colony: str, name: str) -> str:
    """Key of the table `users`; neither part may contain a slash (membership refuses it)."""
    return f"{colony}/{name}"


def _add(index: dict[Any, dict[str, None]], at: Any, key: str) -> None:
    index.setdefault(at, {})[key] = None


def _discard(index: dict[Any, dict[str, None]], at: Any, key: str) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[at]


_INDEXERS: dict[str, Callable[[Tables, str, Any, Any], None]] = {
    "executors": Tables._index_executor,
    "users": Tables._index_user,
    "colonies": Tables._index_colony,
    "functions": Tables._index_function,
    "logs": Tables._index_log,
    "channelentries": lambda tables, key, before, after: tables.channels.see_entry(key, after),
    "definitions": lambda tables, key, before, after: tables.blueprints.see_definition(key, before, after),
    "blueprints": lambda tables, key, before, after: tables.blueprints.see_blueprint(key, before, after),
    "blueprinthistory": lambda tables, key, before, after: tables.blueprints.see_history(key, before, after),
    "files": lambda tables, key, before, after: tables.files_index.see_file(key, before, after),
    "frozenfiles": lambda tables, key, before, after: tables.files_index.see_frozen(key, before, after),
    "snapshots": lambda tables, key, before, after: tables.files_index.see_snapshot(key, before, after),
    "crons": lambda tables, key, before, after: tables.schedule.see_cron(key, before, after),
    "generators": lambda tables, key, before, after: tables.schedule.see_generator(key, before, after),
    "generatorargs": lambda tables, key, before, after: tables.schedule.see_arg(key, before, after),
    "locations": lambda tables, key, before, after: tables.schedule.see_location(key, before, after),
}
