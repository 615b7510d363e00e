"""Objects and JSON, the one door: `decode`, `encode` for the wire in Go's dialect; `unpack`, `pack` for our files."""

from typing import Any, TypeVar

from colonies_edge.protocol.codec_read import STORED_READERS, WIRE_READERS, Mismatch
from colonies_edge.protocol.codec_write import STORED_WRITERS, WIRE_WRITERS
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import dump_json, parse_json
from colonies_edge.protocol.times import UNSET, format_time, parse_time

__all__ = ["UNSET", "decode", "dump_json", "encode", "format_time", "pack", "parse_json", "parse_time", "unpack"]

T = TypeVar("T")


def decode(cls: type[T], value: Any) -> T:
    """An object of the wire: keys in any case, unknown ones ignored, null as zero. BadRequest names the field."""
    try:
        result: T = WIRE_READERS[cls](value)
    except Mismatch as mismatch:
        raise BadRequest(str(mismatch)) from None
    return result


def encode(obj: Any) -> dict[str, Any]:
    """The JSON value of an object, as the Go server would show it, except that lists are never null."""
    return WIRE_WRITERS[type(obj)](obj)


def unpack(cls: type[T], value: Any) -> T:
    """An object from our own files. Raises ValueError for what `pack` never wrote."""
    try:
        result: T = STORED_READERS[cls](value)
    except Mismatch as mismatch:
        raise ValueError(f"{cls.__name__}: {mismatch}") from None
    return result


def pack(obj: Any) -> dict[str, Any]:
    """The JSON value that `unpack` reads: without what is as by default, times as numbers."""
    return STORED_WRITERS[type(obj)](obj)
