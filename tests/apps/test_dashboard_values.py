"""Values in the dashboard, on their way in and out: numbers, arguments, texts, durations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.node import node


def test_whole_numbers_stay_exact_both_ways() -> None:
    script = r"""
      import { parse, stringify } from "$/json.js";
      const text = '{"a":1795197101618641878,"b":-12345678901234567890,"c":0.12345678901234567,'
        + '"d":[1,2.5e300],"e":"1795197101618641878 \\" 1"}';
      console.log(JSON.stringify(parse(text)));
      console.log(stringify({ since: 1795197101618641878n, text: "1n", list: [1n, "x"] }));
    """
    first, second = node(script).strip().splitlines()
    assert json.loads(first) == {
        "a": "1795197101618641878",
        "b": "-12345678901234567890",
        "c": 0.12345678901234567,
        "d": [1, 2.5e300],
        "e": '1795197101618641878 " 1',
    }
    assert second == '{"since":1795197101618641878,"text":"1n","list":[1,"x"]}'


def test_json_that_is_sent_on_is_the_json_that_was_typed() -> None:
    text = '{"a":[12345678901234567891,1.0,-0,1e3,0.1,"1.0","\\"2.0"],"1.0":9007199254740993,"b":{"c":null}}'
    script = f"""
      import {{ exact, stringify }} from "$/json.js";
      console.log(stringify(exact({json.dumps(text)})));
      for (const wrong of ["[01]", "[1.]", "1.0 x", "[1.0", ""]) {{
        try {{ console.log("taken", exact(wrong)); }} catch (error) {{ console.log(error.message.includes(":")); }}
      }}
    """
    first, *refused = node(script).strip().splitlines()
    assert first == text
    assert refused == ["false"] * 5, "refused in the parser's words, without our mark in them"


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ({"sensor": 7}, {"args": [], "kwargs": {"sensor": 7}}),
        ({"sensor": 7, "*more": ["a"]}, "Give unit too, or leave *more empty."),
        ({"sensor": 7, "unit": "C", "*more": ["a", ["b"]]}, {"args": [7, "C", "a", ["b"]], "kwargs": {}}),
        (
            {"sensor": 7, "unit": "C", "*more": ["a"], "exact": True, "**opts": {"k": 1}},
            {"args": [7, "C", "a"], "kwargs": {"exact": True, "k": 1}},
        ),
        ({"sensor": 7, "*more": [], "**opts": {"k": 1}}, {"args": [], "kwargs": {"sensor": 7, "k": 1}}),
        ({}, {"args": [], "kwargs": {}}),
    ],
)
def test_arguments_are_given_by_place_and_by_name_as_python_takes_them(given: dict[str, Any], call: Any) -> None:
    script = f"""
      import {{ argumentsOf }} from "$/arguments.js";
      const given = {json.dumps(given)};
      const names = ["sensor", "unit", "*more", "exact", "**opts"];
      try {{ console.log(JSON.stringify(argumentsOf(names.map((name) => ({{ name, value: () => given[name] }}))))); }}
      catch (error) {{ console.log(JSON.stringify(error.message)); }}
    """
    assert json.loads(node(script)) == call


def test_durations_are_said_in_units_that_are_not_zero() -> None:
    said = {
        0: "0 ms",
        4.25: "4.3 ms",
        999.4: "999 ms",
        1_000: "1 s",
        1_540: "1.5 s",
        59_700: "1 min",
        119_700: "2 min",
        600_000: "10 min",
        3_599_700: "1 h",
        3_660_000: "1 h 1 min",
        86_400_000: "1 d",
        180_000_000: "2 d 2 h",
    }
    script = f"""
      import {{ duration }} from "$/format.js";
      console.log(JSON.stringify({json.dumps(list(said))}.map(duration)));
    """
    assert json.loads(node(script)) == list(said.values())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a plain\ttext\n", "a plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m and \x1b]0;title\x07plain", "red and plain"),
        ("1 %\r2 %\r\ndone", "1 %\n2 %\ndone"),
        ("gpj\u202e.exe\u2066", "gpj[U+202E].exe[U+2066]"),
        ("bell \x07 zero \x00 \x1b half", "bell \u2407 zero \u2400 \u241b half"),
        ("\u00e5\u00e4\u00f6 \u05d0\u05d1 \U0001f389", "\u00e5\u00e4\u00f6 \u05d0\u05d1 \U0001f389"),
    ],
)
def test_what_is_written_for_terminals_or_cannot_be_seen_is_made_readable(text: str, seen: str) -> None:
    script = f"""
      import {{ visible }} from "$/dom.js";
      console.log(JSON.stringify(visible({json.dumps(text)})));
    """
    assert json.loads(node(script)) == seen


def test_a_wide_layer_is_folded_to_the_shape_of_its_frame() -> None:
    script = """
      import { layered } from "$/layout.js";
      const nodes = Array.from({ length: 152 }, (_, n) => `n${n}`);
      const edges = nodes.slice(1, -1).flatMap((id) => [["n0", id], [id, "n151"]]);
      for (const ratio of [0.5, 1, 2]) {
        const { width, height } = layered(nodes, edges, ratio);
        console.log(Math.max(width / ratio, height) / Math.min(width / ratio, height));
      }
    """
    assert all(float(one) < 1.5 for one in node(script).split())
