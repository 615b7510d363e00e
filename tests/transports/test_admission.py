"""Signed passwords: who gets in, who may only look at the time, who stays out."""

from __future__ import annotations

import pytest

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.credentials import Password, seal_password
from colonies_edge.transports.admission import (
    USED_PER_IDENTITY_MAX,
    Access,
    Admission,
    Credentials,
    PasswordChecker,
    password_of,
)

KNOWN = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
OTHER = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
SERVER_ID = "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"
NOW_MS = 1_790_000_000_000


class Desk:
    """A checker at a time the test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.asked: list[str] = []
        self.checker = PasswordChecker(serverid=SERVER_ID, knows=self.knows, now_ms=lambda: self.now_ms)

    def knows(self, identity: str) -> bool:
        self.asked.append(identity)
        return identity == KNOWN.identity

    def admit(self, password: str, *, username: str = KNOWN.identity, client_id: str = "c") -> Admission:
        return self.checker.admit(
            Credentials(username=username, password=password, client_id=client_id, address="192.0.2.1")
        )


def test_a_fresh_password_of_a_known_identity_opens_the_door_once() -> None:
    desk = Desk()
    password = password_of(KNOWN, "c", SERVER_ID, NOW_MS)
    assert desk.admit(password) == Admission(access=Access.FULL, identity=KNOWN.identity)
    again = desk.admit(password)
    assert again.access is Access.REFUSED and "used before" in again.reason


def test_a_client_that_does_not_know_the_coordinator_yet_gets_in_too() -> None:
    assert Desk().admit(password_of(KNOWN, "c", "", NOW_MS)).access is Access.FULL


@pytest.mark.parametrize("skew_s", [-100_000_000, -301, 301, 100_000_000])
def test_a_stale_password_shows_the_time_and_nothing_else(skew_s: int) -> None:
    admission = Desk().admit(password_of(KNOWN, "c", "", NOW_MS + skew_s * 1000))
    assert (admission.access, admission.identity) == (Access.STATUS_ONLY, KNOWN.identity)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "not a signed one"),
        ("x" * 5000, "not a signed one"),
        (password_of(OTHER, "c", SERVER_ID, NOW_MS), "another identity"),
        (password_of(KNOWN, "other", SERVER_ID, NOW_MS), "client id"),
        (password_of(KNOWN, "c", "f" * 64, NOW_MS), "another coordinator"),
        (password_of(KNOWN, "c", SERVER_ID, NOW_MS)[:-2] + "zz", "hex"),
    ],
)
def test_everything_else_stays_out_and_the_log_knows_why(password: str, reason: str) -> None:
    admission = Desk().admit(password)
    assert admission.access is Access.REFUSED and reason in admission.reason


def test_a_stranger_is_refused_by_name_alone() -> None:
    desk = Desk()
    admission = desk.admit("not even looked at", username=OTHER.identity)
    assert admission.access is Access.REFUSED and "not know" in admission.reason
    assert desk.asked == [OTHER.identity]


def test_a_used_password_stays_used_as_long_as_it_is_fresh_and_then_its_memory_ends() -> None:
    desk = Desk()
    ahead = password_of(KNOWN, "c", SERVER_ID, NOW_MS + 300_000)
    assert desk.admit(ahead).access is Access.FULL
    desk.now_ms += 600_000
    assert desk.admit(ahead).access is Access.REFUSED
    desk.now_ms += 1
    assert desk.admit(ahead).access is Access.STATUS_ONLY
    desk.checker.forget_idle()
    assert not desk.checker._used


def test_one_identity_cannot_fill_the_memory() -> None:
    desk = Desk()
    for n in range(USED_PER_IDENTITY_MAX):
        password = seal_password(Password(ts=NOW_MS, msgid=f"{n:016}", clientid="c"), KNOWN)
        assert desk.admit(password).access is Access.FULL
    assert desk.admit(password_of(KNOWN, "c", "", NOW_MS)).access is Access.REFUSED
    desk.now_ms += 600_001
    assert desk.admit(password_of(KNOWN, "c", "", desk.now_ms)).access is Access.FULL


def test_a_checked_certificate_of_a_known_identity_needs_no_password_and_no_clock() -> None:
    desk = Desk()

    def certified(certified: str, username: str = "") -> Access:
        shown = Credentials(username=username, password="", client_id="c", address="192.0.2.1", certified=certified)
        return desk.checker.admit(shown).access

    assert certified(KNOWN.identity) is Access.FULL
    assert certified(KNOWN.identity, username=KNOWN.identity) is Access.FULL
    assert certified(OTHER.identity) is Access.REFUSED, "the authority certifies, the coordinator decides"
    assert certified(OTHER.identity, username=KNOWN.identity) is Access.REFUSED
    assert certified("", username=KNOWN.identity) is Access.REFUSED
