"""Which finished processes leave memory for the archive."""

from collections.abc import Iterator

from colonies_edge.engine.live import SECOND
from colonies_edge.engine.outcome import Kind, Write
from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.tables import FINISHED


def retire(step: Step) -> None:
    """Write the retirement of every process that ended long ago, or that is one too many; its logs go with it."""
    for row in _retirable(step):
        keys = tuple(step.tables.logs_of_process.get(row.processid, ()))
        archived = Archived(process=row, logs=tuple(step.tables.logs[key] for key in keys))
        step.draft.writes.append(Write(table="processes", key=row.processid, kind=Kind.RETIRE, row=archived))
        for key in keys:
            step.draft.drop("logs", key)


def _retirable(step: Step) -> Iterator[ProcessRow]:
    """Oldest end first: lists run from memory on into the archive, so what is there must have ended before."""
    tables, settings = step.tables, step.settings
    before = step.now - int(settings.finished_keep_s * SECOND)
    ids = [pid for key, pids in tables.in_state.items() if key[1] in FINISHED for pid in pids]
    rows = sorted((tables.processes[pid] for pid in ids), key=lambda row: (row.endtime, row.processid))
    excess = len(rows) - settings.finished_in_memory_max
    for number, row in enumerate(rows):
        if number >= excess and row.endtime > before:
            return
        yield row
