"""Status bodies and broker passwords: readable, signed, and good for one place only."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.credentials import Password, open_password, seal_password
from colonies_edge.protocol.envelope import seal
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden
from colonies_edge.protocol.status import CoordinatorStatus, Presence, open_status, seal_status
from colonies_edge.protocol.topics import COORDINATOR_STATUS, Topic, Topics
from tests.protocol.objects import free, many

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
WORKER = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
TOPICS = Topics()
HERE = TOPICS.signed_form(Topic(colony="lab", party=WORKER.identity, channel="status"))
TOP = TOPICS.signed_form(COORDINATOR_STATUS)
PRESENCE = Presence(executorid=WORKER.identity, colonyname="lab", state="online", conn="abcdefgh", ts=5)
STATUS = CoordinatorStatus(serverid=SERVER.identity, version="1", state="online", epoch="e", ts=5, limits={"bytes": 9})


def test_a_status_is_readable_json_and_opens_where_it_was_signed_for() -> None:
    body = seal_status(PRESENCE, HERE, WORKER)
    fields = ["executorid", "executorname", "executortype", "colonyname", "state", "conn", "ts", "signature"]
    assert list(json.loads(body)) == fields
    assert open_status(Presence, body, HERE) == PRESENCE
    assert open_status(CoordinatorStatus, seal_status(STATUS, TOP, SERVER), TOP) == STATUS


def test_a_status_may_be_formatted_and_extended_by_others() -> None:
    fields = json.loads(seal_status(PRESENCE, HERE, WORKER))
    again = json.dumps(dict(reversed(fields.items())), indent=2).encode()
    assert open_status(Presence, again, HERE) == PRESENCE


@pytest.mark.parametrize(("key", "value"), [("state", "offline"), ("conn", "x" * 8), ("ts", 6), ("extra", 1)])
def test_a_status_with_anything_changed_or_added_is_refused(key: str, value: Any) -> None:
    forged = json.dumps({**json.loads(seal_status(PRESENCE, HERE, WORKER)), key: value}).encode()
    with pytest.raises(Forbidden, match="somebody else"):
        open_status(Presence, forged, HERE)


def test_a_status_cannot_be_moved_to_another_topic() -> None:
    body = seal_status(PRESENCE, HERE, WORKER)
    elsewhere = TOPICS.signed_form(Topic(colony="den", party=WORKER.identity, channel="status"))
    foreign = TOPICS.signed_form(Topic(colony="lab", party=SERVER.identity, channel="status"))
    for topic in (elsewhere, foreign, TOP, ""):
        with pytest.raises(Forbidden):
            open_status(Presence, body, topic)


def test_nobody_speaks_for_another_not_even_on_that_ones_topic() -> None:
    with pytest.raises(Forbidden, match="signed by somebody else"):
        open_status(Presence, seal_status(PRESENCE, HERE, SERVER), HERE)
    mine = replace(PRESENCE, executorid=SERVER.identity)
    with pytest.raises(Forbidden, match="somebody else's topic"):
        open_status(Presence, seal_status(mine, HERE, SERVER), HERE)


@many
@given(
    st.binary(max_size=100)
    | st.dictionaries(st.sampled_from(["signature", "executorid", "ts", "x"]), free).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_bytes_are_a_status_or_an_error(data: bytes) -> None:
    with pytest.raises(ColoniesError):
        open_status(Presence, data, HERE)


def test_a_huge_status_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadRequest, match="size"):
        open_status(Presence, b" " * 300_000, HERE)


PASSWORD = Password(ts=5, msgid="m" * 16, clientid="c1", serverid=SERVER.identity)


def test_a_password_opens_for_the_identity_that_signed_it() -> None:
    assert open_password(seal_password(PASSWORD, WORKER), WORKER.identity) == PASSWORD
    with pytest.raises(Forbidden, match="another identity"):
        open_password(seal_password(PASSWORD, WORKER), SERVER.identity)


@pytest.mark.parametrize("broken", [replace(PASSWORD, msgid="short"), replace(PASSWORD, clientid="")])
def test_a_password_without_its_parts_is_refused(broken: Password) -> None:
    with pytest.raises(BadRequest, match="lacks"):
        open_password(seal_password(broken, WORKER), WORKER.identity)


def test_a_captured_request_is_no_password() -> None:
    for key in ("msgtype", "MsgType"):
        envelope = seal({key: "getcoloniesmsg", "msgid": "m" * 16, "clientid": "c1"}, WORKER)
        with pytest.raises(BadRequest, match="is a message"):
            open_password(f"{envelope.payload}.{envelope.signature}", WORKER.identity)


@pytest.mark.parametrize("text", ["", ".", "secret", "e30=.", "!.00", "e30=." + "0" * 5000, "A" * 5000])
def test_what_is_no_password_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest):
        open_password(text, WORKER.identity)


def test_a_password_with_a_malformed_signature_is_forbidden() -> None:
    body = base64.b64encode(json.dumps({"msgid": "m" * 16, "clientid": "c"}).encode()).decode()
    with pytest.raises(Forbidden, match="Invalid signature length"):
        open_password(f"{body}.00", WORKER.identity)
