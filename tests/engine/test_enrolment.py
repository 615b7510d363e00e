"""Tokens: who comes in with one, as what, how often, until when; and who does not, with the exact words."""

from __future__ import annotations

from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.enrolment import authority_in, fits, read_token, seal_token
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.limits import ENROLMENTS_PER_COLONY_MAX, TOKEN_CHARS_MAX, TOKEN_S_MAX, TOKEN_USES_MAX
from tests.engine.calls import Calls, lab
from tests.support.engine_bench import LAB, SECOND, Bench, colony, found_colony, identity
from tests.support.enrolling import HOUR_MS, OWNER, a_token, token_of

STRANGER = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")


def enrol(bench: Bench, who: str, token: str, name: str = "", **fields: Any) -> Any:
    return bench.do(who, "enrolmsg", colonyname=LAB, token=token, executorname=name or who, **fields)


def refused(bench: Bench, who: str, token: str, name: str = "") -> str:
    status, text = bench.refused(who, "enrolmsg", colonyname=LAB, token=token, executorname=name or who)
    assert status == 403
    return text


def owner_asks(bench: Bench, msgtype: str, **fields: Any) -> Any:
    """As the colony's owner, who has a real key here."""
    rows = bench.engine.tables.colonies
    assert rows[LAB].colonyid == OWNER.identity
    route = {"conn": "conn0001", "topic": "_"}
    return bench.ask(OWNER_NAME, {"msgtype": msgtype, "colonyname": LAB, **fields}, **route)[1]


OWNER_NAME = "owner with a real key"


@pytest.fixture(autouse=True)
def the_owner_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support import engine_bench

    known = engine_bench.identity

    def named(name: str) -> str:
        return OWNER.identity if name == OWNER_NAME else known(name)

    monkeypatch.setattr(engine_bench, "identity", named)


def test_a_device_registers_itself_and_waits_for_approval() -> None:
    bench = colony()
    hardware = [{"model": "pi", "cores": 4}]
    executor = enrol(bench, "cam", token_of(bench), locationname="attic", capabilities={"hardware": hardware})
    assert (executor["executorid"], executor["executortype"], executor["state"]) == (identity("cam"), "camera", 0)
    assert (executor["locationname"], executor["capabilities"]["hardware"][0]["cores"]) == ("attic", 4)
    assert bench.refused("cam", "getcolonymsg", colonyname=LAB)[0] == 403
    assert [row["executorname"] for row in bench.do("cam", "getexecutorsmsg", colonyname=LAB)][-1] == "cam"


def test_a_token_that_approves_lets_it_work_at_once() -> None:
    bench = colony()
    assert enrol(bench, "cam", token_of(bench, approve=True))["state"] == 1
    assert bench.do("cam", "getcolonymsg", colonyname=LAB)["name"] == LAB


def test_uses_are_counted_over_restarts_and_saying_it_again_counts_nothing() -> None:
    bench = colony()
    token = token_of(bench, uses=2)
    enrol(bench, "one", token)
    enrol(bench, "one", token)
    for checkpoint in (False, True):
        bench.restart(checkpoint=checkpoint)
    enrol(bench, "two", token)
    used_up = "Access denied, the token was used 2 times, and is good for no more"
    assert refused(bench, "three", token) == used_up
    bench.sleep(3_601)
    assert enrol(bench, "one", token)["executorname"] == "one", "who is in may say so, whatever became of the token"
    assert refused(bench, "one", token, name="other") != used_up


def test_a_call_that_is_repeated_has_one_effect() -> None:
    calls: Calls = lab()
    token = token_of(calls)
    first = calls.answer("cam", "enrolmsg", msgid="m" * 16, colonyname=LAB, token=token, executorname="cam")
    again = calls.answer("cam", "enrolmsg", msgid="m" * 16, colonyname=LAB, token=token, executorname="cam")
    assert first[0] == 200 and first == again
    assert calls.answer("eve", "enrolmsg", colonyname=LAB, token=token, executorname="eve")[0] == 403, "replayed"


