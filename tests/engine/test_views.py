"""What replies show of rows."""

from __future__ import annotations

from colonies_edge.engine.rows import Attr, ProcessRow
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.views import process_value
from colonies_edge.protocol.codec import decode, encode
from colonies_edge.protocol.model import Conditions, FunctionSpec, Process, State

ROW = ProcessRow(
    processid="p" * 64,
    colonyname="lab",
    initiatorid="i" * 64,
    initiatorname="ann",
    spec=FunctionSpec(
        funcname="work",
        args=(1, "a", None),
        kwargs={"k": 2**60},
        env={"A": "1"},
        conditions=Conditions(colonyname="lab"),
    ),
    prioritytime=-5,
    submissiontime=1_795_000_000_123_456_789,
    waitdeadline=1_795_000_001_000_000_000,
    state=State.RUNNING,
    assignedexecutorid="e" * 64,
    starttime=1_795_000_002_500_000_000,
    retries=2,
    attributes=(Attr(attributetype=1, key="k", value="v"), Attr(attributetype=3, key="B", value="2")),
    parents=("a",),
    children=("b",),
    in_=(1,),
    out=({"deep": [1]},),
    errors=("e",),
    attempt=3,
)


def test_a_process_is_shown_in_the_shape_of_the_wire() -> None:
    value = process_value(Tables(), ROW)
    assert encode(decode(Process, value)) == value
    assert list(value) == list(encode(Process()))


def test_nothing_of_our_own_is_shown() -> None:
    assert not {"attempt", "losses", "leased"} & set(process_value(Tables(), ROW))


def test_environment_variables_of_the_executor_join_those_of_the_submission() -> None:
    value = process_value(Tables(), ROW)
    assert value["spec"]["env"] == {"A": "1", "B": "2"}
    assert [(one["key"], one["attributetype"], one["state"]) for one in value["attributes"]] == [
        ("A", 3, 1),
        ("k", 1, 1),
        ("B", 3, 1),
    ]


def test_whoever_gets_a_value_may_change_it() -> None:
    value = process_value(Tables(), ROW)
    value["spec"]["env"]["A"] = value["spec"]["kwargs"]["k"] = "changed"
    value["out"].append("more")
    assert process_value(Tables(), ROW)["spec"]["env"]["A"] == "1"
    assert process_value(Tables(), ROW)["spec"]["kwargs"] == {"k": 2**60}
    assert len(process_value(Tables(), ROW)["out"]) == 1
