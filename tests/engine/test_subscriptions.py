"""Who hears of what: every subscriber of every change, the row as stored, numbered so that a loss shows."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine import watching
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, add_executor, add_user, found_colony, identity

WATCH = "watch-0000000001"


def watch(calls: Calls, processid: str, *states: int, key: str = "ann", timeout: int = 600, **options: Any) -> int:
    fields = {"colonyname": LAB, "processid": processid, "states": list(states), "timeout": timeout}
    return calls.answer(key, "subscribeprocessmsg", **fields, **{"msgid": WATCH, **options})[0]


def watch_all(
    calls: Calls, *states: int, key: str = "ann", kind: str = "cli", timeout: int = 600, **options: Any
) -> int:
    fields = {"colonyname": LAB, "executortype": kind, "states": list(states), "timeout": timeout}
    return calls.answer(key, "subscribeprocessesmsg", **fields, **{"msgid": WATCH, **options})[0]


def heard(calls: Calls) -> list[tuple[str, int]]:
    """(number, state) of the events since the last look."""
    events, calls.events = calls.events, []
    return [(event.msgid.removeprefix(WATCH), event.value["state"]) for event in events]


def test_each_state_that_was_asked_for_makes_one_numbered_event() -> None:
    calls = lab()
    processid = calls.submit(maxretries=1, maxexectime=10)
    assert watch(calls, processid, 0, 1, 2, 3, 4) == 200
    assert heard(calls) == [(".1", 0)], "at once, for it is in such a state already"
    calls.pull()
    calls.pass_time(10 * SECOND)
    calls.pull()
    calls.answer("worker", "closesuccessfulmsg", processid=processid, out=[42])
    assert heard(calls) == [(".2", 1), (".3", 0), (".4", 1), (".5", 2)]


def test_the_row_is_shown_as_stored() -> None:
    calls = lab()
    processid = calls.submit(maxretries=1, maxexectime=10)
    watch(calls, processid, 0, 2)
    calls.pull()
    calls.events.clear()
    calls.pass_time(10 * SECOND)
    assert (calls.events[0].value["retries"], calls.events[0].value["assignedexecutorid"]) == (1, "")
    calls.pull()
    calls.answer("worker", "closesuccessfulmsg", processid=processid, out=[42])
    assert calls.events[1].value["out"] == [42]
    assert calls.events[1].value["endtime"] > "2020"
    assert (calls.events[1].route.party, calls.events[1].route.conn) == (identity("ann"), "conn0001")


def test_one_state_can_be_asked_for_in_upstreams_way() -> None:
    calls = lab()
    processid = calls.submit()
    fields = {"colonyname": LAB, "processid": processid, "state": 4, "timeout": 60, "msgid": WATCH}
    assert calls.answer("ann", "subscribeprocessmsg", **fields) == (200, {})
    calls.pull()
    calls.answer("ann", "cancelprocessmsg", processid=processid)
    assert heard(calls) == [(".1", 4)]


@pytest.mark.parametrize("how", ["submitted", "released", "removed", "lost", "failed", "deadline"])
def test_whatever_changes_the_state_is_heard(how: str) -> None:
    calls = lab()
    watch_all(calls, 0, 1, 2, 3, 4)
    processid = calls.submit(maxwaittime=100, maxretries=0)
    wanted = [(".1", 0)]
    if how == "deadline":
        calls.pass_time(100 * SECOND)
        wanted += [(".2", 3)]
    elif how != "submitted":
        calls.ready()
        wanted += [(".2", 1)]
    if how == "released":
        calls.answer("worker", "releaseprocessmsg", processid=processid, attempt=1, reason="busy")
        wanted += [(".3", 0)]
    elif how == "removed":
        calls.answer("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
        wanted += [(".3", 0)]
    elif how == "lost":
        calls.pass_time(60 * SECOND)
        wanted += [(".3", 3)]
    elif how == "failed":
        calls.answer("worker", "closefailedmsg", processid=processid, attempt=1, errors=["x"])
        wanted += [(".3", 3)]
    assert heard(calls) == wanted


def test_what_leaves_the_state_as_it_is_makes_no_event() -> None:
    calls = lab()
    processid = calls.submit()
    calls.pull()
    watch(calls, processid, 2)
    calls.answer("worker", "setoutputmsg", processid=processid, out=["half"])
    calls.answer("worker", "addattributemsg", attribute={"targetid": processid, "key": "k", "value": "v"})
    assert heard(calls) == []


def test_every_subscriber_hears_everything() -> None:
    calls = lab()
    add_user(calls, "bob")
    processid = calls.submit()
    watch(calls, processid, 1)
    watch(calls, processid, 1, key="bob")
    watch_all(calls, 1, conn="conn0002", msgid="watch-0000000002")
    calls.pull()
    routes = [(event.route.party, event.route.conn) for event in calls.events]
    assert routes == [(identity("ann"), "conn0001"), (identity("bob"), "conn0001"), (identity("ann"), "conn0002")]


def test_other_types_other_states_and_other_colonies_are_not_heard() -> None:
    calls = lab()
    found_colony(calls, "home")
    add_user(calls, "eve", colony="home")
    watch_all(calls, 1)
    watch_all(calls, 0, 1, kind="gpu", msgid="watch-0000000002")
    assert (
        calls.answer("eve", "subscribeprocessesmsg", colonyname=LAB, executortype="cli", state=0, timeout=60)[0] != 200
    )
    calls.submit()
    assert heard(calls) == []


def test_the_state_of_a_submit_that_is_given_away_at_once_is_heard_too() -> None:
    calls = lab()
    calls.ready()
    watch_all(calls, 0, 1)
    calls.submit()
    assert heard(calls) == [(".1", 0), (".2", 1)]


def test_a_subscription_ends_with_its_time_to_the_nanosecond() -> None:
    calls = lab()
    watch_all(calls, 0, timeout=10)
    calls.pass_time(10 * SECOND - 1)
    calls.submit()
    calls.pass_time(1)
    calls.submit()
    assert heard(calls) == [(".1", 0)]


def test_the_same_call_again_is_one_subscription() -> None:
    calls = lab()
    sent = calls.now_ms
    watch_all(calls, 0, ts_ms=sent)
    watch_all(calls, 0, ts_ms=sent)
    calls.submit()
    assert heard(calls) == [(".1", 0)]


def test_a_restart_forgets_subscriptions_and_the_same_call_signed_anew_begins_one() -> None:
    calls = lab()
    watch_all(calls, 0)
    calls.pass_time(SECOND)
    calls.restart(checkpoint=False)
    calls.submit()
    assert heard(calls) == []
    assert watch_all(calls, 0) == 200
    calls.submit()
    assert heard(calls) == [(".1", 0)]


def test_who_is_no_member_any_more_hears_nothing_more() -> None:
    calls = lab()
    watch_all(calls, 0)
    calls.submit()
    calls.answer("owner", "removeusermsg", colonyname=LAB, name="ann")
    add_executor(calls, "other")
    calls.answer("other", "submitfuncspecmsg", spec={"conditions": {"colonyname": LAB, "executortype": "cli"}})
    assert heard(calls) == [(".1", 0)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": 5, "timeout": 60}, 400),
        ({"state": -1, "timeout": 60}, 400),
        ({"states": [0, 7], "timeout": 60}, 400),
        ({"state": 0, "timeout": 0}, 400),
        ({"state": 0, "timeout": -1}, 400),
        ({"state": 0, "timeout": 86_401}, 400),
        ({"state": 0, "timeout": 86_400}, 200),
    ],
)
def test_states_and_times_have_bounds(fields: dict[str, Any], status: int) -> None:
    calls = lab()
    assert calls.answer("ann", "subscribeprocessesmsg", colonyname=LAB, executortype="cli", **fields)[0] == status


def test_a_process_that_is_not_there_cannot_be_watched() -> None:
    calls = lab()
    found = calls.answer("ann", "subscribeprocessmsg", colonyname=LAB, processid="x", state=0, timeout=60)
    assert (found[0], found[1]["message"]) == (403, "Invalid process with Id x")


def test_one_connection_has_so_many_and_its_refusal_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SUBSCRIPTIONS_PER_CONN_MAX", 2)
    calls = lab()
    watch_all(calls, 0, timeout=10)
    assert watch_all(calls, 0, msgid="watch-0000000002") == 200
    assert watch_all(calls, 0, msgid="watch-0000000003") == 429
    assert watch_all(calls, 0, msgid="watch-0000000004", conn="conn0002") == 200
    calls.pass_time(10 * SECOND)
    assert watch_all(calls, 0, msgid="watch-0000000003") == 200


def test_all_together_have_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SUBSCRIPTIONS_MAX", 2)
    calls = lab()
    watch_all(calls, 0, conn="conn0001", timeout=10)
    watch_all(calls, 0, conn="conn0002", msgid="watch-0000000002")
    assert watch_all(calls, 0, conn="conn0003", msgid="watch-0000000003") == 429, "connections cost an attacker nothing"
    calls.pass_time(10 * SECOND)
    assert watch_all(calls, 0, conn="conn0003", msgid="watch-0000000003") == 200
