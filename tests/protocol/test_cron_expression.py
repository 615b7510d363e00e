"""Cron expressions: read as upstream reads them, refused in its words, due when their zone's wall clock says so."""

from __future__ import annotations

import contextlib
import zoneinfo
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.cron_expression import NEVER, parse_cron
from colonies_edge.protocol.durations import parse_duration
from colonies_edge.protocol.errors import BadRequest
from tests.protocol.objects import few, many

SECOND = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def ns(text: str) -> int:
    """Time as ISO text, UTC without an offset."""
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def next_run(expression: str, after: str) -> str:
    found = parse_cron(expression).next_run(ns(after))
    return (EPOCH + timedelta(seconds=found // SECOND)).strftime("%Y-%m-%dT%H:%M:%S") if found else "never"


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 0/15 * * * *", "2012-07-09T14:45:00", "2012-07-09T15:00:00"),
        ("0 0/15 * * * *", "2012-07-09T14:59:59", "2012-07-09T15:00:00"),
        ("0 5/15 * * * *", "2012-07-09T15:20:00", "2012-07-09T15:35:00"),
        ("0 20-35/15 * * * *", "2012-07-09T15:45:00", "2012-07-09T16:20:00"),
        ("0 */15 * * * *", "2012-07-09T23:46:00", "2012-07-10T00:00:00"),
        ("15/35 20-35/15 * * * *", "2012-07-09T23:35:51", "2012-07-10T00:20:15"),
        ("15/35 20-35/15 1/2 * * *", "2012-07-09T23:35:51", "2012-07-10T01:20:15"),
        ("15/35 20-35/15 10-12 * * *", "2012-07-09T23:35:51", "2012-07-10T10:20:15"),
        ("15/35 20-35/15 1/2 */2 * *", "2012-07-09T23:35:51", "2012-07-11T01:20:15"),
        ("15/35 20-35/15 * 9-20 Jul *", "2012-07-09T23:35:51", "2012-07-10T00:20:15"),
        ("0 0 0 9 Apr-Oct ?", "2012-07-09T23:35:00", "2012-08-09T00:00:00"),
        ("0 0 0 * Feb Mon", "2012-07-09T23:35:00", "2013-02-04T00:00:00"),
        ("0 0 0 * Feb Mon/2", "2012-07-09T23:35:00", "2013-02-01T00:00:00"),
        ("0 * * * * *", "2012-12-31T23:59:45", "2013-01-01T00:00:00"),
        ("0 0 0 29 Feb ?", "2012-07-09T23:35:00", "2016-02-29T00:00:00"),
        ("* * * * * *", "2026-11-23T17:55:00.5", "2026-11-23T17:55:01"),
        ("0 0 0 29 2 *", "2026-11-23T17:55:00", "2028-02-29T00:00:00"),
        ("30 15 12 29 2 *", "2026-11-23T17:55:00", "2028-02-29T12:15:30"),
        ("0 50,20 8 29 2 *", "2026-11-23T17:55:00", "2028-02-29T08:20:00"),
        ("40/7 0 0 29 2 *", "2026-11-23T17:55:00", "2028-02-29T00:00:40"),
        ("  0   0  0 29\t2  * ", "2026-11-23T17:55:00", "2028-02-29T00:00:00"),
        ("0 0 0 * * sun-TUE", "2026-11-24T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 0 1 JAN,dEc *", "2026-11-24T00:00:00", "2026-12-01T00:00:00"),
        ("0 0 +8 08 12 *", "2026-11-24T00:00:00", "2026-12-08T08:00:00"),
        ("*-ignored 0 0 1 1 *", "2026-11-24T00:00:00", "2027-01-01T00:00:00"),
        ("5/100 0 0 1 1 *", "2026-11-24T00:00:00", "2027-01-01T00:00:05"),
        (",5, 0 0 1 1 *", "2026-11-24T00:00:00", "2027-01-01T00:00:05"),
    ],
)
def test_the_next_run_is_the_first_match_strictly_later(expression: str, after: str, due: str) -> None:
    assert next_run(expression, after) == due


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 0 0 31 2 SUN", "2026-11-23T17:55:00", "2027-02-07T00:00:00"),  # either
        ("0 0 0 1,15 * Sun", "2012-07-30T00:00:00", "2012-08-01T00:00:00"),
        ("0 0 0 1,15 * Sun", "2012-08-01T00:00:00", "2012-08-05T00:00:00"),
        ("0 0 0 */5 Oct Mon", "2012-07-09T23:35:00", "2012-10-01T00:00:00"),
        ("0 0 0 */2 * Mon", "2026-11-23T17:55:00", "2026-11-25T00:00:00"),  # a step restricts, even from a star
        ("0 0 0 * * Mon", "2026-11-23T17:55:00", "2026-11-30T00:00:00"),  # both
        ("0 0 0 */1 * Mon", "2026-11-23T17:55:00", "2026-11-30T00:00:00"),
        ("0 0 0 13 * ?", "2026-11-23T17:55:00", "2026-12-13T00:00:00"),
        ("0 0 0 13,* * Fri", "2026-11-23T17:55:00", "2026-11-27T00:00:00"),  # one star in a list is enough
    ],
)
def test_two_kinds_of_day_must_both_match_when_one_is_a_star_else_either(expression: str, after: str, due: str) -> None:
    assert next_run(expression, after) == due


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 0 30 Feb ?", "0 0 0 31 Apr ?", ", * * * * *", "* , * * * *", "* * , * * *", "* * * , * *", "* * * * , *",
        "* * * * * ,", "* * * , * ,",
    ],
)  # fmt: skip
def test_what_never_matches_is_never_due(expression: str) -> None:
    assert parse_cron(expression).next_run(ns("2026-11-23T17:55:00")) == NEVER


