"""Lengths of time as Go writes them ("1h30m", "90s"), read into whole nanoseconds."""

import re
from fractions import Fraction

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import dump_json
from colonies_edge.protocol.limits import INT_MAX

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu: keyboards have the one or the other
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_DIGITS_MAX = 40  # of one part; more is out of range or below a nanosecond, and must not cost a long conversion


def parse_duration(text: str) -> int:
    """`"1h30m"` is 5,400,000,000,000; fractions and signs are allowed. Raises BadRequest with Go's text."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = Fraction(0)
    while rest:
        match = _PART.match(rest)
        if match is None or not (match[1] or match[2]) or len(match[0]) > _DIGITS_MAX:
            raise _invalid(text)
        if not match[3]:
            raise BadRequest(f"time: missing unit in duration {dump_json(text)}")
        if match[3] not in _UNITS_NS:
            raise BadRequest(f"time: unknown unit {dump_json(match[3])} in duration {dump_json(text)}")
        total += Fraction(f"{match[1] or 0}.{match[2] or 0}") * _UNITS_NS[match[3]]
        rest = rest[match.end() :]
    ns = int(total)
    if ns > INT_MAX:
        raise _invalid(text)
    return -ns if text[0] == "-" else ns


def _invalid(text: str) -> BadRequest:
    return BadRequest(f"time: invalid duration {dump_json(text)}")
