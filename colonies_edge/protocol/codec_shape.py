"""What the codec knows of a class: its fields, their JSON keys and the shapes of their values, from the type hints."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from colonies_edge.protocol.model_base import TIME

V = TypeVar("V")


class PerClass(dict[type[Any], V], Generic[V]):
    """What is made once for each class, when it is first asked for."""

    def __init__(self, make: Callable[[type[Any]], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, cls: type[Any]) -> V:
        self[cls] = made = self._make(cls)
        return made


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value without parts; `kind` is str, int, bool, float, an Enum, TIME or Any."""

    kind: Any


@dataclass(frozen=True, slots=True)
class Many:
    """A list; a tuple inside."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Keyed:
    """An object with any keys; a dict inside."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Nested:
    """An object of a class of ours."""

    cls: type[Any]


@dataclass(frozen=True, slots=True)
class Maybe:
    """Something, or null."""

    item: "Shape"


Shape = Leaf | Many | Keyed | Nested | Maybe


@dataclass(frozen=True, slots=True)
class Slot:
    """One field: `name` in Python, `key` in JSON, other keys it may come under, whether it is left out when empty."""

    name: str
    key: str
    aliases: tuple[str, ...]
    shape: Shape
    omit: bool
    required: bool
    default: Any


def shape_of(hint: Any) -> Shape:
    """Raises TypeError for what has no JSON form, at the first use of the class: a mistake of ours, for any test."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and TIME in args:
        return Leaf(TIME)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return Many(shape_of(args[0]))
    if origin is dict and args[0] is str:
        return Keyed(shape_of(args[1]))
    if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
        return Maybe(shape_of(args[0] if args[1] is NoneType else args[1]))
    if is_dataclass(hint) and isinstance(hint, type):
        return Nested(hint)
    if hint in (str, int, bool, float, Any) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return Leaf(hint)
    raise TypeError(f"no JSON form for {hint}")


def slots_of(cls: type[Any]) -> tuple[Slot, ...]:
    """The fields of a class in the order of emission. A trailing underscore only avoids a word of Python."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        Slot(
            name=item.name,
            key=item.metadata.get("key", item.name.rstrip("_")),
            aliases=item.metadata.get("aliases", ()),
            shape=shape_of(hints[item.name]),
            omit=bool(item.metadata.get("omit")),
            required=item.default is MISSING and item.default_factory is MISSING,
            default=item.default_factory() if item.default_factory is not MISSING else item.default,
        )
        for item in fields(cls)
    )
