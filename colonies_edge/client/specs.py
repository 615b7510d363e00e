"""From a call as people write it to a function spec: arguments, options of the spec, conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import Conditions, FunctionSpec, Gpu

_OWN = ("funcname", "conditions", "args", "kwargs")  # have places of their own in `spec_of`
SPEC_OPTIONS = frozenset(field.name for field in fields(FunctionSpec)) - set(_OWN)
CONDITION_OPTIONS = frozenset(field.name for field in fields(Conditions))
_LISTS = frozenset({"channels", "executornames", "dependencies"})


def spec_of(
    funcname: str,
    args: Sequence[Any] = (),
    options: Mapping[str, Any] | None = None,
    *,
    colonyname: str = "",
) -> FunctionSpec:
    """`options` that are no field of a spec or of its conditions are keyword arguments of the function, as are those in
    an option `kwargs`, for names that would mean something here. `location` is short for `locationname`."""
    given = dict(options or {})
    more_args, kwargs = given.pop("args", ()), dict(given.pop("kwargs", {}))
    if "location" in given:
        given["locationname"] = given.pop("location")
    spec: dict[str, Any] = {}
    conditions: dict[str, Any] = {"colonyname": colonyname}
    for name, value in given.items():
        if name in SPEC_OPTIONS:
            spec[name] = value
        elif name in CONDITION_OPTIONS:
            conditions[name] = value
        else:
            kwargs[name] = value
    spec |= {"funcname": funcname, "args": [*args, *more_args], "kwargs": kwargs}
    return _decoded({**spec, "conditions": conditions})


def complete(spec: FunctionSpec | Mapping[str, Any], colonyname: str) -> FunctionSpec:
    """A spec in any form, with the client's colony where it names none."""
    whole = spec if isinstance(spec, FunctionSpec) else _decoded(dict(spec))
    if whole.conditions.colonyname or not colonyname:
        return whole
    return replace(whole, conditions=replace(whole.conditions, colonyname=colonyname))


def _decoded(spec: dict[str, Any]) -> FunctionSpec:
    """The same reader as the coordinator's, so what it would refuse is refused here, with the field's name."""
    if isinstance(spec.get("env"), Mapping):
        spec["env"] = {key: value if isinstance(value, str) else str(value) for key, value in spec["env"].items()}
    conditions = spec.get("conditions")
    if isinstance(conditions, dict):
        conditions = {key: _plain(key, value) for key, value in conditions.items()}
        spec["conditions"] = conditions
    try:
        return decode(FunctionSpec, {key: _plain(key, value) for key, value in spec.items()})
    except Exception as error:
        raise UsageError(f"not a function spec: {error}") from error


def _plain(key: str, value: Any) -> Any:
    if key in _LISTS and isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if isinstance(value, Gpu):
        return {field.name: getattr(value, field.name) for field in fields(Gpu)}
    return value
