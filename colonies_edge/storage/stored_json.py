"""JSON of our own files: not strict and bounded as for strangers, because digests tell that we wrote it ourselves."""

import json
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_DECODER = json.JSONDecoder()


def text_of(value: Any) -> str:
    """Compact text without line feeds."""
    return _ENCODER.encode(value)


def to_bytes(text: str) -> bytes:
    """UTF-8; half a character, which that cannot say, becomes the JSON escape for it."""
    return text.encode("utf-8", "backslashreplace")


def parse(data: bytes) -> Any:
    """Raises ValueError, and RecursionError for what nobody would write."""
    return _DECODER.decode(data.decode("utf-8"))


def parse_object(data: bytes) -> dict[str, Any]:
    """An object. Raises ValueError."""
    value = parse(data)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
