"""Colonies, executors and users: what the recorded conversations do not show."""

from __future__ import annotations

import pytest

from tests.support.engine_bench import (
    LAB,
    Bench,
    add_executor,
    add_user,
    colony,
    found_colony,
    identity,
    running,
    spec,
)

BAD_NAMES = ["", "a:b", "a/b", "tab\t", "line\n", "bell\x07", "c1\x85", "x" * 257]
BAD_IDS = ["", "abc", "A" * 64, "g" * 64, "a" * 63, "a" * 65, "ä" * 64]


def executor(name: str, key: str, colonyname: str = LAB, **fields: object) -> dict[str, object]:
    return {"colonyname": colonyname, "executorname": name, "executorid": identity(key), **fields}


# Colonies


@pytest.mark.parametrize("name", ["", "_", "a b", "a/b", "a+b", "a#", "å", "x" * 65, "a:b", "a\n"])
def test_a_colony_name_that_is_no_topic_level_is_refused(name: str) -> None:
    bench = Bench()
    status, _ = bench.refused("server", "addcolonymsg", colony={"name": name, "colonyid": identity("owner")})
    assert status == 400


@pytest.mark.parametrize("colonyid", BAD_IDS)
def test_a_colony_owner_is_an_identity(colonyid: str) -> None:
    bench = colony()
    assert bench.refused("server", "addcolonymsg", colony={"name": "new", "colonyid": colonyid})[0] == 400
    assert bench.refused("owner", "changecolonyidmsg", colonyname=LAB, colonyid=colonyid)[0] == 400


def test_a_removed_colony_leaves_nothing_behind() -> None:
    bench = colony(finished_keep_s=0)
    done = running(bench)
    bench.do("worker", "addlogmsg", processid=done["processid"], message="archived line")
    bench.do("worker", "closesuccessfulmsg", processid=done["processid"])
    bench.retire()
    running(bench)
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    bench.do("worker", "addexecutorlogmsg", colonyname=LAB, executorname="worker", message="own line")
    bench.do("worker", "addfunctionmsg", fun={"colonyname": LAB, "executorname": "worker", "funcname": "work"})
    bench.do("owner", "pauseassignmentsmsg", colonyname=LAB)
    bench.do("server", "removecolonymsg", colonyname=LAB)
    tables = bench.engine.tables
    assert {name for name, rows in tables.by_name.items() if rows} == {"server"}
    assert not tables.heard
    assert not bench.store.history.processes
    assert not bench.store.history.entries
    found_colony(bench, owner="heir")
    add_executor(bench, "worker", owner="heir")
    assert bench.do("worker", "getpausestatusmsg", colonyname=LAB)["ispaused"] is False
    assert bench.do("worker", "searchlogsmsg", colonyname=LAB, text="", days=30, count=100) == []
    assert bench.do("worker", "getlogsmsg", colonyname=LAB, executorname="worker", count=100) == []
    counters = bench.do("worker", "getcolonystatsmsg", colonyname=LAB)
    assert [key for key, value in counters.items() if value] == ["colonies", "executors", "activeexecutors"]


def test_the_neighbours_of_a_removed_colony_keep_what_they_have() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    add_executor(bench, "foreigner", owner="landlord", colonyname="next")
    bench.do("foreigner", "addexecutorlogmsg", colonyname="next", executorname="foreigner", message="line")
    bench.do("server", "removecolonymsg", colonyname=LAB)
    assert bench.do("foreigner", "getlogsmsg", colonyname="next", executorname="foreigner", count=9)


def test_executors_are_told_to_stop_when_their_colony_is_removed() -> None:
    bench = colony()
    bench.do("worker", "readymsg", colonyname=LAB, capacity=1, holding=[])
    process = bench.do("ann", "submitfuncspecmsg", spec=spec())
    bench.do("server", "removecolonymsg", colonyname=LAB)
    assert [push.payloadtype for push in bench.pushes] == ["assignprocessmsg", "withdrawmsg"]
    assert bench.pushes[-1].value == {"processid": process["processid"], "attempt": 1, "reason": "removed"}


