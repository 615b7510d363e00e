"""What goes into the engine and what comes out of it: plain values, so that a test or a debugger can hold them."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from colonies_edge.protocol.envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an answer goes: one connection of one party, below one colony (`PROTOCOL.md` 1)."""

    colony: str
    party: str
    conn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message whose signature was checked: `caller` signed it, or is "" for the two unsigned messages.

    `value` is the parsed JSON of the payload. `stamped` is False only for transports that, like the Go server's HTTP,
    carry neither `msgid` nor `ts`; everywhere else a message without them is refused. Such a transport gives every
    request a fresh `msgid` of its own, from which ids of new objects are derived; nobody can send that call again, so
    its answer is not remembered.
    """

    caller: str
    payloadtype: str
    value: Any
    route: Route
    envelope: Envelope | None = None
    stamped: bool = True
    msgid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one request."""

    route: Route
    payloadtype: str
    value: Any
    error: bool
    msgid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """An assignment (`assignprocessmsg`) or its withdrawal (`withdrawmsg`) for the `assign` topic of an executor."""

    colony: str
    executorid: str
    payloadtype: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """For one subscriber: a process as stored, or entries of a channel, as `payloadtype` says; `msgid` is the
    subscription's, a dot and a number counting from 1."""

    route: Route
    msgid: str
    value: Any
    payloadtype: str = "subscribeprocessmsg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A request about bytes by somebody who may: whoever keeps the bytes answers it, beside the engine."""

    request: Request
    message: Any
    msgid: str


class Kind(str, Enum):
    """What a write does to its table."""

    PUT = "put"  # row replaces whatever was there
    PATCH = "patch"  # changes are fields of the row that is there
    DROP = "drop"  # the row is gone
    RETIRE = "retire"  # the row moved to the archive; it still counts in the colony's statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change of one row. `Tables.apply` is its only interpreter, at run time and when the journal is replayed.

    `row` is set for PUT; for RETIRE it carries what the archive shall keep and is not journaled.
    `changes` is set for PATCH: field names of the row class and their new values; `row` is then the row that results,
    for whoever has it, and is not journaled either.
    """

    table: str
    key: str
    kind: Kind
    row: Any = None
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a repeated call gets again. A whole process or workflow is kept as its id: it is shown as it is then."""

    payloadtype: str
    error: bool
    value: Any = None
    processid: str = ""
    graphid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the journal: who asked for what, when, what was answered and what it changed.

    `caller`, `msgid`, `envelope` and `answer` are empty for what the engine did by itself (a deadline, a lost lease).
    """

    time_ns: int
    writes: tuple[Write, ...]
    caller: str = ""
    msgid: str = ""
    envelope: Envelope | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A decision: what must be on disk (`records`) before anything of the rest is said.

    Several records when one request also answers others: a submit may end somebody's long poll. `faults` are defects of
    ours that a message brought to light; it was refused with 500 and changed nothing. `asides` are answered elsewhere.
    """

    records: tuple[Record, ...] = ()
    replies: tuple[Reply, ...] = ()
    pushes: tuple[Push, ...] = ()
    events: tuple[Event, ...] = ()
    faults: tuple[Exception, ...] = ()
    asides: tuple[Aside, ...] = ()
    ended: tuple[Route, ...] = ()  # connections of which one subscription is over, once for each

    @property
    def touches_archive(self) -> bool:
        """The archive changes when this is committed, so the next request must not be decided before that."""
        return any(write.table == "archive" for record in self.records for write in record.writes)
