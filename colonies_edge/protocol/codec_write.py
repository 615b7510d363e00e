"""Objects to JSON values: for each class a function is written as source and compiled once, because replies show
thousands of them; interpreting the shapes each time was four times slower."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from colonies_edge.protocol.codec_shape import Keyed, Leaf, Many, Maybe, Nested, PerClass, Shape, Slot, slots_of
from colonies_edge.protocol.model_base import TIME
from colonies_edge.protocol.times import format_time

Writer = Callable[[Any], dict[str, Any]]


def _wire_writer(cls: type[Any]) -> Writer:
    """Every field, Go's way: unset times in year 1, nothing null, marked fields left out when empty."""
    scope: dict[str, Any] = {"format_time": format_time}
    lines = ["def write(o):", " r = {}"]
    for slot in slots_of(cls):
        value = _expression(slot.shape, f"o.{slot.name}", scope, stored=False)
        if slot.omit:
            present = f"o.{slot.name} is not None" if isinstance(slot.shape, Maybe) else f"o.{slot.name}"
            lines.append(f" if {present}: r[{slot.key!r}] = {value}")
        else:
            lines.append(f" r[{slot.key!r}] = {value}")
    return _compiled(cls, lines, scope)


def _stored_writer(cls: type[Any]) -> Writer:
    """Only what differs from the default, times as numbers: the form of journal, checkpoint and archive."""
    scope: dict[str, Any] = {}
    lines = ["def write(o):", " r = {}"]
    for slot in slots_of(cls):
        lines += _stored_lines(slot, scope)
    return _compiled(cls, lines, scope)


def _stored_lines(slot: Slot, scope: dict[str, Any]) -> list[str]:
    value = _expression(slot.shape, f"o.{slot.name}", scope, stored=True)
    store = f"r[{slot.key!r}] = v"
    if slot.required:
        return [f" r[{slot.key!r}] = {value}"]
    if isinstance(slot.shape, Nested) and slot.default == slot.shape.cls():
        return [f" v = {value}", f" if v: {store}"]
    if isinstance(slot.shape, Maybe) and slot.default is None:
        return [f" if o.{slot.name} is not None: r[{slot.key!r}] = {value}"]
    if not isinstance(slot.shape, Nested) and not slot.default and slot.shape != Leaf(Any):
        return [f" if o.{slot.name}: r[{slot.key!r}] = {value}"]
    default = f"default_{slot.name}"
    scope[default] = slot.default
    return [f" if o.{slot.name} != {default}: r[{slot.key!r}] = {value}"]


def value_writer(shape: Shape, *, stored: bool) -> Callable[[Any], Any]:
    """The writer of one value."""
    scope: dict[str, Any] = {"format_time": format_time}
    writer: Callable[[Any], Any] = eval(f"lambda v: {_expression(shape, 'v', scope, stored=stored)}", scope)
    return writer


def _expression(shape: Shape, value: str, scope: dict[str, Any], *, stored: bool) -> str:
    """Python source that turns the value of an expression into its JSON form."""
    match shape:
        case Leaf(kind) if kind == TIME:
            return value if stored else f"format_time({value})"
        case Leaf(kind) if isinstance(kind, type) and issubclass(kind, Enum):
            return f"int({value})" if issubclass(kind, int) else f"{value}.value"
        case Leaf():
            return value
        case Nested(cls):
            name = f"write_{cls.__name__}"
            scope[name] = (STORED_WRITERS if stored else WIRE_WRITERS)[cls]
            return f"{name}({value})"
        case Maybe(item):
            return f"None if {value} is None else {_expression(item, value, scope, stored=stored)}"
        case Many(item):
            inner = _expression(item, "x", scope, stored=stored)
            return f"list({value})" if inner == "x" else f"[{inner} for x in {value}]"
        case Keyed(item):
            inner = _expression(item, "x", scope, stored=stored)
            return f"dict({value})" if inner == "x" else f"{{k: {inner} for k, x in {value}.items()}}"


def _compiled(cls: type[Any], lines: list[str], scope: dict[str, Any]) -> Writer:
    # The source holds nothing but names of fields of our own classes; no text of a message gets here.
    exec(compile("\n".join([*lines, " return r"]), f"<writer of {cls.__name__}>", "exec"), scope)
    writer: Writer = scope["write"]
    return writer


WIRE_WRITERS: PerClass[Writer] = PerClass(_wire_writer)
STORED_WRITERS: PerClass[Writer] = PerClass(_stored_writer)
