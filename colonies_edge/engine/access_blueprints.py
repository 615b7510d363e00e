"""The rows of the access table for blueprints; `access.py` has the others."""

from colonies_edge.engine.access_rule import Memory, Role, Rule, Target

_DEFINITION = Target(
    path="blueprintdefinition.metadata.colonyname",
    absent="Failed to add blueprint definition, blueprint definition is nil",
)
_COLONY, _NAMESPACE = Target(path="colonyname"), Target(path="namespace")


def _blueprint(verb: str) -> Target:
    return Target(path="blueprint.metadata.colonyname", absent=f"Failed to {verb} blueprint, blueprint is nil")


_BOTH, _DURABLE = Role.MEMBER_OR_OWNER, Memory.DURABLE

RULES: dict[str, Rule] = {
    "addblueprintdefinitionmsg": Rule(role=Role.COLONY_OWNER, target=_DEFINITION, memory=_DURABLE),
    "getblueprintdefinitionmsg": Rule(role=_BOTH, target=_COLONY),
    "getblueprintdefinitionsmsg": Rule(role=_BOTH, target=_COLONY),
    "removeblueprintdefinitionmsg": Rule(role=Role.COLONY_OWNER, target=_NAMESPACE, memory=_DURABLE),
    "addblueprintmsg": Rule(role=_BOTH, target=_blueprint("add"), memory=_DURABLE),
    "getblueprintmsg": Rule(role=_BOTH, target=_NAMESPACE),
    "getblueprintsmsg": Rule(role=_BOTH, target=_NAMESPACE),
    "updateblueprintmsg": Rule(role=_BOTH, target=_blueprint("update"), memory=_DURABLE),
    # What is so is said by who did it; the owner of a colony does nothing in it.
    "updateblueprintstatusmsg": Rule(role=Role.MEMBER, target=_COLONY, memory=_DURABLE),
    "reconcileblueprintmsg": Rule(role=Role.MEMBER, target=_NAMESPACE, memory=_DURABLE),
    "removeblueprintmsg": Rule(role=_BOTH, target=_NAMESPACE, memory=_DURABLE),
    "getblueprinthistorymsg": Rule(
        role=_BOTH, target=Target(of="blueprint", path="blueprintid", missing=(404, "Blueprint not found"))
    ),
}
