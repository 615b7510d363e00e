"""The statements about workflows in the archive: which processes are theirs, and how they go together."""

from typing import TYPE_CHECKING

from colonies_edge.engine.rows import GraphRow, Purge
from colonies_edge.storage.archive_schema import short
from colonies_edge.storage.migrations import FORMAT

if TYPE_CHECKING:
    from colonies_edge.storage.archive_file import Execute

FIND = "SELECT format, row FROM graphs WHERE short = ?"
_IN_STATE = "SELECT format, row FROM graphs WHERE colony = ? AND state = ?"
_LATEST = "ORDER BY submitted DESC, short DESC LIMIT ?"
NEWEST = f"{_IN_STATE} {_LATEST}"
NEWEST_BEFORE = f"{_IN_STATE} AND submitted <= ? AND (submitted < ? OR short < ?) {_LATEST}"
NODES = "SELECT format, row FROM nodes JOIN processes ON number = process WHERE graph = ? ORDER BY number"
NOT_IN_A_GRAPH = "number NOT IN (SELECT process FROM nodes)"


def insert_graph(execute: "Execute", record: int, row: GraphRow, colony: int, pressed: bytes) -> None:
    """Keep this workflow; repeating it changes nothing."""
    execute("DELETE FROM graphs WHERE short = ? AND record = ?", (short(row.processgraphid), record))
    values = (short(row.processgraphid), record, colony, int(row.state), row.submissiontime, FORMAT, pressed)
    execute("INSERT INTO graphs VALUES(NULL,?,?,?,?,?,?,?)", values)


def purge_graphs(execute: "Execute", record: int, graphid: str, purge: Purge, colony: int) -> None:
    """Forget one workflow, or those of a colony in a state, with their processes; nothing that was retired later."""
    if graphid:
        _forget(execute, "short = ? AND record < ?", (short(graphid), record))
    else:
        chosen = "colony = ? AND record < ? AND (? < 0 OR state = ?)"
        _forget(execute, chosen, (colony, record, purge.state, purge.state))


def take_back_graphs(execute: "Execute", after: int) -> None:
    """Forget what later records retired; their processes are taken back by whoever calls this."""
    execute("DELETE FROM nodes WHERE process IN (SELECT number FROM processes WHERE record > ?)", (after,))
    execute("DELETE FROM graphs WHERE record > ?", (after,))


def _forget(execute: "Execute", chosen: str, values: tuple[int, ...]) -> None:
    nodes = f"SELECT process FROM nodes WHERE graph IN (SELECT short FROM graphs WHERE {chosen})"
    execute(f"DELETE FROM attributes WHERE process IN ({nodes})", values)
    execute(f"DELETE FROM processes WHERE number IN ({nodes})", values)
    execute(f"DELETE FROM nodes WHERE graph IN (SELECT short FROM graphs WHERE {chosen})", values)
    execute(f"DELETE FROM graphs WHERE {chosen}", values)
