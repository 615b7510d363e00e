"""Lamps: a kind of blueprints for the usual company, and messages about them."""

from __future__ import annotations

from typing import Any

from tests.support.engine_bench import LAB, Bench

HANDLER = {"executorType": "lamp", "functionName": "reconcile"}
SCHEMA = {"type": "object", "properties": {"level": {"type": "number"}}, "required": ["level"]}


def definition(name: str = "lamps", kind: str = "Lamp", colony: str = LAB, **spec: Any) -> dict[str, Any]:
    """As on the wire; `spec` has what shall be different."""
    metadata = {"name": name, "colonyname": colony}
    wanted = {"group": "home.example", "version": "v1", "names": {"kind": kind}, "schema": SCHEMA, "handler": HANDLER}
    return {"kind": "BlueprintDefinition", "metadata": metadata, "spec": {**wanted, **spec}}


def lamp(name: str = "hall", level: Any = 1, kind: str = "Lamp", colony: str = LAB, **metadata: Any) -> dict[str, Any]:
    """As on the wire."""
    return {"kind": kind, "metadata": {"name": name, "colonyname": colony, **metadata}, "spec": {"level": level}}


def add_definition(bench: Bench, owner: str = "owner", **fields: Any) -> dict[str, Any]:
    """The kind is there."""
    added: dict[str, Any] = bench.do(owner, "addblueprintdefinitionmsg", blueprintdefinition=definition(**fields))
    return added


def add_lamp(bench: Bench, key: str = "ann", **fields: Any) -> dict[str, Any]:
    """One more blueprint."""
    added: dict[str, Any] = bench.do(key, "addblueprintmsg", blueprint=lamp(**fields))
    return added


def blueprint_messages(bench: Bench) -> dict[str, dict[str, Any]]:
    """A message of each type that is fine in everything but perhaps its sender."""
    add_definition(bench)
    add_definition(bench, name="fans", kind="Fan")
    hall = add_lamp(bench)
    by_name = {"namespace": LAB, "name": "hall"}
    return {
        "addblueprintdefinitionmsg": {"blueprintdefinition": definition("doors", "Door")},
        "getblueprintdefinitionmsg": {"colonyname": LAB, "name": "lamps"},
        "removeblueprintdefinitionmsg": {"namespace": LAB, "name": "fans"},
        "addblueprintmsg": {"blueprint": lamp("desk")},
        "getblueprintmsg": by_name,
        "getblueprintsmsg": {"namespace": LAB},
        "updateblueprintmsg": {"blueprint": lamp(level=2)},
        "updateblueprintstatusmsg": {"colonyname": LAB, "blueprintname": "hall", "status": {"level": 1}},
        "reconcileblueprintmsg": by_name,
        "removeblueprintmsg": by_name,
        "getblueprinthistorymsg": {"blueprintid": hall["blueprintid"]},
    }
