"""One record of the engine as the text of one journal line, as short as it can be while a person can still read it."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any

from colonies_edge.engine.outcome import Answer, Kind, Record, Write
from colonies_edge.engine.rows import TABLES
from colonies_edge.protocol.codec import pack, unpack
from colonies_edge.protocol.codec_fields import pack_fields, unpack_fields
from colonies_edge.protocol.envelope import Envelope
from colonies_edge.storage.migrations import Migration
from colonies_edge.storage.stored_json import parse, parse_object, text_of, to_bytes

# A text field of a row that repeats the row's key or the record's caller: ids are 64 characters and come up to five
# times in a line. A real text that begins with "=" gets another "=" in front.
_AS_KEY = "=key"
_AS_CALLER = "=by"
# One that repeats a text of the signed message, which is in the same line: what was said on a channel is there once.
_AS_MESSAGE = "=msg."
_REPEATED_CHARS_MIN = 24  # below, little is saved
_IDS = {"processid", "graphid"}  # of an answer; when a write has it for its key, the number of that write stands for it


class Unreadable(ValueError):
    """A line is sound but says what no record says."""


# Writing.


def encode_record(record: Record) -> bytes:
    """The body of the line after number and time: writes, caller, answer, envelope."""
    payload, message = _plain(record.envelope.payload) if record.envelope is not None else (b"", {})
    repeated = _repeated(message) if payload else {}
    fields: dict[str, Any] = {"w": [_packed_write(write, record.caller, repeated) for write in record.writes]}
    if record.caller:
        fields["by"] = record.caller
    if record.envelope is not None:
        _add_envelope(fields, record.envelope, record.msgid, message, plain=bool(payload))
    elif record.msgid:
        fields["id"] = record.msgid
    if record.answer is not None:
        fields["re"] = _packed_answer(record.answer, record)
    text = to_bytes(text_of(fields))[1:-1]
    # Last, so that the exact text that was signed can be cut out again; `size` says where it begins.
    return b'%s,"size":%d,"msg":%s' % (text, len(payload), payload) if payload else text


def _repeated(message: dict[str, Any]) -> dict[str, str]:
    texts = ((name, value) for name, value in message.items() if type(value) is str)
    return {value: _AS_MESSAGE + name for name, value in texts if len(value) >= _REPEATED_CHARS_MIN}


def _packed_write(write: Write, caller: str, repeated: dict[str, str]) -> list[Any]:
    if write.kind is Kind.PUT:
        return [write.table, write.key, "put", _shortened(pack(write.row), write.key, caller, repeated)]
    if write.kind is Kind.PATCH:
        changes = pack_fields(TABLES[write.table], write.changes)
        return [write.table, write.key, "patch", _shortened(changes, write.key, caller, repeated)]
    return [write.table, write.key, write.kind.value]


def _shortened(fields: dict[str, Any], key: str, caller: str, repeated: dict[str, str]) -> dict[str, Any]:
    for name, value in fields.items():
        if type(value) is str and value:
            if value == key:
                fields[name] = _AS_KEY
            elif value == caller:
                fields[name] = _AS_CALLER
            elif value in repeated:
                fields[name] = repeated[value]
            elif value[0] == "=":
                fields[name] = "=" + value
    return fields


def _packed_answer(answer: Answer, record: Record) -> dict[str, Any]:
    packed = pack(answer)
    if record.envelope is not None and packed["payloadtype"] == record.envelope.payloadtype:
        del packed["payloadtype"]
    if not packed["error"]:
        del packed["error"]
    for name in _IDS & packed.keys():
        for index, write in enumerate(record.writes):
            if write.key == packed[name]:
                packed[name] = index
                break
    return packed


def _add_envelope(
    fields: dict[str, Any], envelope: Envelope, msgid: str, message: dict[str, Any], *, plain: bool
) -> None:
    """Puts what can be put shorter into `fields`; without `plain`, the base64 of the payload too."""
    try:
        signature = bytes.fromhex(envelope.signature)
    except ValueError:
        signature = b""
    if signature.hex() == envelope.signature:
        fields["sig"] = b64encode(signature).decode("ascii").rstrip("=")
    else:
        fields["sighex"] = envelope.signature
    if not plain:
        fields["b64"] = envelope.payload
    if message.get("msgtype") != envelope.payloadtype:
        fields["type"] = envelope.payloadtype
    if message.get("msgid", "") != msgid:
        fields["id"] = msgid


def _plain(payload: str) -> tuple[bytes, dict[str, Any]]:
    """The JSON text inside the base64 and what it says, when the base64 can be made again from it."""
    try:
        text = b64decode(payload, validate=True)
        message = parse(text)
    except (ValueError, NotBase64, RecursionError):
        return b"", {}
    exact = b64encode(text).decode("ascii") == payload and b"\n" not in text and text[:1] == b"{" and text[-1:] == b"}"
    return (text, message) if exact and isinstance(message, dict) else (b"", {})


# Reading.


class Line:
    """A record's line, parsed as far as somebody asks."""

    __slots__ = ("_body", "fields")

    def __init__(self, body: bytes) -> None:
        self._body = body
        try:
            self.fields: dict[str, Any] = parse_object(b"{" + body + b"}")
        except ValueError as error:
            raise Unreadable(f"not JSON: {error}") from None

    @property
    def number(self) -> int:
        """Counts from 1 without gaps."""
        return int(self.fields["n"])

    @property
    def time_ns(self) -> int:
        """When it was decided."""
        return int(self.fields["t"])

    @property
    def caller(self) -> str:
        """Who asked; "" for what the engine did by itself."""
        return str(self.fields.get("by", ""))

    @property
    def msgid(self) -> str:
        """Of the call."""
        given = self.fields.get("id")
        return str(self.fields.get("msg", {}).get("msgid", "") if given is None else given)

    def envelope(self) -> Envelope | None:
        """The signed request, exactly as it came."""
        fields = self.fields
        if "size" in fields:
            payload = b64encode(self._body[len(self._body) - fields["size"] :]).decode("ascii")
        elif "b64" in fields:
            payload = fields["b64"]
        else:
            return None
        signature = fields["sighex"] if "sighex" in fields else _unpadded(fields["sig"]).hex()
        payloadtype = fields["type"] if "type" in fields else fields["msg"]["msgtype"]
        return Envelope(payloadtype=payloadtype, payload=payload, signature=signature)

    def writes(self, migration: Migration) -> tuple[Write, ...]:
        """What it changed, in the current format."""
        message = self.fields.get("msg", {})
        return tuple(_unpacked_write(packed, self.caller, message, migration) for packed in self.fields["w"])

    def answer(self) -> Answer | None:
        """What was answered."""
        packed = self.fields.get("re")
        if packed is None:
            return None
        if "payloadtype" not in packed:
            packed["payloadtype"] = self.fields["type"] if "type" in self.fields else self.fields["msg"]["msgtype"]
        packed.setdefault("error", False)
        for name in _IDS & packed.keys():
            if isinstance(packed[name], int):
                packed[name] = self.fields["w"][packed[name]][1]
        return unpack(Answer, packed)


