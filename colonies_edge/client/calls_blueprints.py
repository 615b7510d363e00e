"""One method per message about blueprints and their definitions (`protocol-rest.md` 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from colonies_edge.client.calls_base import Calls
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.messages import (
    AddBlueprint,
    AddBlueprintDefinition,
    GetBlueprint,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    GetBlueprintHistory,
    GetBlueprints,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveBlueprintDefinition,
    UpdateBlueprint,
    UpdateBlueprintStatus,
)
from colonies_edge.protocol.model import Blueprint, BlueprintDefinition, BlueprintHistory, Process

B = TypeVar("B", Blueprint, BlueprintDefinition)


class BlueprintCalls(Calls):
    """What shall be so in the client's colony. Blueprints and definitions may be given as JSON, too."""

    # Definitions

    async def add_blueprint_definition(
        self, definition: BlueprintDefinition | Mapping[str, Any]
    ) -> BlueprintDefinition:
        whole = self._whole(BlueprintDefinition, definition)
        return decode(BlueprintDefinition, await self.call(AddBlueprintDefinition(blueprintdefinition=whole)))

    async def get_blueprint_definition(self, name: str) -> BlueprintDefinition:
        message = GetBlueprintDefinition(colonyname=self.colonyname, name=name)
        return decode(BlueprintDefinition, await self.call(message))

    async def get_blueprint_definitions(self) -> list[BlueprintDefinition]:
        message = GetBlueprintDefinitions(colonyname=self.colonyname)
        return self.many(BlueprintDefinition, await self.call(message))

    async def remove_blueprint_definition(self, name: str) -> None:
        await self.call(RemoveBlueprintDefinition(namespace=self.colonyname, name=name))

    # Blueprints

    async def add_blueprint(self, blueprint: Blueprint | Mapping[str, Any]) -> Blueprint:
        message = AddBlueprint(blueprint=self._whole(Blueprint, blueprint))
        return decode(Blueprint, await self.call(message))

    async def get_blueprint(self, name: str) -> Blueprint:
        return decode(Blueprint, await self.call(GetBlueprint(namespace=self.colonyname, name=name)))

    async def get_blueprints(self, kind: str = "", *, locationname: str = "") -> list[Blueprint]:
        """Of the colony, of one kind, or of one kind at one place."""
        message = GetBlueprints(namespace=self.colonyname, kind=kind, locationname=locationname)
        return self.many(Blueprint, await self.call(message))

    async def update_blueprint(self, blueprint: Blueprint | Mapping[str, Any], *, force: bool = False) -> Blueprint:
        """The whole of it anew; `force` begins a generation though nothing is different."""
        message = UpdateBlueprint(blueprint=self._whole(Blueprint, blueprint), forcegeneration=force)
        return decode(Blueprint, await self.call(message))

    async def update_blueprint_status(self, name: str, status: Mapping[str, Any]) -> None:
        """What was said before is forgotten."""
        message = UpdateBlueprintStatus(colonyname=self.colonyname, blueprintname=name, status=dict(status))
        await self.call(message)

    async def reconcile_blueprint(self, name: str, *, force: bool = False) -> Process:
        """The process in which its handler looks at it."""
        message = ReconcileBlueprint(namespace=self.colonyname, name=name, force=force)
        return decode(Process, await self.call(message))

    async def remove_blueprint(self, name: str) -> None:
        await self.call(RemoveBlueprint(namespace=self.colonyname, name=name))

    async def get_blueprint_history(self, blueprintid: str, limit: int = 0) -> list[BlueprintHistory]:
        """What it was, newest first; 0 means all."""
        message = GetBlueprintHistory(blueprintid=blueprintid, limit=limit)
        return self.many(BlueprintHistory, await self.call(message))

    def _whole(self, cls: type[B], given: B | Mapping[str, Any]) -> B:
        """In the client's colony where it names none."""
        try:
            whole = decode(cls, dict(given)) if isinstance(given, Mapping) else given
        except Exception as error:
            raise UsageError(f"not a {cls.__name__}: {error}") from error
        if whole.metadata.colonyname:
            return whole
        return replace(whole, metadata=replace(whole.metadata, colonyname=self.colonyname))
