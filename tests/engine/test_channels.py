"""Channels: one order for everybody, each entry once, for those two who share a process, as long as it lives."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from colonies_edge.engine import channels
from colonies_edge.protocol.limits import (
    CHANNEL_APPENDS_BURST,
    CHANNEL_APPENDS_PER_S,
    CHANNEL_PAYLOAD_BYTES_MAX,
    CHANNELS_PER_PROCESS_MAX,
    MESSAGE_BYTES_MAX,
    SUBSCRIPTIONS_PER_CONN_MAX,
)
from tests.support.engine_bench import LAB, Bench, add_executor, add_user, colony, identity, running, spec


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Talk:
    """The channel `chat` of a process of `ann` that `worker` runs."""

    def __init__(self, bench: Bench, **fields: Any) -> None:
        self.bench = bench
        self.processid: str = running(bench, **{"channels": ["chat"], **fields})["processid"]

    def fields(self, name: str = "chat", **fields: Any) -> dict[str, Any]:
        return {"processid": self.processid, "name": name, **fields}

    def say(self, key: str, sequence: int, text: str, **fields: Any) -> Any:
        fields = self.fields(sequence=sequence, payload=base64_of(text), **fields)
        return self.bench.do(key, "channelappendmsg", **fields)

    def refused(self, key: str, sequence: int, payload: Any = "", **fields: Any) -> tuple[int, str]:
        return self.bench.refused(key, "channelappendmsg", **self.fields(sequence=sequence, payload=payload, **fields))

    def entries(self, key: str = "ann", afterseq: int = 0, limit: int = 0) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = self.bench.do(key, "channelreadmsg", **self.fields(afterseq=afterseq, limit=limit))
        return read

    def texts(self, key: str = "ann", afterseq: int = 0) -> list[str]:
        return texts_of(self.entries(key, afterseq))

    def listen(self, key: str = "ann", timeout: int = 60, afterseq: int = 0, conn: str = "conn0001") -> str:
        message = {"msgtype": "subscribechannelmsg", **self.fields(afterseq=afterseq, timeout=timeout)}
        msgid = self.bench.say(key, message, conn=conn)
        assert self.bench.reply(msgid) == (200, {})
        return msgid

    def heard(self, msgid: str) -> list[list[str]]:
        """What came to this subscription: texts by event; an empty list is the end."""
        events = [event for event in self.bench.events if event.msgid.startswith(msgid + ".")]
        assert {event.payloadtype for event in events} <= {"subscribechannelmsg"}
        assert [event.msgid for event in events] == [f"{msgid}.{number + 1}" for number in range(len(events))]
        return [texts_of(event.value) for event in events]


def texts_of(entries: list[dict[str, Any]]) -> list[str]:
    return [base64.b64decode(entry["payload"]).decode() for entry in entries]


# Saying and reading


def test_entries_stay_in_the_order_in_which_they_came_whatever_their_numbers_say() -> None:
    talk = Talk(colony())
    for key, sequence in (("ann", 7), ("worker", 3), ("ann", 2), ("worker", 1), ("ann", 8)):
        talk.say(key, sequence, f"{key} {sequence}")
    assert talk.texts() == talk.texts("worker") == ["ann 7", "worker 3", "ann 2", "worker 1", "ann 8"]
    assert talk.texts(afterseq=3) == ["worker 1", "ann 8"]


def test_the_same_number_of_the_same_sender_is_the_same_entry() -> None:
    talk = Talk(colony())
    for _ in range(3):
        talk.say("ann", 1, "once")
    talk.say("worker", 1, "once")
    assert [(entry["senderid"], entry["sequence"]) for entry in talk.entries()] == [
        (identity("ann"), 1),
        (identity("worker"), 1),
    ]


@pytest.mark.parametrize("other", [{"text": "else"}, {"payloadtype": "end"}, {"inreplyto": 4}])
def test_something_else_under_a_number_that_was_used_is_not_lost_in_silence(other: dict[str, Any]) -> None:
    talk = Talk(colony())
    talk.say("ann", 1, "first")
    fields = dict(other)
    status, text = talk.refused("ann", 1, base64_of(fields.pop("text", "first")), **fields)
    assert status == 409 and "sequence 1" in text
    assert talk.texts() == ["first"]


def test_an_executor_that_runs_the_process_once_more_counts_from_the_start_again() -> None:
    bench = colony()
    talk = Talk(bench, maxexectime=1, maxretries=1)
    talk.say("worker", 1, "half an answer")
    bench.sleep(1.5)
    assert bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)["processid"] == talk.processid
    talk.say("worker", 1, "the answer")
    talk.say("worker", 1, "the answer")
    assert talk.texts() == ["half an answer", "the answer"]


@pytest.mark.parametrize(
    ("payload", "shown"),
    [("aGk=", "aGk="), ([104, 105], "aGk="), ([], ""), ("", ""), (None, None), ("aG\r\nk=", "aGk=")],
)
def test_a_payload_is_base64_or_a_list_of_bytes(payload: Any, shown: str | None) -> None:
    talk = Talk(colony())
    talk.bench.do("ann", "channelappendmsg", **talk.fields(sequence=1, payload=payload))
    assert [entry["payload"] for entry in talk.entries()] == [shown]


@pytest.mark.parametrize("payload", ["aGk", "é", "a", 1, True, {}, [256], [-1], [1.0], [True], ["a"], [None]])
def test_any_other_payload_is_a_bad_request(payload: Any) -> None:
    status, text = Talk(colony()).refused("ann", 1, payload)
    assert status == 400 and text.startswith("Failed to append to channel, invalid JSON: payload")


def test_an_entry_shows_what_it_answers_and_its_type_only_when_it_has_one_to_show() -> None:
    talk = Talk(colony())
    talk.say("ann", 1, "hi", payloadtype="")
    talk.say("worker", 1, "", payloadtype="end", inreplyto=1)
    first, second = talk.entries()
    assert list(first) == ["sequence", "timestamp", "senderid", "payload", "type"] and first["type"] == "data"
    assert list(second) == ["sequence", "inreplyto", "timestamp", "senderid", "payload", "type"]


def test_a_process_without_channels_has_none_and_a_name_that_the_spec_lacks_is_not_made() -> None:
    talk = Talk(colony(), channels=[])
    assert talk.refused("ann", 1) == (404, "Channel not found")
    assert talk.bench.refused("ann", "channelreadmsg", **talk.fields()) == (404, "Channel not found")


def test_who_shares_no_process_cannot_tell_which_channels_it_has() -> None:
    bench = colony()
    add_user(bench, "bob")
    talk = Talk(bench)
    for name in ("chat", "other"):
        assert talk.bench.refused("bob", "channelreadmsg", **talk.fields(name)) == (
            403,
            "Not authorized to read from channel",
        )
        assert talk.refused("bob", 1, name=name)[0] == 403
    assert talk.bench.refused("bob", "subscribechannelmsg", **talk.fields())[0] == 403


# How long


def test_everything_said_survives_a_restart_from_the_journal_and_from_a_checkpoint() -> None:
    bench = colony()
    talk = Talk(bench)
    for number in range(5):
        talk.say("ann", number, f"ann {number}")
        talk.say("worker", number, f"worker {number}")
    before = talk.entries()
    for checkpoint in (False, True):
        bench.restart(checkpoint=checkpoint)
        assert talk.entries() == before
        talk.say("ann", 3, "ann 3")
        assert talk.entries() == before


@pytest.mark.parametrize("how", ["close", "fail", "cancel", "remove", "colony"])
def test_nothing_is_left_when_the_process_has_ended(how: str) -> None:
    bench = colony()
    talk = Talk(bench, channels=["chat", "log"])
    talk.say("ann", 1, "hi")
    talk.say("worker", 1, "hi", name="log")
    by_id = {"processid": talk.processid}
    if how == "close":
        bench.do("worker", "closesuccessfulmsg", **by_id)
    elif how == "fail":
        bench.do("worker", "closefailedmsg", **by_id)
    elif how == "cancel":
        bench.do("ann", "cancelprocessmsg", **by_id)
    elif how == "remove":
        bench.do("owner", "removeallprocessesmsg", colonyname=LAB, state=-1)
    else:
        bench.do("server", "removecolonymsg", colonyname=LAB)
    index = bench.engine.tables.channels
    assert not index.rows and not index.bytes_of(talk.processid) and not index.bytes_in_all
    assert index.channel(talk.processid, "chat").entries == []
    bench.restart(checkpoint=False)
    assert not bench.engine.tables.channels.rows and not bench.engine.tables.channels.bytes_in_all


# Subscribing


def test_a_subscriber_gets_what_is_there_and_then_each_entry_once_in_order() -> None:
    talk = Talk(colony())
    for number in range(3):
        talk.say("ann", number, str(number))
    mine, theirs = talk.listen(afterseq=1), talk.listen("worker", afterseq=7)
    talk.say("worker", 1, "a")
    talk.say("worker", 1, "a")
    talk.say("ann", 3, "b")
    assert talk.heard(mine) == [["1", "2"], ["a"], ["b"]]
    assert talk.heard(theirs) == [["a"], ["b"]]


@pytest.mark.parametrize("how", ["close", "fail", "cancel", "timeout", "remove"])
def test_every_subscriber_is_told_that_the_process_has_ended(how: str) -> None:
    bench = colony()
    talk = Talk(bench, channels=["chat", "chat", "log"], maxexectime=5)
    mine, theirs = talk.listen(), talk.listen("worker")
    by_id = {"processid": talk.processid}
    if how == "close":
        bench.do("worker", "closesuccessfulmsg", **by_id)
    elif how == "fail":
        bench.do("worker", "closefailedmsg", **by_id)
    elif how == "cancel":
        bench.do("ann", "cancelprocessmsg", **by_id)
    elif how == "timeout":
        bench.sleep(6)
    else:
        bench.do("owner", "removeallprocessesmsg", colonyname=LAB, state=-1)
    assert talk.heard(mine) == talk.heard(theirs) == [[]]
    bench.sleep(100)
    assert talk.heard(mine) == [[]]


def test_a_subscription_ends_with_its_time_and_says_so() -> None:
    talk = Talk(colony())
    mine, short = talk.listen(timeout=0), talk.listen(timeout=2, conn="conn0002")
    talk.bench.sleep(3)
    talk.say("worker", 1, "hi")
    assert talk.heard(short) == [[]]
    talk.bench.sleep(channels.SUBSCRIBED_S)
    talk.say("worker", 2, "late")
    assert talk.heard(mine) == [["hi"], []]


def test_a_negative_time_asks_only_for_what_is_there() -> None:
    talk = Talk(colony())
    talk.say("ann", 1, "hi")
    msgid = talk.listen(timeout=-1)
    talk.say("ann", 2, "later")
    assert talk.heard(msgid) == [["hi"], []]


def test_a_subscriber_who_lost_the_process_hears_no_more_of_it() -> None:
    bench = colony()
    add_executor(bench, "second")
    talk = Talk(bench)
    lost, member = talk.listen("worker"), talk.listen("ann")
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    bench.do("second", "assignprocessmsg", colonyname=LAB, timeout=-1)
    talk.say("second", 1, "secret")
    talk.say("second", 2, "more")
    assert talk.heard(lost) == [[]]
    assert talk.heard(member) == [["secret"], ["more"]]


def test_a_connection_has_no_more_subscriptions_to_channels_than_to_processes() -> None:
    talk = Talk(colony())
    for _ in range(SUBSCRIPTIONS_PER_CONN_MAX):
        talk.listen()
    status, text = talk.bench.refused("ann", "subscribechannelmsg", **talk.fields(timeout=5))
    assert status == 429 and "Too many subscriptions" in text
    assert talk.bench.refused("worker", "subscribechannelmsg", **talk.fields(timeout=10**9))[0] == 400


# Limits


def test_a_process_may_say_much_at_once_and_little_for_long() -> None:
    bench = colony()
    talk, calm = Talk(bench), Talk(bench)
    sent = 0
    while (answer := bench.ask("ann", {"msgtype": "channelappendmsg", **talk.fields(sequence=sent)}))[0] == 200:
        sent += 1
    assert CHANNEL_APPENDS_BURST <= sent < CHANNEL_APPENDS_BURST * 1.3
    assert answer[0] == 429 and answer[1]["message"].startswith("rate limit exceeded")
    calm.say("ann", 1, "another process is not concerned")
    talk.bench.do("ann", "channelappendmsg", **talk.fields(sequence=0))  # a repetition costs nothing
    bench.sleep(1)
    for number in range(CHANNEL_APPENDS_PER_S):
        bench.do("ann", "channelappendmsg", **talk.fields(sequence=sent + number))


def test_a_channel_is_full_at_some_point(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(colony())
    monkeypatch.setattr(channels, "CHANNEL_ENTRIES_MAX", 2)
    talk.say("ann", 1, "1")
    talk.say("ann", 2, "2")
    assert talk.refused("worker", 1) == (429, "channel log is full: it has 2 entries")
    talk.say("ann", 2, "2")


def test_the_channels_of_a_process_and_of_all_have_a_size() -> None:
    bench = colony()
    first = Talk(bench, channels=["chat", "log"])
    payload = [0] * 60_000
    for sequence in range(100):
        status, reply = bench.ask(
            "ann",
            {"msgtype": "channelappendmsg", **first.fields(("chat", "log")[sequence % 2], sequence=sequence)}
            | {"payload": payload},
        )
        if status != 200:
            break
    assert 40 < sequence < 60 and status == 429
    assert reply["message"].startswith("channel log is full: the channels of a process may have")


def test_an_entry_that_would_fit_no_reply_is_refused_and_the_largest_fits_one() -> None:
    talk = Talk(colony())
    assert talk.refused("ann", 1, [0] * (CHANNEL_PAYLOAD_BYTES_MAX + 1))[0] == 413
    talk.bench.do("ann", "channelappendmsg", **talk.fields(sequence=1, payload=[0] * CHANNEL_PAYLOAD_BYTES_MAX))
    (entry,) = talk.entries()
    assert len(base64_of(str(entry))) < MESSAGE_BYTES_MAX


def test_reading_gives_as_many_entries_as_a_message_holds_and_goes_on_from_there() -> None:
    talk = Talk(colony())
    for number in range(6):
        talk.bench.do("ann", "channelappendmsg", **talk.fields(sequence=number, payload=[number] * 60_000))
    seen: list[int] = []
    while page := talk.entries(afterseq=len(seen)):
        assert len(base64_of(str(page))) < MESSAGE_BYTES_MAX
        seen += [entry["sequence"] for entry in page]
    assert seen == list(range(6))
    msgid = talk.listen()
    events = [event.value for event in talk.bench.events if event.msgid.startswith(msgid)]
    assert len(events) > 1
    assert [entry["sequence"] for page in events for entry in page] == list(range(6))


def test_only_the_first_hundred_channels_of_a_process_exist() -> None:
    names = [f"c{number}" for number in range(CHANNELS_PER_PROCESS_MAX + 1)]
    talk = Talk(colony(), channels=names)
    talk.say("ann", 1, "hi", name=names[-2])
    status, text = talk.refused("ann", 1, name=names[-1])
    assert status == 429 and text.startswith("process has too many channels")


def test_a_process_that_waits_has_its_channels_already() -> None:
    bench = colony()
    submitted = bench.do("ann", "submitfuncspecmsg", spec=spec(channels=["chat"]))
    by_id = {"processid": submitted["processid"], "name": "chat"}
    bench.do("ann", "channelappendmsg", **by_id, sequence=1, payload="aGk=")
    assert bench.refused("worker", "channelreadmsg", **by_id)[0] == 403
    bench.do("worker", "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert len(bench.do("worker", "channelreadmsg", **by_id)) == 1
