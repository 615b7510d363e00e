"""Whatever arrives on a topic is answered clearly or dropped, changes nothing, and stops nobody."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from colonies_edge.crypto.identity import Signer, Verifier, new_private_key
from colonies_edge.protocol.envelope import Envelope, ReplyEnvelope, seal
from colonies_edge.protocol.limits import FRESHNESS_S, MESSAGE_BYTES_MAX
from colonies_edge.protocol.model import State
from colonies_edge.protocol.topics import REPLY, REQUEST, RESULT, Topic, Topics
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.system import SystemClock, new_msgid
from tests.support.brokers import Mosquitto
from tests.support.site import COLONY, Site

TOPICS = Topics()


def now_ms() -> int:
    return SystemClock().wall_ns() // 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On mosquitto, which lets anybody say anything: the embedded broker refuses most of this at its door."""
    with Mosquitto() as broker:
        running = Site(tmp_path_factory.mktemp("site"), broker)
        running.start()
        asyncio.run(running.found())
        yield running
        assert running.process is not None and running.process.poll() is None, running.log
        assert "Traceback" not in running.log
        running.close()


class Wire:
    """One identity with its hands on the raw topics."""

    def __init__(self, site: Site, link: MqttLink, signer: Signer) -> None:
        self.site, self.link, self.signer = site, link, signer
        self.serverid = site.keys["server"].identity
        self._verifier = Verifier()

    def message(self, msgtype: str, **fields: Any) -> dict[str, Any]:
        return {"msgtype": msgtype, "msgid": new_msgid(), "ts": now_ms(), "serverid": self.serverid, **fields}

    def submit(self, **fields: Any) -> dict[str, Any]:
        spec = {"funcname": "echo", "conditions": {"colonyname": COLONY, "executortype": "none"}}
        return self.message("submitfuncspecmsg", spec=spec, **fields)

    def say(self, payload: bytes, *, colony: str = COLONY, party: str = "", channel: str = REQUEST) -> None:
        topic = Topic(colony=colony, party=party or self.signer.identity, channel=channel, conn=self.link.conn)
        self.link.publish(TOPICS.format(topic), payload)

    async def heard(self) -> ReplyEnvelope:
        delivery = await self.link.deliveries.get()
        delivery.ack()
        reply = ReplyEnvelope.parse(delivery.payload)
        unrooted = TOPICS.unrooted(delivery.topic)
        assert self._verifier.verify(reply.signed_text(unrooted), reply.signature, self.serverid)
        return reply

    async def ask(self, payload: bytes, **where: str) -> tuple[int, Any]:
        """(status, value) of the answer."""
        self.say(payload, **where)
        reply = await self.heard()
        value = reply.value()
        return (value["status"] if reply.error else 200), value

    async def silence_after(self, payload: bytes, **where: str) -> None:
        """Not answered: the answer to a call said later comes first."""
        self.say(payload, **where)
        message = self.message("getcolonymsg", colonyname=COLONY)
        self.say(seal(message, self.signer).to_bytes())
        assert (await self.heard()).msgid == message["msgid"]


@asynccontextmanager
async def wire(site: Site, who: str | Signer = "user") -> Any:
    signer = site.keys[who] if isinstance(who, str) else who
    link = MqttLink(site.url, payload_bytes_max=4 * MESSAGE_BYTES_MAX)
    await link.open()
    for colony in (COLONY, "_", "other"):
        topic = Topic(colony=colony, party=signer.identity, channel=REPLY, conn=link.conn)
        await link.subscribe(TOPICS.format(topic))
    try:
        yield Wire(site, link, signer)
    finally:
        await link.close()


def played(site: Site, play: Any, who: str | Signer = "user") -> None:
    """Run a scene; nothing waiting may have come of it."""

    async def run() -> None:
        async with site.client("user") as client:
            before = await client.get_colony_stats()
            async with wire(site, who) as hands:
                await play(hands)
            assert await client.get_colony_stats() == before

    asyncio.run(run())


