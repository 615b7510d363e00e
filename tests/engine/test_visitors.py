"""Callers without stamps, as over HTTP: nothing is remembered for them, and what they leave behind is undone."""

from __future__ import annotations

from colonies_edge.engine.outcome import Route
from colonies_edge.protocol.limits import REFUSALS_PER_OUTSIDER_MAX
from tests.engine.calls import lab
from tests.support.engine_bench import LAB, SECOND, add_executor, colony, identity, running, spec


def route(name: str, conn: str) -> Route:
    return Route(colony="", party=identity(name), conn=conn)


def test_who_hung_up_gets_no_work_and_no_answer() -> None:
    bench = colony()
    call = bench.say("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": 60}, conn=".1", topic="")
    bench.engine.hung_up(route("worker", ".1"), call, bench.now)
    process = bench.do("ann", "submitfuncspecmsg", spec=spec())
    assert bench.reply(call) is None
    assert bench.do("ann", "getprocessmsg", processid=process["processid"])["state"] == 0
    bench.sleep(61)
    assert bench.reply(call) is None


def test_an_assignment_that_nobody_heard_goes_back_without_a_retry() -> None:
    bench = colony()
    process = running(bench, maxretries=0, maxwaittime=100)
    outcome = bench.engine.unheard(process["processid"], identity("worker"), bench.now)
    assert outcome.records
    found = bench.do("ann", "getprocessmsg", processid=process["processid"])
    assert (found["state"], found["retries"], found["assignedexecutorid"]) == (0, 0, "")


def test_an_assignment_that_is_somebody_elses_by_now_stays_where_it_is() -> None:
    bench = colony()
    process = running(bench)
    assert not bench.engine.unheard(process["processid"], identity("other"), bench.now).records
    assert not bench.engine.unheard("0" * 64, identity("worker"), bench.now).records
    bench.do("worker", "closesuccessfulmsg", processid=process["processid"])
    assert not bench.engine.unheard(process["processid"], identity("worker"), bench.now).records


def test_a_call_that_was_sent_again_elsewhere_does_not_end_with_its_first_connection() -> None:
    calls = lab()
    again = {"colonyname": LAB, "timeout": 60, "msgid": "again-000000000001", "ts_ms": calls.now_ms}
    for conn in (".1", ".2"):
        assert calls.call("worker", "assignprocessmsg", conn=conn, **again) == []
    calls.engine.hung_up(route("worker", ".1"), "again-000000000001", calls.now)
    processid = calls.submit()
    given = [reply for reply in calls.outcome.replies if reply.route.party == identity("worker")]
    assert [(reply.route.conn, reply.value["processid"]) for reply in given] == [(".2", processid)]


def test_who_hung_up_hears_of_nothing() -> None:
    bench = colony()
    watch = {"msgtype": "subscribeprocessesmsg", "colonyname": LAB, "executortype": "cli", "state": 0, "timeout": 60}
    for conn in (".1", ".2"):
        bench.say("ann", watch, conn=conn, topic="")
    bench.engine.hung_up(route("ann", ".1"), "", bench.now)
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    assert [event.route.conn for event in bench.events] == [".2"]


def test_the_end_of_a_subscription_is_told_to_who_keeps_connections() -> None:
    bench = colony()
    watch = {"msgtype": "subscribeprocessesmsg", "colonyname": LAB, "executortype": "cli", "state": 0, "timeout": 5}
    bench.say("ann", watch, conn=".1", topic="")
    bench.now += 6_000_000_000
    assert [ended.conn for ended in bench.engine.tick(bench.now).ended] == [".1"]


def test_no_answer_is_kept_for_who_cannot_ask_again() -> None:
    bench = colony()
    bench.do("ann", "submitfuncspecmsg", spec=spec())
    assert identity("ann") not in bench.engine._answers._by_caller
    bench.restart(checkpoint=False)
    assert identity("ann") not in bench.engine._answers._by_caller


def test_what_is_refused_without_a_stamp_costs_no_disk() -> None:
    bench = colony()
    for who in ("nobody", "ann"):
        assert bench.refused(who, "approveexecutormsg", colonyname=LAB, executorname="worker")[0] == 403
        assert not bench.outcome.records


def test_a_strangers_refusal_costs_no_disk_with_a_stamp_either() -> None:
    calls = lab()
    for who, records in (("nobody", 0), ("ann", 1)):
        assert calls.answer(who, "approveexecutormsg", colonyname=LAB, executorname="worker")[0] == 403
        assert len(calls.outcome.records) == records


def test_refusals_of_those_who_have_no_say_cost_few_words_on_disk_and_not_too_many() -> None:
    calls = lab()
    add_executor(calls, "pending", approve=False)
    calls.answer("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    for who in ("pending", "worker"):
        kept = 0
        for _ in range(REFUSALS_PER_OUTSIDER_MAX + 50):
            status, _ = calls.answer(who, "addcronmsg", cron={"colonyname": LAB, "name": "x" * 1000})
            assert status == (403 if kept < REFUSALS_PER_OUTSIDER_MAX else 429)
            kept += len(calls.outcome.records)
            assert all(record.envelope is None for record in calls.outcome.records)
        assert kept == REFUSALS_PER_OUTSIDER_MAX
        calls.pass_time(700 * SECOND)
        assert calls.answer(who, "addcronmsg", cron={"colonyname": LAB})[0] == 403


def test_what_a_removed_executor_was_refused_stays_refused_when_it_is_approved_again() -> None:
    calls = lab()
    processid = calls.submit()
    again = {"processid": processid, "message": "hello", "msgid": "again-000000000001", "ts_ms": calls.now_ms}
    assert calls.answer("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")[0] == 200
    refused = calls.answer("worker", "addlogmsg", **again)
    assert refused[0] == 403
    assert calls.answer("owner", "approveexecutormsg", colonyname=LAB, executorname="worker")[0] == 200
    calls.restart(checkpoint=False)
    assert calls.answer("worker", "addlogmsg", **again) == refused
