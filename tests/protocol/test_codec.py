"""The codec: what the wire shows of each object, what it accepts, and that nothing is lost on the way."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.engine.rows import TABLES
from colonies_edge.protocol.codec import UNSET, decode, dump_json, encode, pack, parse_json, unpack
from colonies_edge.protocol.codec_fields import pack_fields, unpack_fields
from colonies_edge.protocol.codec_shape import shape_of
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.model import (
    Attribute,
    Backend,
    Conditions,
    Executor,
    Filesystem,
    Function,
    FunctionArg,
    FunctionSpec,
    Gpu,
    Process,
    Project,
    State,
)
from tests.protocol.objects import MESSAGE_CLASSES, OBJECTS, few, free, objects

PROCESS_KEYS = [
    "processid", "initiatorid", "initiatorname", "assignedexecutorid", "isassigned", "state", "prioritytime",
    "submissiontime", "starttime", "endtime", "waitdeadline", "execdeadline", "retries", "attributes", "spec",
    "waitforparents", "parents", "children", "processgraphid", "in", "out", "errors",
]  # fmt: skip
SPEC_KEYS = [
    "nodename", "funcname", "args", "kwargs", "priority", "maxwaittime", "maxexectime", "maxretries", "conditions",
    "label", "fs", "env",
]  # fmt: skip
CONDITION_KEYS = [
    "colonyname", "executornames", "executortype", "dependencies", "nodes", "cpu", "processes", "processespernode",
    "mem", "storage", "gpu", "walltime",
]  # fmt: skip


@pytest.mark.parametrize("cls", [*OBJECTS, *MESSAGE_CLASSES], ids=lambda cls: cls.__name__)
@few
@given(data=st.data())
def test_every_object_survives_the_wire(cls: type[Any], data: st.DataObject) -> None:
    thing = data.draw(objects(cls))
    assert decode(cls, parse_json(dump_json(encode(thing)))) == thing


@pytest.mark.parametrize("cls", [*OBJECTS, *TABLES.values()], ids=lambda cls: cls.__name__)
@few
@given(data=st.data())
def test_every_object_survives_our_own_files(cls: type[Any], data: st.DataObject) -> None:
    thing = data.draw(objects(cls))
    assert unpack(cls, parse_json(dump_json(pack(thing)))) == thing


@pytest.mark.parametrize("cls", TABLES.values(), ids=lambda cls: cls.__name__)
@few
@given(data=st.data())
def test_single_fields_of_a_row_survive_our_own_files(cls: type[Any], data: st.DataObject) -> None:
    row = data.draw(objects(cls))
    changes = {name: getattr(row, name) for name in cls.__slots__}
    assert unpack_fields(cls, parse_json(dump_json(pack_fields(cls, changes)))) == changes


@pytest.mark.parametrize("cls", [*OBJECTS, *MESSAGE_CLASSES], ids=lambda cls: cls.__name__)
@few
@given(value=free | st.dictionaries(st.sampled_from(PROCESS_KEYS + SPEC_KEYS + CONDITION_KEYS), free))
def test_any_json_is_an_object_or_a_bad_request(cls: type[Any], value: Any) -> None:
    try:
        assert isinstance(decode(cls, value), cls)
    except BadRequest as error:
        assert "must be" in error.message


def test_a_process_shows_all_22_keys_in_the_order_of_the_go_server() -> None:
    shown = encode(Process())
    assert list(shown) == PROCESS_KEYS
    assert list(shown["spec"]) == SPEC_KEYS
    assert list(shown["spec"]["conditions"]) == CONDITION_KEYS


def test_nothing_in_a_process_is_null_and_what_has_not_happened_is_in_year_one() -> None:
    shown = encode(Process())
    assert [shown[key] for key in ("attributes", "parents", "children", "in", "out", "errors")] == [[]] * 6
    assert [shown[key] for key in ("starttime", "endtime", "waitdeadline", "execdeadline")] == [UNSET] * 4
    assert shown["spec"]["fs"] == {"mount": "", "snapshots": [], "dirs": []}
    assert "null" not in dump_json(shown)


def test_fields_that_go_leaves_out_when_empty_are_left_out_and_shown_when_not() -> None:
    assert "channels" not in encode(FunctionSpec())
    assert encode(FunctionSpec(channels=("a",)))["channels"] == ["a"]
    assert "locationname" not in encode(Conditions())
    assert list(encode(Conditions(locationname="roof")))[3] == "locationname"
    assert {"locationname", "blueprintid", "blueprintgen"}.isdisjoint(encode(Executor()))
    assert encode(Executor(blueprintgen=3))["blueprintgen"] == 3
    assert {"description", "args", "locationname"}.isdisjoint(encode(Function()))
    assert encode(FunctionArg(name="a", type="int")) == {"name": "a", "type": "int"}
    assert encode(Backend(type="http", port=1)) == {"type": "http", "port": 1}


def test_our_own_files_hold_only_what_differs_from_the_default() -> None:
    assert pack(Process()) == {}
    assert pack(Process(submissiontime=5, spec=FunctionSpec(fs=Filesystem(mount="/m")))) == {
        "submissiontime": 5,
        "spec": {"fs": {"mount": "/m"}},
    }


def test_keys_are_found_in_any_case_and_the_last_one_wins() -> None:
    assert decode(Gpu, {"NAME": "a", "Name": "b", "unknown": {"x": [1]}}).name == "b"


def test_null_is_zero_everywhere() -> None:
    assert decode(Process, dict.fromkeys(PROCESS_KEYS)) == Process()
    spec = decode(FunctionSpec, {"args": [None], "env": {"A": None}, "channels": [None], "fs": {"dirs": [None]}})
    assert spec.args == (None,)
    assert spec.env == {"A": ""}
    assert spec.channels == ("",)
    assert len(spec.fs.dirs) == 1


@pytest.mark.parametrize(
    ("cls", "value", "text"),
    [
        (FunctionSpec, {"args": "x"}, "args must be a list, not a string"),
        (FunctionSpec, {"kwargs": ["x"]}, "kwargs must be an object, not a list"),
        (FunctionSpec, {"env": {"LEVEL": 3}}, "env.LEVEL must be a string, not 3"),
        (FunctionSpec, {"maxretries": 1.0}, "maxretries must be a whole number of 64 bits, not 1.0"),
        (FunctionSpec, {"maxretries": True}, "maxretries must be a whole number of 64 bits, not a boolean"),
        (FunctionSpec, {"priority": 2**63}, "priority must be a whole number of 64 bits, not a number"),
        (FunctionSpec, {"conditions": {"executornames": "w"}}, "conditions.executornames must be a list, not a string"),
        (FunctionSpec, {"conditions": {"cpu": 1000}}, "conditions.cpu must be a string, not 1000"),
        (Executor, {"capabilities": {"hardware": {}}}, "capabilities.hardware must be a list, not an object"),
        (
            Executor,
            {"capabilities": {"hardware": [{}, {"cores": "4"}]}},
            "capabilities.hardware[1].cores must be a",
        ),
        (Executor, {"lastheardfromtime": "yesterday"}, "lastheardfromtime must be an RFC 3339 time, not a string"),
        (Executor, {"allocations": {"projects": {"p": 1}}}, "allocations.projects.p must be an object, not 1"),
        (Executor, {"requirefuncreg": 1}, "requirefuncreg must be true or false, not 1"),
        (Function, {"minwaittime": 10**400}, "minwaittime must be a number that a double can hold"),
        (Process, {"state": 9}, "state must be 0 or 1 or 2 or 3 or 4, not 9"),
        (Process, None, "it must be an object, not null"),
        (Process, [], "it must be an object, not a list"),
    ],
)
def test_a_wrong_type_is_a_bad_request_that_names_the_field(cls: type[Any], value: Any, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(cls, value)
    assert caught.value.message.startswith(text)


def test_whole_numbers_are_taken_for_fractions_where_fractions_are_wanted() -> None:
    minwaittime = decode(Function, {"minwaittime": 2}).minwaittime
    assert (minwaittime, type(minwaittime)) == (2.0, float)


def test_free_values_keep_their_numbers_exactly() -> None:
    text = '{"args":[12345678901234567890,9007199254740993,1.0,-0.5,1e3],"kwargs":{"z":1,"a":2}}'
    spec = decode(FunctionSpec, parse_json(text))
    assert dump_json(list(spec.args)) == "[12345678901234567890,9007199254740993,1.0,-0.5,1000.0]"
    assert list(spec.kwargs) == ["z", "a"]


def test_states_are_members_inside_and_numbers_outside() -> None:
    process = decode(Process, {"state": 2})
    assert process.state is State.SUCCESS
    assert dump_json(encode(process)["state"]) == "2"


def test_what_is_encoded_can_be_changed_without_changing_the_object() -> None:
    process = Process(spec=FunctionSpec(kwargs={"a": 1}, env={"A": "1"}), attributes=(Attribute(key="k"),))
    shown = encode(process)
    shown["spec"]["kwargs"]["b"] = 2
    shown["spec"]["env"].clear()
    shown["attributes"].clear()
    assert process == replace(process, spec=FunctionSpec(kwargs={"a": 1}, env={"A": "1"}))


@pytest.mark.parametrize(
    ("cls", "value"),
    [(Process, []), (Process, {"submissiontime": UNSET}), (Project, {"usedcpu": "1"}), (TABLES["processes"], {})],
)
def test_a_damaged_file_is_a_value_error_and_no_request(cls: type[Any], value: Any) -> None:
    with pytest.raises(ValueError, match=cls.__name__):
        unpack(cls, value)


def test_a_class_without_a_json_form_is_a_mistake_that_is_found_at_once() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        shape_of(set[str])
