"""How blueprints, their definitions and their history read in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.show import state_cell, when, word, words
from colonies_edge.apps.cli.table import Cell, Column

_APPROVED = 1


def kind_of(definition: Mapping[str, Any]) -> str:
    return word(((definition.get("spec") or {}).get("names") or {}).get("kind"))


def handler_of(definition: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return ((definition or {}).get("spec") or {}).get("handler") or {}


def definition_list(console: Console, definitions: Iterable[Mapping[str, Any]]) -> None:
    rows = []
    for definition in definitions:
        handler = handler_of(definition)
        name = word((definition.get("metadata") or {}).get("name"))
        rows.append([name, kind_of(definition), word(handler.get("functionName")), word(handler.get("executorType"))])
    columns = [
        Column("Name", keep=True),
        Column("Kind"),
        Column("FunctionName", drop=2),
        Column("Executor type", drop=1),
    ]
    console.grid(columns, rows)


def definition(console: Console, value: Mapping[str, Any]) -> None:
    """A kind of blueprints: its names, its handler, its schema."""
    spec = value.get("spec") or {}
    names = spec.get("names") or {}
    console.pairs(
        [
            ("Name", word((value.get("metadata") or {}).get("name"))),
            ("ID", word(value.get("blueprintdefinitionid"))),
            ("Kind", word(names.get("kind"))),
            ("Plural", word(names.get("plural"))),
            ("Group", word(spec.get("group"))),
            ("Version", word(spec.get("version"))),
            ("Scope", word(spec.get("scope"))),
        ],
        "Blueprint definition",
    )
    handler = handler_of(value)
    interval = handler.get("reconcileInterval")
    console.pairs(
        [
            ("Executor Type", word(handler.get("executorType"))),
            ("Function Name", word(handler.get("functionName"))),
            *([("Reconcile Interval", f"{interval} s")] if interval else []),
        ],
        "Handler",
    )
    schema = spec.get("schema")
    if isinstance(schema, dict):
        _schema(console, schema)


def _schema(console: Console, schema: Mapping[str, Any]) -> None:
    properties = schema.get("properties") or {}
    required = ", ".join(word(name) for name in schema.get("required") or ())
    console.pairs([("Required Fields", required), ("Properties", str(len(properties)))], "Schema")
    rows = [
        [name, word(said.get("type")), word(said.get("description"))]
        for name, said in properties.items()
        if isinstance(said, dict)
    ]
    if rows:
        columns = [Column("Field", keep=True), Column("Type", keep=True), Column("Description")]
        console.grid(columns, rows, "Schema properties")


def blueprint_list(
    console: Console,
    blueprints: Iterable[Mapping[str, Any]],
    types: Mapping[str, str],
    executors: Sequence[Mapping[str, Any]],
) -> None:
    """`types` is kind → executor type of its handler."""
    columns = [Column("Name", keep=True), Column("Kind"), Column("Location", drop=2), Column("Executor type", drop=1)]
    columns += [Column("Replicas", right=True, drop=3), Column("OldGen", right=True, drop=4), Column("Gen", right=True)]
    rows: list[list[str | Cell]] = []
    for blueprint in blueprints:
        metadata, kind = blueprint.get("metadata") or {}, word(blueprint.get("kind"))
        present, wanted, old = replicas(blueprint, executors)
        rows.append(
            [
                word(metadata.get("name")),
                kind,
                word(metadata.get("locationname")),
                types.get(kind, ""),
                "" if wanted is None else f"{present}/{wanted}",
                Cell(str(old), "red") if old else "",
                word(metadata.get("generation")),
            ]
        )
    console.grid(columns, rows)


def replicas(blueprint: Mapping[str, Any], executors: Iterable[Mapping[str, Any]]) -> tuple[int, int | None, int]:
    """How many there are of the present generation, how many there shall be if it says so, how many are older.
    Executors name the blueprint that they were made for; what runs elsewhere is in the handler's status."""
    spec, status = blueprint.get("spec") or {}, blueprint.get("status") or {}
    wanted = spec.get("replicas")
    if not isinstance(wanted, (int, float)) or isinstance(wanted, bool):
        instances = spec.get("instances")
        if not isinstance(instances, list):
            return 0, None, 0
        running = status.get("runningInstances")
        return int(running) if isinstance(running, (int, float)) else 0, len(instances), 0
    generation = (blueprint.get("metadata") or {}).get("generation") or 0
    mine = [
        executor.get("blueprintgen") or 0
        for executor in executors
        if executor.get("state") == _APPROVED and executor.get("blueprintid") == blueprint.get("blueprintid")
    ]
    return sum(made >= generation for made in mine), int(wanted), sum(made < generation for made in mine)


