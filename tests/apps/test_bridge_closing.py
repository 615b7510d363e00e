"""How the bridge tells an end to a side that takes only so much, or that has given the work to somebody else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from colonies_edge.apps.bridge.down import DownDesk
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, Verdict
from colonies_edge.apps.bridge.own import OwnDesk
from colonies_edge.apps.bridge.settings import Down, Up
from colonies_edge.apps.bridge.up import UpDesk
from colonies_edge.protocol.errors import BadRequest, Conflict, TooLarge
from colonies_edge.protocol.messages import CloseSuccessful, Message
from colonies_edge.protocol.model import Process, State

US = "m" * 64
LARGE = Verdict(ok=True, out=("much",))


class Small:
    """A side that takes no outputs, only errors; and those only if it believes that the work runs at us."""

    colonyname = "lab"

    def __init__(self, *, ours: bool) -> None:
        self.told: list[tuple[str, ...]] = []
        self._ours = ours
        self._refusal = BadRequest("it does not run at you")

    async def call(self, message: Message, *, msgid: str = "") -> None:
        if isinstance(message, CloseSuccessful):
            raise TooLarge
        self._refusal = Conflict()
        await self.close_failed(message.processid, message.errors)  # type: ignore[attr-defined]

    async def close_successful(self, processid: str, out: Any) -> None:
        raise TooLarge

    async def close_failed(self, processid: str, errors: tuple[str, ...]) -> None:
        if not self._ours:
            raise self._refusal
        self.told.append(errors)

    async def get_process(self, processid: str) -> Process:
        return Process(processid=processid, state=State.RUNNING, assignedexecutorid=US if self._ours else "o" * 64)


class Member:
    """One of ours there."""

    identity = US
    name = "bridge"

    def __init__(self, client: Any) -> None:
        self.client = client

    async def ready(self) -> Any:
        return self.client


def desk_of(kind: Kind, client: Small) -> Any:
    side, carrier, member = SimpleNamespace(site="s" * 16), SimpleNamespace(store=None, on_gone=[]), Member(client)
    parts: Any = (carrier, Down(cloud="gpu", edge="gpu") if kind is Kind.DOWN else Up(edge="gpu", cloud="gpu"))
    sides: Any = (side, side)
    ends: Any = (member, member if kind is Kind.DOWN else SimpleNamespace(member=member))
    return DownDesk(*parts, *sides, *ends) if kind is Kind.DOWN else UpDesk(*parts, *sides, *ends)


def closed(kind: Kind, client: Small) -> Event:
    item = Item(key="k", kind=kind, rule="gpu", source="b" * 64, stage=Stage.ENDED, verdict=LARGE)
    event, _ = asyncio.run(desk_of(kind, client).close(item))
    assert isinstance(event, Event)
    return event


@pytest.mark.parametrize("kind", [Kind.DOWN, Kind.UP])
def test_an_output_that_does_not_fit_is_a_failure_that_says_so(kind: Kind) -> None:
    client = Small(ours=True)
    assert closed(kind, client) is Event.CLOSED
    assert "does not fit" in client.told[0][0]


@pytest.mark.parametrize("kind", [Kind.DOWN, Kind.UP])
def test_an_output_that_does_not_fit_is_refused_like_any_other_when_somebody_else_has_the_work(kind: Kind) -> None:
    assert closed(kind, Small(ours=False)) is Event.REFUSED


def test_a_record_that_does_not_fit_is_closed_all_the_same_or_it_would_wait_for_ever() -> None:
    client = Small(ours=True)
    own: Any = OwnDesk(Member(client))  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(own.close_as("b" * 64, LARGE), 10))
    assert "does not fit" in client.told[0][0]
