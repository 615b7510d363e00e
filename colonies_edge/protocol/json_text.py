"""JSON text as values and back: strict enough for strangers, exact for numbers, bounded in work."""

import json
import json.encoder
import re
from collections.abc import Callable, Iterable
from typing import Any

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import JSON_DEPTH_MAX, NUMBER_CHARS_MAX

_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_REPLACEMENT = "\ufffd"


def _integer(text: str) -> int:
    if len(text) > NUMBER_CHARS_MAX:
        raise BadRequest(f"invalid JSON: a number of more than {NUMBER_CHARS_MAX} characters")
    return int(text)


def _number(text: str) -> float:
    number = float(text) if len(text) <= NUMBER_CHARS_MAX else float("inf")
    if number in (float("inf"), float("-inf")):
        raise BadRequest("invalid JSON: a number out of range")
    return number


def _constant(text: str) -> Any:
    raise BadRequest(f"invalid JSON: {text} is not a JSON value")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)
# Without the circle check, which costs a dictionary per container: a circle ends in the RecursionError caught below.
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
# JSONEncoder.encode makes a new C encoder for every value, a third of the time of a small one; ours is made once.
_ENCODE: Callable[[Any, int], Iterable[str]] | None = (
    json.encoder.c_make_encoder(  # type: ignore[attr-defined]
        None, _ENCODER.default, json.encoder.encode_basestring, None, ":", ",", False, False, False
    )
    if getattr(json.encoder, "c_make_encoder", None) is not None
    else None
)
quoted = json.encoder.encode_basestring  # a text as JSON writes it


def parse_json(data: bytes | str) -> Any:
    """One JSON value. The caller bounds the size; depth and numbers are bounded here. Raises BadRequest."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else _SURROGATE.sub(_REPLACEMENT, data)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise BadRequest(f"invalid JSON: nested deeper than {JSON_DEPTH_MAX} levels") from None
    except ValueError as error:
        raise BadRequest(f"invalid JSON: {error}") from None
    # Only a text with enough brackets can be too deep, and only one with such an escape can hide half a character.
    if text.count("[") + text.count("{") > JSON_DEPTH_MAX and _deeper_than(value, JSON_DEPTH_MAX):
        raise BadRequest(f"invalid JSON: nested deeper than {JSON_DEPTH_MAX} levels")
    return _whole_characters(value) if _SURROGATE_ESCAPE.search(text) else value


def dump_json(value: Any) -> str:
    """Compact JSON text. Raises BadRequest for what JSON cannot say (NaN, a circle, an object of a program)."""
    try:
        return "".join(_ENCODE(value, 0)) if _ENCODE is not None else _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"not a JSON value: {error}") from None


def _deeper_than(value: Any, depth: int) -> bool:
    """Level by level instead of by recursion: linear, and no stack to exhaust."""
    level: list[Any] = [value]  # containers only
    for _ in range(depth):
        children = (child for item in level for child in (item.values() if isinstance(item, dict) else item))
        level = [child for child in children if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub(_REPLACEMENT, key): _whole_characters(item) for key, item in value.items()}
    return value
