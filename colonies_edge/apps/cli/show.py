"""How values of the wire read in a table: processes, function specs, states and times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.table import Cell, Column
from colonies_edge.protocol.times import parse_time

STATES = ("waiting", "running", "successful", "failed", "cancelled")
_STATE_TONES = ("yellow", "blue", "green", "red", "magenta")
_ATTRIBUTE_TYPES = ("In", "Out", "Err", "Env")


def word(value: Any) -> str:
    """Any JSON value as short text: strings as they are, the rest as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def words(values: Any) -> str:
    """A list on one line, elements separated by blanks."""
    return " ".join(word(value) for value in values or ())


def lines(values: Any) -> str:
    """A list with one element per line, for what may be long."""
    return "\n".join(word(value) for value in values or ())


def assignments(values: Mapping[str, Any] | None) -> str:
    return " ".join(f"{key}={word(value)}" for key, value in (values or {}).items())


def when(text: Any) -> str:
    """A time of the wire in this machine's zone; nothing for one that is not set."""
    try:
        return at(parse_time(text if isinstance(text, str) else ""))
    except ValueError:
        return ""


def at(ns: int) -> str:
    """Nanoseconds since the epoch in this machine's zone."""
    if not ns:
        return ""
    try:
        return datetime.fromtimestamp(ns // 1_000_000_000, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return ""


def seconds(value: Any) -> str:
    """A limit: what is not positive limits nothing."""
    return f"{value} s" if isinstance(value, int) and value > 0 else "no limit"


def span(start: Any, end: Any) -> str:
    """Seconds between two times of the wire, if both are set."""
    try:
        first, last = parse_time(start), parse_time(end)
    except (TypeError, ValueError):
        return ""
    return f"{max(0, last - first) / 1e9:.3f} s" if first and last else ""


def state_cell(state: Any) -> Cell:
    if not isinstance(state, int) or not 0 <= state < len(STATES):
        return Cell(word(state))
    return Cell(STATES[state], _STATE_TONES[state])


def state_tone(state: Any) -> str:
    return state_cell(state).tone


def attribute_type(value: Any) -> str:
    return _ATTRIBUTE_TYPES[value] if isinstance(value, int) and 0 <= value < len(_ATTRIBUTE_TYPES) else word(value)


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def yes_no(value: Any) -> str:
    return "yes" if value else "no"


def process_time(state: int) -> tuple[str, str]:
    """The time that matters of what is in a state: its title and its key."""
    times = (("Submission time", "submissiontime"), ("Start time", "starttime"), ("End time", "endtime"))
    return times[min(state, 2)]


def process_list(
    console: Console, processes: Iterable[Mapping[str, Any]], state: int, names: Mapping[str, str]
) -> None:
    """`names` is executor id → name, where it is known."""
    time_title, time_key = process_time(state)
    columns = [
        Column("ID", keep=True),
        Column("FuncName"),
        Column("Args", drop=3),
        Column("KwArgs", drop=7),
        Column(time_title, keep=True, drop=1),
        Column("Executor", drop=2),
        Column("Type", drop=4),
        Column("Initiator", drop=6),
        Column("Label", drop=5),
    ]
    rows: list[Sequence[str | Cell]] = []
    for process in processes:
        spec = process.get("spec") or {}
        conditions = spec.get("conditions") or {}
        assigned = process.get("assignedexecutorid") or ""
        rows.append(
            [
                word(process.get("processid")),
                word(spec.get("funcname")),
                words(spec.get("args")),
                assignments(spec.get("kwargs")),
                when(process.get(time_key)),
                names.get(assigned, assigned[:8]) if assigned else words(conditions.get("executornames")),
                word(conditions.get("executortype")),
                word(process.get("initiatorname")),
                word(spec.get("label")),
            ]
        )
    console.grid(columns, rows)


def process(console: Console, value: Mapping[str, Any]) -> None:
    """Everything about one process, in four tables."""
    state = value.get("state")
    console.pairs(process_items(value), "Process", state_tone(state))
    spec = value.get("spec") or {}
    console.pairs(spec_items(spec), "Function specification")
    console.pairs(condition_items(spec.get("conditions") or {}), "Conditions")
    attributes = value.get("attributes") or []
    if attributes:
        console.grid(
            [
                Column("AttributeId", keep=True, drop=1),
                Column("Key"),
                Column("Value"),
                Column("Type", keep=True, drop=2),
            ],
            [
                [
                    word(a.get("attributeid")),
                    word(a.get("key")),
                    word(a.get("value")),
                    attribute_type(a.get("attributetype")),
                ]
                for a in attributes
            ],
            "Attributes",
        )


def process_items(value: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    submitted, started, ended = (value.get(key) for key in ("submissiontime", "starttime", "endtime"))
    graph = value.get("processgraphid")
    return [
        ("Id", word(value.get("processid"))),
        *(
            [("WorkflowId", word(graph)), ("NodeName", word((value.get("spec") or {}).get("nodename")))]
            if graph
            else []
        ),
        ("State", state_cell(value.get("state"))),
        ("IsAssigned", yes_no(value.get("isassigned"))),
        ("InitiatorID", word(value.get("initiatorid"))),
        ("Initiator", word(value.get("initiatorname"))),
        ("AssignedExecutorID", word(value.get("assignedexecutorid"))),
        ("PriorityTime", word(value.get("prioritytime"))),
        ("SubmissionTime", when(submitted)),
        ("StartTime", when(started)),
        ("EndTime", when(ended)),
        ("WaitDeadline", when(value.get("waitdeadline"))),
        ("ExecDeadline", when(value.get("execdeadline"))),
        ("WaitingTime", span(submitted, started)),
        ("ProcessingTime", span(started, ended)),
        ("Retries", word(value.get("retries"))),
        ("Input", lines(value.get("in"))),
        ("Output", lines(value.get("out"))),
        ("Errors", Cell(lines(value.get("errors")), "red")),
    ]


def spec_items(spec: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    retries = spec.get("maxretries")
    return [
        ("Func", word(spec.get("funcname"))),
        ("Args", words(spec.get("args"))),
        ("KwArgs", assignments(spec.get("kwargs"))),
        ("MaxWaitTime", seconds(spec.get("maxwaittime"))),
        ("MaxExecTime", seconds(spec.get("maxexectime"))),
        ("MaxRetries", "no limit" if isinstance(retries, int) and retries < 0 else word(retries)),
        ("Priority", word(spec.get("priority"))),
        ("Label", word(spec.get("label"))),
    ]


def condition_items(conditions: Mapping[str, Any]) -> list[tuple[str, str | Cell]]:
    gpu = conditions.get("gpu") or {}
    return [
        ("Colony", word(conditions.get("colonyname"))),
        ("ExecutorNames", words(conditions.get("executornames"))),
        ("ExecutorType", word(conditions.get("executortype"))),
        ("Location", word(conditions.get("locationname"))),
        ("Dependencies", words(conditions.get("dependencies"))),
        ("Nodes", word(conditions.get("nodes"))),
        ("CPU", word(conditions.get("cpu"))),
        ("Memory", word(conditions.get("mem"))),
        ("Processes", word(conditions.get("processes"))),
        ("ProcessesPerNode", word(conditions.get("processespernode"))),
        ("Storage", word(conditions.get("storage"))),
        ("Walltime", word(conditions.get("walltime"))),
        ("GPUName", word(gpu.get("name"))),
        ("GPUs", word(gpu.get("count"))),
        ("GPUPerNode", word(gpu.get("nodecount"))),
        ("GPUMemory", word(gpu.get("mem"))),
    ]
