"""What the two desks of the bridge refuse, and what they take once only."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from colonies_edge.apps.bridge.carrier import Carrier
from colonies_edge.apps.bridge.down import DownDesk, _running
from colonies_edge.apps.bridge.history import HistoryDesk
from colonies_edge.apps.bridge.holding import RECENT_MAX, Holding
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, Verdict, after
from colonies_edge.apps.bridge.origins import ORIGIN, Origin
from colonies_edge.apps.bridge.polls import Polls
from colonies_edge.apps.bridge.settings import Down, Up
from colonies_edge.apps.bridge.store import Store
from colonies_edge.apps.bridge.table import Table
from colonies_edge.apps.bridge.up import UpDesk
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.model import FunctionSpec, Process, State
from colonies_edge.protocol.replies import Assignment

SITE = {"edge": "e" * 16, "cloud": "c" * 16}


class Member:
    """Is ready at once, and its side has a name from then on; its client can do nothing."""

    identity = "m" * 64
    name = "bridge"

    def __init__(self, side: Any, site: str) -> None:
        self._side = side
        self._site = site

    async def ready(self) -> Any:
        self._side.site = self._site
        return SimpleNamespace(colonyname="lab")


def desk_of(kind: Kind) -> Any:
    edge, cloud = SimpleNamespace(site=""), SimpleNamespace(site="")
    below, above = Member(edge, SITE["edge"]), Member(cloud, SITE["cloud"])
    carrier: Any = SimpleNamespace(store=None, on_gone=[])
    sides: Any = (cloud, edge)
    members: Any = (above, below)
    if kind is Kind.DOWN:
        return DownDesk(carrier, Down(cloud="gpu", edge="gpu"), *sides, *members)
    own: Any = SimpleNamespace(member=above)
    return UpDesk(carrier, Up(edge="gpu", cloud="gpu", returning=True), *sides, members[1], own)


def brought_from(side: str, kind: Kind, number: int) -> Item:
    origin = Origin(side=side, site=SITE[side], processid="a" * 64, round="1")
    spec = FunctionSpec(funcname="work", env={ORIGIN: origin.label})
    work = {"spec": encode(spec)}
    return Item(key="k", kind=kind, rule="gpu", source="b" * 64, stage=Stage.SENDING, round=number, work=work)


def test_what_would_go_round_in_a_circle_is_refused_in_every_round_and_before_the_other_side_was_ever_heard() -> None:
    for kind, side in ((Kind.DOWN, "edge"), (Kind.UP, "cloud")):
        for number in (1, 2):
            event, facts = asyncio.run(desk_of(kind).submit(brought_from(side, kind, number)))
            assert event is Event.ENDED
            assert not facts["verdict"].ok and "circle" in facts["verdict"].errors[0]


def test_what_is_refused_and_given_once_more_gets_another_round_which_is_why_each_is_asked() -> None:
    refused = Item(
        key="k", kind=Kind.UP, rule="gpu", source="b" * 64, stage=Stage.ENDED, verdict=Verdict(ok=False, errors=("no",))
    )
    again = after(refused, Event.AGAIN, {"attempt": 2})
    assert again is not None and (again.stage, again.round) == (Stage.TAKEN, 2)


def test_what_is_kept_takes_no_room_or_a_full_bridge_would_never_ask_for_it_again() -> None:
    desk = desk_of(Kind.DOWN)
    stages = (Stage.KEPT, Stage.KEPT, Stage.ENDED)
    items = [Item(key=str(n), kind=Kind.DOWN, rule="gpu", source="b" * 64, stage=s) for n, s in enumerate(stages)]
    desk._carrier.table = Table(items)
    assert desk._room() == Down(cloud="gpu").waiting - 1


def test_one_process_that_makes_no_sense_does_not_hide_what_else_runs_here() -> None:
    rows = [{"processid": "a" * 64, "state": 7}, {"processid": "b" * 64, "state": 1}, 5]

    async def call(message: Any) -> Any:
        return rows

    client: Any = SimpleNamespace(colonyname="lab", identity="m" * 64, call=call)
    assert [process.processid for process in asyncio.run(_running(client))] == ["b" * 64]


def test_a_source_that_answers_nonsense_of_one_item_is_asked_for_the_others() -> None:
    desk, told = desk_of(Kind.DOWN), []
    items = {
        desk._key(source): Item(key=desk._key(source), kind=Kind.DOWN, rule="gpu", source=source, stage=Stage.PLACED)
        for source in ("a" * 64, "b" * 64)
    }

    class Items(dict[str, Item]):
        def __iter__(self) -> Any:
            return iter(list(self.values()))

    async def call(message: Any) -> Any:
        return []

    async def get_process(processid: str) -> Process:
        if processid == "a" * 64:
            raise BadRequest("state must be 0 or 1, not 7")
        return Process(processid=processid, state=State.CANCELLED)

    desk._carrier.table = Items(items)
    desk._carrier.tell = lambda key, event: told.append((key, event))
    client: Any = SimpleNamespace(colonyname="lab", identity="m" * 64, call=call, get_process=get_process)
    asyncio.run(desk._reconcile(client))
    assert told == [(desk._key("b" * 64), Event.WITHDRAWN)]


class Stranger(Member):
    """Was a member."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(site=""), SITE["edge"])
        self.doubted = asyncio.Event()

    def doubt(self) -> None:
        self.doubted.set()

    async def ready(self) -> Any:
        async def refused(*_: Any) -> Any:
            raise Forbidden

        return SimpleNamespace(colonyname="lab", get_processes_ended=refused, call=refused)