def envelope(**changes: Any) -> bytes:
    fields = {"payloadtype": "getcolonymsg", "payload": "", "signature": "00" * 65, **changes}
    return json.dumps(fields).encode()


GARBAGE = {
    "nothing": b"",
    "no JSON": b"hello",
    "half a JSON": b'{"payloadtype":"x"',
    "null": b"null",
    "a list": b"[1,2]",
    "wrong types": envelope(payloadtype=7, payload=["x"], signature={}),
    "no base64": envelope(payload="****"),
    "bytes that are no text": b"\xff\xfe\x00" * 100,
    "very deep": b"[" * 100_000,
    "a number of a million digits": b'{"payloadtype":' + b"9" * 200_000 + b"}",
}
SIGNED_GARBAGE = {
    "nothing": "",
    "null": "bnVsbA==",
    "a list": base64.b64encode(b"[1]").decode(),
    "deep": base64.b64encode(b'{"a":' * 30_000).decode(),
    "NaN": base64.b64encode(b'{"msgtype":"getcolonymsg","ts":NaN}').decode(),
    "another type inside": base64.b64encode(b'{"msgtype":"removecolonymsg"}').decode(),
    "a colony that is a number": base64.b64encode(b'{"msgtype":"getcolonymsg","colonyname":7}').decode(),
}


