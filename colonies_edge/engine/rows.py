"""The rows of the tables: what the coordinator keeps of each thing, and which class belongs to which table."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from colonies_edge.engine.outcome import Answer
from colonies_edge.engine.rows_channel import EntryRow
from colonies_edge.engine.rows_schedule import ArgRow, CronRow, GeneratorRow
from colonies_edge.protocol.model import (
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    Colony,
    Enrolment,
    Executor,
    Function,
    FunctionSpec,
    Location,
    LogEntry,
    State,
    Time,
    User,
)
from colonies_edge.protocol.model_files import File, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """The table `server` has this one row, under the key "server".

    `serverid` is the server owner, who may be changed (`changeserveridmsg`). `identity` is whose key signs this
    coordinator's replies, what clients pin and ids are derived from; at first it is the same.
    """

    serverid: str
    identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr:
    """An attribute as kept: id, target, colony and state follow from its process (`protocol-core.md` 4.11)."""

    attributetype: int
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """A process as kept: the wire's fields that do not follow from others, and four of our own.

    `children` are set in the archive only; in memory they follow from the `parents` of others (`GraphIndex`), so that
    adding the thousandth child writes no more than adding the first.

    `attempt` counts assignments, from 1. `losses` counts assignments that were lost before the executor ever showed
    that it had them. `leased` tells pushed work (under a lease) from pulled work (under `maxexectime` only).
    `lastexecutorid` is who had the latest attempt, also when the process waits again.
    """

    processid: str
    colonyname: str
    initiatorid: str
    initiatorname: str
    spec: FunctionSpec
    prioritytime: int
    submissiontime: Time
    waitdeadline: Time = 0
    state: State = State.WAITING
    assignedexecutorid: str = ""
    starttime: Time = 0
    endtime: Time = 0
    execdeadline: Time = 0
    retries: int = 0
    attributes: tuple[Attr, ...] = ()
    waitforparents: bool = False
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    processgraphid: str = ""
    in_: tuple[Any, ...] = ()
    out: tuple[Any, ...] = ()
    errors: tuple[str, ...] = ()
    attempt: int = 0
    losses: int = 0
    leased: bool = False
    lastexecutorid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRow:
    """A workflow as kept. Its processes name it (`processgraphid`), and each names its parents: the rest follows.

    `rootprocessids` and `processids` are set in the archive only, as the `children` of its processes are.
    """

    processgraphid: str
    colonyname: str
    initiatorid: str
    initiatorname: str
    submissiontime: Time
    state: State = State.WAITING
    starttime: Time = 0
    endtime: Time = 0
    rootprocessids: tuple[str, ...] = ()
    processids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRow:
    """A colony whose assignments are paused; no row means that they are not."""

    colonyname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayRow:
    """An executor that was unregistered because it was silent: the state that it gets back when it is heard."""

    state: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyRow:
    """How much of a colony is in the archive.

    The first three count processes outside of workflows. `graphs` counts workflows by the digit of their state, `nodes`
    their processes by two digits, the workflow's state and the process's own: a workflow goes with all it has.
    """

    success: int = 0
    failed: int = 0
    cancelled: int = 0
    graphs: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """A remembered answer in a checkpoint; key is `caller/msgid`."""

    time_ns: Time
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRow:
    """When an executor was last heard from; only in checkpoints, the journal does not follow every heartbeat."""

    heard_ns: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The wall clock jumped forward by so much at this point of history; every stored deadline moved with it."""

    by_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Archived processes that were removed: one by id (the write's key), or all of a colony in a state (-1: any).

    Processes of workflows are not meant, except with `graphs`: then workflows are, by their ids and their states, with
    all their processes. `nodes` says how many SUCCESS, FAILED and CANCELLED processes go with a single one.
    Logs stay (`protocol-core.md` 4.13), except when the colony itself was removed: its name may become another's.
    With `before_ns` only what is older is meant (`engine/retention.py`): processes of a colony and state that ended
    before, `nodes` says how many; or with `logs` nothing but lines, of all colonies.
    """

    colonyname: str
    state: int
    logs: bool = False
    graphs: bool = False
    nodes: tuple[int, ...] = ()
    before_ns: Time = 0

    @property
    def only_lines(self) -> bool:
        """It is about lines of logs, and counts nothing."""
        return self.logs and self.before_ns > 0


def attribute_id(targetid: str, key: str, attributetype: int) -> str:
    """Clients can compute it too (`protocol-core.md` 4.11)."""
    return hashlib.sha3_256(f"{targetid}{key}{attributetype}".encode()).hexdigest()


# The class of each table's rows. `archive` and `clock` hold no rows in memory: their writes are instructions.
TABLES: dict[str, type] = {
    "server": ServerRow,
    "colonies": Colony,  # by colony name
    "executors": Executor,  # by executor id
    "enrolments": Enrolment,  # by colony/token id
    "users": User,  # by colony/name
    "functions": Function,  # by function id
    "processes": ProcessRow,  # by process id
    "graphs": GraphRow,  # by process graph id
    "crons": CronRow,  # by cron id
    "generators": GeneratorRow,  # by generator id
    "generatorargs": ArgRow,  # by generator id/number in the queue, 12 digits
    "locations": Location,  # by colony/name
    "channelentries": EntryRow,  # by process id/place in the channel, 8 digits/name of the channel
    "definitions": BlueprintDefinition,  # by colony/name
    "blueprints": Blueprint,  # by colony/name
    "blueprinthistory": BlueprintHistory,  # by blueprint id/generation, 12 digits
    "files": File,  # by file id
    "frozenfiles": File,  # by file id: removed, and named by a snapshot
    "snapshots": Snapshot,  # by snapshot id
    "logs": LogEntry,  # by time stamp in ns, 20 digits
    "pauses": PauseRow,  # by colony name
    "away": AwayRow,  # by executor id
    "tallies": TallyRow,  # by colony name
    "answers": AnswerRow,  # by caller/msgid
    "presence": PresenceRow,  # by executor id
    "clock": ClockStep,
    "archive": Purge,
}
