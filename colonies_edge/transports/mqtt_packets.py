"""The MQTT 3.1.1 packets the embedded broker reads and writes for every message, without a task or a stream each."""

from __future__ import annotations

PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

PINGRESP_BYTES = bytes((PINGRESP << 4, 0))
REFUSED = 0x80  # in a SUBACK

# CONNACK codes
ACCEPTED, IDENTIFIER_REJECTED, SERVER_UNAVAILABLE, NOT_AUTHORIZED = 0, 2, 3, 5


class ProtocolViolation(Exception):
    """The client sent what MQTT does not allow; the connection ends."""


def frame_at(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` begins and ends; None when its length is not there yet."""
    length = shift = 0
    index = at + 1
    while index < len(data):
        byte = data[index]
        index += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return index, index + length
        shift += 7
        if shift > 21:
            raise ProtocolViolation("a length of more than four bytes")
    return None


def publish(topic: str, payload: bytes, qos: int, mid: int, *, retain: bool, repeated: bool) -> bytes:
    name = topic.encode()
    header = PUBLISH << 4 | (8 if repeated else 0) | qos << 1 | (1 if retain else 0)
    head = len(name).to_bytes(2, "big") + name
    if qos:
        head += mid.to_bytes(2, "big")
    return bytes((header,)) + _length(len(head) + len(payload)) + head + payload


def read_publish(flags: int, body: bytes) -> tuple[str, int, bytes]:
    """Topic, packet id (0 for quality 0) and payload."""
    end = 2 + int.from_bytes(body[:2], "big")
    topic = text(body[2:end])
    if not topic or len(body) < end:
        raise ProtocolViolation("a publish without a topic")
    qos = flags >> 1 & 3
    if qos == 0:
        return topic, 0, body[end:]
    if qos == 3 or len(body) < end + 2:
        raise ProtocolViolation("a publish of a quality that does not exist")
    return topic, packet_id(body[end : end + 2]), body[end + 2 :]


def read_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    mid, filters, at = packet_id(body), [], 2
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        if end >= len(body) or body[end] > 2:
            raise ProtocolViolation("a subscription that ends too early")
        filters.append((text(body[at + 2 : end]), body[end]))
        at = end + 1
    return mid, filters


def read_unsubscribe(body: bytes) -> tuple[int, list[str]]:
    mid, filters, at = packet_id(body), [], 2
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        if end > len(body):
            raise ProtocolViolation("an unsubscription that ends too early")
        filters.append(text(body[at + 2 : end]))
        at = end
    return mid, filters


def answer(kind: int, mid: int, codes: bytes = b"") -> bytes:
    """PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK: a packet id and, in a SUBACK, what was granted."""
    flags = 2 if kind == PUBREL else 0
    return bytes((kind << 4 | flags,)) + _length(2 + len(codes)) + mid.to_bytes(2, "big") + codes


def connack(code: int, *, session_present: bool = False) -> bytes:
    return bytes((0x20, 2, 1 if session_present else 0, code))


def packet_id(body: bytes) -> int:
    mid = int.from_bytes(body[:2], "big")
    if not mid:
        raise ProtocolViolation("a packet without an id")
    return mid


def text(data: bytes) -> str:
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation("text that is not UTF-8") from None
    if "\0" in decoded:
        raise ProtocolViolation("text with a NUL")
    return decoded


def _length(size: int) -> bytes:
    encoded = bytearray()
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)
