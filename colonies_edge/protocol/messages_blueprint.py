"""Messages about blueprints (`protocol-rest.md` 7); some call the colony `namespace`. `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model_base import OMIT
from colonies_edge.protocol.model_blueprint import Blueprint, BlueprintDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBlueprintDefinition(Stamp):
    """A new kind of blueprints."""

    msgtype: ClassVar[str] = "addblueprintdefinitionmsg"
    failure: ClassVar[str] = "Failed to add blueprint definition"
    blueprintdefinition: BlueprintDefinition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlueprintDefinition(Stamp):
    """One kind of blueprints, by the name of its definition."""

    msgtype: ClassVar[str] = "getblueprintdefinitionmsg"
    failure: ClassVar[str] = "Failed to get blueprint definition"
    colonyname: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlueprintDefinitions(Stamp):
    """All kinds of blueprints of a colony."""

    msgtype: ClassVar[str] = "getblueprintdefinitionsmsg"
    failure: ClassVar[str] = "Failed to get blueprint definitions"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlueprintDefinition(Stamp):
    """No more blueprints of this kind."""

    msgtype: ClassVar[str] = "removeblueprintdefinitionmsg"
    failure: ClassVar[str] = "Failed to remove blueprint definition"
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBlueprint(Stamp):
    """Something that shall be so."""

    msgtype: ClassVar[str] = "addblueprintmsg"
    failure: ClassVar[str] = "Failed to add blueprint"
    blueprint: Blueprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlueprint(Stamp):
    """One blueprint."""

    msgtype: ClassVar[str] = "getblueprintmsg"
    failure: ClassVar[str] = "Failed to get blueprint"
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlueprints(Stamp):
    """The blueprints of a colony, of one kind, or of one kind at one place."""

    msgtype: ClassVar[str] = "getblueprintsmsg"
    failure: ClassVar[str] = "Failed to get blueprints"
    namespace: str = ""
    kind: str = field(default="", metadata=OMIT)
    locationname: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBlueprint(Stamp):
    """It shall be so instead."""

    msgtype: ClassVar[str] = "updateblueprintmsg"
    failure: ClassVar[str] = "Failed to update blueprint"
    blueprint: Blueprint | None = None
    forcegeneration: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBlueprintStatus(Stamp):
    """It is so; what was said before is forgotten."""

    msgtype: ClassVar[str] = "updateblueprintstatusmsg"
    failure: ClassVar[str] = "Failed to update blueprint status"
    colonyname: str = ""
    blueprintname: str = ""
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileBlueprint(Stamp):
    """Have its handler look at it now."""

    msgtype: ClassVar[str] = "reconcileblueprintmsg"
    failure: ClassVar[str] = "Failed to reconcile blueprint"
    namespace: str = ""
    name: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlueprint(Stamp):
    """It shall be no more."""

    msgtype: ClassVar[str] = "removeblueprintmsg"
    failure: ClassVar[str] = "Failed to remove blueprint"
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlueprintHistory(Stamp):
    """What it was before; `limit` 0 means all."""

    msgtype: ClassVar[str] = "getblueprinthistorymsg"
    failure: ClassVar[str] = "Failed to get blueprint history"
    blueprintid: str = ""
    limit: int = field(default=0, metadata=OMIT)
