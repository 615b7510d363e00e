"""JSON values to objects: for each class a reader is put together once, in one of two dialects: of the wire, which is
Go's and lenient about keys and nulls, and of our own files, which is exact."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from colonies_edge.protocol.codec_shape import Keyed, Leaf, Many, Maybe, Nested, PerClass, Shape, slots_of
from colonies_edge.protocol.limits import INT_MAX, INT_MIN
from colonies_edge.protocol.model_base import TIME
from colonies_edge.protocol.times import parse_time

Reader = Callable[[Any], Any]
NoneType = type(None)


class Mismatch(Exception):
    """A value of the wrong kind; the path to it is collected while the readers return."""

    def __init__(self, wanted: str, got: Any) -> None:
        super().__init__(wanted)
        self.wanted, self.got, self.path = wanted, got, list[str]()

    def __str__(self) -> str:
        where = ".".join(reversed(self.path)).replace(".[", "[") or "it"
        return f"{where[:200]} must be {self.wanted}, not {_kind_of(self.got)}"


def _kind_of(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", NoneType: "null"}
    if type(value) in (int, float):
        return str(value) if abs(value) < 1e15 else "a number"
    return kinds.get(type(value)) or type(value).__name__


def _object_reader(cls: type[Any], stored: bool) -> Reader:
    known: dict[str, tuple[str, type | None, Reader]] = {}
    for slot in slots_of(cls):
        entry = (slot.name, _plain(slot.shape), value_reader(slot.shape, stored=stored))
        known.update((key, entry) for key in (slot.key, *slot.aliases))
    required = {slot.name: slot.key for slot in slots_of(cls) if slot.required}

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch("an object", value)
        given: dict[str, Any] = {}
        for key, raw in value.items():
            entry = known.get(key) or (None if stored else known.get(key.lower()))
            if entry is None or raw is None:  # null is the zero value
                continue
            if type(raw) is entry[1]:  # most fields are strings; a call for each is half of the time
                given[entry[0]] = raw
                continue
            try:
                given[entry[0]] = entry[2](raw)
            except Mismatch as mismatch:
                mismatch.path.append(key)
                raise
        for name, key in required.items():
            if name not in given:
                missing = Mismatch("there", None)
                missing.path.append(key)
                raise missing
        return cls(**given)

    return read


def _plain(shape: Shape) -> type | None:
    """The type whose every value is right as it is."""
    return shape.kind if isinstance(shape, Leaf) and shape.kind in (str, bool) else None


def value_reader(shape: Shape, *, stored: bool) -> Reader:
    """The reader of one value; it raises Mismatch and nothing else."""
    match shape:
        case Leaf(kind) if isinstance(kind, type) and issubclass(kind, Enum):
            return _enum_reader(kind)
        case Leaf(kind) if kind == TIME:
            return _read_any_int if stored else _read_time
        case Leaf(kind) if kind is int and stored:
            return _read_any_int
        case Leaf(kind):
            return _LEAVES[kind]
        case Nested(cls):
            return (STORED_READERS if stored else WIRE_READERS)[cls]
        case Maybe(item):
            read = value_reader(item, stored=stored)
            return lambda value: None if value is None else read(value)
        case Many(item):
            return _list_reader(item, stored)
        case Keyed(item):
            return _keyed_reader(item, stored)


def _list_reader(item: Shape, stored: bool) -> Reader:
    read_item, free, zero = value_reader(item, stored=stored), item == Leaf(Any), _zero(item, stored)

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise Mismatch("a list", value)
        if free or not value:
            return tuple(value)
        items = []
        try:
            for raw in value:
                items.append(zero() if raw is None else read_item(raw))
        except Mismatch as mismatch:
            mismatch.path.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return read


def _keyed_reader(item: Shape, stored: bool) -> Reader:
    read_item, free, zero = value_reader(item, stored=stored), item == Leaf(Any), _zero(item, stored)

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch("an object", value)
        if free or not value:
            return value
        items = {}
        for key, raw in value.items():
            try:
                items[key] = zero() if raw is None else read_item(raw)
            except Mismatch as mismatch:
                mismatch.path.append(key)
                raise
        return items

    return read


def _zero(item: Shape, stored: bool) -> Callable[[], Any]:
    """What a null inside a list or an object stands for."""
    match item:
        case Nested():
            read = value_reader(item, stored=stored)
            return lambda: read({})
        case Leaf(kind) if kind == TIME:
            return int
        case Leaf(kind) if kind in (str, int, bool, float):
            return kind  # type: ignore[no-any-return]  # one of these four, called without an argument
        case Many():
            return tuple
        case Keyed():
            return dict
    return NoneType


def _read_str(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch("a string", value)
    return value


def _read_int(value: Any) -> int:
    if type(value) is not int or not INT_MIN <= value <= INT_MAX:
        raise Mismatch("a whole number of 64 bits", value)
    return value


def _read_any_int(value: Any) -> int:
    if type(value) is not int:
        raise Mismatch("a whole number", value)
    return value


def _read_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise Mismatch("true or false", value)
    return value


def _read_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise Mismatch("a number", value)
    try:
        return float(value)
    except OverflowError:
        raise Mismatch("a number that a double can hold", value) from None


def _read_time(value: Any) -> int:
    if type(value) is not str:
        raise Mismatch("an RFC 3339 time", value)
    try:
        return parse_time(value)
    except ValueError:
        raise Mismatch("an RFC 3339 time", value) from None


def _read_free(value: Any) -> Any:
    return value


def _enum_reader(kind: type[Enum]) -> Reader:
    members = {member.value: member for member in kind}
    wanted = " or ".join(str(value) for value in members)

    def read(value: Any) -> Any:
        member = members.get(value) if type(value) in (int, str) else None
        if member is None:
            raise Mismatch(wanted, value)
        return member

    return read


_LEAVES: dict[Any, Reader] = {str: _read_str, int: _read_int, bool: _read_bool, float: _read_float, Any: _read_free}


# The readers of objects; they raise Mismatch and nothing else.
WIRE_READERS: PerClass[Reader] = PerClass(lambda cls: _object_reader(cls, stored=False))
STORED_READERS: PerClass[Reader] = PerClass(lambda cls: _object_reader(cls, stored=True))
