"""What a workflow may look like: everything is checked before anything is stored, and a refusal names the nodes."""

from collections import Counter
from collections.abc import Iterable, Mapping

from colonies_edge.protocol.codec_revise import revised
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import GRAPH_NODES_MAX
from colonies_edge.protocol.model import FunctionSpec, WorkflowSpec
from colonies_edge.protocol.quantities import normalised

_NAMED_MAX = 10  # node names in one refusal; whoever has more to mend sees the next ones then
_INVALID = (  # upstream's words, its spelling, too
    "Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits?"
)

Dependencies = Mapping[str, tuple[str, ...]]


def validate(spec: WorkflowSpec) -> WorkflowSpec:
    """The spec as it is kept: quantities in one unit, the workflow's colony in every node, each dependency once.

    Raises BadRequest for what cannot be run to its end (`protocol-core.md` 5.3).
    """
    if not spec.functionspecs:
        raise BadRequest("Failed to submit workflow, there are no function specs in it")
    if len(spec.functionspecs) > GRAPH_NODES_MAX:
        raise BadRequest(f"Failed to submit workflow, it has more than {GRAPH_NODES_MAX} nodes")
    _require_names(spec.functionspecs)
    nodes = tuple(_normalised(node, spec.colonyname) for node in spec.functionspecs)
    _require_order({node.nodename: node.conditions.dependencies for node in nodes})
    return revised(spec, {"functionspecs": nodes})


def _require_names(nodes: tuple[FunctionSpec, ...]) -> None:
    nameless = [str(number) for number, node in enumerate(nodes, 1) if not node.nodename]
    if nameless:
        raise BadRequest(f"Nodename is missing, check function spec for errors: number {_some(nameless)}")
    double = [name for name, count in Counter(node.nodename for node in nodes).items() if count > 1]
    if double:
        raise BadRequest(f"Duplicate nodename: {_some(double)}")


def _normalised(node: FunctionSpec, colony: str) -> FunctionSpec:
    conditions = revised(
        node.conditions,
        {"colonyname": colony, "dependencies": tuple(dict.fromkeys(node.conditions.dependencies))},
    )
    try:
        # The time to wait is shown as it was given: 0 and -1 both mean for ever (`protocol-core.md` 5.3, 2).
        return revised(normalised(revised(node, {"conditions": conditions})), {"maxwaittime": node.maxwaittime})
    except BadRequest as error:
        raise BadRequest(f"{error.message}, in node {node.nodename}") from None


def _require_order(nodes: Dependencies) -> None:
    unknown = [
        f"{name} depends on {dependency}"
        for name, dependencies in nodes.items()
        for dependency in dependencies
        if dependency not in nodes
    ]
    if unknown:
        raise BadRequest(f"{_INVALID} {_some(unknown)}")
    selfish = [name for name, dependencies in nodes.items() if name in dependencies]
    if selfish:
        raise BadRequest(f"Failed to submit workflow, a node cannot depend on itself: {_some(selfish)}")
    circle = _circle(nodes)
    if circle:
        shown = " -> ".join(circle[:_NAMED_MAX]) + (" -> ..." if len(circle) > _NAMED_MAX else f" -> {circle[0]}")
        raise BadRequest(f"Failed to submit workflow, dependencies go round in a circle: {shown}")


def _circle(nodes: Dependencies) -> list[str]:
    """The names of nodes each of which depends on the next and the last on the first; empty when there are none."""
    left = dict.fromkeys(nodes)
    missing = {name: len(dependencies) for name, dependencies in nodes.items()}
    children: dict[str, list[str]] = {}
    for name, dependencies in nodes.items():
        for dependency in dependencies:
            children.setdefault(dependency, []).append(name)
    free = [name for name, count in missing.items() if not count]
    while free:
        name = free.pop()
        del left[name]
        for child in children.get(name, ()):
            missing[child] -= 1
            if not missing[child]:
                free.append(child)
    if not left:
        return []
    path: dict[str, int] = {}  # whoever is left depends on somebody who is left: following that must come round
    name = next(iter(left))
    while name not in path:
        path[name] = len(path)
        name = next(dependency for dependency in nodes[name] if dependency in left)
    return list(path)[path[name] :]


def _some(names: Iterable[str]) -> str:
    """As many names as a person wants to read."""
    listed = list(names)
    return ", ".join(listed[:_NAMED_MAX]) + (f" and {len(listed) - _NAMED_MAX} more" if listed[_NAMED_MAX:] else "")
