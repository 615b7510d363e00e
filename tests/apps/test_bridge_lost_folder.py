"""What a bridge makes of labels that a former life of it has left at the target, in rounds that nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from colonies_edge.apps.bridge.items import Action, Event, Item, Kind, Stage, after, item_of, row_of
from colonies_edge.apps.bridge.target import Target
from colonies_edge.protocol.model import FunctionSpec, Process, State

OURS, THEIRS = "site-7", "site-8"
ITEM = Item(key="k", kind=Kind.UP, rule="gpu", source="b" * 64, earlier=True)


class Client:
    """A server with these processes, each with the label of its round."""

    honours_msgids = True
    endpoint = SimpleNamespace(over_http=True)

    def __init__(self, *rounds: tuple[int, State], name: str = OURS, graph: str = "") -> None:
        self._processes = [
            Process(
                processid=f"p{number}",
                state=state,
                spec=FunctionSpec(label=f"label {number}"),
                initiatorname=name,
                submissiontime=place,
                processgraphid=graph,
            )
            for place, (number, state) in enumerate(rounds)
        ]

    async def get_processes(self, state: State, *, label: str) -> list[Process]:
        return [process for process in self._processes if process.state is state and process.spec.label == label]


def found(client: Client, last: int) -> tuple[Event, dict[str, Any]]:
    async def ready() -> Client:
        return client

    member: Any = SimpleNamespace(ready=ready, name=OURS)
    return asyncio.run(Target(member, "there").find_round(lambda number: f"label {number}", last))


@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING, State.SUCCESS])
@pytest.mark.parametrize("last", [1, 3])
def test_what_runs_or_succeeded_is_adopted_in_its_round(state: State, last: int) -> None:
    event, facts = found(Client((1, State.CANCELLED), (2, state)), last)
    assert (event, facts["target"], facts["round"]) == (Event.PLACED, "p2", 2)


@pytest.mark.parametrize(
    ("rounds", "last", "fresh"), [((), 1, 1), ((), 4, 4), ((1,), 1, 2), ((1, 2), 1, 3), ((2,), 4, 4)]
)
def test_what_is_over_is_not_repeated_under_its_own_label(rounds: tuple[int, ...], last: int, fresh: int) -> None:
    for state in (State.FAILED, State.CANCELLED):
        event, facts = found(Client(*((number, state) for number in rounds)), last)
        assert (event, facts["round"]) == (Event.MISSING, fresh)


def test_a_workflow_of_which_a_node_failed_is_over() -> None:
    event, facts = found(Client((1, State.SUCCESS), (1, State.FAILED), graph="g"), 1)
    assert (event, facts["round"]) == (Event.MISSING, 2)


def test_what_another_bridge_submitted_is_not_ours_to_wait_for() -> None:
    assert found(Client((1, State.RUNNING), name=THEIRS), 1)[0] is Event.MISSING


def test_it_is_looked_up_before_the_first_submit_also_after_a_restart_and_once() -> None:
    asked = after(item_of("k", row_of(ITEM)), Event.ASKED, {})
    assert asked is not None and asked.action is Action.LOOK_UP
    missing = after(asked, *found(Client(), 1))
    assert missing is not None and (missing.action, missing.earlier) == (Action.SUBMIT, False)
    new = after(replace(ITEM, earlier=False), Event.ASKED, {})
    assert new is not None and (new.stage, new.action) == (Stage.SENDING, Action.SUBMIT)