def altered(token: str) -> str:
    """The same token, but for ten devices, under the signature of the one for one device."""
    parts = token.split(".")
    return ".".join((*seal_token(read_token(token), STRANGER).split(".")[:3], parts[3][::-1]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expires_ms": 1}, "the token has expired: ask the colony's owner for another one"),
        ({"colonyname": "next"}, "the token is for Colony with name <next>, not <lab>"),
        ({"serverid": "ab" * 32}, f"the token is for the coordinator {'ab' * 32}, not {identity('server')}"),
        ({"names": "camera-*"}, "the token is for names like <camera-*>, which <cam> is not"),
        ({"uses": TOKEN_USES_MAX + 1}, "a token is valid for 30 days and 100 devices at most"),
        ({"uses": 0}, "the token lacks what every token has: ask for another one"),
        ({"tokenid": "short"}, "the token lacks what every token has: ask for another one"),
        ({"names": "*-*"}, "the token lacks what every token has: ask for another one"),
        (
            {"executortype": "x\ny"},
            "the token holds what no name may, a line break perhaps: ask for another one",
        ),
    ],
)
def test_a_token_that_does_not_count_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    bench = colony()
    found_colony(bench, "next", owner="landlord")
    assert refused(bench, "cam", token_of(bench, **change)) == f"Access denied, {said}"
    assert bench.engine.tables.enrolments == {}


def test_a_token_for_longer_than_any_is_refused() -> None:
    bench = colony()
    far = bench.now // 1_000_000 + (TOKEN_S_MAX + 400) * 1000
    assert "valid for 30 days" in refused(bench, "cam", token_of(bench, expires_ms=far))


def test_who_signed_decides() -> None:
    bench = colony()
    token = token_of(bench)
    not_his = "Access denied, the token is not signed by the owner of Colony with name <lab>"
    assert refused(bench, "cam", token_of(bench, signer=STRANGER)) == not_his
    body, signature = token.rsplit(".", 1)
    more = seal_token(a_token(bench, uses=50), OWNER).rsplit(".", 1)[0]
    assert refused(bench, "cam", f"{more}.{signature}") in (not_his, NOBODY)
    assert refused(bench, "cam", f"{body}.{signature[:-4]}") == NOBODY
    assert refused(bench, "cam", f"{body}.{'A' * 87}") == NOBODY


NOBODY = "Access denied, nobody signed this token: copy the whole line"


