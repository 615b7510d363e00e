"""Which finished processes leave memory for the archive; those of a workflow leave together, when all have ended."""

from collections.abc import Iterator
from dataclasses import dataclass

from colonies_edge.engine.live import SECOND
from colonies_edge.engine.outcome import Kind, Write
from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import GraphRow, ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.workflows_views import children_of, complete
from colonies_edge.protocol.codec_revise import revised


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver:
    """What leaves at once: a process, or a workflow with all of its."""

    ended: int
    rows: list[ProcessRow]
    graph: GraphRow | None = None


def retire(step: Step) -> None:
    """Write the retirement of what ended long ago, or is too much to keep in memory, oldest end first."""
    settings = step.settings
    before = step.now - int(settings.finished_keep_s * SECOND)
    leavers = sorted(_leavers(step), key=lambda leaver: (leaver.ended, leaver.rows[0].processid))
    excess = sum(len(leaver.rows) for leaver in leavers) - settings.finished_in_memory_max
    for leaver in leavers:
        if excess <= 0 and leaver.ended > before:
            return
        excess -= len(leaver.rows)
        _retire(step, leaver)


def _leavers(step: Step) -> Iterator[Leaver]:
    tables, index = step.tables, step.tables.graphs_index
    for (_, state), ids in tables.in_state.items():
        if state in FINISHED:
            rows = (tables.processes[key] for key in ids)
            yield from (Leaver(ended=row.endtime, rows=[row]) for row in rows if not row.processgraphid)
    for (_, state), ids in index.in_state.items():
        for graphid in ids if state in FINISHED else ():
            if not index.open_nodes(graphid):
                graph = tables.graphs[graphid]
                rows_of_graph = [tables.processes[key] for key in index.nodes(graphid)]
                yield Leaver(ended=graph.endtime, rows=rows_of_graph, graph=graph)


def _retire(step: Step, leaver: Leaver) -> None:
    """Processes first: they are counted by the state of their workflow, which must still be there."""
    tables = step.tables
    for row in leaver.rows:
        keys = tuple(tables.logs_of_process.get(row.processid, ()))
        if row.processgraphid:
            row = revised(row, {"children": children_of(tables, row)})
        archived = Archived(process=row, logs=tuple(tables.logs[key] for key in keys))
        step.draft.writes.append(Write(table="processes", key=row.processid, kind=Kind.RETIRE, row=archived))
        for key in keys:
            step.draft.drop("logs", key)
    if leaver.graph is not None:
        whole = complete(tables, leaver.graph)
        step.draft.writes.append(Write(table="graphs", key=whole.processgraphid, kind=Kind.RETIRE, row=whole))
