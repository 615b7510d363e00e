"""POST /api and its neighbours on a real coordinator: paths, refusals, headers, and what may be sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.protocol.limits import ENROL_BYTES_MAX, MESSAGE_BYTES_MAX
from colonies_edge.transports.system import SystemClock, entropy
from tests.support.http import Said, ask, envelope, post, said
from tests.support.http_colony import HttpColony, spec

STRANGER = Signer(new_private_key(entropy(32)))


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpColony]:
    with HttpColony(tmp_path_factory.mktemp("colony")) as running:
        yield running


# Paths and headers (protocol-core.md 1.1)


def test_health_is_an_empty_ok(colony: HttpColony) -> None:
    found = said(colony.http, "GET", "/health")
    assert (found.status, found.body) == (200, b"")
    assert found.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api"), ("GET", "/"), ("POST", "/"), ("PUT", "/api"), ("POST", "/api/")]
)
def test_any_other_path_or_method_is_not_found(colony: HttpColony, method: str, path: str) -> None:
    found = said(colony.http, method, path)
    assert found.status in (404, 405)


def test_pubsub_without_an_upgrade_is_a_bad_request(colony: HttpColony) -> None:
    found = said(colony.http, "GET", "/pubsub")
    assert (found.status, found.body) == (400, b"Bad Request\n")


def test_browsers_may_ask_from_anywhere(colony: HttpColony) -> None:
    found = said(colony.http, "OPTIONS", "/api", headers={"Origin": "http://elsewhere.example"})
    assert found.status == 204
    assert found.headers["access-control-allow-origin"] == "*"
    assert "POST" in found.headers["access-control-allow-methods"]
    assert "Content-Type" in found.headers["access-control-allow-headers"]
    body = envelope({"msgtype": "versionmsg"}, None)
    assert "access-control-allow-origin" not in post(colony.http, body).headers
    assert post(colony.http, body, headers={"Origin": "null"}).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("kind", ["application/json", "plain/text", "nonsense"])
def test_nobody_looks_at_the_content_type_of_a_request(colony: HttpColony, kind: str) -> None:
    body = envelope({"msgtype": "getcoloniesmsg"}, colony.server)
    found = post(colony.http, body, headers={"Content-Type": kind})
    assert found.status == 200 and found.headers["content-type"] == "text/plain; charset=utf-8"


# Envelopes (1.3, 1.7)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'"text"', b'{"payloadtype": 7}'])
def test_what_is_no_envelope_is_a_bad_request(colony: HttpColony, body: bytes) -> None:
    found = post(colony.http, body)
    assert (found.status, found.envelope["payloadtype"], found.value["status"]) in (
        (400, "error", 400),
        (403, "error", 403),  # an empty object, which an empty body never is
    )
    assert found.status == 400 or body == b"null"


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("", "Invalid signature length"),
        ("abc", "encoding/hex: odd length hex string"),
        ("zz", "encoding/hex: invalid byte: U+007A 'z'"),
        ("00" * 65, "Failed to recover public key: invalid signature: R is 0"),
    ],
)
def test_a_signature_that_nobody_made_is_refused_in_upstreams_words(
    colony: HttpColony, signature: str, text: str
) -> None:
    request = json.loads(envelope({"msgtype": "getcoloniesmsg"}, STRANGER))
    found = post(colony.http, json.dumps({**request, "signature": signature}).encode())
    assert (found.status, found.value["message"]) == (403, text)


def test_a_recovery_code_of_a_compressed_key_is_taken(colony: HttpColony) -> None:
    request = json.loads(envelope({"msgtype": "getcoloniesmsg"}, colony.server))
    code = int(request["signature"][-2:], 16)
    request["signature"] = f"{request['signature'][:-2]}{code + 4:02X}"
    assert post(colony.http, json.dumps(request).encode()).status == 200


def test_a_changed_payload_has_another_signer_and_is_refused(colony: HttpColony) -> None:
    honest = json.loads(envelope({"msgtype": "getcoloniesmsg"}, colony.server))
    other = json.loads(envelope({"msgtype": "getcoloniesmsg", "x": 1}, colony.server))
    found = post(colony.http, json.dumps({**other, "signature": honest["signature"]}).encode())
    assert (found.status, found.value["message"]) == (403, "Access denied, not server owner")


@pytest.mark.parametrize(
    ("payloadtype", "text"),
    [
        ("nosuchmsg", "invalid rpcMsg.PayloadType: nosuchmsg"),
        ("getnodesmsg", "invalid rpcMsg.PayloadType: getnodesmsg"),
    ],
)
def test_an_unknown_type_is_refused(colony: HttpColony, payloadtype: str, text: str) -> None:
    found = post(colony.http, envelope({"msgtype": payloadtype}, colony.me))
    assert (found.status, found.value["message"]) == (403, text)


def test_an_empty_type_says_what_is_probably_wrong(colony: HttpColony) -> None:
    found = post(colony.http, envelope({"msgtype": ""}, colony.me))
    assert found.status == 403 and "COLONIES_PRVKEY" in found.value["message"]


@pytest.mark.parametrize("kind", ["subscribeprocessmsg", "subscribeprocessesmsg", "subscribechannelmsg"])
def test_subscriptions_are_for_the_websocket(colony: HttpColony, kind: str) -> None:
    assert ask(colony.http, colony.me, kind, timeout=1)[0] == 403


def test_readymsg_is_for_mqtt(colony: HttpColony) -> None:
    status, reply = colony.ask(colony.me, "readymsg", colonyname="lab", capacity=1)
    assert status == 400 and "MQTT" in reply["message"]


def test_a_type_that_is_not_the_signed_one_is_a_bad_request(colony: HttpColony) -> None:
    found = post(colony.http, envelope({"msgtype": "getcoloniesmsg"}, colony.server, payloadtype="getstatisticsmsg"))
    assert (found.status, found.value["message"]) == (
        400,
        "Failed to get server version, msg.MsgType does not match payloadType",
    )


@pytest.mark.parametrize("payload", ["null", "bnVsbA==", "e30=", "!"])
def test_a_payload_that_is_no_message_is_a_bad_request(colony: HttpColony, payload: str) -> None:
    signature = colony.server.sign(payload.encode())
    body = json.dumps({"payloadtype": "getcoloniesmsg", "payload": payload, "signature": signature}).encode()
    assert post(colony.http, body).status == 400


def test_serverinfo_looks_at_no_payload_and_names_both_ways_to_get_here(colony: HttpColony) -> None:
    body = json.dumps({"payloadtype": "getserverinfomsg", "payload": "", "signature": ""}).encode()
    backends = post(colony.http, body).value["backends"]
    assert [(backend["type"], backend["port"]) for backend in backends][1] == ("http", colony.port)
    assert backends[0]["type"] == "mqtt"


def test_a_request_over_the_limit_is_refused_and_the_next_one_is_not(colony: HttpColony) -> None:
    found = post(colony.http, b"x" * (MESSAGE_BYTES_MAX + 1))
    assert found.status == 413 and str(MESSAGE_BYTES_MAX) in found.value["message"]
    assert post(colony.http, envelope({"msgtype": "versionmsg"}, None)).status == 200


def test_an_enrolment_is_a_small_message(colony: HttpColony) -> None:
    assert colony.ask(STRANGER, "enrolmsg", colonyname="lab", token="x" * ENROL_BYTES_MAX)[0] == 413


def test_strangers_with_a_token_are_looked_at_so_many_a_second(colony: HttpColony) -> None:
    while (status := colony.ask(STRANGER, "enrolmsg", colonyname="lab", token="ce1.x")[0]) != 429:
        assert status == 403
    assert colony.ask(colony.me, "getcolonymsg", colonyname="lab")[0] == 200


def test_a_stranger_is_refused(colony: HttpColony) -> None:
    assert colony.ask(STRANGER, "getprocessesmsg", colonyname="lab", count=1)[0] == 403
    assert colony.ask(STRANGER, "submitfuncspecmsg", spec=spec())[0] == 403


# Stamps (PROTOCOL.md 2), which upstream's clients do not send


def stamped(colony: HttpColony, message: dict[str, Any], **stamp: Any) -> Said:
    now_ms = SystemClock().wall_ns() // 1_000_000
    return post(colony.http, envelope({**message, "msgid": "m" * 22, "ts": now_ms, **stamp}, colony.me))


def test_the_same_request_without_stamps_is_two_requests(colony: HttpColony) -> None:
    body = envelope({"msgtype": "submitfuncspecmsg", "spec": spec()}, colony.me)
    assert post(colony.http, body).value["processid"] != post(colony.http, body).value["processid"]


def test_the_same_request_with_stamps_is_one(colony: HttpColony) -> None:
    message = {"msgtype": "submitfuncspecmsg", "spec": spec()}
    first = stamped(colony, message)
    assert first.status == 200
    assert stamped(colony, message).value == first.value


def test_an_old_stamp_is_answered_with_the_time(colony: HttpColony) -> None:
    found = stamped(colony, {"msgtype": "getcolonymsg", "colonyname": "lab"}, ts=1, msgid="n" * 22)
    assert found.status == 425
    assert abs(found.value["ts"] - SystemClock().wall_ns() // 1_000_000) < 60_000


def test_a_request_for_another_coordinator_is_refused(colony: HttpColony) -> None:
    found = stamped(
        colony, {"msgtype": "getcolonymsg", "colonyname": "lab"}, serverid=STRANGER.identity, msgid="o" * 22
    )
    assert found.status == 403


def test_a_coordinator_may_insist_on_stamps(tmp_path: Path) -> None:
    with HttpColony(tmp_path, stamps_required=True) as colony:
        status, reply = colony.ask(colony.me, "getcolonymsg", colonyname="lab")
        assert status == 403 and "msgid and ts" in reply["message"]
        assert stamped(colony, {"msgtype": "getcolonymsg", "colonyname": "lab"}).status == 200
        assert colony.ask(None, "versionmsg")[0] == 200
