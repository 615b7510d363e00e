"""Who brings blueprints about: the processes that a handler gets, and the cron that has it look at all of a kind."""

from dataclasses import replace
from typing import Any

from colonies_edge.engine import crons, locations
from colonies_edge.engine.blueprints_schema import same_json
from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.processes import new_process
from colonies_edge.engine.schedule_index import location_key
from colonies_edge.engine.step import Step
from colonies_edge.protocol.codec import dump_json, encode
from colonies_edge.protocol.limits import RECONCILE_S
from colonies_edge.protocol.messages import AddCron, AddLocation
from colonies_edge.protocol.model import (
    Blueprint,
    BlueprintDefinition,
    BlueprintHandler,
    Conditions,
    Cron,
    FunctionSpec,
    Location,
)
from colonies_edge.protocol.quantities import normalised

CLEANUP = "cleanup"


def is_handled(handler: BlueprintHandler) -> bool:
    """Definitions may do without, and then blueprints of the kind are only kept."""
    return bool(handler.executortype and handler.functionname)


def submit_reconciliation(
    step: Step, definition: BlueprintDefinition | None, blueprint: Blueprint, *, force: bool = False
) -> str:
    """Have the handler look at this blueprint now; returns the id of the process, or "" when there is no handler."""
    if definition is None or not is_handled(definition.spec.handler):
        return ""
    kwargs: dict[str, Any] = {"kind": blueprint.kind, "blueprintName": blueprint.metadata.name}
    if force:
        kwargs["force"] = True
    return _submit(step, _spec(step, definition.spec.handler, blueprint, kwargs))


def submit_cleanup(step: Step, definition: BlueprintDefinition | None, blueprint: Blueprint) -> None:
    """The blueprint is gone: so shall be what it stood for."""
    if definition is None or not definition.spec.handler.executortype:
        return
    kwargs = {"kind": blueprint.kind, "blueprintName": blueprint.metadata.name}
    handler = BlueprintHandler(executortype=definition.spec.handler.executortype, functionname=CLEANUP)
    _submit(step, _spec(step, handler, blueprint, kwargs))


def _spec(step: Step, handler: BlueprintHandler, blueprint: Blueprint, kwargs: dict[str, Any]) -> FunctionSpec:
    return FunctionSpec(
        nodename=f"{handler.executortype}-{handler.functionname}",
        funcname=handler.functionname,
        kwargs=kwargs,
        maxexectime=-1,
        maxretries=-1,
        conditions=Conditions(
            colonyname=step.colony,
            executortype=handler.executortype,
            locationname=blueprint.metadata.locationname,
        ),
    )


def _submit(step: Step, spec: FunctionSpec) -> str:
    processid = step.new_id("process")
    spec = replace(normalised(spec), maxwaittime=0)  # no limit, in upstream's way of saying so here
    step.draft.put("processes", processid, new_process(step, processid, spec))
    return processid


# What a kind has at a place: its name and its cron


def settle(step: Step, definition: BlueprintDefinition, blueprint: Blueprint) -> None:
    """See to it that the blueprint's place exists, and the cron of its kind there."""
    name, metadata = cron_name(blueprint), blueprint.metadata
    place = metadata.locationname
    if place and step.draft.get("locations", location_key(step.colony, place)) is None:
        description = f"Auto-created from blueprint {metadata.name}"
        location = Location(name=place, colonyname=step.colony, description=description)
        locations.add_location(step, AddLocation(location=location))
    handler = definition.spec.handler
    if not is_handled(handler):
        return
    cronid = step.tables.schedule.cron_names.get((step.colony, name))
    if cronid is not None:
        _adopt(step, cronid)
        return
    spec = _spec(step, handler, blueprint, {"kind": blueprint.kind})
    cron = Cron(
        colonyname=step.colony,
        name=name,
        interval=handler.reconcileinterval if handler.reconcileinterval > 0 else RECONCILE_S,
        waitforprevprocessgraph=True,
        workflowspec=dump_json({"colonyname": step.colony, "functionspecs": [encode(spec)]}),
    )
    crons.add_cron(step, AddCron(cron=cron))


def _adopt(step: Step, cronid: str) -> None:
    """A cron whose initiator is gone would start nothing more: then it goes on in the name of the caller."""
    cron = step.tables.schedule.crons[cronid]
    owner = step.tables.colonies[step.colony].colonyid
    if cron.initiatorid != owner and not initiator_name(step.tables, step.colony, cron.initiatorid):
        name = initiator_name(step.tables, step.colony, step.caller)
        step.draft.patch("crons", cronid, initiatorid=step.caller, initiatorname=name)


def unsettle(step: Step, blueprint: Blueprint) -> None:
    """The blueprint is gone from its place: the cron goes with the last of the kind there."""
    index = step.tables.blueprints
    for key in index.of_kind.get((step.colony, blueprint.kind), ()):
        other = index.blueprints[key]
        if other.blueprintid != blueprint.blueprintid and cron_name(other) == cron_name(blueprint):
            return
    cronid = step.tables.schedule.cron_names.get((step.colony, cron_name(blueprint)))
    if cronid is not None:
        step.draft.drop("crons", cronid)


def cron_name(blueprint: Blueprint) -> str:
    """One cron for a kind at a place."""
    place = blueprint.metadata.locationname
    return f"reconcile-{blueprint.kind}-{place}" if place else f"reconcile-{blueprint.kind}"


def is_changed(before: Blueprint, after: Blueprint) -> bool:
    """Is it to be something else?"""
    return not same_json(before.spec, after.spec)
