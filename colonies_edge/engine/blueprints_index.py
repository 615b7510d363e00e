"""What follows from the rows of definitions, blueprints and their history: names, ids, kinds, what is in a colony."""

from typing import Any

from colonies_edge.protocol.model import Blueprint, BlueprintDefinition, BlueprintHistory

Ids = dict[str, None]  # an ordered set


class BlueprintIndex:
    """The tables themselves and their indices, kept by `Tables.apply`."""

    def __init__(self) -> None:
        self.definitions: dict[str, BlueprintDefinition] = {}
        self.blueprints: dict[str, Blueprint] = {}
        self.history: dict[str, BlueprintHistory] = {}
        self.definitions_in: dict[str, Ids] = {}  # colony -> keys
        self.definition_ids: Ids = {}
        self.blueprints_in: dict[str, Ids] = {}  # colony -> keys
        self.of_kind: dict[tuple[str, str], Ids] = {}  # (colony, kind) -> keys of blueprints
        self.by_id: dict[str, str] = {}  # blueprint id -> key
        self.history_of: dict[str, Ids] = {}  # blueprint id -> keys, oldest first

    def see_definition(self, key: str, before: BlueprintDefinition | None, after: BlueprintDefinition | None) -> None:
        """A row of a definition changed."""
        if before is not None:
            _discard(self.definitions_in, before.metadata.colonyname, key)
            self.definition_ids.pop(before.blueprintdefinitionid, None)
        if after is not None:
            _add(self.definitions_in, after.metadata.colonyname, key)
            self.definition_ids[after.blueprintdefinitionid] = None

    def see_blueprint(self, key: str, before: Blueprint | None, after: Blueprint | None) -> None:
        """A row of a blueprint changed."""
        if before is not None:
            self.by_id.pop(before.blueprintid, None)
            _discard(self.blueprints_in, before.metadata.colonyname, key)
            _discard(self.of_kind, (before.metadata.colonyname, before.kind), key)
        if after is not None:
            self.by_id[after.blueprintid] = key
            _add(self.blueprints_in, after.metadata.colonyname, key)
            _add(self.of_kind, (after.metadata.colonyname, after.kind), key)

    def see_history(self, key: str, before: BlueprintHistory | None, after: BlueprintHistory | None) -> None:
        """A line of history came or went."""
        if before is not None:
            _discard(self.history_of, before.blueprintid, key)
        if after is not None:
            _add(self.history_of, after.blueprintid, key)

    def with_id(self, blueprintid: str) -> Blueprint | None:
        """The blueprint with this id, in whatever colony."""
        key = self.by_id.get(blueprintid)
        return self.blueprints[key] if key is not None else None

    def rows_of(self, colony: str) -> list[tuple[str, str]]:
        """Table and key of every row of a colony."""
        blueprints = list(self.blueprints_in.get(colony, ()))
        ids = [self.blueprints[key].blueprintid for key in blueprints]
        return [
            *(("blueprinthistory", key) for blueprintid in ids for key in self.history_of.get(blueprintid, ())),
            *(("blueprints", key) for key in blueprints),
            *(("definitions", key) for key in self.definitions_in.get(colony, ())),
        ]

    def definition_of(self, colony: str, kind: str) -> BlueprintDefinition | None:
        """The definition of a kind: the first by name if there are several, as upstream takes it."""
        found = (self.definitions[key] for key in self.definitions_in.get(colony, ()))
        named = (definition for definition in found if definition.spec.names.kind == kind)
        return min(named, key=lambda definition: definition.metadata.name, default=None)


def blueprint_key(colony: str, name: str) -> str:
    """Key of the tables `blueprints` and `definitions`: no colony has a slash in its name, so names may."""
    return f"{colony}/{name}"


def history_key(blueprintid: str, generation: int) -> str:
    """A generation has one line."""
    return f"{blueprintid}/{generation:012d}"


def _add(index: dict[Any, Ids], at: Any, key: str) -> None:
    index.setdefault(at, {})[key] = None


def _discard(index: dict[Any, Ids], at: Any, key: str) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[at]
