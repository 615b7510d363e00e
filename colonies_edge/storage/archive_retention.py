"""The statements of retention: what in the archive is older than a time, a batch of it, and how it is forgotten."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.rows import Purge
from colonies_edge.storage.archive_graphs import NOT_IN_A_GRAPH
from colonies_edge.storage.archive_schema import short

if TYPE_CHECKING:
    from colonies_edge.storage.archive_file import ArchiveFile, Execute

_ENDED = f"FROM processes WHERE colony = ? AND state = ? AND endtime >= ? AND endtime < ? AND {NOT_IN_A_GRAPH}"
# A workflow has ended when its last process has. The index finds those that were submitted before; of them only the few
# that were under way at that time are looked at in vain.
_GRAPHS = (
    "SELECT format, row FROM graphs WHERE colony = ? AND state = ? AND submitted < ? AND NOT EXISTS "
    "(SELECT 1 FROM nodes JOIN processes ON number = process WHERE graph = graphs.short AND endtime >= ?)"
)


def bounded(times: Sequence[int], before_ns: int, count: int) -> tuple[int, int]:
    """(how many of the sorted `times` are below the bound, the bound): about `count`, and equal ones stay together."""
    if len(times) <= count:
        return len(times), before_ns
    until = times[count] if times[count] > times[0] else times[0] + 1
    return sum(time < until for time in times), until


def ended_before(
    file: "ArchiveFile", colony: int, state: int, since_ns: int, before_ns: int, count: int
) -> tuple[int, int]:
    """See the port `History`."""
    values = (colony, state, since_ns)
    times = [
        row[0]
        for row in file.read(f"SELECT endtime {_ENDED} ORDER BY endtime LIMIT ?", (*values, before_ns, count + 1))
    ]
    number, until = bounded(times, before_ns, count)
    if number == len(times) > count:  # all of one instant: there may be more of it
        number = file.read(f"SELECT count(*) {_ENDED}", (*values, until))[0][0]
    return number, until


def graphs_ended_before(
    file: "ArchiveFile", colony: int, state: int, before_ns: int, count: int, but: Collection[str]
) -> list[Any]:
    """Rows of the table; see the port `History`."""
    numbers = ",".join(str(short(graphid)) for graphid in but)
    statement = f"{_GRAPHS} AND short NOT IN ({numbers}) ORDER BY submitted, number LIMIT ?"
    return file.read(statement, (colony, state, before_ns, before_ns, count))


def lines_before(file: "ArchiveFile", before_ns: int, count: int) -> int:
    """See the port `History`."""
    found = file.read("SELECT time FROM logs WHERE time < ? ORDER BY time LIMIT ?", (before_ns, count + 1))
    return bounded([row[0] for row in found], before_ns, count)[1] if found else 0


def forget_processes(execute: "Execute", record: int, purge: Purge, colony: int) -> None:
    """Processes outside of workflows that ended before the purge's time."""
    chosen = f"SELECT number {_ENDED} AND record < ?"
    values = (colony, purge.state, 0, purge.before_ns, record)
    execute(f"DELETE FROM attributes WHERE process IN ({chosen})", values)
    execute(f"DELETE FROM processes WHERE number IN ({chosen})", values)


def forget_lines(execute: "Execute", record: int, purge: Purge) -> None:
    """Lines of logs that were written before the purge's time."""
    execute("DELETE FROM logs WHERE time < ? AND record < ?", (purge.before_ns, record))
