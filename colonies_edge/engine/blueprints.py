"""Blueprints: what shall be so in a colony, in which generation, and what it was before (`protocol-rest.md` 7)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from colonies_edge.engine import blueprints_definitions
from colonies_edge.engine.blueprints_definitions import require_size
from colonies_edge.engine.blueprints_handling import (
    cron_name,
    is_changed,
    settle,
    submit_cleanup,
    submit_reconciliation,
    unsettle,
)
from colonies_edge.engine.blueprints_index import blueprint_key, history_key
from colonies_edge.engine.blueprints_schema import require_fit
from colonies_edge.engine.names import require_text
from colonies_edge.engine.step import Handler, ProcessView, Step
from colonies_edge.protocol.errors import BadRequest, Conflict, NotFound, TooManyRequests
from colonies_edge.protocol.limits import BLUEPRINT_HISTORY_MAX, BLUEPRINTS_PER_COLONY_MAX
from colonies_edge.protocol.messages import (
    AddBlueprint,
    GetBlueprint,
    GetBlueprintHistory,
    GetBlueprints,
    ReconcileBlueprint,
    RemoveBlueprint,
    UpdateBlueprint,
    UpdateBlueprintStatus,
)
from colonies_edge.protocol.model import Blueprint, BlueprintDefinition, BlueprintHistory


def add_blueprint(step: Step, message: AddBlueprint) -> Blueprint:
    """A new one: its handler gets a process at once, and the kind a cron if it has none at that place."""
    blueprint, index = message.blueprint, step.tables.blueprints
    assert blueprint is not None  # access control refused it
    definition = _sound(step, message.failure, blueprint)
    metadata = blueprint.metadata
    key = blueprint_key(step.colony, metadata.name)
    if key in index.blueprints:
        raise Conflict(f"blueprint with name '{metadata.name}' already exists in colony '{step.colony}'")
    if blueprint.blueprintid in index.by_id:
        raise Conflict(f"blueprint with Id '{blueprint.blueprintid}' already exists")
    if len(index.blueprints_in.get(step.colony, ())) >= BLUEPRINTS_PER_COLONY_MAX:
        raise TooManyRequests(
            f"{message.failure}, Colony <{step.colony}> has {BLUEPRINTS_PER_COLONY_MAX} blueprints already"
        )
    stored = replace(
        blueprint,
        blueprintid=blueprint.blueprintid or step.new_id("blueprint"),
        metadata=replace(metadata, generation=max(1, metadata.generation), createdat=step.now, updatedat=step.now),
    )
    step.draft.put("blueprints", key, stored)
    _remember(step, stored, "create")
    settle(step, definition, stored)
    submit_reconciliation(step, definition, stored)
    return stored


def _sound(step: Step, failure: str, blueprint: Blueprint) -> BlueprintDefinition:
    """The definition of its kind, which it fits. Raises ColoniesError."""
    require_text(failure, "name", blueprint.metadata.name)
    require_text(failure, "kind", blueprint.kind)
    require_text(failure, "blueprint Id", blueprint.blueprintid)
    require_text(failure, "location name", blueprint.metadata.locationname)
    if not blueprint.kind:
        raise BadRequest("blueprint kind is required")
    definition = step.tables.blueprints.definition_of(step.colony, blueprint.kind)
    if definition is None:
        raise _undefined(step, blueprint.kind)
    require_fit(definition.spec.schema, blueprint.spec)
    require_size(failure, blueprint)
    return definition


def _undefined(step: Step, kind: str) -> BadRequest:
    return BadRequest(f"BlueprintDefinition for kind '{kind}' not found in namespace '{step.colony}'")


def _remember(step: Step, blueprint: Blueprint, changetype: str) -> None:
    """One more line of history, in the place of the oldest when there are too many."""
    metadata = blueprint.metadata
    line = BlueprintHistory(
        historyid=step.new_id("history"),
        blueprintid=blueprint.blueprintid,
        kind=blueprint.kind,
        namespace=metadata.colonyname,
        name=metadata.name,
        generation=metadata.generation,
        spec=blueprint.spec,
        status=blueprint.status,
        timestamp=step.now,
        changedby=step.caller,
        changetype=changetype,
    )
    step.draft.put("blueprinthistory", history_key(blueprint.blueprintid, metadata.generation), line)
    lines = step.tables.blueprints.history_of.get(blueprint.blueprintid, {})
    for key in tuple(islice(lines, max(0, len(lines) + 1 - BLUEPRINT_HISTORY_MAX))):
        step.draft.drop("blueprinthistory", key)


def _named(step: Step, name: str) -> Blueprint:
    blueprint = step.tables.blueprints.blueprints.get(blueprint_key(step.colony, name))
    if blueprint is None:
        raise NotFound("Blueprint not found")
    return blueprint


def get_blueprint(step: Step, message: GetBlueprint) -> Blueprint:
    """One by name."""
    return _named(step, message.name)


def get_blueprints(step: Step, message: GetBlueprints) -> list[Blueprint]:
    """By name: all of the colony, of a kind, or of a kind at a place. A place without a kind is not looked at."""
    index = step.tables.blueprints
    if message.kind:
        keys = index.of_kind.get((step.colony, message.kind), {})
    else:
        keys = index.blueprints_in.get(step.colony, {})
    found = [index.blueprints[key] for key in keys]
    if message.kind and message.locationname:
        place = message.locationname.lower()
        found = [blueprint for blueprint in found if blueprint.metadata.locationname.lower() == place]
    return sorted(found, key=lambda blueprint: blueprint.metadata.name)


def update_blueprint(step: Step, message: UpdateBlueprint) -> Blueprint:
    """The whole object in place of the old one, its status too. What shall be so counts the generations."""
    blueprint = message.blueprint
    assert blueprint is not None  # access control refused it
    definition = _sound(step, message.failure, blueprint)
    metadata = blueprint.metadata
    key = blueprint_key(step.colony, metadata.name)
    before = step.tables.blueprints.blueprints.get(key)
    if before is None:
        raise NotFound(f"blueprint '{metadata.name}' not found in namespace '{step.colony}'")
    again = message.forcegeneration or is_changed(before, blueprint)
    after = replace(
        blueprint,
        blueprintid=before.blueprintid,
        metadata=replace(
            metadata,
            generation=before.metadata.generation + (1 if again else 0),
            createdat=before.metadata.createdat,
            updatedat=step.now,
        ),
    )
    step.draft.put("blueprints", key, after)
    if cron_name(before) != cron_name(after):
        unsettle(step, before)
    settle(step, definition, after)
    if again:
        _remember(step, after, "update")
        submit_reconciliation(step, definition, after)
    return after


def update_status(step: Step, message: UpdateBlueprintStatus) -> dict[str, Any]:
    """What is so now, in place of what was said of it before."""
    after = replace(_named(step, message.blueprintname), status=message.status)
    require_size(message.failure, after)
    step.draft.patch("blueprints", blueprint_key(step.colony, message.blueprintname), status=message.status)
    return {}


def reconcile(step: Step, message: ReconcileBlueprint) -> ProcessView:
    """Have the handler look at it now; with `force` as if it were another generation."""
    blueprint = _named(step, message.name)
    definition = step.tables.blueprints.definition_of(step.colony, blueprint.kind)
    if definition is None:
        raise _undefined(step, blueprint.kind)
    if not definition.spec.handler.executortype:
        raise BadRequest("Blueprint has no handler with executor type defined")
    if not definition.spec.handler.functionname:
        raise BadRequest("Blueprint has no handler with function name defined")
    if message.force:
        metadata = replace(blueprint.metadata, generation=blueprint.metadata.generation + 1, updatedat=step.now)
        step.draft.patch("blueprints", blueprint_key(step.colony, message.name), metadata=metadata)
    return ProcessView(submit_reconciliation(step, definition, blueprint, force=message.force))


def remove_blueprint(step: Step, message: RemoveBlueprint) -> dict[str, Any]:
    """It goes with its history; the handler cleans up."""
    blueprint = _named(step, message.name)
    step.draft.drop("blueprints", blueprint_key(step.colony, message.name))
    for key in step.tables.blueprints.history_of.get(blueprint.blueprintid, ()):
        step.draft.drop("blueprinthistory", key)
    unsettle(step, blueprint)
    definition = step.tables.blueprints.definition_of(step.colony, blueprint.kind)
    submit_cleanup(step, definition, blueprint)
    return {}


def get_history(step: Step, message: GetBlueprintHistory) -> list[BlueprintHistory]:
    """Newest first."""
    index = step.tables.blueprints
    lines = reversed(index.history_of.get(message.blueprintid, {}))
    return [index.history[key] for key in islice(lines, message.limit if message.limit > 0 else None)]


HANDLERS: Mapping[str, Handler] = {
    **blueprints_definitions.HANDLERS,
    "addblueprintmsg": add_blueprint,
    "getblueprintmsg": get_blueprint,
    "getblueprintsmsg": get_blueprints,
    "updateblueprintmsg": update_blueprint,
    "updateblueprintstatusmsg": update_status,
    "reconcileblueprintmsg": reconcile,
    "removeblueprintmsg": remove_blueprint,
    "getblueprinthistorymsg": get_history,
}
