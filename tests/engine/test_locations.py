"""Locations: the owner adds and removes them, members read them, and no name can spoil the list."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.protocol.limits import LOCATIONS_PER_COLONY_MAX
from tests.support.engine_bench import LAB, colony, found_colony


def place(name: str = "attic", **fields: Any) -> dict[str, Any]:
    return {"colonyname": LAB, "name": name, "long": 20, "lat": -67.5, **fields}


def test_a_location_is_added_found_listed_and_removed() -> None:
    bench = colony()
    added = bench.do("owner", "addlocationmsg", location=place(locationid="mine", description="under the roof"))
    assert added == {
        "locationid": "mine",
        "name": "attic",
        "colonyname": LAB,
        "description": "under the roof",
        "long": 20,
        "lat": -67.5,
    }
    assert bench.do("worker", "getlocationmsg", colonyname=LAB, name="attic") == added
    assert bench.do("ann", "getlocationsmsg", colonyname=LAB) == [added]
    assert bench.do("owner", "removelocationmsg", colonyname=LAB, name="attic") == {}
    assert bench.do("ann", "getlocationsmsg", colonyname=LAB) == []
    missing = (404, "Failed to get location, location is nil")
    assert bench.refused("ann", "getlocationmsg", colonyname=LAB, name="attic") == missing
    missing = (400, "Location with name <attic> not found")
    assert bench.refused("owner", "removelocationmsg", colonyname=LAB, name="attic") == missing


def test_a_location_without_an_id_gets_one() -> None:
    bench = colony()
    assert len(bench.do("owner", "addlocationmsg", location=place())["locationid"]) == 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a:b"},
        {"name": "a/b"},
        {"name": "a\tb"},
        {"name": "x" * 257},
        {"locationid": "x" * 257},
        {"description": "x" * 1025},
        {"long": "east"},
        {"lat": None, "name": 7},
    ],
)
def test_what_would_spoil_a_list_is_refused(wrong: dict[str, Any]) -> None:
    bench = colony()
    assert bench.refused("owner", "addlocationmsg", location=place(**wrong))[0] == 400
    assert bench.do("ann", "getlocationsmsg", colonyname=LAB) == []


def test_a_name_is_unique_in_its_colony_and_only_there() -> None:
    bench = colony()
    found_colony(bench, "next", owner="chief")
    bench.do("owner", "addlocationmsg", location=place())
    bench.do("chief", "addlocationmsg", location=place(colonyname="next"))
    text = "A location with name <attic> already exists in Colony with name <lab>"
    assert bench.refused("owner", "addlocationmsg", location=place()) == (400, text)
    bench.do("server", "removecolonymsg", colonyname="next")
    assert list(bench.engine.tables.schedule.locations) == ["lab/attic"]
    assert bench.do("ann", "getlocationsmsg", colonyname=LAB)[0]["colonyname"] == LAB


def test_a_colony_has_room_for_so_many_and_says_so() -> None:
    bench = colony()
    for number in range(LOCATIONS_PER_COLONY_MAX):
        bench.do("owner", "addlocationmsg", location=place(f"shelf {number}"))
    assert bench.refused("owner", "addlocationmsg", location=place())[0] == 429
    bench.restart()
    assert len(bench.do("ann", "getlocationsmsg", colonyname=LAB)) == LOCATIONS_PER_COLONY_MAX
