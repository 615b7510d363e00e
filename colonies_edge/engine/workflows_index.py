"""What follows from the rows of workflows and their processes: who is in which, who waits for whom, what is open."""

from typing import Any

from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.protocol.model import State

OPEN = (State.WAITING, State.RUNNING)

Ids = dict[str, None]  # an ordered set


class GraphIndex:
    """Kept by `Tables.apply`. Inner dicts are ordered sets: nodes and children are in the order of their submission."""

    def __init__(self) -> None:
        self.in_state: dict[tuple[str, State], Ids] = {}  # (colony, state) -> graph ids
        self._nodes: dict[str, Ids] = {}  # graph id -> process ids
        self._children: dict[str, Ids] = {}  # process id -> ids of the processes that wait for it
        self._open: dict[str, int] = {}  # graph id -> how many of its processes wait or run

    def nodes(self, graphid: str) -> Ids:
        """Ids of the workflow's processes in memory. Not to be changed."""
        return self._nodes.get(graphid, {})

    def children(self, processid: str) -> Ids:
        """Ids of the processes that have this one among their parents. Not to be changed."""
        return self._children.get(processid, {})

    def open_nodes(self, graphid: str) -> int:
        """How many processes of the workflow have not ended."""
        return self._open.get(graphid, 0)

    def see_graph(self, before: GraphRow | None, after: GraphRow | None) -> None:
        """A row of a workflow changed."""
        was = (before.colonyname, before.state) if before is not None else None
        now = (after.colonyname, after.state) if after is not None else None
        if before is not None and was is not None and was != now:
            _discard(self.in_state, was, before.processgraphid)
        if after is not None and now is not None and was != now:
            self.in_state.setdefault(now, {})[after.processgraphid] = None

    def see_process(self, before: ProcessRow | None, after: ProcessRow | None) -> None:
        """A row of a process changed, perhaps one that is in no workflow."""
        row = after if after is not None else before
        if row is None or not row.processgraphid:
            return
        graphid, processid = row.processgraphid, row.processid
        if before is None:
            self._nodes.setdefault(graphid, {})[processid] = None
        elif after is None:
            _discard(self._nodes, graphid, processid)
        left = self.open_nodes(graphid) + _is_open(after) - _is_open(before)
        if left:
            self._open[graphid] = left
        else:
            self._open.pop(graphid, None)
        self._see_parents(processid, before, after)

    def _see_parents(self, processid: str, before: ProcessRow | None, after: ProcessRow | None) -> None:
        was = before.parents if before is not None else ()
        now = after.parents if after is not None else ()
        if was is now:
            return
        for parent in set(was).difference(now):
            _discard(self._children, parent, processid)
        for parent in now:
            self._children.setdefault(parent, {})[processid] = None


def _is_open(row: ProcessRow | None) -> bool:
    return row is not None and row.state in OPEN


def _discard(index: dict[Any, Ids], at: Any, key: str) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[at]
