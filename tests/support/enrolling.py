"""Tokens of a colony whose owner has a real key, for tests in which nobody else signs."""

from __future__ import annotations

from typing import Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.enrolment import Token, seal_token
from tests.support.engine_bench import LAB, Bench, identity

OWNER = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
HOUR_MS = 3_600_000


def a_token(bench: Bench, **fields: Any) -> Token:
    """A sound one for cameras in the lab, good for an hour and one device."""
    said = {
        "tokenid": "t" * 16,
        "colonyname": LAB,
        "executortype": "camera",
        "names": "*",
        "uses": 1,
        "expires_ms": bench.now // 1_000_000 + HOUR_MS,
        "serverid": identity("server"),
        "mqtt": "mqtt://pi:1883",
    }
    return Token(**{**said, **fields})


def token_of(bench: Bench, signer: Signer = OWNER, **fields: Any) -> str:
    """The token as text. The colony gets an owner with a real key first, who signed it unless `signer` did."""
    if bench.engine.tables.colonies[LAB].colonyid != OWNER.identity:
        bench.do("owner", "changecolonyidmsg", colonyname=LAB, colonyid=OWNER.identity)
    return seal_token(a_token(bench, **fields), signer)