def blueprint(console: Console, value: Mapping[str, Any], reconciliation: Mapping[str, Any] | None) -> None:
    """Everything about one blueprint; `reconciliation` is the process that last looked at it, if it says so."""
    metadata = value.get("metadata") or {}
    items: list[tuple[str, str | Cell]] = [
        ("Name", word(metadata.get("name"))),
        ("ID", word(value.get("blueprintid"))),
        ("Kind", word(value.get("kind"))),
        ("Colony", word(metadata.get("colonyname"))),
        ("Location", word(metadata.get("locationname"))),
        ("Generation", word(metadata.get("generation"))),
    ]
    if metadata.get("lastReconciliationProcess"):
        items.append(("Last reconciliation", word(metadata["lastReconciliationProcess"])))
        items.append(("Reconciliation time", when(metadata.get("lastReconciliationTime"))))
    if reconciliation is not None:
        items.append(("Reconciliation status", state_cell(reconciliation.get("state"))))
    items.append(("Created", when(metadata.get("createdAt"))))
    items.append(("Updated", when(metadata.get("updatedAt"))))
    console.pairs(items, "Blueprint")
    for title, key in (("Labels", "labels"), ("Annotations", "annotations")):
        if metadata.get(key):
            console.pairs([(name, word(item)) for name, item in metadata[key].items()], title)
    free_tables(console, value.get("spec") or {}, "Spec")
    if value.get("status"):
        free_tables(console, value["status"], "Status")


def free_tables(console: Console, value: Mapping[str, Any], title: str) -> None:
    """JSON of any shape: what is one value in one table, what is an object or a list of objects in one of its own."""
    plain = {key: item for key, item in value.items() if not _is_table(item)}
    if plain or not value:
        console.pairs(
            [(key, words(item) if isinstance(item, list) else word(item)) for key, item in plain.items()], title
        )
    for key, item in value.items():
        if isinstance(item, dict) and item:
            console.pairs([(name, word(inner)) for name, inner in item.items()], f"{title}: {key}")
        elif _is_table(item):
            keys = list(dict.fromkeys(name for line in item for name in line))
            rows = [[word(line.get(name)) for name in keys] for line in item]
            console.grid([Column(name) for name in keys], rows, f"{title}: {key}")


def _is_table(item: Any) -> bool:
    if isinstance(item, dict):
        return bool(item)
    return isinstance(item, list) and any(item) and all(isinstance(line, dict) for line in item)


def history(console: Console, lines: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    """`names` is identity → name, where it is known."""
    columns = [Column("Generation", right=True), Column("Timestamp", keep=True), Column("Change type")]
    rows = [
        [
            word(line.get("generation")),
            when(line.get("timestamp")),
            word(line.get("changetype")),
            names.get(word(line.get("changedby")), word(line.get("changedby"))),
        ]
        for line in lines
    ]
    console.grid([*columns, Column("Changed by")], rows)


def history_entry(console: Console, line: Mapping[str, Any], names: Mapping[str, str]) -> None:
    by = word(line.get("changedby"))
    console.pairs(
        [
            ("Name", word(line.get("name"))),
            ("Kind", word(line.get("kind"))),
            ("Generation", word(line.get("generation"))),
            ("Timestamp", when(line.get("timestamp"))),
            ("Change type", word(line.get("changetype"))),
            ("Changed by", names.get(by, by)),
        ],
        "History",
    )
    free_tables(console, line.get("spec") or {}, "Spec")
    if line.get("status"):
        free_tables(console, line["status"], "Status")
