"""Files with workflows, blueprints and their definitions, as messages of the wire want them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.specs import complete_function_spec, decoded, function_spec, lower, read_json
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import MESSAGE_BYTES_CEILING
from colonies_edge.protocol.model import Blueprint, BlueprintDefinition

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session

_SHAPE = 'a workflow is a JSON array of function specs like [{"nodename": "…", "funcname": "…", "conditions": {…}}]'


def workflow_of(session: Session) -> dict[str, Any]:
    """The workflow in the file that --spec names; what nobody will look at in it is mentioned."""
    path = session.args.spec
    spec, unknown = read_workflow(path, session.colony)
    for key in unknown:
        session.console.info(f"{path}: {key!r} is no field of a function spec and is ignored")
    return spec


def read_workflow(path: str, colonyname: str) -> tuple[dict[str, Any], list[str]]:
    """The workflow in a file, and the fields in it that nobody will look at. The file is an array of function specs;
    the object that goes over the wire is understood, too."""
    value = read_json(path, MESSAGE_BYTES_CEILING)  # a coordinator may have been told to take large messages
    whole = lower(value) if isinstance(value, dict) else {"functionspecs": value}
    if "functionspecs" not in whole:
        if "funcname" in whole or "conditions" in whole:
            raise UsageError(
                f"{path}: It looks like you are trying to submit a function spec, "
                f"try to use `{PROGRAM} function submit --spec` instead; {_SHAPE}"
            )
        raise UsageError(f"{path}: {_SHAPE}")
    nodes = whole["functionspecs"]
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise UsageError(f"{path}: {_SHAPE}")
    if not nodes:
        raise UsageError(f"{path}: there is no function spec in it; {_SHAPE}")
    colony = str(whole.get("colonyname") or "") or colonyname
    found, unknown = [], []
    for number, node in enumerate(nodes, 1):
        spec, more = function_spec(node, f"{path}: node {lower(node).get('nodename') or number}")
        unknown += [key for key in more if key not in unknown]
        found.append(complete_function_spec(spec, colony))
    _require_known(path, found)
    return {"colonyname": colony, "functionspecs": found}, unknown


def _require_known(path: str, nodes: Sequence[Mapping[str, Any]]) -> None:
    """What a node waits for has to be in the same file."""
    names = [str(node.get("nodename") or "") for node in nodes]
    for name, node in zip(names, nodes, strict=True):
        for parent in node["conditions"].get("dependencies") or ():
            if parent not in names:
                near = difflib.get_close_matches(parent, names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
                raise UsageError(f"{path}: node {name!r} depends on {parent!r}, which is no nodename in it; {hint}")


def read_blueprint(path: str, colonyname: str) -> dict[str, Any]:
    """A blueprint, with the colony where it names none."""
    value = _object(path, "blueprint", '{"kind": "…", "metadata": {"name": "…"}, "spec": {…}}')
    names = value.get("spec")
    if isinstance(names, dict) and isinstance(names.get("names"), dict) and "handler" in lower(names):
        raise UsageError(
            f"{path}: It looks like a blueprint definition, try to use `{PROGRAM} blueprint definition add` instead"
        )
    read = decoded(Blueprint, value, path)
    _named(path, **{"kind": read.kind, "metadata.name": read.metadata.name})
    return _in_colony(value, colonyname)


def read_definition(path: str, colonyname: str) -> dict[str, Any]:
    """A kind of blueprints, with the colony where it names none."""
    value = _object(path, "blueprint definition", '{"metadata": {"name": "…"}, "spec": {"names": {"kind": "…"}, …}}')
    read = decoded(BlueprintDefinition, value, path)
    _named(path, **{"metadata.name": read.metadata.name, "spec.names.kind": read.spec.names.kind})
    return _in_colony(value, colonyname)


def _named(path: str, **needed: str) -> None:
    """The coordinator takes what has no name; nobody could speak of it then."""
    for field, value in needed.items():
        if not value:
            raise UsageError(f"{path} has no {field}; add it")


def _object(path: str, what: str, shape: str) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise UsageError(f"{path}: a {what} is a JSON object like {shape}")
    return lower(value)


def _in_colony(value: dict[str, Any], colonyname: str) -> dict[str, Any]:
    metadata: Mapping[str, Any] = value.get("metadata") or {}
    named = next((item for key, item in metadata.items() if key.lower() == "colonyname"), "")
    kept = {key: item for key, item in metadata.items() if key.lower() != "colonyname"}
    return {**value, "metadata": {**kept, "colonyname": named or colonyname}}
