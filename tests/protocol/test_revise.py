"""A changed copy is what `dataclasses.replace` makes."""

from dataclasses import replace

import pytest

from colonies_edge.protocol.model import Conditions, FunctionSpec
from colonies_edge.protocol.revise import revised


def test_a_revised_object_equals_a_replaced_one() -> None:
    spec = FunctionSpec(funcname="a", conditions=Conditions(executortype="cli"), args=(1, "x"))
    assert revised(spec, {"funcname": "b", "maxretries": 3}) == replace(spec, funcname="b", maxretries=3)
    assert spec.funcname == "a"


def test_no_changes_make_an_equal_copy() -> None:
    spec = FunctionSpec(funcname="a")
    assert revised(spec, {}) == spec


def test_a_field_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="colour"):
        revised(FunctionSpec(), {"colour": "red"})
