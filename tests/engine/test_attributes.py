"""Attributes: bounds, ids and the archive; who may set them is in the recorded conversations."""

from __future__ import annotations

import pytest

from colonies_edge.engine.rows import attribute_id
from tests.support.engine_bench import LAB, colony, running


def test_the_id_of_an_attribute_is_what_clients_compute() -> None:
    assert attribute_id("t1", "K", 3) == "5bd1d7f1011c217c75e1d916a4d4ea68fbb72edca635936c6b90c1437b552556"


def test_an_environment_variable_of_the_submission_cannot_be_overwritten() -> None:
    bench = colony()
    process = running(bench, env={"A": "1"})
    attribute = {"targetid": process["processid"], "attributetype": 3, "key": "A", "value": "2"}
    assert bench.refused("worker", "addattributemsg", attribute=attribute)[0] == 400
    shown = bench.do("ann", "getprocessmsg", processid=process["processid"])
    assert shown["spec"]["env"] == {"A": "1"}


def test_keys_that_differ_only_in_where_key_and_type_meet_are_one_attribute() -> None:
    bench = colony()
    processid = running(bench)["processid"]
    bench.do(
        "worker", "addattributemsg", attribute={"targetid": processid, "attributetype": 12, "key": "a", "value": ""}
    )
    twin = {"targetid": processid, "attributetype": 2, "key": "a1", "value": ""}
    assert bench.refused("worker", "addattributemsg", attribute=twin)[0] == 400


def test_the_number_of_attributes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonies_edge.engine.attributes.ATTRIBUTES_PER_PROCESS_MAX", 3)
    bench = colony()
    processid = running(bench, env={"A": "1"})["processid"]
    for key in ("a", "b"):
        attribute = {"targetid": processid, "attributetype": 1, "key": key, "value": ""}
        bench.do("worker", "addattributemsg", attribute=attribute)
    attribute = {"targetid": processid, "attributetype": 1, "key": "c", "value": ""}
    assert bench.refused("worker", "addattributemsg", attribute=attribute)[0] == 400


def test_the_size_of_all_attributes_together_is_bounded() -> None:
    bench = colony()
    processid = running(bench, env={"A": "x" * 60_000})["processid"]
    big = {"targetid": processid, "attributetype": 1, "key": "k", "value": "å" * 3_000}
    assert bench.refused("worker", "addattributemsg", attribute=big)[0] == 413
    bench.do("worker", "addattributemsg", attribute={**big, "value": "å" * 2_000})


def test_attributes_survive_a_restart_from_the_journal() -> None:
    bench = colony()
    processid = running(bench)["processid"]
    attribute = {"targetid": processid, "attributetype": 1, "key": "k", "value": "v"}
    stored = bench.do("worker", "addattributemsg", attribute=attribute)
    bench.restart(checkpoint=False)
    assert bench.do("ann", "getattributemsg", attributeid=stored["attributeid"]) == stored
    bench.do("worker", "closesuccessfulmsg", processid=processid)
    assert bench.do("ann", "getprocessesmsg", colonyname=LAB, count=1, state=2)[0]["attributes"][0]["state"] == 2
