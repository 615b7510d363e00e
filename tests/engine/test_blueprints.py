"""Blueprints: what they must fit, which generation they are in, and what their handler gets to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from colonies_edge.engine import blueprints, blueprints_definitions
from colonies_edge.engine.blueprints_schema import accepted, require_fit, same_json
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import BLUEPRINT_BYTES_MAX, BLUEPRINT_HISTORY_MAX
from tests.support.blueprints import HANDLER, add_definition, add_lamp, definition, lamp
from tests.support.engine_bench import LAB, Bench, add_executor, add_user, colony, found_colony, identity

NOWHERE = {"namespace": LAB}


def lamps(**fields: Any) -> Bench:
    """A colony that knows lamps, with an executor that handles them."""
    bench = colony()
    add_executor(bench, "bulb", executortype="lamp")
    add_definition(bench, **fields)
    return bench


def waiting(bench: Bench, key: str = "ann") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.do(key, "getprocessesmsg", colonyname=LAB, count=100, state=0)
    return found


def crons(bench: Bench) -> dict[str, dict[str, Any]]:
    return {cron["name"]: cron for cron in bench.do("ann", "getcronsmsg", colonyname=LAB, count=100)}


def get(bench: Bench, name: str = "hall") -> dict[str, Any]:
    found: dict[str, Any] = bench.do("ann", "getblueprintmsg", namespace=LAB, name=name)
    return found


def work_off(bench: Bench) -> list[dict[str, Any]]:
    """What the handler got to do, done."""
    done = []
    while (answer := bench.ask("bulb", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": -1}))[0] == 200:
        done.append(answer[1])
        bench.do("bulb", "closesuccessfulmsg", processid=answer[1]["processid"])
    return done


# Schemas


PROPERTIES = {
    "s": {"type": "string"},
    "n": {"type": "number"},
    "b": {"type": "boolean"},
    "o": {"type": "object", "properties": {"x": {"type": "boolean"}}},
    "arr": {"type": "array", "items": {"type": "string"}},
    "e": {"type": "string", "enum": ["a", "b"]},
    "one": {"enum": [1, 2.5, True, None, {"a": 1}, [1]]},
    "i": {"type": "integer"},
    "deep": {"type": "array", "items": {"type": "object", "properties": {"z": {"enum": ["k"]}}}},
}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, "required field 's' is missing"),
        ({"s": 1}, "field 's' must be a string, got float64"),
        ({"s": None}, "field 's' must be a string, got <nil>"),
        ({"s": "", "n": "5"}, "field 'n' must be a number, got string"),
        ({"s": "", "n": True}, "field 'n' must be a number, got bool"),
        ({"s": "", "b": []}, "field 'b' must be a boolean, got []interface {}"),
        ({"s": "", "o": []}, "field 'o' must be an object, got []interface {}"),
        ({"s": "", "o": {"x": "yes"}}, "field 'o.x' must be a boolean, got string"),
        ({"s": "", "arr": {}}, "field 'arr' must be an array, got map[string]interface {}"),
        ({"s": "", "arr": ["a", 1.5]}, "field 'arr[1]' must be a string, got float64"),
        ({"s": "", "e": "c"}, "field 'e' must be one of [a b], got c"),
        ({"s": "", "one": 3}, "field 'one' must be one of [1 2.5 true <nil> map[a:1] [1]], got 3"),
        ({"s": "", "one": {"a": True}}, "field 'one' must be one of [1 2.5 true <nil> map[a:1] [1]], got map[a:true]"),
        ({"s": "", "deep": [{}, {"z": "l"}]}, "field 'deep[1].z' must be one of [k], got l"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_words_of_the_go_server(spec: dict[str, Any], text: str) -> None:
    bench = lamps(schema={"type": "object", "properties": PROPERTIES, "required": ["s"]})
    blueprint = {**lamp(), "spec": spec}
    assert bench.refused("ann", "addblueprintmsg", blueprint=blueprint) == (400, f"blueprint validation failed: {text}")


@pytest.mark.parametrize(
    "spec",
    [
        {"s": "x", "n": 1, "b": False, "o": {"x": True, "y": "free"}, "arr": [], "e": "a", "more": {"is": "free"}},
        {"s": "", "i": "not looked at", "one": 1.0, "deep": []},
        {"s": "", "one": {"a": 1.0}},
        {"s": "", "one": None},
    ],
)
def test_what_the_schema_does_not_speak_of_is_free(spec: dict[str, Any]) -> None:
    require_fit(accepted({"properties": PROPERTIES, "required": ["s"]}), spec)
    require_fit(None, spec)
    require_fit({}, spec)


def test_of_a_schema_is_kept_what_has_a_meaning() -> None:
    given = {
        "type": "object",
        "$ref": "http://elsewhere/schema",
        "required": [],
        "properties": {
            "a": {"type": "string", "pattern": "(a+)+$", "description": "", "default": 0, "items": {}},
            "b": None,
        },
    }
    kept = {"type": "object", "properties": {"a": {"type": "string", "default": 0, "items": {}}, "b": {}}}
    assert accepted(given) == kept
    assert add_definition(colony(), schema=given)["spec"]["schema"] == kept


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 1}, {"required": "s"}, {"required": [1]}, {"properties": []}, {"properties": {"a": 1}},
        {"properties": {"a": {"items": []}}}, {"properties": {"a": {"items": {"enum": {}}}}},
    ],
)  # fmt: skip
def test_a_schema_whose_parts_are_of_the_wrong_kind_is_a_bad_request(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="Failed to add blueprint definition, invalid JSON: schema"):
        accepted(schema)


def test_equal_means_equal_as_json() -> None:
    assert same_json({"a": [1, 2.0]}, {"a": [1.0, 2]})
    for one, other in ((1, True), (0, False), ([1], [True]), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 1]), (1, "1")):
        assert not same_json(one, other) and not same_json(other, one)


# Definitions


def test_a_definition_may_be_nearly_anything() -> None:
    bench = colony()
    for number, given in enumerate(({}, {"spec": {"names": {"kind": "Odd"}}}, {"kind": "own", "spec": None})):
        given = {**given, "metadata": {"name": f"d{number}", "colonyname": LAB}}
        assert bench.do("owner", "addblueprintdefinitionmsg", blueprintdefinition=given)["spec"]["scope"] == ""
    bench.do("ann", "addblueprintmsg", blueprint=lamp(kind="Odd"))
    assert waiting(bench) == [] and crons(bench) == {}
    assert bench.refused("ann", "reconcileblueprintmsg", namespace=LAB, name="hall") == (
        400,
        "Blueprint has no handler with executor type defined",
    )
    bench.do("owner", "removeblueprintmsg", namespace=LAB, name="hall")


def test_a_name_that_is_taken_is_refused_with_the_words_that_clients_look_for() -> None:
    bench = colony()
    added = add_definition(bench)
    message = {"blueprintdefinition": definition()}
    status, text = bench.refused("owner", "addblueprintdefinitionmsg", **message)
    assert status == 409 and "duplicate key" in text
    message["blueprintdefinition"] = {**definition("other"), "blueprintdefinitionid": added["blueprintdefinitionid"]}
    assert bench.refused("owner", "addblueprintdefinitionmsg", **message)[0] == 409


def test_a_definition_of_another_colony_does_not_count_even_for_the_same_kind() -> None:
    bench = lamps()
    found_colony(bench, "next", owner="chief")
    add_definition(bench, owner="chief", colony="next", name="a", handler={**HANDLER, "executorType": "spy"})
    add_lamp(bench)
    process = bench.do("ann", "reconcileblueprintmsg", namespace=LAB, name="hall")
    assert process["spec"]["conditions"]["executortype"] == "lamp"
    bench.do("ann", "removeblueprintmsg", namespace=LAB, name="hall")
    assert {one["spec"]["conditions"]["executortype"] for one in waiting(bench)} == {"lamp"}
    assert bench.refused("chief", "addblueprintmsg", blueprint=lamp(colony="next", kind="Fan"))[0] == 400


# Generations and history


def test_the_coordinator_says_when_and_in_which_generation() -> None:
    bench = lamps()
    claimed = {"createdAt": "2001-01-01T00:00:00Z", "updatedAt": "2001-01-01T00:00:00Z"}
    added = add_lamp(bench, **claimed)
    assert added["metadata"]["generation"] == 1
    assert added["metadata"]["createdAt"] == added["metadata"]["updatedAt"] > "2026"
    updated = bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=2, generation=77, **claimed))
    assert updated["metadata"]["generation"] == 2
    assert updated["metadata"]["createdAt"] == added["metadata"]["createdAt"] < updated["metadata"]["updatedAt"]
    assert get(bench) == updated


def test_true_is_another_specification_than_one() -> None:
    bench = lamps(schema={})
    add_lamp(bench, level=1)
    assert bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=1.0))["metadata"]["generation"] == 1
    assert bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=True))["metadata"]["generation"] == 2


def test_a_status_replaces_the_one_before_and_counts_nothing() -> None:
    bench = lamps()
    add_lamp(bench)
    for status in ({"level": 1, "on": True}, {"level": 2}, {}, None):
        message = {"colonyname": LAB, "blueprintname": "hall", "status": status}
        assert bench.do("bulb", "updateblueprintstatusmsg", **message) == {}
        assert get(bench).get("status") == (status or None)
        assert get(bench)["metadata"]["generation"] == 1
    assert len(bench.do("ann", "getblueprinthistorymsg", blueprintid=get(bench)["blueprintid"])) == 1


def test_history_holds_what_was_and_ends_with_the_blueprint() -> None:
    bench = lamps()
    blueprintid = add_lamp(bench)["blueprintid"]
    bench.do("bulb", "updateblueprintstatusmsg", colonyname=LAB, blueprintname="hall", status={"level": 1})
    bench.do("worker", "updateblueprintmsg", blueprint={**lamp(level=2), "status": {"level": 1}})
    lines = bench.do("ann", "getblueprinthistorymsg", blueprintid=blueprintid)
    assert [(line["generation"], line["changetype"], line["changedby"]) for line in lines] == [
        (2, "update", identity("worker")),
        (1, "create", identity("ann")),
    ]
    assert lines[0]["status"] == {"level": 1} and "status" not in lines[1]
    bench.do("ann", "removeblueprintmsg", namespace=LAB, name="hall")
    assert bench.refused("ann", "getblueprinthistorymsg", blueprintid=blueprintid) == (404, "Blueprint not found")
    add_lamp(bench)
    bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=3))
    assert len(bench.do("ann", "getblueprinthistorymsg", blueprintid=get(bench)["blueprintid"])) == 2


def test_of_history_the_newest_generations_are_kept() -> None:
    bench = lamps()
    blueprintid = add_lamp(bench)["blueprintid"]
    for level in range(2, BLUEPRINT_HISTORY_MAX + 6):
        bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=level))
    lines = bench.do("ann", "getblueprinthistorymsg", blueprintid=blueprintid)
    newest = BLUEPRINT_HISTORY_MAX + 5
    assert [line["generation"] for line in lines] == list(range(newest, newest - BLUEPRINT_HISTORY_MAX, -1))


# Handlers


def test_a_forced_reconciliation_is_another_generation_and_says_so_to_the_handler() -> None:
    bench = lamps()
    add_lamp(bench)
    plain = bench.do("ann", "reconcileblueprintmsg", namespace=LAB, name="hall")
    assert plain["spec"]["kwargs"] == {"kind": "Lamp", "blueprintName": "hall"}
    assert get(bench)["metadata"]["generation"] == 1
    forced = bench.do("worker", "reconcileblueprintmsg", namespace=LAB, name="hall", force=True)
    assert forced["spec"]["kwargs"] == {"kind": "Lamp", "blueprintName": "hall", "force": True}
    assert get(bench)["metadata"]["generation"] == 2
    assert len(bench.do("ann", "getblueprinthistorymsg", blueprintid=get(bench)["blueprintid"])) == 1


def test_a_blueprint_of_the_owner_is_reconciled_by_its_cron_like_any_other() -> None:
    bench = lamps()
    add_lamp(bench, "owner")
    bench.do("owner", "updateblueprintmsg", blueprint=lamp(level=2))
    assert [process["initiatorname"] for process in work_off(bench)] == ["", ""]
    bench.do("owner", "changecolonyidmsg", colonyname=LAB, colonyid=identity("heir"))
    for _ in range(3):
        bench.sleep(61)
        (process,) = work_off(bench)
        assert process["spec"]["kwargs"] == {"kind": "Lamp"} and process["initiatorname"] == ""
    assert crons(bench)["reconcile-Lamp"]["waitforprevprocessgraph"] is True


def test_the_cron_of_somebody_who_was_removed_is_taken_over_by_who_changes_a_blueprint_next() -> None:
    bench = lamps()
    add_user(bench, "bob")
    add_lamp(bench, "bob")
    bench.do("owner", "removeusermsg", colonyname=LAB, name="bob")
    work_off(bench)
    bench.sleep(61)
    assert work_off(bench) == []
    bench.do("ann", "updateblueprintmsg", blueprint=lamp())
    bench.sleep(61)
    assert [process["initiatorname"] for process in work_off(bench)] == ["ann"]


def test_the_definition_says_how_often_its_handler_looks() -> None:
    bench = lamps(handler={**HANDLER, "reconcileInterval": 7})
    add_lamp(bench)
    work_off(bench)
    assert crons(bench)["reconcile-Lamp"]["interval"] == 7
    bench.sleep(8)
    assert len(work_off(bench)) == 1


def test_each_place_of_a_kind_has_a_cron_of_its_own_while_something_is_there() -> None:
    bench = lamps()
    add_executor(bench, "home", executortype="lamp", locationname="Home")
    add_lamp(bench, name="a", locationname="Home")
    add_lamp(bench, name="b", locationname="Home")
    add_lamp(bench, name="c")
    assert set(crons(bench)) == {"reconcile-Lamp", "reconcile-Lamp-Home"}
    (node,) = json.loads(crons(bench)["reconcile-Lamp-Home"]["workflowspec"])["functionspecs"]
    assert node["conditions"]["locationname"] == "Home" and node["kwargs"] == {"kind": "Lamp"}
    place = bench.do("ann", "getlocationmsg", colonyname=LAB, name="Home")
    assert place["description"] == "Auto-created from blueprint a" and len(place["locationid"]) == 64
    bench.do("ann", "removeblueprintmsg", namespace=LAB, name="a")
    assert "reconcile-Lamp-Home" in crons(bench)
    bench.do("ann", "removeblueprintmsg", namespace=LAB, name="b")
    assert set(crons(bench)) == {"reconcile-Lamp"}
    cleanups = [process["spec"] for process in waiting(bench) if process["spec"]["funcname"] == "cleanup"]
    assert [(spec["nodename"], spec["kwargs"]["blueprintName"]) for spec in cleanups] == [
        ("lamp-cleanup", "a"),
        ("lamp-cleanup", "b"),
    ]
    assert {spec["conditions"]["locationname"] for spec in cleanups} == {"Home"}


def test_a_blueprint_that_moves_takes_its_cron_along() -> None:
    bench = lamps()
    add_lamp(bench)
    bench.do("ann", "updateblueprintmsg", blueprint=lamp(locationname="roof"))
    assert set(crons(bench)) == {"reconcile-Lamp-roof"}
    assert [place["name"] for place in bench.do("ann", "getlocationsmsg", colonyname=LAB)] == ["roof"]
    found = bench.do("ann", "getblueprintsmsg", namespace=LAB, kind="Lamp", locationname="ROOF")
    assert [one["metadata"]["name"] for one in found] == ["hall"]
    assert bench.do("ann", "getblueprintsmsg", namespace=LAB, kind="Lamp", locationname="cellar") == []
    assert len(bench.do("ann", "getblueprintsmsg", namespace=LAB, locationname="cellar")) == 1


# Refusals, limits, the end


@pytest.mark.parametrize(
    ("metadata", "status"),
    [({"locationname": "a:b"}, 400), ({"name": "x" * 300}, 400), ({"name": "a\nb"}, 400), ({"locationname": 7}, 400)],
)
def test_a_refused_blueprint_leaves_nothing_behind(metadata: dict[str, Any], status: int) -> None:
    bench = lamps()
    before = {name: dict(rows) for name, rows in bench.engine.tables.by_name.items()}
    assert bench.refused("ann", "addblueprintmsg", blueprint=lamp(**metadata))[0] == status
    assert bench.engine.tables.by_name == before


def test_an_id_of_the_clients_is_kept_and_belongs_to_one_blueprint() -> None:
    bench = lamps()
    given = {"blueprintid": "mine", **lamp()}
    assert bench.do("ann", "addblueprintmsg", blueprint=given)["blueprintid"] == "mine"
    assert bench.refused("ann", "addblueprintmsg", blueprint={"blueprintid": "mine", **lamp("desk")})[0] == 409
    assert bench.do("ann", "updateblueprintmsg", blueprint={"blueprintid": "other", **lamp()})["blueprintid"] == "mine"


def test_blueprints_and_definitions_have_a_size_and_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = lamps(schema={})
    assert bench.refused("ann", "addblueprintmsg", blueprint=lamp(level="x" * BLUEPRINT_BYTES_MAX))[0] == 413
    add_lamp(bench)
    status = {"blueprintname": "hall", "colonyname": LAB, "status": {"x": "x" * BLUEPRINT_BYTES_MAX}}
    assert bench.refused("ann", "updateblueprintstatusmsg", **status)[0] == 413
    monkeypatch.setattr(blueprints, "BLUEPRINTS_PER_COLONY_MAX", 1)
    monkeypatch.setattr(blueprints_definitions, "DEFINITIONS_PER_COLONY_MAX", 1)
    assert bench.refused("ann", "addblueprintmsg", blueprint=lamp("desk"))[0] == 429
    assert bench.refused("owner", "addblueprintdefinitionmsg", blueprintdefinition=definition("b"))[0] == 429


def test_a_colony_that_goes_leaves_no_blueprint_to_the_next_of_its_name() -> None:
    bench = lamps()
    add_lamp(bench, locationname="roof")
    bench.do("server", "removecolonymsg", colonyname=LAB)
    assert {name for name, rows in bench.engine.tables.by_name.items() if rows} == {"server"}
    found_colony(bench)
    add_user(bench, "ann")
    assert bench.do("ann", "getblueprintsmsg", **NOWHERE) == []
    assert bench.do("ann", "getblueprintdefinitionsmsg", colonyname=LAB) == []
    bench.restart(checkpoint=False)
    assert not bench.engine.tables.blueprints.by_id and not bench.engine.tables.blueprints.history_of


def test_all_of_it_survives_a_restart() -> None:
    bench = lamps()
    add_lamp(bench)
    bench.do("ann", "updateblueprintmsg", blueprint=lamp(level=2))
    bench.do("ann", "reconcileblueprintmsg", namespace=LAB, name="hall", force=True)
    before = {name: dict(rows) for name, rows in bench.engine.tables.by_name.items()}
    for checkpoint in (True, False):
        bench.restart(checkpoint=checkpoint)
        assert bench.engine.tables.by_name == before
    lines = bench.do("ann", "getblueprinthistorymsg", blueprintid=get(bench)["blueprintid"])
    assert [line["generation"] for line in lines] == [2, 1]
