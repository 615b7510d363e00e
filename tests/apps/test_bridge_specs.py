"""What is submitted at the target, made from the process at its source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colonies_edge.apps.bridge.origins import Origin
from colonies_edge.apps.bridge.specs import LATER_S, from_template, spec_for, work_of
from colonies_edge.protocol.model import Conditions, FunctionSpec, Process

SECOND_NS = 1_000_000_000
HERE = Origin(side="cloud", site="c" * 16, processid="a" * 64, round="1")
GIVEN = FunctionSpec(
    funcname="work", maxexectime=120, maxretries=5, label="mine", conditions=Conditions(executortype="device")
)


def submitted(process: Process) -> FunctionSpec:
    return spec_for(work_of(process), HERE, colonyname="lab", executortype="camera")


@pytest.mark.parametrize("began_s", [0, 1, 119, 121, 10**9])
def test_how_long_it_may_run_does_not_depend_on_whose_clock_says_what(began_s: int) -> None:
    began = began_s * SECOND_NS
    process = Process(spec=GIVEN, starttime=began, execdeadline=began + GIVEN.maxexectime * SECOND_NS)
    assert submitted(process).maxexectime == GIVEN.maxexectime + LATER_S


@pytest.mark.parametrize("no_limit", [0, -1])
def test_no_limit_stays_none(no_limit: int) -> None:
    assert submitted(Process(spec=replace(GIVEN, maxexectime=no_limit))).maxexectime == -1


@pytest.mark.parametrize("maxretries", [-1, 0, 5])
def test_retries_go_along_as_an_executor_that_dies_at_the_target_is_none_at_the_source(maxretries: int) -> None:
    assert submitted(Process(spec=replace(GIVEN, maxretries=maxretries))).maxretries == maxretries


@pytest.mark.parametrize(
    ("of_the_node", "of_people", "found"), [("", "mine", "mine"), ("theirs", "mine", "mine"), ("theirs", "", "theirs")]
)
def test_a_workflow_below_has_the_label_of_the_process_above(of_the_node: str, of_people: str, found: str) -> None:
    template = (FunctionSpec(nodename="read", funcname="read", maxexectime=60, label=of_the_node),)
    work = work_of(Process(spec=replace(GIVEN, label=of_people)))
    (node,) = from_template(template, work, HERE, colonyname="lab").functionspecs
    assert (node.env["COLONIES_LABEL"], node.label, node.maxexectime) == (found, HERE.label, 60)