def test_nothing_is_looked_for_beyond_the_fifth_year() -> None:
    assert next_run("0 0 0 29 2 *", "2096-03-01T00:00:00") == "never"  # 2100 is no leap year, 2104 is too far
    assert next_run("0 0 0 29 2 *", "2099-03-01T00:00:00") == "2104-02-29T00:00:00"


@pytest.mark.parametrize(
    ("descriptor", "due"),
    [
        ("@yearly", "2027-01-01T00:00:00"),
        ("@annually", "2027-01-01T00:00:00"),
        ("@monthly", "2026-12-01T00:00:00"),
        ("@weekly", "2026-11-29T00:00:00"),
        ("@daily", "2026-11-24T00:00:00"),
        ("@midnight", "2026-11-24T00:00:00"),
        ("@hourly", "2026-11-23T18:00:00"),
        ("TZ=Asia/Tokyo @daily", "2026-11-24T15:00:00"),
        ("@every 90s", "2026-11-23T17:56:30"),
        ("@every 1h30m", "2026-11-23T19:25:00"),
        ("@every 1500ms", "2026-11-23T17:55:01"),
        ("@every 3ns", "2026-11-23T17:55:01"),
        ("@every -1h", "2026-11-23T17:55:01"),
        ("CRON_TZ=UTC @every 1m", "2026-11-23T17:56:00"),
    ],
)
def test_descriptors_stand_for_expressions_or_lengths_of_time(descriptor: str, due: str) -> None:
    assert next_run(descriptor, "2026-11-23T17:55:00.75") == due


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("", "empty cron expression string"),
        ("   ", "expected exactly 6 fields, found 0: []"),
        ("0 0 * * *", "expected exactly 6 fields, found 5: [0 0 * * *]"),
        ("0 0 0 29 2 * 2028", "expected exactly 6 fields, found 7: [0 0 0 29 2 * 2028]"),
        (" @daily", "expected exactly 6 fields, found 1: [@daily]"),
        ("61 * * * * *", "end of range (61) above maximum (59): 61"),
        ("* * 24 * * *", "end of range (24) above maximum (23): 24"),
        ("* * * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-2 * * * * *", "beginning of range (5) beyond end of range (2): 5-2"),
        ("* * * * * fri-mon", "beginning of range (5) beyond end of range (1): fri-mon"),
        ("*/0 * * * * *", "step of range should be a positive number: */0"),
        ("x * * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("-1 * * * * *", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("1_0 * * * * *", 'failed to parse int from 1_0: strconv.Atoi: parsing "1_0": invalid syntax'),
        ("٣ * * * * *", 'failed to parse int from ٣: strconv.Atoi: parsing "٣": invalid syntax'),
        ("* * * L * *", 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("* * * * * 5#3", 'failed to parse int from 5#3: strconv.Atoi: parsing "5#3": invalid syntax'),
        ("* * * * january *", 'failed to parse int from january: strconv.Atoi: parsing "january": invalid syntax'),
        ("*/99999999999999999999 * * * * *", "failed to parse int from 99999999999999999999: strconv.Atoi: parsing "
         '"99999999999999999999": value out of range'),
        ("*/-1 * * * * *", "negative number (-1) not allowed: -1"),
        ("1-2-3 * * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * * *", "too many slashes: 1/2/3"),
        ("@reboot", "unrecognized descriptor: @reboot"),
        ("@every", "unrecognized descriptor: @every"),
        ("@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'),
        ("@every 1d", 'failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"'),
        ("@every ", 'failed to parse duration @every : time: invalid duration ""'),
        ("TZ=Asia/Tokyo", "expected exactly 6 fields, found 0: []"),
        ("TZ=Nowhere 0 0 0 * * *", "provided bad location Nowhere: unknown time zone Nowhere"),
        ("TZ=Europe 0 0 0 * * *", "provided bad location Europe: unknown time zone Europe"),
        ("TZ=../../etc/passwd 0 0 0 * * *", "provided bad location ../../etc/passwd: unknown time zone "
         "../../etc/passwd"),
        ("0 " * 600, "the cron expression is longer than 1000 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_upstreams_words(expression: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_cron(expression)
    assert caught.value.message == text


def test_a_system_without_time_zones_is_told_what_to_install() -> None:
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        zoneinfo.ZoneInfo("Etc/UTC")
    except zoneinfo.ZoneInfoNotFoundError:
        with pytest.raises(BadRequest) as caught:
            parse_cron("TZ=Asia/Tokyo 7 7 7 7 7 *")
        assert "unknown time zone Asia/Tokyo (" in caught.value.message
        assert "install the package tzdata" in caught.value.message
    else:  # the Python package of that name is there: then nothing is missing
        assert next_run("TZ=Asia/Tokyo 7 7 7 7 7 *", "2026-01-01T00:00:00") == "2026-07-06T22:07:07"
    finally:
        zoneinfo.reset_tzpath(path)
        zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("TZ=Asia/Tokyo 0 0 9 29 2 *", "2026-11-23T17:55:00", "2028-02-29T00:00:00"),
        ("CRON_TZ=Asia/Kathmandu 0 0 0 * * *", "2026-11-23T17:55:00", "2026-11-23T18:15:00"),
        # 2012-03-11: New York has no wall time 02:30.
        ("TZ=America/New_York 0 30 2 * * ?", "2012-03-10T12:00:00", "2012-03-12T06:30:00"),
        ("TZ=America/New_York 0 30 2 11 Mar ?", "2012-03-11T05:00:00", "2013-03-11T06:30:00"),
        ("TZ=America/New_York 0 0 * * * ?", "2012-03-11T06:00:00", "2012-03-11T07:00:00"),
        # 2012-11-04: it has 01:30 twice.
        ("TZ=America/New_York 0 30 1 4 Nov ?", "2012-11-04T05:00:00", "2012-11-04T05:30:00"),
        ("TZ=America/New_York 0 30 1 4 Nov ?", "2012-11-04T05:45:00", "2012-11-04T06:30:00"),
        ("TZ=America/New_York 0 30 2 4 Nov ?", "2012-11-04T04:00:00", "2012-11-04T07:30:00"),
        ("TZ=Europe/Stockholm 0 30 2 * * *", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),
        ("TZ=Europe/Stockholm 0 30 2 * * *", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("TZ=Europe/Stockholm 0 30 2 * * *", "2026-10-25T01:30:00", "2026-10-26T01:30:00"),
        ("TZ=Europe/Stockholm 0 30 2 * * *", "2027-03-27T02:00:00", "2027-03-29T00:30:00"),
        # Zones that change their clocks at midnight, by half an hour, or by a day.
        ("TZ=America/Sao_Paulo @daily", "2018-11-03T12:00:00", "2018-11-05T02:00:00"),
        ("TZ=America/Havana @daily", "2026-10-31T12:00:00", "2026-11-01T04:00:00"),
        ("TZ=America/Havana @daily", "2026-11-01T04:00:00", "2026-11-01T05:00:00"),
        ("TZ=Australia/Lord_Howe 0 45 1 * * *", "2027-04-03T12:00:00", "2027-04-03T14:45:00"),
        ("TZ=Australia/Lord_Howe 0 45 1 * * *", "2027-04-03T14:45:00", "2027-04-03T15:15:00"),
        ("TZ=Pacific/Apia 0 0 12 * * *", "2011-12-29T22:00:00", "2011-12-30T22:00:00"),
    ],
)  # fmt: skip
def test_zones_leave_out_what_their_clocks_leave_out_and_repeat_what_they_repeat(
    expression: str, after: str, due: str
) -> None:
    assert next_run(expression, after) == due


ZONES = ["UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata"]
CHANGES = ["2026-10-24", "2026-03-28", "2026-11-01", "2026-03-08", "2026-04-04", "2026-10-03", "2026-12-31"]


@many
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(CHANGES),
    minute_of_day=st.integers(0, 1440),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
)
def test_the_next_run_is_what_looking_at_every_minute_finds(
    zone: str, day: str, minute_of_day: int, minutes: set[int], hours: set[int], weekdays: set[int]
) -> None:
    fields = (minutes, hours, weekdays)
    texts = [",".join(map(str, values)) for values in fields]
    schedule = parse_cron(f"TZ={zone} 0 {texts[0]} {texts[1]} * * {texts[2]}")
    start = ns(f"{day}T00:00:00") // SECOND + minute_of_day * 60
    found = schedule.next_run(start * SECOND) // SECOND
    for at in range(start + 60, start + 3 * 86_400, 60):
        wall = datetime.fromtimestamp(at, ZoneInfo(zone))
        if wall.minute in minutes and wall.hour in hours and wall.isoweekday() % 7 in weekdays:
            assert found == at
            return
    assert found > start + 2 * 86_400


@few
@given(text=st.text(st.sampled_from("0123456789*?-/,@ abcT=Z"), max_size=30) | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        parse_cron(text).next_run(ns("2026-11-23T17:55:00"))


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [("0", 0), ("90s", 90 * SECOND), ("1h30m", 5400 * SECOND), ("1.5h", 5400 * SECOND), (".5s", SECOND // 2),
     ("5.s", 5 * SECOND),
     ("-1m", -60 * SECOND), ("+3ms", 3_000_000), ("7us", 7_000), ("7µs", 7_000), ("7μs", 7_000), ("1h1m1s1ms1us1ns",
     3_661_001_001_001)],
)  # fmt: skip
def test_durations_are_read_as_go_reads_them(text: str, duration_ns: int) -> None:
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize(
    "text", ["", "-", ".", "s", "1", "1 s", "1x", "1h2", "--1s", ".s", "3000000000h", "9" * 50 + "s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^time: "):
        parse_duration(text)
