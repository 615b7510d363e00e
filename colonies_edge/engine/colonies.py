"""Founding, showing and removing colonies (`protocol-core.md` 3.2)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine import enrolment, lifecycle
from colonies_edge.engine.names import require_colony_name, require_identity
from colonies_edge.engine.rows import Purge
from colonies_edge.engine.schedule_owners import drop_schedule, hand_over_schedule
from colonies_edge.engine.statistics import of_colony
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.views import echo
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import PACE_MINUTES_MAX
from colonies_edge.protocol.messages import (
    AddColony,
    ChangeColonyId,
    GetColonies,
    GetColony,
    GetColonyStats,
    RemoveColony,
)
from colonies_edge.protocol.model import ANY_STATE, Colony, State, Statistics


def add_colony(step: Step, message: AddColony) -> Colony:
    """A new colony; the same owner may have several."""
    colony = message.colony
    if colony is None:
        raise BadRequest("Failed to add colony, colony is <nil>")
    require_identity("Failed to add colony", colony.colonyid, "invalid colony Id length")
    require_colony_name("Failed to add colony", colony.name)
    if colony.name in step.tables.colonies:
        raise BadRequest(f"A Colony with name <{colony.name}> already exists")
    step.draft.put("colonies", colony.name, colony)
    return colony


def remove_colony(step: Step, message: RemoveColony) -> dict[str, Any]:
    """The colony goes with all it has: a later one of the same name must inherit nothing."""
    name, tables, draft = message.colonyname, step.tables, step.draft
    if name not in tables.colonies:
        raise BadRequest(f"Colony with name <{name}> not found")
    for state in State:
        for processid in tuple(tables.ids_in_state(name, state)):
            if state is State.RUNNING:
                lifecycle.withdraw(step, tables.processes[processid], "removed")
            draft.drop("processes", processid)
        for graphid in tuple(tables.graphs_index.in_state.get((name, state), ())):
            draft.drop("graphs", graphid)
    for key in [key for at, keys in tables.logs_of_executor.items() if at[0] == name for key in keys]:
        draft.drop("logs", key)
    for key in [key for at, keys in tables.functions_of.items() if at[0] == name for key in keys]:
        draft.drop("functions", key)
    for key in tuple(tables.users_in.get(name, ())):
        draft.drop("users", key)
    for key in tuple(tables.executors_in.get(name, ())):
        draft.drop("executors", key)
        draft.drop("presence", key)
    enrolment.end_all(step, name)
    drop_schedule(step, name)
    for table, key in [*tables.blueprints.rows_of(name), *tables.files_index.rows_of(name)]:
        draft.drop(table, key)
    draft.drop("pauses", name)
    draft.instruct("archive", "", Purge(colonyname=name, state=ANY_STATE, logs=True))
    draft.instruct("archive", "", Purge(colonyname=name, state=ANY_STATE, graphs=True))
    draft.drop("tallies", name)
    draft.drop("colonies", name)
    step.then.append(lambda: step.live.pace.forget(name))
    return {}


def get_colonies(step: Step, message: GetColonies) -> list[Colony]:
    """All colonies of this server."""
    return list(step.tables.colonies.values())


def get_colony(step: Step, message: GetColony) -> Colony:
    """One colony."""
    return step.tables.colonies[step.colony]


def get_colony_stats(step: Step, message: GetColonyStats) -> Statistics:
    """The counters of one colony."""
    statistics = of_colony(step.tables, step.colony)
    if not message.minutes:
        return statistics
    if not 0 < message.minutes <= PACE_MINUTES_MAX:
        raise BadRequest(f"Failed to get colony statistics, minutes must be between 1 and {PACE_MINUTES_MAX}")
    ended, failed = step.live.pace.latest(step.colony, message.minutes, step.now)
    return replace(statistics, endedperminute=ended, failedperminute=failed)


def change_colony_id(step: Step, message: ChangeColonyId) -> Any:
    """The colony gets another owner key; the former one is a stranger from now on."""
    if not message.colonyid:
        raise BadRequest("Failed to change colony Id, colony Id is empty")
    require_identity("Failed to change colony Id", message.colonyid, "new colony Id is not 64 characters")
    hand_over_schedule(step, step.caller, message.colonyid)
    step.draft.patch("colonies", step.colony, colonyid=message.colonyid)
    return echo(step)


HANDLERS: Mapping[str, Handler] = {
    "addcolonymsg": add_colony,
    "removecolonymsg": remove_colony,
    "getcoloniesmsg": get_colonies,
    "getcolonymsg": get_colony,
    "getcolonystatsmsg": get_colony_stats,
    "changecolonyidmsg": change_colony_id,
}
