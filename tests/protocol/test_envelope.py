"""Envelopes: the bytes that are signed, the vectors of the protocol, and what is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.crypto.identity import Signer, Verifier, recover
from colonies_edge.protocol.envelope import Envelope, ReplyEnvelope, reply_text, seal, seal_reply
from colonies_edge.protocol.errors import (
    BadRequest,
    ClockSkew,
    ColoniesError,
    Conflict,
    Forbidden,
    TooLarge,
    error_of,
)
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import decode_message
from tests.protocol.objects import free, many, texts

DEV_SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
TOPIC = f"v1/lab/{DEV_SERVER.identity}/reply/abcdefgh"


def payload(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_the_example_of_the_protocol_is_signed_by_the_development_server() -> None:
    envelope = Envelope.parse(
        b'{"payloadtype":"getcoloniesmsg","payload":"eyJtc2d0eXBlIjoiZ2V0Y29sb25pZXNtc2cifQ==","signature":'
        b'"3cf5209e35d24048f67652cb354ded5bed0d56bdce9cab433646942a47760353283e65a2cb764e22d9efa37e67a9ba485ade029f1405e5e'
        b'ed13365a82250a87300"}'
    )
    assert recover(envelope.signed_text(), envelope.signature) == DEV_SERVER.identity
    assert envelope.message() == {"msgtype": "getcoloniesmsg"}
    assert seal({"msgtype": "getcoloniesmsg"}, DEV_SERVER) == envelope


def test_an_unsigned_message_has_an_empty_signature() -> None:
    assert seal({"msgtype": "versionmsg"}, None).signature == ""


@many
@given(st.dictionaries(texts, free, max_size=4))
def test_a_sealed_message_arrives_as_it_was(fields: dict[str, Any]) -> None:
    message = {**fields, "msgtype": "getcolonymsg"}
    envelope = Envelope.parse(seal(message, None).to_bytes())
    assert envelope.payloadtype == "getcolonymsg"
    assert envelope.message() == message


@many
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(["payload", "payloadtype", "signature"]), free).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_bytes_are_an_envelope_or_an_error_with_a_status(data: bytes) -> None:
    for kind in (Envelope, ReplyEnvelope):
        try:
            envelope = kind.parse(data)
            envelope.message() if isinstance(envelope, Envelope) else envelope.failure()
        except ColoniesError as error:
            assert error.status == 400


@pytest.mark.parametrize("data", [b"null", b"[]", b'"x"', b"", b"{", b'{"payload":1}', b'{"error":true,"payload":{}}'])
def test_what_is_no_envelope_is_a_bad_request(data: bytes) -> None:
    with pytest.raises(BadRequest):
        Envelope.parse(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bm90IGpzb24=",
        payload("{"),
        payload(b"\xff"),
        "eyJ9",
        "e30",
        "e30=e30=",
        "e30=!",
        "e3\u00e9=",
        payload("[" * 9000),
    ],
)
def test_a_payload_that_is_no_json_is_refused_in_the_words_of_its_type(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^Failed to get colony, invalid JSON"):
        Envelope(payloadtype="getcolonymsg", payload=text).message()
    with pytest.raises(BadRequest):
        Envelope(payloadtype="unknown", payload=text).message()


def test_a_payload_of_null_is_a_bad_request_and_no_crash() -> None:
    with pytest.raises(BadRequest):
        decode_message("getcolonymsg", Envelope(payloadtype="getcolonymsg", payload=payload("null")).message())


def test_line_breaks_in_the_base64_are_allowed_and_are_signed() -> None:
    envelope = Envelope(payloadtype="x", payload="e3\r\n0=")
    assert envelope.message() == {}
    assert envelope.signed_text() == b"e3\r\n0="


def test_a_message_over_the_limit_is_too_large_and_the_limit_is_in_the_text() -> None:
    with pytest.raises(TooLarge, match=str(MESSAGE_BYTES_MAX)):
        Envelope.parse(b" " * (MESSAGE_BYTES_MAX + 1))
    assert Envelope.parse(b"{}" + b" " * (MESSAGE_BYTES_MAX - 2)) == Envelope()


def test_half_characters_of_a_program_do_not_stop_a_result() -> None:
    assert Envelope.parse(seal({"msgtype": "x", "out": "\ud800"}, DEV_SERVER).to_bytes()).message()["out"] == "?"


def test_the_signed_text_of_a_reply_is_its_six_parts_in_lines() -> None:
    reply = seal_reply("getcolonymsg", {"a": 1}, False, "m" * 16, 5, TOPIC, DEV_SERVER)
    wanted = f"getcolonymsg\n{'m' * 16}\n5\n0\n{TOPIC}\neyJhIjoxfQ=="
    assert reply.signed_text(TOPIC) == wanted.encode()
    assert recover(wanted.encode(), reply.signature) == DEV_SERVER.identity


def test_a_reply_is_written_with_all_its_fields() -> None:
    reply = seal_reply("error", {"status": 403, "message": "no"}, True, "m" * 16, 5, TOPIC, DEV_SERVER)
    assert list(json.loads(reply.to_bytes())) == ["payloadtype", "payload", "error", "msgid", "ts", "signature"]
    assert ReplyEnvelope.parse(reply.to_bytes()) == reply


@pytest.mark.parametrize(
    ("key", "value"),
    [("payloadtype", "error"), ("payload", "e30="), ("error", True), ("msgid", "n" * 16), ("ts", 6)],
)
def test_a_reply_with_anything_changed_is_not_the_coordinators(key: str, value: Any) -> None:
    reply = seal_reply("getcolonymsg", {"a": 1}, False, "m" * 16, 5, TOPIC, DEV_SERVER)
    forged = ReplyEnvelope.parse(json.dumps({**json.loads(reply.to_bytes()), key: value}).encode())
    verifier = Verifier()
    assert verifier.verify(reply.signed_text(TOPIC), reply.signature, DEV_SERVER.identity)
    assert not verifier.verify(forged.signed_text(TOPIC), forged.signature, DEV_SERVER.identity)


def test_a_reply_holds_on_its_topic_only() -> None:
    reply = seal_reply("getcolonymsg", {}, False, "m" * 16, 5, TOPIC, DEV_SERVER)
    assert not Verifier().verify(reply.signed_text(TOPIC + "i"), reply.signature, DEV_SERVER.identity)


@pytest.mark.parametrize("parts", [("a\nb", "m", TOPIC), ("a", "m\n1", TOPIC), ("a", "m", TOPIC + "\n")])
def test_a_line_break_cannot_move_a_border_between_signed_parts(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        reply_text(parts[0], parts[1], 1, False, parts[2], "e30=")


def test_the_error_of_a_reply_can_be_raised() -> None:
    def failure(value: Any) -> ColoniesError | None:
        return seal_reply("error", value, True, "m" * 16, 5, TOPIC, DEV_SERVER).failure()

    conflict = failure(Conflict("attempt 2 runs").body())
    assert isinstance(conflict, Conflict)
    assert conflict.message == "attempt 2 runs"
    skew = failure(ClockSkew(ts=77).body())
    assert isinstance(skew, ClockSkew)
    assert skew.ts == 77
    odd_bodies: list[Any] = [None, [], {"status": "403", "message": 7}]
    for odd in odd_bodies:
        unknown = failure(odd)
        assert unknown is not None
        assert unknown.status == 500
    assert seal_reply("x", {}, False, "m" * 16, 5, TOPIC, DEV_SERVER).failure() is None


def test_a_status_without_a_class_of_its_own_keeps_its_number() -> None:
    error = error_of(418, "short and stout")
    assert (type(error), error.status, error.message) == (ColoniesError, 418, "short and stout")
    assert error_of(500, "x").status == 500


def test_the_default_message_of_an_error_is_what_its_class_says() -> None:
    assert Forbidden().message == "Access denied."
    assert Forbidden("no").body() == {"status": 403, "message": "no"}
