"""What processes, executors and functions look like, whole tables as golden texts."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import pytest

from colonies_edge.apps.cli import show, show_members
from colonies_edge.apps.cli.console import Console, harmless
from colonies_edge.apps.cli.log import newest, write

PROCESS: dict[str, Any] = {
    "processid": "5e" * 32,
    "initiatorid": "83" * 32,
    "initiatorname": "alice",
    "assignedexecutorid": "70" * 32,
    "isassigned": True,
    "state": 3,
    "prioritytime": 1795197101618641878,
    "submissiontime": "2026-11-23T17:51:41.618642Z",
    "starttime": "2026-11-23T17:51:42Z",
    "endtime": "2026-11-23T17:51:44.5Z",
    "waitdeadline": "0001-01-01T00:00:00Z",
    "execdeadline": "2026-11-23T17:52:42Z",
    "retries": 1,
    "attributes": [{"attributeid": "b8", "key": "A", "value": "1", "attributetype": 3}],
    "spec": {
        "funcname": "resize",
        "args": ["in.png", 640],
        "kwargs": {"quality": 80, "deep": {"a": [1]}},
        "maxwaittime": -1,
        "maxexectime": 60,
        "maxretries": 3,
        "priority": 0,
        "label": "demo",
        "conditions": {"colonyname": "lab", "executornames": ["img-1"], "executortype": "img", "gpu": {"count": 0}},
    },
    "in": [],
    "out": ["half", {"size": 3}],
    "errors": ["exit code 1", "no such file"],
}


@pytest.fixture(autouse=True)
def _in_luleå(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Stockholm")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def console() -> Console:
    return Console(io.StringIO(), io.StringIO(), environ={})


def shown(console: Console) -> str:
    assert isinstance(console.out, io.StringIO)
    return console.out.getvalue()


def test_a_process_shows_everything_in_the_order_of_its_life() -> None:
    console_ = console()
    show.process(console_, PROCESS)
    assert shown(console_).split("\n")[:22] == [
        "+- Process ----------+------------------------------------------------------------------+",
        f"| Id                 | {'5e' * 32} |",
        "| State              | failed                                                           |",
        "| IsAssigned         | yes                                                              |",
        f"| InitiatorID        | {'83' * 32} |",
        "| Initiator          | alice                                                            |",
        f"| AssignedExecutorID | {'70' * 32} |",
        "| PriorityTime       | 1795197101618641878                                              |",
        "| SubmissionTime     | 2026-11-23 18:51:41                                              |",
        "| StartTime          | 2026-11-23 18:51:42                                              |",
        "| EndTime            | 2026-11-23 18:51:44                                              |",
        "| WaitDeadline       |                                                                  |",
        "| ExecDeadline       | 2026-11-23 18:52:42                                              |",
        "| WaitingTime        | 0.381 s                                                          |",
        "| ProcessingTime     | 2.500 s                                                          |",
        "| Retries            | 1                                                                |",
        "| Input              |                                                                  |",
        "| Output             | half                                                             |",
        '|                    | {"size": 3}                                                      |',
        "| Errors             | exit code 1                                                      |",
        "|                    | no such file                                                     |",
        "+--------------------+------------------------------------------------------------------+",
    ]


def test_a_function_specification_says_what_is_unlimited() -> None:
    console_ = console()
    console_.pairs(show.spec_items(PROCESS["spec"]), "Function specification")
    assert shown(console_).split("\n") == [
        "+- Function specification -----------------+",
        "| Func        | resize                     |",
        "| Args        | in.png 640                 |",
        '| KwArgs      | quality=80 deep={"a": [1]} |',
        "| MaxWaitTime | no limit                   |",
        "| MaxExecTime | 60 s                       |",
        "| MaxRetries  | 3                          |",
        "| Priority    | 0                          |",
        "| Label       | demo                       |",
        "+-------------+----------------------------+",
        "",
    ]


def test_a_list_of_processes_has_one_time_column_that_fits_the_state() -> None:
    for state, title in ((0, "SUBMISSION TIME"), (1, "START TIME"), (2, "END TIME"), (3, "END TIME"), (4, "END TIME")):
        console_ = console()
        show.process_list(console_, [PROCESS], state, {"70" * 32: "img-1"})
        header = shown(console_).split("\n")[1]
        assert [cell.strip() for cell in header.split("|")[1:-1]] == [
            "ID",
            "FUNCNAME",
            "ARGS",
            "KWARGS",
            title,
            "EXECUTOR",
            "TYPE",
            "INITIATOR",
            "LABEL",
        ]


def test_a_listed_process_shows_who_has_it_and_else_who_may() -> None:
    waiting = {**PROCESS, "assignedexecutorid": ""}
    for process, names, executor in (
        (PROCESS, {"70" * 32: "img-7"}, "img-7"),
        (PROCESS, {}, "70707070"),
        (waiting, {}, "img-1"),
    ):
        console_ = console()
        show.process_list(console_, [process], 0, names)
        row = [cell.strip() for cell in shown(console_).split("\n")[3].split("|")[1:-1]]
        assert row[0] == "5e" * 32
        assert row[5] == executor


def test_an_executor_shows_itself_its_hardware_and_its_functions() -> None:
    console_ = console()
    value = {
        "executorname": "edge-1",
        "executorid": "69" * 32,
        "executortype": "cli",
        "colonyname": "lab",
        "state": 1,
        "requirefuncreg": False,
        "commissiontime": "2026-07-01T12:00:00Z",
        "lastheardfromtime": "0001-01-01T00:00:00Z",
        "capabilities": {"hardware": [{"model": "Pi", "network": ["10.0.0.5"]}], "software": [{"name": "s"}]},
    }
    show_members.executor(
        console_, value, [{"funcname": "render", "functionid": "13", "counter": 2, "avgexectime": 0.25}]
    )
    text = shown(console_)
    assert "| Commission Time         | 2026-07-01 14:00:00 " in text
    assert "| State                   | approved " in text
    assert "+- Hardware -" in text and "| Network      | 10.0.0.5 |" in text
    assert "+- Software -" in text
    assert "| Avg ExecTime | 0.250 s |" in text


def test_functions_of_several_executors_are_merged_by_the_number_of_calls() -> None:
    one: dict[str, Any] = {
        "executortype": "t",
        "funcname": "f",
        "executorname": "b",
        "counter": 3,
        "minexectime": 1,
        "maxexectime": 2,
        "avgexectime": 1.0,
    }
    two = {**one, "executorname": "a", "counter": 1, "minexectime": 0.5, "maxexectime": 9, "avgexectime": 5.0}
    new = {**one, "executorname": "c", "counter": 0, "minexectime": 0, "maxexectime": 0, "avgexectime": 0}
    for order in ([one, two, new], [new, two, one]):
        items = dict(show_members.merged_function_items(order))
        assert items["Executors"] == "a b c"
        assert items["Call counter"] == "4"
        assert (items["Min ExecTime"], items["Max ExecTime"], items["Avg ExecTime"]) == (
            "0.500 s",
            "9.000 s",
            "2.000 s",
        )


def test_arguments_of_a_function_show_their_types_and_which_are_optional() -> None:
    args = [{"name": "a", "type": "string", "required": True}, {"name": "b", "type": "int"}]
    assert dict(show_members.merged_function_items([{"args": args}]))["Arguments"] == "a:string b:int?"


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-11-23T17:51:41.618642Z", "2026-11-23 18:51:41"),
        ("2026-07-01T12:00:00+05:00", "2026-07-01 09:00:00"),
        ("0001-01-01T00:00:00Z", ""),
        ("0001-01-01T01:12:12+01:12", ""),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_times_are_local_and_unset_ones_are_empty(text: str | None, local: str) -> None:
    assert show.when(text) == local


def test_unknown_states_are_shown_as_they_came() -> None:
    assert show.state_cell(9).text == "9"
    assert show_members.executor_state("x").text == "x"
    assert show.attribute_type(7) == "7"


def test_a_log_is_printed_as_it_came_and_known_lines_are_made_readable() -> None:
    console_ = console()
    entries = [
        {"message": "half a ", "timestamp": 3},
        {"message": "line\n", "timestamp": 5},
        {"message": 'time="2026-11-23T17:51:41Z" level=error msg="it \\"broke\\"" code=3\n', "timestamp": 4},
    ]
    write(console_, entries)
    assert shown(console_) == 'half a line\n[2026-11-23T17:51:41Z] ERROR   it "broke" code=3\n'
    assert newest(entries, 1) == 5
    assert newest([], 7) == 7


def test_a_log_may_be_coloured_and_nothing_more() -> None:
    assert harmless("\x1b[31mred\x1b[0m \x1b]0;title\x07 a\rb\n") == "\x1b[31mred\x1b[0m \\x1b]0;title\\x07 a\\rb\n"