@pytest.mark.parametrize("payload", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_message_is_answered_with_400(site: Site, payload: bytes) -> None:
    async def play(hands: Wire) -> None:
        status, value = await hands.ask(payload)
        assert status == 400 and value["message"]
        await asyncio.sleep(0.06)  # unproven senders get twenty answers a second

    played(site, play)


@pytest.mark.parametrize("payload", SIGNED_GARBAGE.values(), ids=SIGNED_GARBAGE.keys())
def test_what_a_member_signed_must_make_sense_too(site: Site, payload: str) -> None:
    async def play(hands: Wire) -> None:
        signature = hands.signer.sign(payload.encode())
        assert (await hands.ask(envelope(payload=payload, signature=signature)))[0] == 400
        await asyncio.sleep(0.06)

    played(site, play)


def test_a_message_over_the_limit_is_refused_with_the_limit(site: Site) -> None:
    async def play(hands: Wire) -> None:
        message = hands.submit(padding="x" * MESSAGE_BYTES_MAX)
        status, value = await hands.ask(seal(message, hands.signer).to_bytes())
        assert status == 413 and str(MESSAGE_BYTES_MAX) in value["message"]

    played(site, play)


@pytest.mark.parametrize("signature", ["", "zz" * 65, "00" * 65, "ff" * 65, "ab" * 64])
def test_a_malformed_signature_is_answered_with_403(site: Site, signature: str) -> None:
    async def play(hands: Wire) -> None:
        sealed = seal(hands.submit(), hands.signer)
        forged = Envelope(payloadtype=sealed.payloadtype, payload=sealed.payload, signature=signature)
        assert (await hands.ask(forged.to_bytes()))[0] == 403
        await asyncio.sleep(0.06)

    played(site, play)


def test_what_another_signed_is_dropped_without_an_answer(site: Site) -> None:
    async def play(hands: Wire) -> None:
        another = Signer(new_private_key(os.urandom(32)))
        await hands.silence_after(seal(hands.submit(), another).to_bytes())
        await hands.silence_after(seal(hands.submit(), site.keys["worker"]).to_bytes())

    played(site, play)


def test_an_altered_payload_is_dropped(site: Site) -> None:
    async def play(hands: Wire) -> None:
        sealed = seal(hands.submit(), hands.signer)
        text = json.loads(base64.b64decode(sealed.payload))
        text["spec"]["funcname"] = "rm"
        altered = base64.b64encode(json.dumps(text).encode()).decode()
        forged = Envelope(payloadtype=sealed.payloadtype, payload=altered, signature=sealed.signature)
        await hands.silence_after(forged.to_bytes())

    played(site, play)


def test_a_stranger_is_told_that_nobody_knows_the_key(site: Site) -> None:
    stranger = Signer(new_private_key(os.urandom(32)))

    async def play(hands: Wire) -> None:
        message = hands.submit()
        hands.say(seal(message, stranger).to_bytes())
        reply = await hands.heard()
        assert reply.error and reply.value()["status"] == 403 and reply.msgid == message["msgid"]

    played(site, play, stranger)


def test_a_flood_of_strangers_is_not_answered_one_by_one(site: Site) -> None:
    stranger = Signer(new_private_key(os.urandom(32)))

    async def play(hands: Wire) -> None:
        payload = seal(hands.submit(), stranger).to_bytes()
        for _ in range(500):
            hands.say(payload)
        async with site.client("user") as client:
            await client.get_colony()
        assert hands.link.deliveries.qsize() < 100

    played(site, play, stranger)


@pytest.mark.parametrize("off_s", [-FRESHNESS_S - 60, FRESHNESS_S + 60, -(10**9), 10**9])
def test_a_stamp_from_another_time_is_told_the_time(site: Site, off_s: int) -> None:
    async def play(hands: Wire) -> None:
        message = hands.submit(ts=now_ms() + off_s * 1000)
        status, value = await hands.ask(seal(message, hands.signer).to_bytes())
        assert status == 425 and abs(value["ts"] - now_ms()) < 60_000

    played(site, play)


@pytest.mark.parametrize("msgid", ["", "short", "x" * 65, "with space in between", "with\na line break"])
def test_a_call_without_a_proper_msgid_is_refused(site: Site, msgid: str) -> None:
    async def play(hands: Wire) -> None:
        assert (await hands.ask(seal(hands.submit(msgid=msgid), hands.signer).to_bytes()))[0] == 400

    played(site, play)


def test_a_message_for_another_coordinator_is_refused(site: Site) -> None:
    async def play(hands: Wire) -> None:
        assert (await hands.ask(seal(hands.submit(serverid="e" * 64), hands.signer).to_bytes()))[0] == 403

    played(site, play)


def test_a_colony_that_is_not_the_topics_is_refused(site: Site) -> None:
    async def play(hands: Wire) -> None:
        assert (await hands.ask(seal(hands.submit(), hands.signer).to_bytes(), colony="other"))[0] == 400

    played(site, play)


def test_only_results_belong_on_a_result_topic(site: Site) -> None:
    async def play(hands: Wire) -> None:
        assert (await hands.ask(seal(hands.submit(), hands.signer).to_bytes(), channel=RESULT))[0] == 400

    played(site, play)


def test_an_unknown_type_is_refused_by_name(site: Site) -> None:
    async def play(hands: Wire) -> None:
        status, value = await hands.ask(seal(hands.message("makecoffeemsg"), hands.signer).to_bytes())
        assert status == 403 and "makecoffeemsg" in value["message"]

    played(site, play)


def test_a_replayed_call_gets_the_same_answer_and_has_no_second_effect(site: Site) -> None:
    async def scene() -> None:
        async with site.client("user") as client, wire(site) as hands:
            payload = seal(hands.submit(), hands.signer).to_bytes()
            first = await hands.ask(payload)
            waiting = len(await client.get_processes(State.WAITING, count=100))
            assert await hands.ask(payload) == first
            assert len(await client.get_processes(State.WAITING, count=100)) == waiting
            site.kill()
            site.start()
            async with site.client("user") as again:
                await again.get_colony()
            assert await hands.ask(payload) == first
            await client.remove_process(first[1]["processid"])
            assert (await hands.ask(payload))[0] == 200  # answered as before, and not submitted again
            assert all(
                p.processid != first[1]["processid"] for p in await client.get_processes(State.WAITING, count=100)
            )

    asyncio.run(scene())