def decode_record(body: bytes, migration: Migration) -> Record:
    """The record as the engine gave it. Raises Unreadable."""
    try:
        line = Line(body)
        return Record(
            time_ns=line.time_ns,
            writes=line.writes(migration),
            caller=line.caller,
            msgid=line.msgid,
            envelope=line.envelope(),
            answer=line.answer(),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _unpadded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))


def _unpacked_write(packed: list[Any], caller: str, message: dict[str, Any], migration: Migration) -> Write:
    table, key, kind = packed[0], packed[1], Kind(packed[2])
    if kind is Kind.PUT or kind is Kind.PATCH:
        fields = _lengthened(packed[3], key, caller, message)
        if migration.needed:
            fields = migration.apply(table, fields)
        if kind is Kind.PUT:
            return Write(table=table, key=key, kind=kind, row=unpack(TABLES[table], fields))
        return Write(table=table, key=key, kind=kind, changes=unpack_fields(TABLES[table], fields))
    return Write(table=table, key=key, kind=kind)


def _lengthened(fields: dict[str, Any], key: str, caller: str, message: dict[str, Any]) -> dict[str, Any]:
    for name, value in fields.items():
        if type(value) is str and value[:1] == "=":
            fields[name] = _meant(value, key, caller, message)
    return fields


def _meant(text: str, key: str, caller: str, message: dict[str, Any]) -> str:
    if text == _AS_KEY:
        return key
    if text == _AS_CALLER:
        return caller
    if text.startswith(_AS_MESSAGE):
        return str(message[text[len(_AS_MESSAGE) :]])
    return text[1:]
