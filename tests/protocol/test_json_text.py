"""JSON from strangers: exact, bounded, and never anything but a value or a bad request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.json_text import dump_json, parse_json
from colonies_edge.protocol.limits import JSON_DEPTH_MAX, NUMBER_CHARS_MAX
from tests.protocol.objects import free, many


@many
@given(free)
def test_every_value_survives(value: Any) -> None:
    assert parse_json(dump_json(value)) == value
    assert parse_json(json.dumps(value).encode()) == value  # other writers escape what is not ASCII


@many
@given(st.binary() | st.text('[]{}",:\\u0dD89abf19.eE+-ntrufalsINy \n').map(str.encode))
def test_any_bytes_are_a_value_or_a_bad_request(data: bytes) -> None:
    try:
        dump_json(parse_json(data)).encode()
    except BadRequest as error:
        assert error.message.startswith("invalid JSON")


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "-Infinity", "1e999", "[1,]", "{'a':1}", "\ufeff{}", "01"]
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_json(text)
    with pytest.raises(BadRequest):
        parse_json(text.encode())


def test_depth_is_bounded_and_the_bound_itself_is_allowed() -> None:
    deep = "[" * JSON_DEPTH_MAX + "1" + "]" * JSON_DEPTH_MAX
    assert parse_json(deep)
    for too_deep in (f"[{deep}]", f'{{"a":{deep}}}', "[" * 250_000, '{"a":' * 50_000, "[" * 100_000 + "]" * 100_000):
        with pytest.raises(BadRequest, match="deeper"):
            parse_json(too_deep) if too_deep.endswith(("]", "}")) else parse_json(too_deep + "]" * len(too_deep))


def test_many_brackets_side_by_side_are_not_depth() -> None:
    assert len(parse_json("[" + ",".join(["{}"] * 10_000) + "]")) == 10_000


def test_brackets_inside_strings_are_not_depth() -> None:
    assert parse_json('"' + "[" * 1000 + '"') == "[" * 1000


def test_numbers_are_exact_up_to_a_length_at_which_work_would_be_unbounded() -> None:
    digits = "9" * NUMBER_CHARS_MAX
    assert dump_json(parse_json(digits)) == digits
    for text in (digits + "9", "-" + digits, "0." + digits, "9" * 250_000):
        with pytest.raises(BadRequest, match="number"):
            parse_json(text)


def test_half_characters_become_the_replacement_character_in_keys_and_values() -> None:
    assert parse_json(r'{"\ud800":"a\udfffb","x":["\uD83D\uDE00","\\ud800"]}') == {
        "\ufffd": "a\ufffdb",
        "x": ["\U0001f600", "\\ud800"],
    }
    assert parse_json(b'"\xff\xed\xa0\x80"') == "\ufffd" * 4
    assert parse_json('"\ud800"') == "\ufffd"


def test_of_equal_keys_the_last_wins() -> None:
    assert parse_json('{"a":1,"a":2}') == {"a": 2}


def test_what_json_cannot_say_is_a_bad_request_at_the_sender() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (float("nan"), float("inf"), object(), {1, 2}, b"x", circle, 10**5000):
        with pytest.raises(BadRequest, match="not a JSON value"):
            dump_json(value)
