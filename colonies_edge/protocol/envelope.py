"""Envelopes: what is signed, by whom, and how it is written (`protocol-core.md` 1.2, 1.4, `PROTOCOL.md` 2, 3)."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.codec import decode, dump_json, parse_json
from colonies_edge.protocol.errors import BadRequest, ColoniesError, TooLarge, error_of
from colonies_edge.protocol.json_text import quoted
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import MESSAGES

REPLY_LINES = 6  # of the text that a coordinator signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A request as it travels. The signature covers the base64 text of `payload`, byte for byte as it came."""

    payloadtype: str = ""
    payload: str = ""
    signature: str = ""

    @classmethod
    def parse(cls, data: bytes, limit: int = MESSAGE_BYTES_MAX) -> "Envelope":
        """Raises TooLarge or BadRequest; checks no signature."""
        refuse_oversize(data, limit)
        return decode(cls, parse_json(data))

    def to_bytes(self) -> bytes:
        parts = (quoted(self.payloadtype), quoted(self.payload), quoted(self.signature))
        return '{{"payloadtype":{},"payload":{},"signature":{}}}'.format(*parts).encode("utf-8", "replace")

    def signed_text(self) -> bytes:
        return self.payload.encode("utf-8", "replace")

    def message(self) -> Any:
        """The JSON value in the payload. Raises BadRequest with the text that belongs to the message type."""
        try:
            return _json_of(self.payload)
        except BadRequest as error:
            row = MESSAGES.get(self.payloadtype)
            if row is None:
                raise
            raise BadRequest(f"{row.json_failure}: {error.message}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyEnvelope:
    """A reply, an assignment or an event as it travels."""

    payloadtype: str = ""
    payload: str = ""
    error: bool = False
    msgid: str = ""
    ts: int = 0
    signature: str = ""

    @classmethod
    def parse(cls, data: bytes) -> "ReplyEnvelope":
        """Raises BadRequest; checks no signature. A reply may be larger than a request: lists are made of them."""
        return decode(cls, parse_json(data))

    def to_bytes(self) -> bytes:
        head = f'{{"payloadtype":{quoted(self.payloadtype)},"payload":{quoted(self.payload)}'
        error = "true" if self.error else "false"
        tail = f'"error":{error},"msgid":{quoted(self.msgid)},"ts":{self.ts},"signature":{quoted(self.signature)}}}'
        return f"{head},{tail}".encode("utf-8", "replace")

    def signed_text(self, topic: str) -> bytes:
        """What the coordinator signed if it published this on `topic` (from `v1/` on). Raises ValueError for a reply
        that no coordinator can have signed."""
        return reply_text(self.payloadtype, self.msgid, self.ts, self.error, topic, self.payload)

    def value(self) -> Any:
        return _json_of(self.payload)

    def failure(self) -> ColoniesError | None:
        """The error in the reply, ready to be raised."""
        if not self.error:
            return None
        body = self.value()
        body = body if isinstance(body, dict) else {}
        status, message, ts = body.get("status"), body.get("message"), body.get("ts")
        return error_of(
            status if type(status) is int else 500,
            message if isinstance(message, str) else "the server gave no reason",
            ts if type(ts) is int else self.ts,
        )


def refuse_oversize(data: bytes, limit: int = MESSAGE_BYTES_MAX) -> None:
    """The same check at the sender and at the coordinator."""
    if len(data) > limit:
        raise TooLarge(f"The message has {len(data)} bytes, the limit is {limit}")


def seal(message: Mapping[str, Any], signer: Signer | None) -> Envelope:
    """A message, signed; the two unsigned messages need no signer."""
    payload = _payload_of(message)
    signature = signer.sign(payload.encode("ascii")) if signer else ""
    return Envelope(payloadtype=str(message.get("msgtype", "")), payload=payload, signature=signature)


def seal_reply(
    payloadtype: str, value: Any, error: bool, msgid: str, ts: int, topic_text: str, signer: Signer
) -> ReplyEnvelope:
    """A reply that holds for one request, on one topic (`topic_text` from `v1/` on), and nowhere else."""
    payload = _payload_of(value)
    signature = signer.sign(reply_text(payloadtype, msgid, ts, error, topic_text, payload))
    return ReplyEnvelope(payloadtype=payloadtype, payload=payload, error=error, msgid=msgid, ts=ts, signature=signature)


def plain_reply(payloadtype: str, value: Any, error: bool) -> bytes:
    """A reply as Colonies servers send it over HTTP (`protocol-core.md` 1.4): nobody signs it."""
    head = f'{{"payloadtype":{quoted(payloadtype)},"payload":"{_payload_of(value)}"'
    return f'{head},"error":{"true" if error else "false"}}}'.encode("utf-8", "replace")


def reply_text(payloadtype: str, msgid: str, ts: int, error: bool, topic: str, payload: str) -> bytes:
    """The signed text of `PROTOCOL.md` 3. A line break inside a part would make two texts out of one: ValueError."""
    text = f"{payloadtype}\n{msgid}\n{ts}\n{1 if error else 0}\n{topic}\n{payload}"
    if text.count("\n") != REPLY_LINES - 1:
        raise ValueError("a part of a reply holds a line break")
    return text.encode("utf-8", "replace")


def _payload_of(value: Any) -> str:
    # "replace": half a character, which only a program can produce, must not stop a result from being delivered.
    return base64.b64encode(dump_json(value).encode("utf-8", "replace")).decode("ascii")


def _json_of(payload: str) -> Any:
    """Line breaks are allowed in the base64, as in Go's decoder. Go parses whatever decoded before an error; nothing
    honest depends on that, so an error is an error here."""
    try:
        data = base64.b64decode(payload.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("the payload is not base64") from None
    return parse_json(data)