def test_who_is_refused_as_a_stranger_asks_whether_he_is_a_member(tmp_path: Path) -> None:
    async def run() -> None:
        stranger: Any = Stranger()
        polls = Polls(stranger, room=lambda: 0, on_work=lambda process: None, lost=lambda: None)
        await polls.say_alive()
        assert stranger.doubted.is_set()
        stranger.doubted.clear()
        carrier = Carrier(Store(tmp_path), 100, lambda item, error: None)
        own: Any = SimpleNamespace(member=stranger)
        edge: Any = SimpleNamespace(site="", members=())
        history = HistoryDesk(carrier, (), edge, stranger, own)
        history.start()
        await asyncio.wait_for(stranger.doubted.wait(), 30)
        await history.close_desk()
        await carrier.store.close()

    asyncio.run(run())


def test_whoever_has_no_room_hears_that_an_item_is_kept(tmp_path: Path) -> None:
    closes = []

    async def close(item: Item) -> Any:
        closes.append(item.key)
        return Event.REFUSED, {}

    async def linger(item: Item) -> Any:
        await asyncio.Event().wait()

    async def run() -> None:
        carrier = Carrier(Store(tmp_path), 100, lambda item, error: None)
        hands: Any = SimpleNamespace(look_up=None, submit=None, watch=None, close=close, linger=linger, cancel=None)
        carrier.start({(Kind.DOWN, "gpu"): hands})
        ended = Item(key="k", kind=Kind.DOWN, rule="gpu", source="b" * 64, stage=Stage.ENDED, verdict=Verdict(ok=True))
        carrier.take(ended)
        await asyncio.wait_for(carrier.changed.wait(), 30)
        kept = carrier.table.get("k")
        assert kept is not None and (kept.stage, closes) == (Stage.KEPT, ["k"])
        await carrier.close()
        await carrier.store.close()

    asyncio.run(run())


def holding_of(taken: list[int]) -> Holding:
    nobody: Any = None
    return Holding(
        nobody,
        capacity=1,
        held=dict,
        on_work=lambda assignment: taken.append(assignment.attempt),
        on_withdraw=lambda processid, attempt, reason: None,
        on_doubt=lambda processid: None,
    )


def pushed(number: int, attempt: int) -> Assignment:
    return Assignment(process=Process(processid=f"{number:064d}"), attempt=attempt, leasems=60_000)


def test_a_push_that_comes_late_and_once_more_begins_nothing() -> None:
    taken: list[int] = []
    holding = holding_of(taken)
    for attempt in (1, 1, 3, 2, 3, 4):
        holding._pushed(pushed(7, attempt))
    assert taken == [1, 3, 4]


def test_only_so_many_pushes_are_remembered() -> None:
    taken: list[int] = []
    holding = holding_of(taken)
    for number in range(RECENT_MAX + 10):
        holding._pushed(pushed(number, 1))
    assert len(holding._recent) == RECENT_MAX
