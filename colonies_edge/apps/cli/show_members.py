"""How executors, their functions and users read in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.presence import PRESENCE_TONES, executor_line, held_by
from colonies_edge.apps.cli.show import at, when, word, words, yes_no
from colonies_edge.apps.cli.table import Cell, Column

EXECUTOR_STATES = ("pending", "approved", "rejected", "unregistered")
_TONES = ("yellow", "green", "red", "dim")


def executor_state(state: Any) -> Cell:
    if not isinstance(state, int) or not 0 <= state < len(EXECUTOR_STATES):
        return Cell(word(state))
    return Cell(EXECUTOR_STATES[state], _TONES[state])


def executor_list(
    console: Console, executors: Iterable[Mapping[str, Any]], running: Iterable[Mapping[str, Any]], now: int, since: int
) -> None:
    """`running` are processes, `now` and `since` the coordinator's time and its start: who holds work or was just heard
    is there."""
    columns = [Column("Name", keep=True), Column("Type"), Column("State", keep=True), Column("Location", drop=2)]
    held = held_by(running)
    rows: list[list[str | Cell]] = []
    for executor in sorted(executors, key=lambda e: word(e.get("executorname"))):
        line = executor_line(executor, held.get(word(executor.get("executorid")), []), now, since)
        presence = Cell(line.presence, PRESENCE_TONES.get(line.presence, "dim"))
        rows.append([line.executorname, line.executortype, presence, line.locationname, at(line.lastheardfromtime)])
    console.grid([*columns, Column("Last heard from", keep=True, drop=1)], rows)


def executor(console: Console, value: Mapping[str, Any], functions: Iterable[Mapping[str, Any]]) -> None:
    """Everything about one executor: itself, its hardware and software, its functions."""
    console.pairs(
        [
            ("Name", word(value.get("executorname"))),
            ("Id", word(value.get("executorid"))),
            ("Type", word(value.get("executortype"))),
            ("Colony", word(value.get("colonyname"))),
            ("State", executor_state(value.get("state"))),
            ("RequireFuncRegistration", yes_no(value.get("requirefuncreg"))),
            ("Commission Time", when(value.get("commissiontime"))),
            ("Last Heard From", when(value.get("lastheardfromtime"))),
            ("Location", word(value.get("locationname"))),
        ],
        "Executor",
    )
    capabilities = value.get("capabilities") or {}
    for hardware in capabilities.get("hardware") or ():
        console.pairs(_hardware_items(hardware), "Hardware")
    for software in capabilities.get("software") or ():
        console.pairs([(key.capitalize(), word(software.get(key))) for key in ("name", "type", "version")], "Software")
    for function in functions:
        console.pairs(function_items(function), "Function")


def _hardware_items(hardware: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    gpu = hardware.get("gpu") or {}
    return [
        ("Nodes", word(hardware.get("nodes"))),
        ("Model", word(hardware.get("model"))),
        ("CPU", word(hardware.get("cpu"))),
        ("Cores", word(hardware.get("cores"))),
        ("Memory", word(hardware.get("mem"))),
        ("Storage", word(hardware.get("storage"))),
        ("GPU", word(gpu.get("name"))),
        ("GPUs", word(gpu.get("count"))),
        ("GPU/Node", word(gpu.get("nodecount"))),
        ("GPU Memory", word(gpu.get("mem"))),
        ("Platform", word(hardware.get("platform"))),
        ("Architecture", word(hardware.get("architecture"))),
        ("Network", words(hardware.get("network"))),
    ]


def function_items(function: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    return [
        ("FunctionName", word(function.get("funcname"))),
        ("FunctionId", word(function.get("functionid"))),
        ("Call counter", word(function.get("counter"))),
        *_times(function),
    ]


def _times(function: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    return [
        (f"{bound.capitalize()} {title}", f"{float(function.get(f'{bound}{key}') or 0):.3f} s")
        for title, key in (("WaitTime", "waittime"), ("ExecTime", "exectime"))
        for bound in ("min", "max", "avg")
    ]


def merged_function_items(functions: list[Mapping[str, Any]]) -> list[tuple[str, str | Cell]]:
    """One function of a type, over all executors that have it; averages weigh by calls, so their order is no matter."""
    first = functions[0]
    counter = sum(int(f.get("counter") or 0) for f in functions)
    called = [f for f in functions if f.get("counter")]
    merged: dict[str, float] = {}
    for key in ("waittime", "exectime"):
        merged[f"min{key}"] = min((float(f.get(f"min{key}") or 0) for f in called), default=0.0)
        merged[f"max{key}"] = max((float(f.get(f"max{key}") or 0) for f in called), default=0.0)
        weighted = sum(float(f.get(f"avg{key}") or 0) * int(f["counter"]) for f in called)
        merged[f"avg{key}"] = weighted / counter if counter else 0.0
    return [
        ("ExecutorType", word(first.get("executortype"))),
        ("FunctionName", word(first.get("funcname"))),
        ("Description", next((word(f.get("description")) for f in functions if f.get("description")), "")),
        ("Arguments", _signature(first.get("args") or ())),
        ("Executors", words(sorted(word(f.get("executorname")) for f in functions))),
        ("Call counter", str(counter)),
        *_times(merged),
    ]


def _signature(args: Iterable[Mapping[str, Any]]) -> str:
    parts = []
    for arg in args:
        kind = f":{word(arg.get('type'))}" if arg.get("type") else ""
        parts.append(f"{word(arg.get('name'))}{kind}{'' if arg.get('required') else '?'}")
    return " ".join(parts)


def user(console: Console, value: Mapping[str, Any]) -> None:
    fields = (
        ("Username", "name"),
        ("UserId", "userid"),
        ("Colony", "colonyname"),
        ("Email", "email"),
        ("Phone", "phone"),
    )
    console.pairs([(title, word(value.get(key))) for title, key in fields], "User")
