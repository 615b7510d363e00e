"""The objects of the wire that describe blueprints and their definitions; `model.py` is the door."""

from dataclasses import dataclass, field
from typing import Any

from colonies_edge.protocol.model_base import OMIT, Time


def _camel(key: str, *, omit: bool = False) -> dict[str, Any]:
    """Metadata of a field whose JSON key has capitals in it, which upstream has in blueprints only."""
    return {"key": key, "aliases": (key.lower(),), "omit": omit}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintMetadata:
    """What blueprints and definitions have in common. What is said of reconciliations is the clients' own."""

    name: str = ""
    colonyname: str = ""
    locationname: str = field(default="", metadata=OMIT)
    labels: dict[str, str] = field(default_factory=dict, metadata=OMIT)
    annotations: dict[str, str] = field(default_factory=dict, metadata=OMIT)
    generation: int = field(default=0, metadata=OMIT)
    createdat: Time = field(default=0, metadata=_camel("createdAt"))
    updatedat: Time = field(default=0, metadata=_camel("updatedAt"))
    lastreconciliationprocess: str = field(default="", metadata=_camel("lastReconciliationProcess", omit=True))
    lastreconciliationtime: Time = field(default=0, metadata=_camel("lastReconciliationTime"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """Something that shall be so (`spec`), and what its handler last said of it (`status`)."""

    blueprintid: str = ""
    kind: str = ""
    metadata: BlueprintMetadata = field(default_factory=BlueprintMetadata)
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintNames:
    """What a kind of blueprints is called; only `kind` has a meaning here."""

    kind: str = ""
    listkind: str = field(default="", metadata=_camel("listKind"))
    singular: str = ""
    plural: str = ""
    shortnames: tuple[str, ...] = field(default=(), metadata=_camel("shortNames", omit=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintHandler:
    """Who brings blueprints of a kind about: a function of executors of a type, every so many seconds."""

    executortype: str = field(default="", metadata=_camel("executorType"))
    functionname: str = field(default="", metadata=_camel("functionName"))
    reconcileinterval: int = field(default=0, metadata=_camel("reconcileInterval", omit=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintDefinitionSpec:
    """A kind of blueprints: its names, the schema that its specifications must fit, its handler."""

    group: str = ""
    version: str = ""
    names: BlueprintNames = BlueprintNames()
    scope: str = ""
    schema: dict[str, Any] | None = field(default=None, metadata=OMIT)
    handler: BlueprintHandler = BlueprintHandler()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintDefinition:
    """A kind of blueprints in a colony."""

    blueprintdefinitionid: str = ""
    kind: str = ""
    metadata: BlueprintMetadata = field(default_factory=BlueprintMetadata)
    spec: BlueprintDefinitionSpec = BlueprintDefinitionSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintHistory:
    """A blueprint as one generation had it, and who made it so."""

    historyid: str = ""
    blueprintid: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    generation: int = 0
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict, metadata=OMIT)
    timestamp: Time = 0
    changedby: str = ""
    changetype: str = ""
