"""Exactly one effect: repeats get the remembered answer, before and after a restart, and old messages get nothing."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.engine import engine as door
from colonies_edge.engine.answers import Answers
from colonies_edge.engine.outcome import Answer, Reply, Request, Route
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, START, add_executor, identity, spec

MSGID = "the-one-call-0001"
ONE = {"msgid": MSGID}


def tables(calls: Calls) -> dict[str, dict[str, object]]:
    return {name: dict(rows) for name, rows in calls.engine.tables.by_name.items()}


def submitted(calls: Calls, **options: Any) -> tuple[int, str]:
    status, value = calls.answer("ann", "submitfuncspecmsg", spec=spec(), **ONE, **options)
    return status, value.get("processid", value.get("message"))


@pytest.mark.parametrize("restart", ["no restart", "restart from the journal", "restart from a checkpoint"])
def test_a_repeated_call_gets_the_same_answer_and_changes_nothing(restart: str) -> None:
    calls = lab()
    first = submitted(calls)
    after = tables(calls)
    if restart != "no restart":
        calls.restart(checkpoint=restart == "restart from a checkpoint")
    assert submitted(calls) == first
    assert tables(calls) == after
    assert calls.outcome.records == ()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_refusals_are_remembered_too(checkpoint: bool) -> None:
    calls = lab()
    processid = calls.submit()
    refusal = calls.answer("worker", "closesuccessfulmsg", processid=processid, attempt=1, **ONE)
    assert refusal[0] == 409
    calls.ready()
    calls.restart(checkpoint=checkpoint)
    assert calls.answer("worker", "closesuccessfulmsg", processid=processid, attempt=1, **ONE) == refusal
    assert calls.row(processid).state == 1


def test_the_same_msgid_of_another_caller_is_another_call() -> None:
    calls = lab()
    add_executor(calls, "other")
    assert submitted(calls)[0] == 200
    status, value = calls.answer("other", "submitfuncspecmsg", spec=spec(), **ONE)
    assert (status, value["processid"]) != submitted(calls)


def test_reads_are_not_remembered() -> None:
    calls = lab()
    processid = calls.submit()
    assert calls.answer("ann", "getprocessmsg", processid=processid, **ONE)[1]["state"] == 0
    calls.pull()
    assert calls.answer("ann", "getprocessmsg", processid=processid, **ONE)[1]["state"] == 1
    assert calls.outcome.records == ()


def test_a_repeated_assign_gets_its_process_and_no_second_one() -> None:
    calls = lab()
    first, second = calls.submit(priority=1), calls.submit()
    assert calls.pull(**ONE) == first
    assert calls.pull(**ONE) == first
    sent = calls.now_ms
    calls.pass_time(SECOND)
    calls.restart(checkpoint=False)
    assert calls.answer("worker", "assignprocessmsg", colonyname=LAB, timeout=-1, ts_ms=sent, **ONE)[0] == 425
    assert calls.pull(**ONE) == first, "signed anew: the answer is known, and had an effect"
    assert calls.row(second).state == 0


def test_a_late_duplicate_of_a_refused_assign_takes_no_work() -> None:
    calls = lab()
    refusal = calls.answer("worker", "assignprocessmsg", colonyname=LAB, timeout=-1, **ONE)
    assert refusal[0] == 404
    processid = calls.submit()
    assert calls.answer("worker", "assignprocessmsg", colonyname=LAB, timeout=-1, **ONE) == refusal
    assert calls.row(processid).state == 0


@pytest.mark.parametrize("ahead_ms", [-1, 0, 1, 299_999])
@pytest.mark.parametrize("timeout", [-1, 5])
def test_nor_after_a_restart_however_fast_the_clock_of_its_device(ahead_ms: int, timeout: int) -> None:
    calls = lab()
    ts_ms = calls.now_ms + ahead_ms
    call: dict[str, Any] = {"colonyname": LAB, "timeout": timeout, "ts_ms": ts_ms, **ONE}
    calls.call("worker", "assignprocessmsg", **call)
    calls.pass_time(5 * SECOND)
    processid = calls.submit()
    calls.restart(checkpoint=False)
    for _ in range(60):
        replies = calls.call("worker", "assignprocessmsg", **call)
        assert [reply.value["status"] for reply in replies] in ([404], [425])
        calls.pass_time(10 * SECOND)
    assert calls.row(processid).state == 0


def test_what_is_volatile_and_was_sent_before_the_restart_is_not_carried_out_after_it() -> None:
    calls = lab()
    sent = calls.now_ms - 1
    calls.restart()
    for msgtype in ("readymsg", "heartbeatmsg", "assignprocessmsg", "subscribeprocessesmsg"):
        status, value = calls.answer("worker", msgtype, colonyname=LAB, capacity=1, timeout=10, ts_ms=sent)
        assert (status, value["ts"]) == (425, calls.now_ms)
    assert submitted(calls, ts_ms=sent)[0] == 200, "durable messages count all the same"


# Time


@pytest.mark.parametrize(
    ("skew_ns", "status"), [(0, 200), (300_000, 200), (-300_000, 200), (300_001, 425), (-300_001, 425)]
)
def test_a_time_stamp_may_be_five_minutes_off_and_no_more(skew_ns: int, status: int) -> None:
    calls = lab()
    calls.now += -calls.now % 1_000_000
    assert calls.answer("ann", "submitfuncspecmsg", spec=spec(), ts_ms=calls.now_ms + skew_ns)[0] == status


def test_a_stale_call_is_told_the_time_and_not_remembered() -> None:
    calls = lab()
    status, value = calls.answer("ann", "submitfuncspecmsg", spec=spec(), ts_ms=0, **ONE)
    assert (status, value["ts"], calls.outcome.records) == (425, calls.now_ms, ())
    assert submitted(calls, ts_ms=value["ts"])[0] == 200


def test_an_answer_is_known_as_long_as_the_call_can_be_fresh_to_the_nanosecond() -> None:
    calls = lab()
    calls.now += -calls.now % 1_000_000
    ts_ms = calls.now_ms + 300_000
    assert calls.answer("ann", "cancelprocessmsg", processid="unknown", ts_ms=ts_ms, **ONE)[0] == 500
    calls.pass_time(600 * SECOND)
    calls.answer("ann", "cancelprocessmsg", processid="unknown", ts_ms=ts_ms, **ONE)
    assert calls.outcome.records == (), "it was carried out once more, in the last moment in which it is fresh"
    calls.pass_time(1)
    assert calls.answer("ann", "cancelprocessmsg", processid="unknown", ts_ms=ts_ms, **ONE)[0] == 425


def test_a_step_of_the_clock_does_not_make_answers_old() -> None:
    calls = lab()
    first = submitted(calls)
    calls.jump(40 * 365 * 86_400)
    assert submitted(calls) == first
    assert calls.outcome.records == ()
    calls.restart(checkpoint=False)
    submitted(calls)
    assert calls.outcome.records == ()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_an_answer_given_anew_lives_as_long_as_any_other_over_a_restart(checkpoint: bool) -> None:
    calls = lab()
    submitted(calls)
    calls.pass_time(601 * SECOND)
    submitted(calls)
    assert len(calls.outcome.records) == 1, "forgotten, so it was carried out anew"
    calls.restart(checkpoint=checkpoint)
    calls.pass_time(10 * SECOND)
    submitted(calls)
    assert not calls.outcome.records, "the age of the first answer took the second one away"


def test_a_call_that_nobody_remembers_still_names_the_same_process() -> None:
    calls = lab()
    first = submitted(calls)
    calls.pass_time(3600 * SECOND)
    assert submitted(calls) == first
    assert len(calls.engine.tables.processes) == 1


# Bounds and forms


def test_beyond_the_bound_a_caller_must_wait_and_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = lab()
    first = submitted(calls)
    monkeypatch.setattr("colonies_edge.engine.answers.ANSWERS_PER_CALLER_MAX", 3)
    monkeypatch.setattr(door, "ANSWERS_PER_CALLER_MAX", 3)
    calls.submit(), calls.submit()
    assert calls.answer("ann", "submitfuncspecmsg", spec=spec(), msgid="one-call-too-many")[0] == 429
    assert not calls.outcome.records
    assert submitted(calls) == first
    assert calls.answer("ann", "getprocessmsg", processid=first[1])[0] == 200, "reading goes on"
    calls.pass_time(600 * SECOND + 1)
    assert calls.answer("ann", "submitfuncspecmsg", spec=spec(), msgid="one-call-too-many")[0] == 200


@pytest.mark.parametrize("msgid", ["", "fifteen-chars-x", "x" * 65, "with a space in it"])
def test_a_msgid_has_16_to_64_visible_characters(msgid: str) -> None:
    calls = lab()
    message = {"msgtype": "cancelprocessmsg", "msgid": msgid, "ts": calls.now_ms, "processid": "x"}
    (reply,) = sent(calls, message)
    assert reply.value["status"] == 400


def test_a_message_for_another_coordinator_is_refused() -> None:
    calls = lab()
    assert calls.answer("ann", "submitfuncspecmsg", spec=spec(), serverid=identity("server"))[0] == 200
    assert calls.answer("ann", "submitfuncspecmsg", spec=spec(), serverid=identity("other server"))[0] == 403


def sent(calls: Calls, message: dict[str, object]) -> list[Reply]:
    caller = identity("ann")
    route = Route(colony=LAB, party=caller, conn="conn0001")
    request = Request(caller=caller, payloadtype=str(message["msgtype"]), value=message, route=route)
    calls._take(calls.engine.handle(request, calls.now))
    return list(calls.outcome.replies)


# Long polls


def test_a_repeated_long_poll_waits_on_and_is_answered_where_it_came_from_last() -> None:
    calls = lab()
    poll: dict[str, Any] = {"colonyname": LAB, "timeout": 60, **ONE}
    assert calls.call("worker", "assignprocessmsg", **poll) == []
    assert calls.call("worker", "assignprocessmsg", conn="conn0002", **poll) == []
    replies = calls.call("ann", "submitfuncspecmsg", spec=spec())
    submitted, reply = replies
    processid = submitted.value["processid"]
    assert (reply.msgid, reply.route.conn, reply.value["processid"]) == (MSGID, "conn0002", processid)


# The memory itself


def test_the_memory_forgets_after_ten_minutes_and_not_before() -> None:
    answers, answer = Answers(), Answer(payloadtype="x", error=False, value={})
    answers.remember("a", "1", answer, START)
    answers.remember("a", "2", answer, START + 1)
    answers.forget_old(START + 600 * SECOND)
    assert (answers.get("a", "1"), answers.get("a", "2"), answers.get("b", "1")) == (answer, answer, None)
    answers.forget_old(START + 600 * SECOND + 1)
    assert (answers.get("a", "1"), answers.get("a", "2")) == (None, answer)
