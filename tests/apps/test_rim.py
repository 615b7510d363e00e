"""Strangers at the rim: one kind of their messages is looked at, small, rarely, with a token that could count."""

from __future__ import annotations

from typing import Any

from colonies_edge.apps.coordinator.rim import Rim
from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.outcome import Reply, Request
from colonies_edge.protocol.envelope import seal
from colonies_edge.protocol.limits import ENROL_BYTES_MAX, ENROLS_PER_S
from colonies_edge.protocol.topics import REQUEST, Topic

STRANGER = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
OTHER = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
SECOND = 1_000_000_000
TOPIC = Topic(colony="lab", party=STRANGER.identity, channel=REQUEST, conn="c" * 12)


def refusal_of(token: str, now: int, *, signed: bool = False) -> str:
    if token == "forged":
        return "Access denied, it is forged" if signed else ""
    return "" if token == "good" else "Access denied, it is not good"


def rim() -> Rim:
    return Rim(lambda _: False, refusal_of=refusal_of)


def sent(signer: Signer = STRANGER, msgtype: str = "enrolmsg", **fields: Any) -> bytes:
    return seal({"msgtype": msgtype, "msgid": "m" * 16, "ts": 1, **fields}, signer).to_bytes()


def refusal(found: Request | Reply | None) -> tuple[int, str]:
    assert isinstance(found, Reply) and found.error
    return found.value["status"], found.value["message"]


def test_an_enrolmsg_with_a_token_that_could_count_gets_through() -> None:
    found = rim().request(TOPIC, sent(token="good"), SECOND)
    assert isinstance(found, Request) and found.caller == STRANGER.identity


def test_everything_else_of_a_stranger_is_refused_and_never_gets_to_the_journal() -> None:
    no_role = (403, "Access denied, this identity has no role here: check the private key")
    assert refusal(rim().request(TOPIC, sent(msgtype="getexecutorsmsg", token="good"), SECOND)) == no_role
    for wrong in ({"token": "bad"}, {}, {"token": 7}, {"token": ["good"]}):
        assert refusal(rim().request(TOPIC, sent(**wrong), SECOND)) == (403, "Access denied, it is not good")
    assert refusal(rim().request(TOPIC, sent(token="forged"), SECOND)) == (403, "Access denied, it is forged")
    large = sent(token="good", executorname="x" * ENROL_BYTES_MAX)
    assert refusal(rim().request(TOPIC, large, SECOND)) == (413, "An enrolmsg has at most 16384 bytes")


def test_one_that_somebody_else_signed_is_dropped() -> None:
    door = rim()
    assert door.request(TOPIC, sent(OTHER, token="good"), SECOND) is None
    assert door.counts["signed by another than the topic's party"] == 1


def test_strangers_are_looked_at_so_often_and_come_again() -> None:
    door = rim()
    found = [door.request(TOPIC, sent(token="good"), SECOND) for _ in range(ENROLS_PER_S + 3)]
    assert [isinstance(one, Request) for one in found] == [True] * ENROLS_PER_S + [False] * 3
    assert found[-1] is None and door.counts["not looked at: too many enrol"] == 3
    assert isinstance(door.request(TOPIC, sent(token="good"), 2 * SECOND), Request)
