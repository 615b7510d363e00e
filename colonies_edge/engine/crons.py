"""Crons: workflows that start at certain times (`protocol-rest.md` 1)."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from colonies_edge.engine import spawning
from colonies_edge.engine.lifecycle import SECOND
from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.names import require_text
from colonies_edge.engine.rows_schedule import CronRow
from colonies_edge.engine.schedule_index import following
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.workflows_views import children_of, rows_of, walk
from colonies_edge.protocol.cron_expression import NEVER, parse_cron
from colonies_edge.protocol.errors import BadRequest, ColoniesError, TooManyRequests
from colonies_edge.protocol.limits import COLUMN_INT_MAX, CRONS_PER_COLONY_MAX
from colonies_edge.protocol.messages import AddCron, GetCron, GetCrons, RemoveCron, RunCron
from colonies_edge.protocol.model import Cron


def add_cron(step: Step, message: AddCron) -> Cron:
    """A new cron. When it runs and what it ran is the coordinator's to say: what the client says of that is dropped."""
    cron = message.cron
    assert cron is not None  # access control refused it
    failure = "Failed to add cron"
    require_text(failure, "cron name", cron.name)
    spawning.require_workflow(failure, cron.workflowspec, step.colony)
    _require_times(cron)
    schedule = step.tables.schedule
    if (step.colony, cron.name) in schedule.cron_names:
        raise BadRequest(f"Cron with name <{cron.name}> in Colony <{step.colony}> already exists")
    if len(schedule.crons_in.get(step.colony, ())) >= CRONS_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {CRONS_PER_COLONY_MAX} crons already")
    row = CronRow(
        cronid=step.new_id("cron"),
        colonyname=step.colony,
        name=cron.name,
        initiatorid=step.caller,
        initiatorname=initiator_name(step.tables, step.colony, step.caller),
        workflowspec=cron.workflowspec,
        cronexpression=cron.cronexpression,
        interval=cron.interval,
        random=cron.random,
        waitforprevprocessgraph=cron.waitforprevprocessgraph,
    )
    row = replace(row, nextrun=next_run(row, step.now))
    step.draft.put("crons", row.cronid, row)
    return shown(row)


def _require_times(cron: Cron) -> None:
    """Upstream takes any negative interval for none, and then forgets to look at the expression."""
    if cron.interval == 0:
        raise BadRequest("Cron interval must be -1 (disabled) or larger than 0")
    if cron.interval > COLUMN_INT_MAX:
        raise BadRequest(f"Cron interval must not be larger than {COLUMN_INT_MAX} seconds")
    if cron.interval < 0:
        parse_cron(cron.cronexpression)
        if cron.random:
            raise BadRequest("Random cron is only supported when specifying intervals")


def next_run(row: CronRow, now: int) -> int:
    """When the cron is due next, or NEVER. Raises BadRequest when its time zone is not to be found any more."""
    if row.interval <= 0:
        return parse_cron(row.cronexpression).next_run(now)
    seconds = row.interval
    if row.random:  # at least 1: at 0 it would start for ever in the same instant
        digest = hashlib.sha3_256(f"{row.cronid}/{row.runs}".encode()).digest()
        seconds = 1 + int.from_bytes(digest[:8], "big") % row.interval
    return now + seconds * SECOND


def shown(row: CronRow, *, period_ms: int = 0) -> Cron:
    """As on the wire."""
    return Cron(
        cronid=row.cronid,
        initiatorid=row.initiatorid,
        initiatorname=row.initiatorname,
        colonyname=row.colonyname,
        name=row.name,
        cronexpression=row.cronexpression,
        interval=row.interval,
        random=row.random,
        nextrun=row.nextrun,
        lastrun=row.lastrun,
        workflowspec=row.workflowspec,
        prevprocessgraphid=row.prevprocessgraphid,
        waitforprevprocessgraph=row.waitforprevprocessgraph,
        checkerperiod=period_ms,
        error=row.error,
    )


def get_cron(step: Step, message: GetCron) -> Cron:
    """One cron."""
    return shown(step.tables.schedule.crons[message.cronid], period_ms=spawning.CHECKER_PERIOD_MS)


def get_crons(step: Step, message: GetCrons) -> list[Cron]:
    """As many of the colony's as are asked for."""
    if message.count < 0:
        raise BadRequest("Count must not be negative")
    crons = step.tables.schedule
    ids = islice(following(crons.crons_in.get(step.colony, {}), message.after), message.count)
    return [shown(crons.crons[key]) for key in ids]


def run_cron(step: Step, message: RunCron) -> Cron:
    """Start it now; answered with the cron as it was. One that must wait for its previous workflow does nothing."""
    row = step.tables.schedule.crons[message.cronid]
    if not _must_wait(step, row):
        _run(step, row)
    return shown(row)


def remove_cron(step: Step, message: RemoveCron) -> dict[str, Any]:
    """Any member may; what it started goes on."""
    step.draft.drop("crons", message.cronid)
    return {}


# At the time


def go_off(step: Step, cronid: str) -> None:
    """Start the cron if it is due. What was missed while the coordinator was away counts once.

    When it must wait, nothing is written: it stays due, and the end of the previous workflow calls this again.
    """
    row: CronRow | None = step.draft.get("crons", cronid)
    if row is None or not 0 < row.nextrun <= step.now or _must_wait(step, row):
        return
    try:
        _run(step, row)
    except ColoniesError as error:  # nobody is there to be told; the next time may be better
        step.draft.patch("crons", cronid, **{"error": error.message, **_next(row, step.now)})


def _must_wait(step: Step, row: CronRow) -> bool:
    """SUCCESS, FAILED and CANCELLED have ended, and so has what was removed."""
    if not row.waitforprevprocessgraph or not row.prevprocessgraphid:
        return False
    graph = step.graph(row.prevprocessgraphid)
    return graph is not None and graph.state not in FINISHED


def _run(step: Step, row: CronRow) -> None:
    graphid = spawning.start(step, row, row.cronid, root_in=_output(step, row.prevprocessgraphid))
    started = replace(row, lastrun=step.now, prevprocessgraphid=graphid, runs=row.runs + 1)
    changes = {"lastrun": started.lastrun, "prevprocessgraphid": graphid, "runs": started.runs}
    if row.error:
        changes["error"] = ""
    step.draft.patch("crons", row.cronid, **{**changes, **_next(started, step.now)})


def _next(row: CronRow, now: int) -> dict[str, Any]:
    try:
        return {"nextrun": next_run(row, now)}
    except BadRequest as error:
        return {"nextrun": NEVER, "error": error.message}


def _output(step: Step, graphid: str) -> tuple[Any, ...]:
    """What the leaves of a workflow returned, in the order in which the workflow is shown."""
    graph = step.graph(graphid) if graphid else None
    if graph is None:
        return ()
    tables = step.tables
    visits = walk(rows_of(step, graph), lambda row: children_of(tables, row))
    return tuple(value for row, _ in visits if not children_of(tables, row) for value in row.out)


HANDLERS: Mapping[str, Handler] = {
    "addcronmsg": add_cron,
    "getcronmsg": get_cron,
    "getcronsmsg": get_crons,
    "runcronmsg": run_cron,
    "removecronmsg": remove_cron,
}