@pytest.mark.parametrize(
    "text", ["", "x", "ce1", "ce1...", "ce2.a.b.c", "ce1.e30..x", "ce1.!.b.c", "ce1." + "a" * 5_000]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    bench = colony()
    assert refused(bench, "cam", text).startswith("Access denied, th")


def test_nobody_loses_his_name_to_a_token_and_the_removed_do_not_come_back_by_one() -> None:
    bench = colony()
    token = token_of(bench, uses=9)
    taken = (400, "Executor with name <worker> in Colony <lab> already exists: choose another name")
    assert bench.refused("cam", "enrolmsg", colonyname=LAB, token=token, executorname="worker") == taken
    enrol(bench, "cam", token)
    owner_asks(bench, "removeexecutormsg", executorname="cam")
    gone = "Access denied, this executor was removed: only the colony's owner can approve it again"
    assert refused(bench, "cam", token) == gone
    assert enrol(bench, "cam2", token, "cam")["executorid"] == identity("cam2"), "the name is free again"
    status, text = bench.refused("worker", "enrolmsg", colonyname=LAB, token=token, executorname="more")
    assert (status, text) == (400, f"An executor with Id <{identity('worker')}> already exists")


def test_a_silent_executor_keeps_its_name() -> None:
    bench = lab(stale_executor_s=60)
    token = token_of(bench, uses=9)
    bench.pull()
    bench.sleep(200)
    assert bench.engine.tables.executors[identity("worker")].state == 3
    assert bench.refused("cam", "enrolmsg", colonyname=LAB, token=token, executorname="worker")[0] == 400


def test_a_rejected_device_stays_rejected() -> None:
    bench = colony()
    token = token_of(bench, approve=True)
    enrol(bench, "cam", token)
    owner_asks(bench, "rejectexecutormsg", executorname="cam")
    assert enrol(bench, "cam", token)["state"] == 2


def test_a_revoked_token_counts_no_more_whether_it_was_used_or_not() -> None:
    bench = colony()
    used, unused = token_of(bench, uses=5), token_of(bench, tokenid="u" * 16)
    enrol(bench, "cam", used)
    for tokenid in ("t" * 16, "u" * 16):
        assert owner_asks(bench, "revokeenrolmentmsg", tokenid=tokenid) == {}
    bench.restart()
    for token in (used, unused):
        assert refused(bench, "eve", token) == (
            "Access denied, the token was revoked: ask the colony's owner for another one"
        )
    rows = {row["tokenid"]: row for row in owner_asks(bench, "getenrolmentsmsg")}
    assert rows["t" * 16]["executornames"] == ["cam"] and rows["t" * 16]["revoked"]
    assert rows["u" * 16]["revoked"]
    assert enrol(bench, "cam", used)["executorname"] == "cam", "who is in stays in"


def test_tokens_that_are_over_are_forgotten_and_too_many_are_refused() -> None:
    bench = colony()
    token_of(bench)
    for number in range(ENROLMENTS_PER_COLONY_MAX):
        owner_asks(bench, "revokeenrolmentmsg", tokenid=f"token-number-{number:06d}")
    answer = owner_asks(bench, "revokeenrolmentmsg", tokenid="one-more-token--")
    assert answer["status"] == 429 and "tokens in use" in answer["message"]
    bench.now += (TOKEN_S_MAX + 1_000) * SECOND
    assert owner_asks(bench, "getenrolmentsmsg") == []
    assert owner_asks(bench, "revokeenrolmentmsg", tokenid="one-more-token--") == {}
    assert len(bench.engine.tables.enrolments) == 1


def test_an_owner_can_revoke_though_others_used_up_as_many_tokens_as_are_remembered() -> None:
    bench = colony()
    for number in range(ENROLMENTS_PER_COLONY_MAX):
        enrol(bench, f"cam{number}", token_of(bench, tokenid=f"token-number-{number:06d}"))
    one_more = token_of(bench, tokenid="one-more-token--", uses=2)
    assert owner_asks(bench, "revokeenrolmentmsg", tokenid="one-more-token--") == {}
    assert "revoked" in refused(bench, "eve", one_more)


def test_a_removed_colony_takes_its_tokens_along() -> None:
    bench = colony()
    token, revoked = token_of(bench, uses=5), token_of(bench, tokenid="u" * 16)
    enrol(bench, "cam", token)
    owner_asks(bench, "revokeenrolmentmsg", tokenid="u" * 16)
    bench.do("server", "removecolonymsg", colonyname=LAB)
    assert refused(bench, "eve", token) == ("Access denied, the token is for Colony with name <lab>, which is not here")
    bench.restart()
    bench.do("server", "addcolonymsg", colony={"colonyid": OWNER.identity, "name": LAB})
    for old in (token, revoked):
        assert "the token was revoked" in refused(bench, "eve", old), "the colony came back with the same owner"
    assert all(row.executornames == () for row in bench.engine.tables.enrolments.values())
    bench.now += (TOKEN_S_MAX + 1_000) * SECOND
    owner_asks(bench, "revokeenrolmentmsg", tokenid="another-token---")
    assert len(bench.engine.tables.enrolments) == 1


def test_a_removed_executor_is_a_stranger_at_the_door_and_a_silent_one_is_not() -> None:
    bench = lab(stale_executor_s=60)
    bench.pull()
    bench.sleep(200)
    assert bench.engine.tables.executors[identity("worker")].state == 3
    assert bench.engine.knows(identity("worker"))
    bench.do("owner", "removeexecutormsg", colonyname=LAB, executorname="worker")
    assert not bench.engine.knows(identity("worker"))
    bench.do("owner", "approveexecutormsg", colonyname=LAB, executorname="worker")
    assert bench.engine.knows(identity("worker"))


def test_the_doors_believe_a_token_as_the_engine_does() -> None:
    bench = colony()
    token = token_of(bench)
    refusal_of = bench.engine.refusal_of
    assert refusal_of(token, bench.now) == refusal_of(token, bench.now, signed=True) == ""
    forged = token_of(bench, signer=STRANGER)
    assert refusal_of(forged, bench.now) == "", "nothing is computed"
    assert "not signed by the owner" in refusal_of(forged, bench.now, signed=True)
    assert "has expired" in refusal_of(token, bench.now + 2 * HOUR_MS * 1_000_000)
    assert "no token" in refusal_of("ce1.x.y.z", bench.now)
    enrol(bench, "cam", token)
    assert "is good for no more" in refusal_of(token, bench.now)


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("camera-*", ("camera-", "camera-7"), ("camera", "kamera-7", "acamera-7")),
        ("*-cam", ("-cam", "x-cam"), ("cam", "x-cam-")),
        ("a*a", ("aa", "aba"), ("a", "ab")),
        ("*", ("", "anything"), ()),
        ("exact", ("exact",), ("exactly", "")),
    ],
)
def test_a_star_stands_for_anything(pattern: str, fitting: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert all(fits(name, pattern) for name in fitting)
    assert not any(fits(name, pattern) for name in other)


def test_a_token_reads_back_and_one_that_nobody_could_scan_is_not_made() -> None:
    token = a_token(colony(), approve=True, topic_root="site/colonies")
    text = seal_token(token, OWNER, b"\x30\x82certificate")
    assert read_token(text) == token and authority_in(text) == b"\x30\x82certificate"
    assert len(seal_token(token, OWNER)) < 500, "fits a code that a telephone reads from a screen"
    with pytest.raises(BadRequest, match=f"limit is {TOKEN_CHARS_MAX}"):
        seal_token(token, OWNER, bytes(4_000))
