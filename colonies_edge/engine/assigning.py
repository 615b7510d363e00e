"""Bringing waiting work and offers together, after every step, until nothing fits any more."""

from colonies_edge.engine import lifecycle
from colonies_edge.engine.live import Live
from colonies_edge.engine.offers import Poll
from colonies_edge.engine.outcome import Push
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.views import process_value
from colonies_edge.engine.waiting import is_waiting


def next_poll(live: Live) -> tuple[str, Poll, ProcessRow] | None:
    """A long poll that can be answered now, and with which process; oldest poll first.

    Looked at for every process that began to wait in this step, and for every poll that may look again (`dirty_polls`).
    """
    while live.dirty_polls:
        found = _work_for(live, live.dirty_polls.popleft())
        if found is not None:
            return found
    while live.dirty_processes:
        row = live.tables.processes.get(live.dirty_processes[0])
        if row is not None and is_waiting(row):
            for key in live.offers.polls_for(row):
                found = _work_for(live, key)
                if found is not None:
                    return found
        live.dirty_processes.popleft()
    return None


def _work_for(live: Live, key: str) -> tuple[str, Poll, ProcessRow] | None:
    poll = live.offers.poll(key)
    if poll is None or poll.seeker.colony in live.tables.pauses:
        return None
    row = live.waiting.best(poll.seeker, live.excluded(poll.seeker.executorid))
    return (key, poll, row) if row is not None else None


def push_all(step: Step, live: Live) -> None:
    """Push work to every executor that may have got room and for every process that began to wait.

    Applies each assignment at once: the next choice must see it.
    """
    for executorid in tuple(live.dirty_executors):
        del live.dirty_executors[executorid]
        fill(step, live, executorid)
    for processid in tuple(live.dirty_processes):
        row = live.tables.processes.get(processid)
        if row is None or not is_waiting(row):
            continue
        for executorid in tuple(live.offers.executors_for(row)):
            fill(step, live, executorid)
            if not is_waiting(live.tables.processes.get(processid)):
                break


def fill(step: Step, live: Live, executorid: str) -> None:
    """Give this executor work while it has room."""
    while live.offers.refresh(executorid):
        offer = live.offers.get(executorid)
        if offer is None or offer.seeker.colony in live.tables.pauses:
            return
        row = live.waiting.best(offer.seeker, live.excluded(executorid))
        if row is None:
            return
        _push(step, live, row, executorid, offer.conn)


def _push(step: Step, live: Live, row: ProcessRow, executorid: str, conn: str) -> None:
    first = len(step.draft.writes)
    row = lifecycle.assign(step, row, executorid, leased=True)
    live.offers.had_turn(executorid)
    for write in step.draft.writes[first:]:
        live.tables.apply(write)
    live.leases.start(row.processid, conn, live.after(live.settings.lease_s))
    value = process_value(live.tables, row) | {"attempt": row.attempt, "leasems": int(live.settings.lease_s * 1000)}
    step.pushes.append(Push(colony=row.colonyname, executorid=executorid, payloadtype="assignprocessmsg", value=value))
