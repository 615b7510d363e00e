"""Logs and attributes on their way: none is lost or written twice for a bad line, and none loads it for nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.bridge import notes as notes_module
from colonies_edge.apps.bridge.carrier import Carrier
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage
from colonies_edge.apps.bridge.notes import Notes
from colonies_edge.apps.bridge.store import Store
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection, TooManyRequests, Unavailable
from colonies_edge.protocol.messages import AddAttribute, AddLog
from colonies_edge.protocol.model import Attribute, AttributeType, LogEntry, Process, State

LINE = "one line\n"


class Both:
    """A server that is the target and the source, and refuses what it is told to."""

    colonyname = "lab"

    def __init__(self, state: State) -> None:
        attribute = Attribute(key="note", value="1", attributetype=AttributeType.OUT)
        self.process = Process(processid="t" * 64, state=state, attributes=(attribute,))
        self.refusals: list[Exception | None] = []
        self.asked: Counter[str] = Counter()
        self.written: list[str] = []

    async def ready(self) -> Any:
        return self

    async def get_process(self, processid: str) -> Process:
        self.asked["process"] += 1
        return self.process

    async def get_logs(self, processid: str, *, count: int, since: int) -> list[LogEntry]:
        self.asked["log"] += 1
        return [LogEntry(message=LINE, timestamp=7)] if since < 7 else []

    async def call(self, message: Any, *, msgid: str) -> None:
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        self.written.append(message.message if isinstance(message, AddLog) else message.attribute.key)
        assert isinstance(message, AddLog | AddAttribute)


class Target:
    """Nothing was heard of it yet."""

    def __init__(self, member: Any) -> None:
        self.member = member

    def seen(self, processid: str) -> None:
        return None


def item(number: int = 0) -> Item:
    return Item(key=f"k{number}", kind=Kind.UP, rule="gpu", source="s" * 64, stage=Stage.PLACED, target="t" * 64)


def play(folder: Path, server: Both, act: Callable[[Notes, Carrier], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        carrier, there = Carrier(Store(folder), 100, lambda item, error: None), server
        member: Any = there
        target: Any = Target(there)
        try:
            await act(Notes(carrier, member, target), carrier)
        finally:
            await carrier.store.close()

    asyncio.run(run())


def test_what_waits_has_no_log_to_ask_for(tmp_path: Path) -> None:
    server = Both(State.WAITING)

    async def act(notes: Notes, _: Carrier) -> None:
        assert not await notes.carry(item(), whole_graph=False)
        assert (server.asked["log"], server.written) == (0, [])

    play(tmp_path, server, act)


def test_a_line_and_an_attribute_whose_calls_were_cut_off_are_sent_again_and_then_no_more(tmp_path: Path) -> None:
    server = Both(State.RUNNING)

    async def act(notes: Notes, _: Carrier) -> None:
        for server.refusals in ([NoConnection("cut")], [None, NoConnection("cut")]):
            with pytest.raises(NoConnection):
                await notes.carry(item(), whole_graph=False)
        assert await notes.carry(item(), whole_graph=False)
        assert not await notes.carry(item(), whole_graph=False)
        assert server.written == [LINE, "note"]

    play(tmp_path, server, act)


@pytest.mark.parametrize("refusal", [TooManyRequests(), Unavailable()])
def test_a_source_that_does_not_take_it_now_is_asked_again_before_the_close(
    tmp_path: Path, refusal: ColoniesError
) -> None:
    server = Both(State.SUCCESS)

    async def act(notes: Notes, _: Carrier) -> None:
        for server.refusals in ([refusal], [None, refusal]):  # of the line, then of the attribute
            with pytest.raises(type(refusal)):
                await notes.finish(item(), whole_graph=False)
        await notes.finish(item(), whole_graph=False)
        assert server.written == [LINE, "note"]

    play(tmp_path, server, act)


def test_a_source_that_takes_no_more_does_not_keep_the_close_from_it(tmp_path: Path) -> None:
    server = Both(State.SUCCESS)
    server.refusals = [Forbidden()]

    async def act(notes: Notes, _: Carrier) -> None:
        await notes.finish(item(), whole_graph=False)

    play(tmp_path, server, act)


def test_nothing_is_forgotten_before_the_close_is_confirmed_and_everything_then(tmp_path: Path) -> None:
    server = Both(State.SUCCESS)

    async def act(notes: Notes, carrier: Carrier) -> None:
        carrier.take(item())
        carrier.tell("k0", Event.ENDED)
        for _close_that_failed in range(3):
            await notes.finish(item(), whole_graph=False)
        assert server.written == [LINE, "note"]
        carrier.tell("k0", Event.CLOSED)
        assert (carrier.store._notes, notes._sent) == ({}, {})
        await carrier.close()

    play(tmp_path, server, act)


def test_where_many_are_followed_each_is_looked_at_more_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty of them, which by themselves would look ten times a second each."""
    server, many = Both(State.WAITING), 60
    monkeypatch.setattr(notes_module, "FIRST_LOOK_S", 0.01)
    monkeypatch.setattr(notes_module, "LOOK_S_MAX", 0.1)
    monkeypatch.setattr(notes_module, "LOOKS_PER_S", 100)

    async def act(notes: Notes, _: Carrier) -> None:
        following = [asyncio.ensure_future(notes.follow(item(number), whole_graph=False)) for number in range(many)]
        await asyncio.sleep(1)
        assert server.asked["process"] <= 120
        while server.asked["process"] < 2 * many:
            await asyncio.sleep(0.01)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        assert not notes._followed and not notes._running

    play(tmp_path, server, act)
