"""Spec files and lists on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.cli import specs
from colonies_edge.protocol.errors import UsageError


def written(tmp_path: Path, value: Any) -> str:
    path = tmp_path / "spec.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_the_colony_and_the_limits_are_filled_in(tmp_path: Path) -> None:
    spec, unknown = specs.read_function_spec(
        written(tmp_path, {"conditions": {"executortype": "cli"}, "funcname": "f"})
    )
    assert not unknown
    assert specs.complete_function_spec(spec, "lab") == {
        "conditions": {"executortype": "cli", "colonyname": "lab"},
        "funcname": "f",
        "maxwaittime": -1,
        "maxexectime": -1,
    }


def test_what_the_file_says_stays(tmp_path: Path) -> None:
    value = {"funcname": "f", "maxwaittime": 5, "maxexectime": 0, "maxretries": 3}
    value["conditions"] = {"colonyname": "mine", "executortype": "x"}
    spec = specs.complete_function_spec(specs.read_function_spec(written(tmp_path, value))[0], "lab", "demo")
    assert spec["conditions"]["colonyname"] == "mine"
    assert (spec["maxwaittime"], spec["maxexectime"], spec["maxretries"], spec["label"]) == (5, -1, 3, "demo")


def test_keys_are_read_in_any_case_and_unknown_ones_are_named(tmp_path: Path) -> None:
    value = {
        "FuncName": "f",
        "MaxExecTime": 7,
        "_comment": 9,
        "Conditions": {"ExecutorType": "x", "why": []},
    }
    spec, unknown = specs.read_function_spec(written(tmp_path, value))
    assert specs.complete_function_spec(spec, "lab")["maxexectime"] == 7
    assert spec["conditions"]["executortype"] == "x"
    assert unknown == ["_comment", "conditions.why"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            {"conditons": {"executortype": "x"}},
            "'conditons' is no field of a function spec; did you mean 'conditions'?",
        ),
        ({"conditions": {"executortyp": "x"}}, "did you mean 'executortype'?"),
        ({"maxexectimes": 3, "conditions": {"executortype": "x"}}, "did you mean 'maxexectime'?"),
        ({"conditions": {"executornames": ["a"]}}, "for whom?"),
        ({"funcname": ""}, "which function?"),
    ],
)
def test_what_nobody_would_take_and_what_is_mistyped_is_refused(tmp_path: Path, value: Any, said: str) -> None:
    path = written(tmp_path, {"funcname": "f", **value})
    with pytest.raises(UsageError, match=re.escape(said)):
        specs.read_function_spec(path)


@pytest.mark.parametrize("value", [[{"nodename": "a"}], {"functionspecs": []}])
def test_a_workflow_is_recognised(tmp_path: Path, value: Any) -> None:
    with pytest.raises(UsageError, match="It looks like you are trying to submit a workflow"):
        specs.read_function_spec(written(tmp_path, value))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7: Expecting value"),
        ("", "line 1, column 1"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ("[" * 100_000, "spec.json: "),
        ('"text"', "a function spec is a JSON object"),
        ('{"args": "x"}', "args"),
        ('{"maxexectime": 1.5}', "maxexectime"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        specs.read_function_spec(written(tmp_path, text))
    assert place in str(caught.value)
    assert "spec.json" in str(caught.value)


def test_a_file_that_is_missing_or_not_text_or_too_large_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing\.json: No such file"):
        specs.read_json(str(tmp_path / "missing.json"))
    with pytest.raises(UsageError, match="cannot read"):
        specs.read_json(str(tmp_path))
    path = tmp_path / "binary"
    path.write_bytes(b"{\xff}")
    with pytest.raises(UsageError, match="byte 2 is not UTF-8"):
        specs.read_json(str(path))
    with pytest.raises(UsageError, match="larger than 262144 bytes"):
        specs.read_json(written(tmp_path, '"' + "x" * 300_000 + '"'))


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(b'\xef\xbb\xbf{"funcname": "f"}')
    assert specs.read_json(str(path)) == {"funcname": "f"}


def test_numbers_stay_exact(tmp_path: Path) -> None:
    spec, _ = specs.read_function_spec(
        written(tmp_path, '{"funcname": "f", "conditions": {"executortype": "x"}, "args": [12345678901234567890, 1.0]}')
    )
    assert specs.complete_function_spec(spec, "lab")["args"] == [12345678901234567890, 1.0]


def test_hardware_and_software_may_be_single_objects(tmp_path: Path) -> None:
    value = {"executorname": "e", "capabilities": {"hardware": {"model": "Pi"}, "software": {"name": "s"}}}
    spec = specs.read_executor_spec(written(tmp_path, value))
    assert spec["capabilities"] == {"hardware": [{"model": "Pi"}], "software": [{"name": "s"}]}


def test_an_executor_spec_must_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="executor spec is a JSON object"):
        specs.read_executor_spec(written(tmp_path, []))
    with pytest.raises(UsageError, match="executorname"):
        specs.read_executor_spec(written(tmp_path, {"executorname": 3}))


def test_named_arguments_stay_text_and_args_becomes_a_list() -> None:
    assert specs.parse_kwargs("a:1, b:true,args:x y") == {"a": "1", "b": "true", "args": ["x", "y"]}
    assert specs.parse_kwargs(None) == {}
    assert specs.parse_env("A=1,B=") == {"A": "1", "B": ""}
    assert specs.comma_list("a, b,,c") == ["a", "b", "", "c"]
    assert specs.comma_list("") == []


@pytest.mark.parametrize("text", ["a", "a:b:c", "a:1,b"])
def test_a_named_argument_has_exactly_one_colon(text: str) -> None:
    with pytest.raises(UsageError, match="exactly one colon"):
        specs.parse_kwargs(text)


@pytest.mark.parametrize("text", ["A", "A=1=2"])
def test_an_environment_variable_has_exactly_one_equals_sign(text: str) -> None:
    with pytest.raises(UsageError, match="exactly one equals sign"):
        specs.parse_env(text)
