"""Does a blueprint's specification fit the schema of its kind? Upstream's dialect (`protocol-rest.md` 7.3), no more.

Why this is not done by a library for JSON Schema: docs/decisions/blueprint-schema.md.
"""

from collections.abc import Callable, Iterator
from typing import Any

from colonies_edge.protocol.errors import BadRequest

SHOWN_CHARS_MAX = 200  # of a value in an error text
KINDS: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# What is said of each type and how it is told. Other types, `integer` among them, are not looked at.
TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "number": ("a number", _is_number),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "array": ("an array", lambda value: isinstance(value, list)),
}


def require_fit(schema: dict[str, Any] | None, spec: dict[str, Any]) -> None:
    """Raises BadRequest that names the first field that does not fit. No schema, no rules."""
    if schema is None:
        return
    for violation in _violations(schema, spec):
        raise BadRequest(f"blueprint validation failed: {violation}")


def _violations(schema: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in spec:
            yield f"required field '{name}' is missing"
    yield from _in_object("", schema.get("properties", {}), spec)


def _in_object(path: str, properties: dict[str, Any], value: dict[str, Any]) -> Iterator[str]:
    for name, item in value.items():
        if name in properties:
            yield from _in_value(path + name, properties[name], item)


def _in_value(path: str, wanted: dict[str, Any], value: Any) -> Iterator[str]:
    name, fits = TYPES.get(wanted.get("type", ""), ("", lambda _: True))
    if not fits(value):
        yield f"field '{path}' must be {name}, got {_go_type(value)}"
        return
    enum = wanted.get("enum")
    if enum and not any(same_json(value, one) for one in enum):
        yield f"field '{path}' must be one of {_shown(enum)}, got {_shown(value)}"
    if isinstance(value, dict) and wanted.get("type") == "object":
        yield from _in_object(f"{path}.", wanted.get("properties", {}), value)
    if isinstance(value, list) and wanted.get("type") == "array" and "items" in wanted:
        for index, item in enumerate(value):
            yield from _in_value(f"{path}[{index}]", wanted["items"], item)


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON: to Python, 1 and true are."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


# Values in the words of Go's %T and %v, which are in upstream's texts


def _go_type(value: Any) -> str:
    if _is_number(value):
        return "float64"
    names = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
    return names.get(type(value), "<nil>")


def _shown(value: Any) -> str:
    text = _go_value(value)
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}..."


def _go_value(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, list):
        return f"[{' '.join(map(_go_value, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go_value(value[key])}' for key in sorted(value))}]"
    return str(value)


# Schemas as they come in


def accepted(schema: dict[str, Any]) -> dict[str, Any]:
    """What upstream keeps of a schema; the rest means nothing to it and is not shown either, so that nobody relies on
    it. Raises BadRequest for parts of the wrong kind."""
    kept = _some(schema, "schema", type=str, required=list, properties=dict)
    if not all(isinstance(name, str) for name in kept.get("required", ())):
        raise _wrong("schema.required", "a list of strings")
    return _with_properties(kept, "schema")


def _property(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise _wrong(path, "an object")
    kept = _some(value or {}, path, type=str, description=str, enum=list, default=object, properties=dict, items=dict)
    if "items" in kept:
        kept["items"] = _property(kept["items"], f"{path}.items")
    return _with_properties(kept, path)


def _with_properties(kept: dict[str, Any], path: str) -> dict[str, Any]:
    if "properties" in kept:
        items = kept["properties"].items()
        kept["properties"] = {name: _property(value, f"{path}.properties.{name}") for name, value in items}
    return kept


def _some(value: dict[str, Any], path: str, **kinds: type) -> dict[str, Any]:
    """The members that are known and say something, as Go leaves out what is empty."""
    kept = {}
    for name, kind in kinds.items():
        found = value.get(name)
        if found is None:
            continue
        if not isinstance(found, kind):
            raise _wrong(f"{path}.{name}", KINDS[kind])
        if found or kind is object or name == "items":
            kept[name] = found
    return kept


def _wrong(path: str, wanted: str) -> BadRequest:
    return BadRequest(f"Failed to add blueprint definition, invalid JSON: {path[:SHOWN_CHARS_MAX]} must be {wanted}")
