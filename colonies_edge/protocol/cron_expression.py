"""When a cron is due: expressions in the dialect of the Go library robfig/cron, with seconds, zones and descriptors.

Pure: whoever asks says what time it is (`protocol-rest.md` 1.3 has the dialect, `docs/decisions/cron-dialect.md` why it
is read here and not by a library).
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone, tzinfo
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from colonies_edge.protocol.durations import parse_duration
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import dump_json
from colonies_edge.protocol.limits import CRON_EXPRESSION_CHARS_MAX, INT_MAX, INT_MIN

NEVER = 0  # of `next_run`: no match, as Go's zero time
YEARS_AHEAD = 5  # upstream looks no further: a 29th of February is at most four years away, but for 1900 and 2100
_SECOND = 1_000_000_000
_DAY_S = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_YEAR = 9_998  # the day after must still be a date


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """`@every`: a length of time, not times of day. At least a second, and whole ones."""

    delay_ns: int

    def next_run(self, after_ns: int) -> int:
        """So long after `after_ns`, on the second."""
        return after_ns - after_ns % _SECOND + self.delay_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Times of day on some days, in some zone. Fields are sorted; an empty one never matches."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  # both kinds of day are restricted, and then one of them suffices
    zone: tzinfo

    def next_run(self, after_ns: int) -> int:
        """The earliest full second after `after_ns` whose wall clock matches, or NEVER.

        So wall times that a zone leaves out are passed over, and those that it repeats match twice.
        """
        if not (self.seconds and self.minutes and self.hours):
            return NEVER
        start = after_ns // _SECOND + 1
        for day in self._days_from(start + _offset(self.zone, start)):
            midnight = day * _DAY_S
            for begin, end, offset in _stretches(self.zone, day):
                time_of_day = self._time_from(max(begin, start) + offset - midnight)
                if time_of_day is not None and midnight + time_of_day - offset < end:
                    return (midnight + time_of_day - offset) * _SECOND
        return NEVER

    def _days_from(self, wall_s: int) -> Iterator[int]:
        """Days that match, counted from 1970, the one of this wall time first."""
        first = date.fromordinal(wall_s // _DAY_S + _EPOCH_ORDINAL)
        last_year = min(first.year + YEARS_AHEAD, _LAST_YEAR)
        year, month, day = first.year, first.month, first.day
        while year <= last_year:
            if month in self.months:
                before = date(year, month, 1).toordinal() - 1
                for number in range(day, monthrange(year, month)[1] + 1):
                    # Ordinal 7 is a Sunday, which is day 0 here.
                    if self._is_day(number, (before + number) % 7):
                        yield before + number - _EPOCH_ORDINAL
            year, month, day = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)

    def _is_day(self, day: int, weekday: int) -> bool:
        by_date, by_weekday = day in self.days, weekday in self.weekdays
        return by_date or by_weekday if self.either else by_date and by_weekday

    def _time_from(self, second_of_day: int) -> int | None:
        """The first matching second of the day that is not before this one; None when the day is over."""
        if second_of_day <= 0:
            return _clock(self.hours[0], self.minutes[0], self.seconds[0])
        rest, second = divmod(second_of_day, 60)
        hour, minute = divmod(rest, 60)
        if hour in self.hours:
            if minute in self.minutes and (at := _not_before(self.seconds, second)) is not None:
                return _clock(hour, minute, at)
            if (at := _not_before(self.minutes, minute + 1)) is not None:
                return _clock(hour, at, self.seconds[0])
        if (at := _not_before(self.hours, hour + 1)) is not None:
            return _clock(at, self.minutes[0], self.seconds[0])
        return None


CronExpression: TypeAlias = Calendar | Every


def _clock(hour: int, minute: int, second: int) -> int:
    return (hour * 60 + minute) * 60 + second


def _not_before(values: tuple[int, ...], value: int) -> int | None:
    index = bisect_left(values, value)
    return values[index] if index < len(values) else None


# Zones: seconds of the epoch on one side, the wall clock's seconds on the other.


def _offset(zone: tzinfo, at_s: int) -> int:
    delta = datetime.fromtimestamp(at_s, zone).utcoffset()
    assert delta is not None  # both kinds of zone that we use always know
    return int(delta.total_seconds())


def _stretches(zone: tzinfo, day: int) -> Iterator[tuple[int, int, int]]:
    """The time during which the zone's calendar shows this day: (begin, end, offset), one unless the clock is changed.

    Ends are exclusive. Before a repeated hour and after it are two stretches; a left-out hour is in none.
    """
    midnight = day * _DAY_S
    first, last = _wall_offset(zone, day, 0), _wall_offset(zone, day + 1, 1)
    if first == last:
        yield midnight - first, midnight + _DAY_S - first, first
        return
    begin, end = midnight - max(first, last), midnight + _DAY_S - min(first, last)
    while begin < end:
        offset = _offset(zone, begin)
        change = _next_change(zone, begin, end, offset)
        shown = max(begin, midnight - offset), min(change, midnight + _DAY_S - offset)
        if shown[0] < shown[1]:
            yield *shown, offset
        begin = change


def _wall_offset(zone: tzinfo, day: int, fold: int) -> int:
    midnight = datetime.fromordinal(day + _EPOCH_ORDINAL).replace(tzinfo=zone, fold=fold)
    delta = midnight.utcoffset()
    assert delta is not None
    return int(delta.total_seconds())


def _next_change(zone: tzinfo, begin: int, end: int, offset: int) -> int:
    """When the zone's offset is another one, at the latest `end`. No zone changes twice in half an hour."""
    low = begin
    while low < end and _offset(zone, high := min(low + 1_800, end)) == offset:
        low = high
    if low >= end:
        return end
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


