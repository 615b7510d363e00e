"""Objects and JSON: the one door. `decode` and `encode` speak Go's dialect on the wire, `unpack` and `pack` our own files'."""

from typing import Any, TypeVar

from colonies_edge.protocol.codec_read import Mismatch, reader_of
from colonies_edge.protocol.codec_write import stored_writer, wire_writer
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import dump_json, parse_json
from colonies_edge.protocol.times import UNSET, format_time, parse_time

__all__ = ["UNSET", "decode", "dump_json", "encode", "format_time", "pack", "parse_json", "parse_time", "unpack"]

T = TypeVar("T")


def decode(cls: type[T], value: Any) -> T:
    """An object of the wire: keys in any case, unknown keys ignored, null as zero. Raises BadRequest naming the field."""
    try:
        result: T = reader_of(cls, stored=False)(value)
    except Mismatch as mismatch:
        raise BadRequest(str(mismatch)) from None
    return result


def encode(obj: Any) -> dict[str, Any]:
    """The JSON value of an object, as the Go server would show it, except that lists are never null."""
    return wire_writer(type(obj))(obj)


def unpack(cls: type[T], value: Any) -> T:
    """An object from our own files. Raises ValueError for what `pack` never wrote."""
    try:
        result: T = reader_of(cls, stored=True)(value)
    except Mismatch as mismatch:
        raise ValueError(f"{cls.__name__}: {mismatch}") from None
    return result


def pack(obj: Any) -> dict[str, Any]:
    """The JSON value that `unpack` reads: without what is as by default, times as numbers."""
    return stored_writer(type(obj))(obj)
