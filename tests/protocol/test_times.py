"""Times: RFC 3339 outside, whole nanoseconds inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.times import UNSET, format_time, parse_time
from tests.protocol.objects import many, times


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-23T17:51:41.618642Z", 1_795_456_301_618_642_000),
        ("2021-06-01T14:30:00.5+02:00", 1_622_550_600_500_000_000),
        ("2021-06-01T12:30:00.500000000Z", 1_622_550_600_500_000_000),
        ("2021-06-01T02:30:00.1234567899999-10:00", 1_622_550_600_123_456_789),
        ("1969-12-31T23:59:59.999999Z", -1000),
        (UNSET, 0),
        ("0001-01-01T01:12:12+01:12", 0),
        ("0001-01-01T00:00:00+23:59", 0),
    ],
)
def test_a_time_is_read_with_any_offset(text: str, ns: int) -> None:
    assert parse_time(text) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, UNSET),
        (1_795_456_301_618_642_878, "2026-11-23T17:51:41.618642Z"),
        (1_795_456_300_160_630_000, "2026-11-23T17:51:40.16063Z"),
        (1_795_456_301_000_000_999, "2026-11-23T17:51:41Z"),
        (-1000, "1969-12-31T23:59:59.999999Z"),
        (10**30, "9999-12-31T23:59:59Z"),
        (-(10**30), UNSET),
    ],
)
def test_a_time_is_written_in_utc_with_at_most_six_digits(ns: int, text: str) -> None:
    assert format_time(ns) == text


@many
@given(times)
def test_microseconds_survive(ns: int) -> None:
    assert parse_time(format_time(ns)) == ns


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-23", "2026-11-23 17:51:41Z", "2026-11-23T17:51:41", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T17:51:61Z", "2026-11-23T17:51:41.Z", "2026-11-23T17:51:41+24:00",
        "2026-11-23T17:51:41+01:60", "2026-11-23T17:51:41Z\n", "٢٠٢٦-11-23T17:51:41Z", "0000-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@many
@given(st.text())
def test_no_text_does_anything_but_fail_or_parse(text: str) -> None:
    try:
        parse_time(text)
    except ValueError:
        return