def test_a_long_poll_ends_when_its_colony_is_removed() -> None:
    bench = colony()
    call = bench.say("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 60})
    assert bench.reply(call) is None
    bench.do("server", "removecolonymsg", colonyname=LAB)
    answer = bench.reply(call)
    assert answer is not None
    assert answer[0] == 403


# Executors


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_executor_name_that_breaks_listings_is_refused(name: str) -> None:
    bench = colony()
    assert bench.refused("owner", "addexecutormsg", executor=executor(name, "new"))[0] == 400


@pytest.mark.parametrize("executorid", BAD_IDS)
def test_an_executor_id_is_an_identity(executorid: str) -> None:
    bench = colony()
    new = {**executor("new", "new"), "executorid": executorid}
    assert bench.refused("owner", "addexecutormsg", executor=new)[0] == 400
    assert bench.refused("worker", "changeexecutoridmsg", colonyname=LAB, executorid=executorid)[0] == 400


def test_two_executors_cannot_share_an_identity_not_even_in_two_colonies() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    for owner, colonyname in (("owner", LAB), ("landlord", "next")):
        status, text = bench.refused(owner, "addexecutormsg", executor=executor("twin", "worker", colonyname))
        assert (status, LAB in text) == (400, False)
    assert bench.do("worker", "getexecutormsg", colonyname=LAB, executorname="worker")["state"] == 1


def test_an_identity_is_free_again_when_its_executor_was_removed() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    add_executor(bench, "worker", owner="landlord", colonyname="next")
    assert bench.do("worker", "getexecutorsmsg", colonyname="next")[0]["executorname"] == "worker"
    assert bench.do("ann", "getexecutorsmsg", colonyname=LAB) == []


def test_without_reregistration_a_name_is_taken_until_its_executor_is_removed() -> None:
    bench = colony(allow_reregister=False)
    status, text = bench.refused("owner", "addexecutormsg", executor=executor("worker", "other"))
    assert (status, text) == (400, f"Executor with name <worker> in Colony <{LAB}> already exists")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    assert bench.do("owner", "addexecutormsg", executor=executor("worker", "other"))["state"] == 0


def test_reregistration_keeps_the_old_demand_for_functions() -> None:
    bench = colony()
    add_executor(bench, "picky", requirefuncreg=True)
    again = bench.do("owner", "addexecutormsg", executor=executor("picky", "other", requirefuncreg=False))
    assert again["requirefuncreg"] is True


def test_reregistration_under_the_same_key_returns_the_work_and_asks_for_approval() -> None:
    bench = colony()
    process = running(bench)
    bench.do("owner", "addexecutormsg", executor=executor("worker", "worker"))
    assert bench.refused("worker", "closesuccessfulmsg", processid=process["processid"])[0] == 403
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["state"] == 0
    shown = bench.do("ann", "getexecutormsg", colonyname=LAB, executorname="worker")
    assert (shown["state"], shown["lastheardfromtime"]) == (0, "0001-01-01T00:00:00Z")


def test_reregistration_may_take_the_identity_of_a_removed_executor() -> None:
    bench = colony()
    add_executor(bench, "other")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="other")
    bench.do("owner", "addexecutormsg", executor=executor("worker", "other"))
    assert [one["executorname"] for one in bench.do("ann", "getexecutorsmsg", colonyname=LAB)] == ["worker"]
    bench.restart(checkpoint=False)
    assert bench.do("ann", "getexecutormsg", colonyname=LAB, executorname="worker")["executorid"] == identity("other")


