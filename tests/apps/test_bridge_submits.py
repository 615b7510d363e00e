"""What the bridge makes of an answer to a submit: a refusal, perhaps a refusal, or nothing that anybody can read."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from colonies_edge.apps.bridge import target
from colonies_edge.apps.bridge.down import DownDesk
from colonies_edge.apps.bridge.history import HistoryDesk
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage
from colonies_edge.apps.bridge.settings import Down, Up
from colonies_edge.apps.bridge.up import UpDesk
from colonies_edge.client.calls_processes import ProcessCalls
from colonies_edge.client.calls_workflows import WorkflowCalls
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import BadReply, BadRequest, TooLarge
from colonies_edge.protocol.model import FunctionSpec

NONSENSE = {"processid": "abc", "state": 7}
TEMPLATE = (FunctionSpec(nodename="read", funcname="read"),)


class Client(ProcessCalls, WorkflowCalls):
    """Answers always the same."""

    colonyname = "lab"

    def __init__(self, answer: Any, *, honours_msgids: bool = True) -> None:
        self.answer = answer
        self.honours_msgids = honours_msgids

    async def call(self, message: Any, **_: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def desk_of(kind: Kind, client: Client, *, whole: bool = False) -> Any:
    async def ready() -> Client:
        return client

    member: Any = SimpleNamespace(ready=ready, name="bridge", executortype="bridge.bridge", client=client)
    carrier: Any = SimpleNamespace(store=None, on_gone=[])
    own: Any = SimpleNamespace(member=member)
    edge, cloud = SimpleNamespace(site="e" * 16), SimpleNamespace(site="c" * 16)
    sides: Any = (cloud, edge)
    if kind is Kind.DOWN:
        rule = Down(cloud="gpu", workflow=TEMPLATE) if whole else Down(cloud="gpu", edge="gpu")
        return DownDesk(carrier, rule, *sides, member, member)
    if kind is Kind.UP:
        return UpDesk(carrier, Up(edge="gpu", cloud="gpu"), *sides, member, own)
    return HistoryDesk(carrier, (), sides[1], member, own)


def item_of(kind: Kind, *, inputs: bool = False) -> Item:
    work = {"spec": encode(FunctionSpec(funcname="work"))} | ({"in": [1]} if inputs else {})
    return Item(key="k", kind=kind, rule="gpu", source="b" * 64, stage=Stage.SENDING, work=work)


@pytest.mark.parametrize(
    ("kind", "whole"),
    [(Kind.DOWN, False), (Kind.DOWN, True), (Kind.UP, False), (Kind.UP, True), (Kind.HISTORY, False)],
)
def test_an_answer_that_makes_no_sense_is_no_refusal_as_the_work_may_be_there(kind: Kind, whole: bool) -> None:
    desk = desk_of(kind, Client(NONSENSE), whole=whole)
    with pytest.raises(BadReply, match="state"):
        asyncio.run(desk.submit(item_of(kind, inputs=whole and kind is Kind.UP)))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_coordinator_that_refuses_a_submit_means_it(kind: Kind) -> None:
    event, _ = asyncio.run(desk_of(kind, Client(BadRequest("no such memory"))).submit(item_of(kind)))
    assert event is Event.ENDED


@pytest.mark.parametrize("kind", [Kind.UP, Kind.HISTORY])
def test_a_server_that_refuses_a_submit_when_its_database_is_away_is_asked_again_for_a_while(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(kind, Client(BadRequest("pq: the database system is starting up"), honours_msgids=False))
    with pytest.raises(BadRequest):
        asyncio.run(desk.submit(item_of(kind)))
    monkeypatch.setattr(target, "REFUSED_S", 0.0)
    event, _ = asyncio.run(desk.submit(item_of(kind)))
    assert event is Event.ENDED


def test_what_is_too_large_stays_so() -> None:
    desk = desk_of(Kind.UP, Client(TooLarge(), honours_msgids=False))
    event, _ = asyncio.run(desk.submit(item_of(Kind.UP)))
    assert event is Event.ENDED
