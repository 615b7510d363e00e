"""Definitions: which kinds of blueprints a colony has (`protocol-rest.md` 7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine.blueprints_index import blueprint_key
from colonies_edge.engine.blueprints_schema import accepted
from colonies_edge.engine.names import require_text
from colonies_edge.engine.step import Handler, Step
from colonies_edge.protocol.codec import dump_json, encode
from colonies_edge.protocol.errors import Conflict, NotFound, TooLarge, TooManyRequests
from colonies_edge.protocol.limits import BLUEPRINT_BYTES_MAX, DEFINITIONS_PER_COLONY_MAX
from colonies_edge.protocol.messages import (
    AddBlueprintDefinition,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    RemoveBlueprintDefinition,
)
from colonies_edge.protocol.model import Blueprint, BlueprintDefinition


def add_definition(step: Step, message: AddBlueprintDefinition) -> BlueprintDefinition:
    """A new kind. As upstream, nearly anything will do; what its schema says must be what schemas say."""
    definition = message.blueprintdefinition
    assert definition is not None  # access control refused it
    failure, metadata, index = message.failure, definition.metadata, step.tables.blueprints
    require_text(failure, "name", metadata.name)
    require_text(failure, "kind", definition.spec.names.kind)
    require_text(failure, "executor type", definition.spec.handler.executortype)
    require_text(failure, "function name", definition.spec.handler.functionname)
    require_text(failure, "blueprint definition Id", definition.blueprintdefinitionid)
    if definition.spec.schema is not None:
        definition = replace(definition, spec=replace(definition.spec, schema=accepted(definition.spec.schema)))
    require_size(failure, definition)
    key = blueprint_key(step.colony, metadata.name)
    if key in index.definitions:
        # The command line of upstream looks for these two words, which its database says.
        raise Conflict(f"{failure}, duplicate key: there is one with name <{metadata.name}> in Colony <{step.colony}>")
    if definition.blueprintdefinitionid in index.definition_ids:
        raise Conflict(f"{failure}, duplicate key: the Id <{definition.blueprintdefinitionid}> is taken")
    if len(index.definitions_in.get(step.colony, ())) >= DEFINITIONS_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {DEFINITIONS_PER_COLONY_MAX} already")
    stored = replace(
        definition,
        blueprintdefinitionid=definition.blueprintdefinitionid or step.new_id("definition"),
        metadata=replace(metadata, createdat=step.now, updatedat=step.now),
    )
    step.draft.put("definitions", key, stored)
    return stored


def require_size(failure: str, thing: Blueprint | BlueprintDefinition) -> None:
    """Raises TooLarge."""
    size = len(dump_json(encode(thing)).encode())
    if size > BLUEPRINT_BYTES_MAX:
        raise TooLarge(f"{failure}, it has {size} bytes of at most {BLUEPRINT_BYTES_MAX}")


def get_definition(step: Step, message: GetBlueprintDefinition) -> BlueprintDefinition:
    """One by the name of the definition, which need not be that of its kind."""
    definition = step.tables.blueprints.definitions.get(blueprint_key(step.colony, message.name))
    if definition is None:
        raise NotFound("Blueprint definition not found")
    return definition


def get_definitions(step: Step, message: GetBlueprintDefinitions) -> list[BlueprintDefinition]:
    """All of the colony, by name."""
    index = step.tables.blueprints
    found = [index.definitions[key] for key in index.definitions_in.get(step.colony, ())]
    return sorted(found, key=lambda definition: definition.metadata.name)


def remove_definition(step: Step, message: RemoveBlueprintDefinition) -> dict[str, Any]:
    """Only while there is no blueprint of the kind."""
    index, key = step.tables.blueprints, blueprint_key(step.colony, message.name)
    definition = index.definitions.get(key)
    if definition is None:
        raise NotFound(f"BlueprintDefinition '{message.name}' not found in namespace '{step.colony}'")
    kind = definition.spec.names.kind
    number = len(index.of_kind.get((step.colony, kind), ()))
    if number:
        raise Conflict(
            f"cannot remove BlueprintDefinition '{message.name}': {number} blueprint(s) of kind '{kind}' still exist"
        )
    step.draft.drop("definitions", key)
    return {}


HANDLERS: Mapping[str, Handler] = {
    "addblueprintdefinitionmsg": add_definition,
    "getblueprintdefinitionmsg": get_definition,
    "getblueprintdefinitionsmsg": get_definitions,
    "removeblueprintdefinitionmsg": remove_definition,
}
