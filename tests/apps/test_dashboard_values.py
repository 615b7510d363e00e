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