def test_the_work_of_a_rejected_executor_goes_back_to_the_queue() -> None:
    bench = colony()
    add_executor(bench, "second")
    process = running(bench)
    bench.do("owner", "rejectexecutormsg", colonyname=LAB, executorname="worker")
    got = bench.do("second", "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert (got["processid"], got["retries"]) == (process["processid"], 0)


@pytest.mark.parametrize("verb", ["rejectexecutormsg", "removeexecutormsg"])
def test_an_executor_that_may_not_work_gets_nothing_pushed(verb: str) -> None:
    bench = colony()
    bench.do("worker", "readymsg", colonyname=LAB, capacity=1, holding=[])
    bench.do("owner", verb, colonyname=LAB, executorname="worker")
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    assert bench.pushes == []


def test_removing_an_executor_twice_changes_nothing_the_second_time() -> None:
    bench = colony()
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    assert [record.writes for record in bench.outcome.records] == [()]


def test_pushed_work_goes_on_under_a_new_identity() -> None:
    bench = colony()
    bench.do("worker", "readymsg", colonyname=LAB, capacity=1, holding=[])
    process = bench.do("ann", "submitfuncspecmsg", spec=spec())
    held = {"processid": process["processid"], "attempt": 1}
    bench.do("worker", "changeexecutoridmsg", colonyname=LAB, executorid=identity("fresh"))
    assert bench.do("fresh", "readymsg", colonyname=LAB, capacity=1, holding=[held])["keep"] == [held]
    assert bench.refused("worker", "closesuccessfulmsg", **held)[0] == 403
    assert bench.do("fresh", "closesuccessfulmsg", **held) == {}
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["assignedexecutorid"] == identity("fresh")


def test_a_late_result_counts_under_a_new_identity() -> None:
    bench = colony()
    process = running(bench, maxexectime=1, maxretries=5)
    bench.do("worker", "changeexecutoridmsg", colonyname=LAB, executorid=identity("fresh"))
    bench.sleep(2)
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["state"] == 0
    bench.do("fresh", "changeexecutoridmsg", colonyname=LAB, executorid=identity("fresher"))
    bench.do("fresher", "closesuccessfulmsg", processid=process["processid"], attempt=1)
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["state"] == 2


def test_an_executor_cannot_take_the_identity_of_another() -> None:
    bench = colony()
    add_executor(bench, "second")
    status, _ = bench.refused("worker", "changeexecutoridmsg", colonyname=LAB, executorid=identity("second"))
    assert status == 400
    assert bench.do("worker", "changeexecutoridmsg", colonyname=LAB, executorid=identity("worker"))


def test_nor_that_of_one_who_is_only_silent_or_was_removed_whichever_colony_it_is_of() -> None:
    bench = colony(stale_executor_s=60)
    found_colony(bench, "plant", "foreman")
    for name in ("pump", "valve"):
        add_executor(bench, name, owner="foreman", colonyname="plant")
        bench.refused(name, "assignprocessmsg", colonyname="plant", timeout=-1)
    bench.do("foreman", "removeexecutormsg", colonyname="plant", executorname="valve")
    bench.sleep(200)
    assert bench.engine.tables.executors[identity("pump")].state == 3
    add_executor(bench, "evil", approve=False)
    for name in ("pump", "valve"):
        assert bench.refused("evil", "changeexecutoridmsg", colonyname=LAB, executorid=identity(name))[0] == 400
    add = {"executorid": identity("pump"), "executorname": "mine", "executortype": "cli", "colonyname": LAB}
    assert bench.refused("owner", "addexecutormsg", executor=add)[0] == 400, "the owner of another colony cannot either"
    assert {identity("pump"), identity("valve")} <= bench.engine.tables.executors.keys()


def test_the_owner_may_add_a_silent_executor_under_another_name() -> None:
    bench = colony(stale_executor_s=60)
    bench.refused("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    bench.sleep(200)
    add = {"executorid": identity("worker"), "executorname": "renamed", "executortype": "cli", "colonyname": LAB}
    bench.do("owner", "addexecutormsg", executor=add)
    assert [row["executorname"] for row in bench.do("ann", "getexecutorsmsg", colonyname=LAB)] == ["renamed"]


def test_when_an_executor_was_heard_of_survives_a_change_of_identity_and_a_restart() -> None:
    bench = colony()
    bench.refused("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    heard = bench.do("ann", "getexecutormsg", colonyname=LAB, executorname="worker")["lastheardfromtime"]
    bench.do("worker", "changeexecutoridmsg", colonyname=LAB, executorid=identity("fresh"))
    bench.restart()
    after = bench.do("ann", "getexecutormsg", colonyname=LAB, executorname="worker")
    assert (after["lastheardfromtime"], after["executorid"]) == (heard, identity("fresh"))


# Users


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_user_name_that_breaks_listings_is_refused(name: str) -> None:
    bench = colony()
    user = {"colonyname": LAB, "userid": identity("new"), "name": name}
    assert bench.refused("owner", "addusermsg", user=user)[0] == 400


@pytest.mark.parametrize("userid", BAD_IDS)
def test_a_user_id_is_an_identity(userid: str) -> None:
    bench = colony()
    user = {"colonyname": LAB, "userid": userid, "name": "new"}
    assert bench.refused("owner", "addusermsg", user=user)[0] == 400
    assert bench.refused("ann", "changeuseridmsg", colonyname=LAB, userid=userid)[0] == 400


def test_one_person_may_be_a_user_of_two_colonies_but_only_once_of_each() -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    add_user(bench, "ann", owner="landlord", colony="next")
    twin = {"colonyname": LAB, "userid": identity("ann"), "name": "twin"}
    assert bench.refused("owner", "addusermsg", user=twin) == (
        400,
        f"A user with Id <{identity('ann')}> already exists in Colony with name <{LAB}>",
    )
    bench.do("owner", "removeusermsg", colonyname=LAB, name="ann")
    assert bench.do("ann", "getcolonymsg", colonyname="next")["name"] == "next"
    assert bench.refused("ann", "getcolonymsg", colonyname=LAB)[0] == 403


def test_a_user_cannot_take_the_identity_of_another() -> None:
    bench = colony()
    add_user(bench, "bob")
    assert bench.refused("bob", "changeuseridmsg", colonyname=LAB, userid=identity("ann"))[0] == 400


def test_a_pending_executor_does_not_see_addresses_of_people() -> None:
    bench = colony()
    add_executor(bench, "pending", approve=False)
    assert bench.refused("pending", "getusersmsg", colonyname=LAB)[0] == 403
    assert len(bench.do("pending", "getexecutorsmsg", colonyname=LAB)) == 2


def test_a_removed_user_hears_nothing_more_of_the_colony_nor_of_its_successor() -> None:
    bench = colony()
    add_user(bench, "bob")
    for who in ("ann", "bob"):
        bench.do(who, "subscribeprocessesmsg", colonyname=LAB, executortype="cli", state=0, timeout=3600)
    bench.do("owner", "removeusermsg", colonyname=LAB, name="ann")
    bench.do("bob", "submitfuncspecmsg", spec=spec())
    assert [event.route.party for event in bench.events] == [identity("bob")]
    bench.do("server", "removecolonymsg", colonyname=LAB)
    found_colony(bench, owner="heir")
    add_user(bench, "carol", owner="heir")
    bench.do("carol", "submitfuncspecmsg", spec=spec())
    assert len(bench.events) == 1


# Who submitted


@pytest.mark.parametrize("initiator", ["ann", "worker"])
def test_processes_show_the_name_of_who_submitted_them(initiator: str) -> None:
    bench = colony()
    process = bench.do(initiator, "submitfuncspecmsg", spec=spec())
    assert (process["initiatorname"], process["initiatorid"]) == (initiator, identity(initiator))