# Reading expressions. Every text of an error is that of the Go library, whose users look for it.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    low: int
    high: int
    names: tuple[str, ...] = ()  # of the values from `low` on


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Bounds(low=0, high=59),
    _Bounds(low=0, high=59),
    _Bounds(low=0, high=23),
    _Bounds(low=1, high=31),
    _Bounds(low=1, high=12, names=_MONTHS),
    _Bounds(low=0, high=6, names=_WEEKDAYS),
)
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EVERY = "@every "
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


@lru_cache(maxsize=1024)  # the same few are asked for their next run again and again
def parse_cron(text: str) -> CronExpression:
    """Read an expression. Raises BadRequest that says what is wrong with it."""
    if not text:
        raise BadRequest("empty cron expression string")
    if len(text) > CRON_EXPRESSION_CHARS_MAX:
        raise BadRequest(f"the cron expression is longer than {CRON_EXPRESSION_CHARS_MAX} characters")
    zone: tzinfo = timezone.utc  # upstream: whatever zone the server happens to be in
    if text.startswith(("TZ=", "CRON_TZ=")):
        prefix, _, text = text.partition(" ")
        zone = _zone(prefix.partition("=")[2])
        text = text.strip()
    if text.startswith(_EVERY):
        return _every(text)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise BadRequest(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    return _calendar(text.split(), zone)


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC", "Local"):
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not there; not a name of a zone; a folder
        raise BadRequest(f"provided bad location {name}: unknown time zone {name}{_missing_data()}") from None


def _missing_data() -> str:
    try:
        ZoneInfo("Etc/UTC")  # every collection has it
    except (ZoneInfoNotFoundError, OSError):
        return " (the coordinator's system has no time zones at all: install the package tzdata there)"
    return ""


def _every(text: str) -> Every:
    try:
        delay_ns = parse_duration(text[len(_EVERY) :])
    except BadRequest as error:
        raise BadRequest(f"failed to parse duration {text}: {error.message}") from None
    return Every(delay_ns=max(delay_ns - delay_ns % _SECOND, _SECOND))


def _calendar(fields: list[str], zone: tzinfo) -> Calendar:
    if len(fields) != len(_FIELDS):
        raise BadRequest(f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    parsed = [_field(field, bounds) for field, bounds in zip(fields, _FIELDS, strict=True)]
    (seconds, _), (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = parsed
    return Calendar(
        seconds=tuple(sorted(seconds)),
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        either=not any_day and not any_weekday,
        zone=zone,
    )


def _field(field: str, bounds: _Bounds) -> tuple[set[int], bool]:
    """The values of a comma list, and whether it has an unrestricted star in it."""
    values: set[int] = set()
    star = False
    for expression in field.split(","):
        if expression:
            found, unrestricted = _range(expression, bounds)
            values.update(found)
            star = star or unrestricted
    return values, star


def _range(expression: str, bounds: _Bounds) -> tuple[range, bool]:
    """`*`, `?`, `n`, `n-m`, each with `/step` behind. After `*-` upstream reads nothing, so neither do we."""
    span, *steps = expression.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if star:
        low, high = bounds.low, bounds.high
    else:
        low = high = _value(ends[0], bounds)
        if len(ends) == 2:
            high = _value(ends[1], bounds)
        elif len(ends) > 2:
            raise BadRequest(f"too many hyphens: {expression}")
    step = 1
    if len(steps) == 1:
        step = _number(steps[0])
        high = bounds.high if len(ends) == 1 else high  # n/step goes on to the end of the field
    elif steps:
        raise BadRequest(f"too many slashes: {expression}")
    _check_range(expression, low, high, step, bounds)
    return range(low, high + 1, step), star and step == 1


def _check_range(expression: str, low: int, high: int, step: int, bounds: _Bounds) -> None:
    if low < bounds.low:
        raise BadRequest(f"beginning of range ({low}) below minimum ({bounds.low}): {expression}")
    if high > bounds.high:
        raise BadRequest(f"end of range ({high}) above maximum ({bounds.high}): {expression}")
    if low > high:
        raise BadRequest(f"beginning of range ({low}) beyond end of range ({high}): {expression}")
    if step == 0:
        raise BadRequest(f"step of range should be a positive number: {expression}")


def _value(text: str, bounds: _Bounds) -> int:
    lower = text.lower()
    return bounds.low + bounds.names.index(lower) if lower in bounds.names else _number(text)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"failed to parse int from {text}: strconv.Atoi: parsing {dump_json(text)}: invalid syntax")
    number = int(text)
    if not INT_MIN <= number <= INT_MAX:
        raise BadRequest(
            f"failed to parse int from {text}: strconv.Atoi: parsing {dump_json(text)}: value out of range"
        )
    if number < 0:
        raise BadRequest(f"negative number ({number}) not allowed: {text}")
    return number
