"""Arithmetic of what is in the archive: the counters of a colony go on counting what left memory."""

from dataclasses import replace

from colonies_edge.engine.rows import GraphRow, ProcessRow, Purge, TallyRow
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.model import State

FINISHED = (State.SUCCESS, State.FAILED, State.CANCELLED)
TALLY_FIELDS = {State.SUCCESS: "success", State.FAILED: "failed", State.CANCELLED: "cancelled"}


def processes_in(tally: TallyRow, state: State) -> int:
    """How many processes in that state are archived, those of workflows included."""
    if state not in TALLY_FIELDS:
        return 0
    outside: int = getattr(tally, TALLY_FIELDS[state])
    return outside + sum(number for digits, number in tally.nodes.items() if digits[1] == str(int(state)))


def graphs_in(tally: TallyRow, state: State) -> int:
    """How many workflows in that state are archived."""
    return tally.graphs.get(str(int(state)), 0)


def with_process(tally: TallyRow, row: ProcessRow, graph: GraphRow | None) -> TallyRow:
    """After this process was archived; `graph` is its workflow, which follows it in the same record."""
    if graph is not None:
        return replace(tally, nodes=_plus(tally.nodes, f"{int(graph.state)}{int(row.state)}", 1))
    return _changed(tally, row.state, getattr(tally, TALLY_FIELDS[row.state]) + 1)


def with_graph(tally: TallyRow, graph: GraphRow) -> TallyRow:
    """After this workflow was archived."""
    return replace(tally, graphs=_plus(tally.graphs, str(int(graph.state)), 1))


def without(tally: TallyRow, key: str, purge: Purge) -> TallyRow:
    """After a write of the table `archive`: one thing, all in a state, or those that ended before a time."""
    if purge.graphs:
        return _without_graph(tally, purge) if key else _without_graphs(tally, purge.state)
    if key or purge.before_ns:
        state = State(purge.state)
        gone = 1 if key else sum(purge.nodes)
        return _changed(tally, state, max(0, getattr(tally, TALLY_FIELDS[state]) - gone))
    for state in FINISHED if purge.state < 0 else (State(purge.state),):
        tally = _changed(tally, state, 0)
    return tally


def _changed(tally: TallyRow, state: State, number: int) -> TallyRow:
    return revised(tally, {TALLY_FIELDS[state]: number})


def _without_graph(tally: TallyRow, purge: Purge) -> TallyRow:
    nodes = tally.nodes
    for state, number in zip(FINISHED, purge.nodes, strict=True):
        nodes = _plus(nodes, f"{purge.state}{int(state)}", -number)
    return replace(tally, graphs=_plus(tally.graphs, str(purge.state), -1), nodes=nodes)


def _without_graphs(tally: TallyRow, state: int) -> TallyRow:
    def stays(digits: str) -> bool:
        return state >= 0 and digits[0] != str(state)

    return replace(
        tally,
        graphs={digits: number for digits, number in tally.graphs.items() if stays(digits)},
        nodes={digits: number for digits, number in tally.nodes.items() if stays(digits)},
    )


def _plus(numbers: dict[str, int], key: str, more: int) -> dict[str, int]:
    """A changed copy without zeros: rows are immutable, and what counts nothing needs no room."""
    changed = {**numbers, key: max(0, numbers.get(key, 0) + more)}
    return {key: number for key, number in changed.items() if number}
