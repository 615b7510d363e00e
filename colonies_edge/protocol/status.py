"""Retained status bodies (`PROTOCOL.md` 1): readable in any MQTT browser, and signed for the topic they stand on."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from colonies_edge.crypto.identity import BadSignature, Signer, recover
from colonies_edge.protocol.codec import decode, dump_json, encode, parse_json
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.model import OMIT
from colonies_edge.protocol.topics import COORDINATOR, VERSION, party_of

ONLINE = "online"
OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """An executor is there, or was. `conn` tells the will of an old connection from that of the present one. Name and
    type are for people who look at topics; what counts is what the coordinator knows of the executor. A bridge adds how
    it is: its lines, and what waits for them."""

    executorid: str = ""
    executorname: str = ""
    executortype: str = ""
    colonyname: str = ""
    state: str = OFFLINE
    conn: str = ""
    ts: int = 0
    bridge: dict[str, Any] = field(default_factory=dict, metadata=OMIT)

    @property
    def signed_by(self) -> str:
        return self.executorid

    @property
    def party(self) -> str:
        return self.executorid


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorStatus:
    """The coordinator is there, or was. `epoch` is another one after each start: what it does not keep over a restart
    (subscriptions, long polls) has to be asked for again. `ts` is its time in Unix milliseconds, `since` the one at
    which it started by the same clock: a wall that was set since changes nothing about how long it runs."""

    serverid: str = ""
    protocol: str = VERSION
    version: str = ""
    state: str = OFFLINE
    epoch: str = ""
    ts: int = 0
    since: int = 0
    limits: dict[str, int] = field(default_factory=dict)

    @property
    def signed_by(self) -> str:
        return self.serverid

    @property
    def party(self) -> str:
        return COORDINATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ColonyStatus:
    """How a colony is, for people who look at topics and for home automation: its counters at `ts`, and what the
    bridges that are there say of themselves, by the names of their executors."""

    serverid: str = ""
    colonyname: str = ""
    ts: int = 0
    executorsready: int = 0  # there, and taking work over MQTT
    executorsapproved: int = 0
    processes: dict[str, int] = field(default_factory=dict)  # by state
    workflows: dict[str, int] = field(default_factory=dict)
    bridges: dict[str, Any] = field(default_factory=dict, metadata=OMIT)

    @property
    def signed_by(self) -> str:
        return self.serverid

    @property
    def party(self) -> str:
        return COORDINATOR


S = TypeVar("S", Presence, CoordinatorStatus, ColonyStatus)


def seal_status(body: Presence | CoordinatorStatus | ColonyStatus, topic: str, signer: Signer) -> bytes:
    """`topic` from `v1/` on."""
    fields = encode(body)
    return dump_json({**fields, "signature": signer.sign(_text(fields, topic))}).encode("utf-8", "replace")


def open_status(cls: type[S], data: bytes, topic: str) -> S:
    """The body, if the identity it names signed it for this topic, which is that identity's. Raises BadRequest or
    Forbidden; whether that identity means anything here is for the caller to know."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise BadRequest("a status of that size is none")
    fields = parse_json(data)
    if not isinstance(fields, dict):
        raise BadRequest("a status is a JSON object")
    signature = fields.pop("signature", "")
    body = decode(cls, fields)
    if party_of(topic) != body.party:
        raise Forbidden("The status stands on somebody else's topic")
    try:
        signer = recover(_text(fields, topic), signature if isinstance(signature, str) else "")
    except BadSignature as error:
        raise Forbidden(str(error)) from None
    if signer != body.signed_by:
        raise Forbidden("The status is signed by somebody else")
    return body


def _text(fields: dict[str, Any], topic: str) -> bytes:
    """`status`, the topic, and the fields without the signature as JSON, keys sorted and without spaces. What a later
    version adds is covered too. The first line keeps it apart from every other text that is signed."""
    return f"status\n{topic}\n{dump_json(_in_order(fields))}".encode("utf-8", "replace")


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return value
