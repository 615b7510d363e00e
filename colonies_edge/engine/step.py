"""One decision in the making: a private view of the tables, and what shall be said once it is on disk."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.outcome import Event, Kind, Push, Request, Write
from colonies_edge.engine.ports import History
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.tables import Tables
from colonies_edge.protocol.codec_revise import revised

if TYPE_CHECKING:
    from colonies_edge.engine.live import Live


class Draft:
    """Writes that are not applied yet. Dropping the draft undoes them: a refusal leaves nothing half done."""

    __slots__ = ("_after", "tables", "writes")

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.writes: list[Write] = []
        self._after: dict[tuple[str, str], Any] = {}

    def get(self, table: str, key: str) -> Any | None:
        """The row as it will be, or None."""
        if self._after and (table, key) in self._after:
            return self._after[table, key]
        return self.tables.by_name[table].get(key)

    def put(self, table: str, key: str, row: Any) -> None:
        """Set the whole row."""
        self._after[table, key] = row
        self.writes.append(Write(table=table, key=key, kind=Kind.PUT, row=row))

    def patch(self, table: str, key: str, **changes: Any) -> Any:
        """Change fields of a row that is there; returns the row as it will be."""
        before: Any = self.get(table, key)
        row = revised(before, changes)
        self._after[table, key] = row
        self.writes.append(Write(table=table, key=key, kind=Kind.PATCH, row=row, changes=changes))
        return row

    def drop(self, table: str, key: str) -> None:
        """Remove a row; harmless when it is not there."""
        self._after[table, key] = None
        self.writes.append(Write(table=table, key=key, kind=Kind.DROP))

    def instruct(self, table: str, key: str, row: Any) -> None:
        """A write of the tables `archive` or `clock`, which hold instructions instead of rows."""
        self.writes.append(Write(table=table, key=key, kind=Kind.PUT, row=row))


class Step:
    """What a handler gets: the draft to change, the tables to read, the time, and who asks.

    `colony` is the name that access control resolved. `live` is read by handlers; what changes it goes into `then`,
    which runs after the writes were applied, so that a refusal leaves the volatile side alone too.
    """

    __slots__ = (
        "caller",
        "colony",
        "draft",
        "events",
        "history",
        "live",
        "msgid",
        "now",
        "pushes",
        "request",
        "settings",
        "tables",
        "then",
    )

    def __init__(self, live: "Live", history: History, now: int, request: Request | None = None) -> None:
        self.live = live
        self.tables: Tables = live.tables
        self.settings = live.settings
        self.history = history
        self.now = now
        self.request = request
        self.caller = request.caller if request is not None else ""
        self.msgid = request.msgid if request is not None else ""
        self.colony = ""
        self.draft = Draft(live.tables)
        self.then: list[Callable[[], None]] = []
        self.pushes: list[Push] = []
        self.events: list[Event] = []

    def new_id(self, *parts: str) -> str:
        """A 64-hex id that the same call, sent again, yields again; `parts` tell several ids of one call apart."""
        text = "\n".join((self.tables.identity, self.caller, self.msgid, *parts))
        return hashlib.sha3_256(text.encode()).hexdigest()

    def process(self, processid: str) -> ProcessRow | None:
        """The process as it will be, or as the archive has it, or None."""
        row: ProcessRow | None = self.draft.get("processes", processid)
        return row if row is not None else self.history.process(processid)

    def graph(self, graphid: str) -> GraphRow | None:
        """The workflow as it will be, or as the archive has it, or None."""
        row: GraphRow | None = self.draft.get("graphs", graphid)
        return row if row is not None else self.history.graph(graphid)

    def in_archive(self, processid: str) -> bool:
        """Known, but not in memory any more: such a process is finished for good."""
        return self.draft.get("processes", processid) is None and self.history.process(processid) is not None

    def patch_process(self, row: ProcessRow, **changes: Any) -> ProcessRow:
        """Change a process in memory; returns it as it will be."""
        after: ProcessRow = self.draft.patch("processes", row.processid, **changes)
        return after


class ProcessView:
    """A handler's result: the process with this id, shown as it is when the reply is made."""

    __slots__ = ("processid",)

    def __init__(self, processid: str) -> None:
        self.processid = processid


class GraphView:
    """A handler's result: the workflow with this id, as a submission shows it when the reply is made."""

    __slots__ = ("graphid",)

    def __init__(self, graphid: str) -> None:
        self.graphid = graphid


class Later:
    """A handler's result: no reply now; a waiting offer will answer (long poll)."""


LATER = Later()


class Aside:
    """A handler's result: the caller may; who has the disk answers (bytes of files never pass through here)."""


ASIDE = Aside()


class Retyped:
    """A handler's result whose reply has another `payloadtype` than the request (`getpausestatusmsg`)."""

    __slots__ = ("payloadtype", "value")

    def __init__(self, payloadtype: str, value: Any) -> None:
        self.payloadtype = payloadtype
        self.value = value


# What a message type's module provides: refuses by raising ColoniesError, answers with a wire object, a list of them,
# plain JSON, or one of the results above.
Handler = Callable[[Step, Any], Any]
