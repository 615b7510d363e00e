"""Times as RFC 3339 text on the wire and as whole nanoseconds inside; reads no clock."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

UNSET = "0001-01-01T00:00:00Z"
_EPOCH = datetime(1970, 1, 1)
_LAST = "9999-12-31T23:59:59Z"
_YEAR_TWO_S = (datetime(2, 1, 1) - _EPOCH) // timedelta(seconds=1)
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,30}))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


@lru_cache(maxsize=4096)  # the processes of one reply mostly share their seconds
def _second(seconds: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return _LAST[:-1] if seconds > 0 else UNSET[:-1]


def format_time(ns: int) -> str:
    """In UTC, with up to six digits of a second: upstream's database keeps microseconds, and SDKs parse no more."""
    if not ns:
        return UNSET
    seconds, rest = divmod(ns, 1_000_000_000)
    micros = rest // 1000
    return f"{_second(seconds)}.{micros:06d}".rstrip("0") + "Z" if micros else f"{_second(seconds)}Z"


def parse_time(text: str) -> int:
    """Any offset and up to nanoseconds; year 1, which some zone shifts away from midnight, is 0. Raises ValueError."""
    if text == UNSET:  # three of the five times of a running process
        return 0
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    seconds = (datetime(year, month, day, hour, minute, second) - _EPOCH) // timedelta(seconds=1)
    if match[8]:
        offset_s = int(match[9]) * 3600 + int(match[10]) * 60
        seconds -= offset_s if match[8] == "+" else -offset_s
    if seconds < _YEAR_TWO_S:
        return 0
    return seconds * 1_000_000_000 + int((match[7] or "0").ljust(9, "0")[:9])
