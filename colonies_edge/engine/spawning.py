"""Workflows that start by themselves: what crons and generators have in common."""

from typing import Any

from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.rows_schedule import CronRow, GeneratorRow
from colonies_edge.engine.step import Step
from colonies_edge.engine.workflows_building import submit_graph
from colonies_edge.engine.workflows_spec import validate
from colonies_edge.protocol.codec import decode, parse_json
from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.errors import BadRequest, Conflict
from colonies_edge.protocol.model import WorkflowSpec

CHECKER_PERIOD_MS = 1_000  # what upstream shows as the period of its loops; here nothing is polled
GONE = "The initiator is not known in Colony <{}> any more; add it again, or remove this and add it as somebody else"


def require_workflow(failure: str, text: str, colony: str) -> None:
    """The workflow is checked whole when it is handed in: at the time of a run nobody would be told. BadRequest."""
    validate(workflow_of(failure, text, colony))


def workflow_of(failure: str, text: str, colony: str) -> WorkflowSpec:
    """The workflow in a JSON text, of this colony and no other. Raises BadRequest that begins with `failure`."""
    if not text.strip():
        raise BadRequest(f"{failure}, workflowspec: unexpected end of JSON input")
    try:
        value = parse_json(text)
        spec = decode(WorkflowSpec, value)
    except BadRequest as error:
        raise BadRequest(f"{failure}, workflowspec: {error.message}") from None
    if spec.colonyname not in ("", colony):
        raise BadRequest(f"{failure}, the workflow is for Colony <{spec.colonyname[:100]}>, not for <{colony}>")
    return revised(spec, {"colonyname": colony})


def start(
    step: Step,
    row: CronRow | GeneratorRow,
    key: str,
    *,
    root_in: tuple[Any, ...] = (),
    root_args: tuple[str, ...] | None = None,
) -> str:
    """Submit the row's workflow in the name of whoever added the row; returns the id of the graph.

    Raises ColoniesError, and has then changed nothing. The ids of this run follow from the key and the number of runs.
    """
    name = require_initiator(step, row)
    return submit_graph(
        step,
        workflow_of("Failed to submit workflow", row.workflowspec, row.colonyname),
        initiatorid=row.initiatorid,
        initiatorname=name,
        seed=f"{key}/{row.runs + 1}",
        root_in=root_in,
        root_args=root_args,
    )


def require_initiator(step: Step, row: CronRow | GeneratorRow) -> str:
    """The name of whoever added the row. Raises Conflict when that is no user and no executor of the colony any more.

    Executors that were removed still count, as upstream: the device is gone, its schedule is not. Users do not:
    whoever was removed starts nothing. The colony's owner, who has no name there, may have added a blueprint's cron.
    """
    name = initiator_name(step.tables, row.colonyname, row.initiatorid)
    if not name and step.tables.colonies[row.colonyname].colonyid != row.initiatorid:
        raise Conflict(GONE.format(row.colonyname))
    return name
