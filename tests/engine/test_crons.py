"""Crons start their workflows when they are due, once, whatever happens to clocks and coordinators in between."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.calls import Calls
from tests.support.engine_bench import LAB, SECOND, Bench, add_executor, colony, found_colony, identity
from tests.support.schedules import add_cron, cron, finish, generator, node, waiting, workflow

DAY = 86_400


def calls() -> Calls:
    """A coordinator with the colony `lab`, `worker` and `ann`, whose clock can be set forward."""
    bench = Calls()
    found_colony(bench)
    add_executor(bench, "worker")
    user = {"colonyname": LAB, "userid": identity("ann"), "name": "ann", "email": "", "phone": ""}
    bench.do("owner", "addusermsg", user=user)
    return bench


def shown(bench: Bench, cronid: str) -> dict[str, Any]:
    found: dict[str, Any] = bench.do("ann", "getcronmsg", cronid=cronid)
    return found


# Adding


def test_what_the_client_says_about_runs_is_dropped() -> None:
    bench = colony()
    past = {"nextrun": "2020-01-01T00:00:00Z", "lastrun": "2020-01-01T00:00:00Z", "prevprocessgraphid": "x" * 64}
    claims = {**past, "cronid": "mine", "initiatorid": "me", "checkerperiod": 7, "error": "no"}
    added = bench.do("ann", "addcronmsg", cron=cron(**claims))
    assert added["cronid"] != "mine" and added["initiatorid"] == identity("ann") and added["initiatorname"] == "ann"
    assert added["lastrun"].startswith("0001-") and added["prevprocessgraphid"] == "" and added["checkerperiod"] == 0
    assert "error" not in added
    bench.sleep(59)
    assert waiting(bench) == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"interval": 0}, "Cron interval must be -1 (disabled) or larger than 0"),
        ({"interval": 2**31}, "Cron interval must not be larger than"),
        ({"interval": -1}, "empty cron expression string"),
        ({"interval": -7, "cronexpression": "nonsense"}, "expected exactly 6 fields, found 1: [nonsense]"),
        ({"cronexpression": "@daily", "random": True}, "Random cron is only supported when specifying intervals"),
        ({"workflowspec": ""}, "unexpected end of JSON input"),
        ({"workflowspec": "{"}, "invalid JSON"),
        ({"workflowspec": "null"}, "it must be an object"),
        ({"workflowspec": "[]"}, "it must be an object"),
        ({"workflowspec": '{"functionspecs":[]}'}, "no function specs"),
        ({"workflowspec": workflow(colony="next")}, "the workflow is for Colony <next>, not for <lab>"),
        ({"workflowspec": workflow(node("a"), node("b", "c"))}, "b depends on c"),
        ({"workflowspec": workflow(node("a", "b"), node("b", "a"))}, "circle"),
        ({"workflowspec": workflow(node("a"), node("a"))}, "Duplicate nodename: a"),
        ({"workflowspec": workflow(node(""))}, "Nodename is missing"),
        ({"workflowspec": workflow(node("a", priority=60_000))}, "priority"),
        ({"name": "x" * 257}, "longer than 256"),
        ({"name": "a\nb"}, "control character"),
    ],
)
def test_a_cron_that_could_not_run_is_refused_at_once(fields: dict[str, Any], text: str) -> None:
    bench = colony()
    status, message = bench.refused("ann", "addcronmsg", cron=cron(**fields))
    assert status == 400 and text in message, message
    assert bench.do("ann", "getcronsmsg", colonyname=LAB, count=10) == []


def test_names_are_unique_in_a_colony_and_free_again_after_removal() -> None:
    bench = colony()
    cronid = add_cron(bench, name="tick")
    assert bench.refused("worker", "addcronmsg", cron=cron("tick")) == (
        400,
        "Cron with name <tick> in Colony <lab> already exists",
    )
    bench.do("worker", "removecronmsg", cronid=cronid)
    assert bench.refused("worker", "removecronmsg", cronid=cronid) == (404, "Failed to remove cron, cron is nil")
    add_cron(bench, name="tick")


def test_a_workflow_without_a_colony_is_of_the_crons_colony() -> None:
    bench = colony()
    add_cron(bench, workflowspec=workflow(colony=""))
    bench.sleep(60)
    (process,) = waiting(bench)
    assert process["spec"]["conditions"]["colonyname"] == LAB


def test_any_negative_interval_is_none() -> None:
    bench = colony()
    cronid = add_cron(bench, cronexpression="0 0 0 29 2 *", interval=-5)
    assert shown(bench, cronid)["nextrun"] == "2028-02-29T00:00:00Z"


@pytest.mark.parametrize("word", ["waitforprevprocessgraph", "waitforprevprocessgrap"])
def test_the_python_sdks_misspelling_means_the_same(word: str) -> None:
    bench = colony()
    assert shown(bench, add_cron(bench, **{word: True}))["waitforprevprocessgraph"] is True


def test_lists_show_as_many_as_are_asked_for() -> None:
    bench = colony()
    for name in "abc":
        add_cron(bench, name=name)
    assert len(bench.do("ann", "getcronsmsg", colonyname=LAB, count=2)) == 2
    assert bench.do("ann", "getcronsmsg", colonyname=LAB) == []
    assert bench.refused("ann", "getcronsmsg", colonyname=LAB, count=-1) == (400, "Count must not be negative")


@pytest.mark.parametrize("what", ["cron", "generator"])
def test_long_lists_are_read_page_by_page(what: str) -> None:
    bench = colony()
    made = {"cron": cron, "generator": generator}[what]
    ids = [bench.do("ann", f"add{what}msg", **{what: made(name=f"n{number}")})[f"{what}id"] for number in range(5)]

    def page(after: str) -> list[str]:
        found = bench.do("ann", f"get{what}smsg", colonyname=LAB, count=2, after=after)
        return [one[f"{what}id"] for one in found]

    assert [page(""), page(ids[1]), page(ids[3]), page(ids[4])] == [ids[:2], ids[2:4], ids[4:], []]
    bench.do("ann", f"remove{what}msg", **{f"{what}id": ids[1]})
    status, message = bench.refused("ann", f"get{what}smsg", colonyname=LAB, count=2, after=ids[1])
    assert status == 400 and "begin with the first page" in message


# Running


def test_an_interval_runs_again_and_again_as_long_as_it_is_there() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=10)
    bench.sleep(35)
    graphs = {process["processgraphid"] for process in waiting(bench)}
    assert len(graphs) == 3
    bench.do("ann", "removecronmsg", cronid=cronid)
    bench.sleep(35)
    assert len(waiting(bench)) == 3


def test_an_expression_runs_at_its_times() -> None:
    bench = colony()
    cronid = add_cron(bench, cronexpression="TZ=Europe/Stockholm 0 30 2 * * *")
    first = shown(bench, cronid)["nextrun"]
    assert first.endswith("T01:30:00Z")
    bench.sleep(3 * DAY)
    assert len(waiting(bench)) == 3
    after = shown(bench, cronid)
    assert after["lastrun"] > first and after["nextrun"].endswith("T01:30:00Z")
    assert after["prevprocessgraphid"] in {process["processgraphid"] for process in waiting(bench)}


def test_what_never_matches_never_runs_by_itself_but_can_be_run() -> None:
    bench = colony()
    cronid = add_cron(bench, cronexpression="0 0 0 30 2 *")
    assert shown(bench, cronid)["nextrun"].startswith("0001-")
    bench.sleep(10)
    bench.do("ann", "runcronmsg", cronid=cronid)
    assert len(waiting(bench)) == 1


def test_random_runs_come_at_uneven_times_within_the_interval() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=100, random=True)
    starts = []
    before = bench.now
    for _ in range(8):
        while not waiting(bench):
            bench.sleep(0.2)
        starts.append((bench.now - before) / SECOND)
        before = bench.now
        finish(bench)
    assert all(0.9 <= gap <= 101 for gap in starts) and len({round(gap) for gap in starts}) > 3
    assert shown(bench, cronid)["random"] is True


def test_random_runs_are_the_same_when_history_is_played_again() -> None:
    def times() -> list[str]:
        bench = colony()
        cronid = add_cron(bench, interval=1000, random=True)
        found = []
        for _ in range(5):
            bench.sleep(1000)
            found.append(shown(bench, cronid)["nextrun"])
        return found

    assert times() == times()


def test_run_now_answers_with_the_cron_as_it_was_and_moves_the_next_run() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=60)
    bench.sleep(30)
    before = shown(bench, cronid)
    answered = bench.do("worker", "runcronmsg", cronid=cronid)
    assert {**answered, "checkerperiod": 1000} == before
    assert len(waiting(bench)) == 1
    bench.sleep(59)
    assert len(waiting(bench)) == 1
    bench.sleep(2)
    assert len(waiting(bench)) == 2
    assert bench.refused("ann", "runcronmsg", cronid="0" * 64) == (404, "cron not found")


def test_run_now_is_authorised_before_it_runs() -> None:
    bench = colony()
    cronid = add_cron(bench)
    assert bench.refused("stranger", "runcronmsg", cronid=cronid)[0] == 403
    assert waiting(bench) == []


def test_a_repeated_run_now_runs_once() -> None:
    bench = calls()
    cronid = add_cron_stamped(bench)
    for _ in range(3):
        assert bench.answer("ann", "runcronmsg", cronid=cronid, msgid="the-same-message-id")[0] == 200
    (_, processes) = bench.answer("ann", "getprocessesmsg", colonyname=LAB, count=10, state=0)
    assert len(processes) == 1


def add_cron_stamped(bench: Calls, **fields: Any) -> str:
    status, added = bench.answer("ann", "addcronmsg", cron=cron(**fields))
    assert status == 200
    return str(added["cronid"])


def test_the_output_of_the_leaves_goes_into_every_root_of_the_next_run() -> None:
    bench = colony()
    parts = (node("left"), node("right"), node("join", "left", "right"), node("alone"))
    cronid = add_cron(bench, workflowspec=workflow(*parts), interval=1000)
    bench.do("ann", "runcronmsg", cronid=cronid)
    for out in ("l", "r", "joined", "alone"):
        finish(bench, out)
    bench.do("ann", "runcronmsg", cronid=cronid)
    rows = {process["spec"]["nodename"]: process["in"] for process in waiting(bench)}
    assert rows["left"] == rows["right"] == rows["alone"] == ["joined", "alone"]


def test_the_output_is_found_in_the_archive_too() -> None:
    bench = colony(finished_keep_s=0)
    cronid = add_cron(bench)
    bench.do("ann", "runcronmsg", cronid=cronid)
    finish(bench, "kept", {"a": 1})
    bench.retire()
    assert bench.engine.tables.graphs == {}
    bench.do("ann", "runcronmsg", cronid=cronid)
    assert [process["in"] for process in waiting(bench)] == [["kept", {"a": 1}]]


# Initiators


def test_a_cron_of_a_removed_user_says_why_it_does_not_run_and_goes_on_when_the_user_is_back() -> None:
    bench = colony()
    cronid = add_cron(bench, interval=10)
    bench.do("owner", "removeusermsg", colonyname=LAB, name="ann")
    bench.sleep(25)
    found = bench.do("worker", "getcronmsg", cronid=cronid)
    assert "initiator" in found["error"] and found["lastrun"].startswith("0001-")
    assert bench.refused("worker", "runcronmsg", cronid=cronid) == (409, found["error"])
    bench.do("owner", "addusermsg", user={"colonyname": LAB, "userid": identity("ann"), "name": "anna"})
    bench.sleep(10)
    (process,) = waiting(bench)
    assert process["initiatorname"] == "anna" and "error" not in shown(bench, cronid)


def test_a_cron_of_a_removed_executor_goes_on() -> None:
    bench = colony()
    add_executor(bench, "gone")
    add_cron(bench, "gone", interval=10)
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="gone")
    bench.sleep(11)
    assert [process["initiatorname"] for process in waiting(bench)] == ["gone"]


@pytest.mark.parametrize(("key", "change"), [("ann", "changeuseridmsg"), ("worker", "changeexecutoridmsg")])
def test_a_cron_follows_its_initiator_to_another_key(key: str, change: str) -> None:
    bench = colony()
    cronid = add_cron(bench, key, interval=10)
    field = "userid" if key == "ann" else "executorid"
    bench.do(key, change, colonyname=LAB, **{field: identity("renewed")})
    bench.sleep(11)
    found = bench.do("renewed", "getcronmsg", cronid=cronid)
    assert found["initiatorid"] == identity("renewed") and "error" not in found
    assert len(bench.do("renewed", "getprocessesmsg", colonyname=LAB, count=10, state=0)) == 1
