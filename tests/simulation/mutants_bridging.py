"""Bridges with one thing broken each: the auditor of a bridged pair must notice every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from colonies_edge.apps.bridge import history, items, origins
from colonies_edge.apps.bridge.carrier import Carrier, Happened
from colonies_edge.apps.bridge.down import DownDesk
from colonies_edge.apps.bridge.holding import Holding
from colonies_edge.apps.bridge.items import Event, Item, Stage, Verdict
from colonies_edge.apps.bridge.store import Store
from colonies_edge.apps.bridge.target import Target
from colonies_edge.apps.bridge.up import UpDesk
from tests.simulation.mutants import Change


def a_submit_in_doubt_is_a_new_one() -> list[Change]:
    """Its repeats have no id that names the origin."""
    numbers = count()
    return [(origins.Origin, "msgid", property(lambda origin: f"{next(numbers):032d}"))]


def what_is_in_doubt_is_not_looked_up() -> list[Change]:
    async def look_up(target: Target, label: str) -> Happened:
        return Event.MISSING, {}

    return [(Target, "look_up", look_up)]


def the_source_is_told_before_the_target_has_done_it() -> list[Change]:
    async def ended(target: Target, item: Item, *, whole_graph: bool) -> Verdict:
        return Verdict(ok=True)

    return [(Target, "ended", ended)]


def what_is_closed_is_forgotten_before_the_source_knows() -> list[Change]:
    async def close(desk: DownDesk, item: Item) -> Happened:
        return Event.CLOSED, {}

    return [(UpDesk, "close", close)]


def a_refusal_holds_for_one_round() -> list[Change]:
    why_not = UpDesk._why_not
    asked: set[str] = set()

    def once(desk: UpDesk, spec: Any) -> str:
        text = why_not(desk, spec)
        key = str(spec.env)
        if text and key not in asked:
            asked.add(key)
            return text
        return ""

    return [(UpDesk, "_why_not", once)]


def pushes_that_come_twice_are_two() -> list[Change]:
    return [(Holding, "_pushed", lambda holding, assignment: holding._on_work(assignment))]


def it_talks_before_it_writes() -> list[Change]:
    async def settled(store: Store) -> None:
        """As if it were on the disk."""

    return [(Store, "settled", settled)]


def what_is_given_again_is_done_again() -> list[Change]:
    def asked_again(item: Item) -> Item:
        return items._next_round(item) if item.stage is not Stage.TAKEN else item

    return [(items, "_asked_again", asked_again)]


def what_is_not_wanted_goes_on() -> list[Change]:
    async def cancel(target: Target, item: Item, label: str, *, whole_graph: bool = False) -> Happened:
        return Event.CANCELLED, {}

    return [(Target, "cancel", cancel)]


def assignments_whose_answer_got_lost_are_nobodys() -> list[Change]:
    async def reconcile(desk: DownDesk, client: Any) -> None:
        """Nothing is looked for."""

    return [(DownDesk, "_reconcile", reconcile)]


def outputs_are_lost_on_the_way() -> list[Change]:
    act = Carrier._act

    async def without(carrier: Carrier, item: Item) -> Happened:
        event, facts = await act(carrier, item)
        if event is Event.ENDED and facts["verdict"].ok:
            facts = {"verdict": replace(facts["verdict"], out=())}
        return event, facts

    return [(Carrier, "_act", without)]


def what_a_bridge_brought_is_recorded() -> list[Change]:
    return [(history, "carried", lambda env: False)]


QUICK: list[Callable[[], list[Change]]] = [
    a_submit_in_doubt_is_a_new_one, what_is_in_doubt_is_not_looked_up, the_source_is_told_before_the_target_has_done_it,
    what_is_closed_is_forgotten_before_the_source_knows, a_refusal_holds_for_one_round,
    what_is_given_again_is_done_again, assignments_whose_answer_got_lost_are_nobodys, outputs_are_lost_on_the_way,
    it_talks_before_it_writes,
    what_a_bridge_brought_is_recorded,
]  # fmt: skip
RARE: list[Callable[[], list[Change]]] = [
    pushes_that_come_twice_are_two, what_is_not_wanted_goes_on,
]  # fmt: skip
