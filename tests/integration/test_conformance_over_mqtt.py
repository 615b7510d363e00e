"""The recorded conversations again, as they travel: signed, through a real broker, to a real coordinator."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.engine.engine import HANDLERS
from colonies_edge.protocol.envelope import ReplyEnvelope, seal
from colonies_edge.protocol.errors import ColoniesError, NoConnection
from colonies_edge.protocol.messages import MESSAGES
from colonies_edge.protocol.topics import NO_COLONY, REPLY, REQUEST, Topic, Topics
from colonies_edge.transports.ports import NotAdmitted
from colonies_edge.transports.system import PartyClock, new_msgid
from tests.support.brokers import Mosquitto
from tests.support.scenarios import Scenario, play, scenarios
from tests.support.site import Site

SCENARIOS = [scenario for scenario in scenarios() if scenario.playable(HANDLERS)]
PATIENCE_S = 60.0
CUT_OFF_S = 5.0
pytestmark = pytest.mark.long  # against the engine alone the same scenarios run with every pytest


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    broker = Mosquitto().start() if request.param == "mosquitto" else None
    running = Site(tmp_path_factory.mktemp("site"), broker)
    running.start()
    yield running
    assert "Traceback" not in running.log
    running.close()
    if broker is not None:
        broker.close()


class Wire:
    """Every key of a scenario with a connection of its own. The embedded broker does not let in whom nobody knows:
    that is its 403, and the same key is let in once it is known."""

    def __init__(self, site: Site) -> None:
        self._endpoint = Endpoint(mqtt=site.url, serverid=site.keys["server"].identity)
        self._loop = asyncio.new_event_loop()
        self._signers = {"server": site.keys["server"]}
        self._clients: dict[str, AsyncClient] = {}
        self._turned_away: dict[str, int] = {}  # key -> how much had changed when it was not let in
        self._changes = 0

    def identity(self, key: str) -> str:
        if key not in self._signers:
            self._signers[key] = Signer(new_private_key(os.urandom(32)))
        return self._signers[key].identity

    def ask(self, key: str | None, message: dict[str, Any]) -> tuple[int, Any]:
        known = MESSAGES.get(message["msgtype"])
        if known is not None and known.unsigned:
            key = "server"  # whoever asks: nobody signs this
        if key is None:
            return self._loop.run_until_complete(self._ask_unsigned(message))
        return self._loop.run_until_complete(self._ask(key, message))

    async def _ask_unsigned(self, message: dict[str, Any]) -> tuple[int, Any]:
        """What must be signed, without a signature: no client of ours would send it."""
        party, topics = self._signers["server"], Topics()
        link = self._endpoint.link(lambda: party, PartyClock())
        await link.open()
        try:
            where = {"colony": NO_COLONY, "party": party.identity, "conn": link.conn}
            await link.subscribe(topics.format(Topic(channel=REPLY, **where)))
            while True:  # of refusals to nobody in particular there are twenty a second
                link.publish(topics.format(Topic(channel=REQUEST, **where)), seal(message, None).to_bytes())
                with contextlib.suppress(asyncio.TimeoutError):
                    reply = ReplyEnvelope.parse((await asyncio.wait_for(link.deliveries.get(), 1.0)).payload)
                    value = reply.value()
                    return (value["status"] if reply.error else 200), value
        finally:
            await link.close()

    async def _ask(self, key: str, message: dict[str, Any]) -> tuple[int, Any]:
        try:
            reply = await asyncio.wait_for(self._reply(key, message, new_msgid()), PATIENCE_S)
            self._changes += not message["msgtype"].startswith("get")
            return 200, reply
        except ColoniesError as refusal:
            return refusal.status, refusal.body()
        except NotAdmitted as refusal:
            return 403, {"status": 403, "message": str(refusal)}

    async def _reply(self, key: str, message: dict[str, Any], msgid: str) -> Any:
        """Who loses his place is cut off. Then a new connection for the same call: it is let in, or turned away."""
        while True:
            try:
                return await (await self._client(key)).call(message, timeout_s=CUT_OFF_S, msgid=msgid)
            except NotAdmitted:
                raise
            except NoConnection:
                if key in self._clients:
                    await self._clients.pop(key).close()

    async def _client(self, key: str) -> AsyncClient:
        if key not in self._clients:
            if self._turned_away.get(key) == self._changes:
                raise NotAdmitted("nothing changed since this key was not let in")
            client = AsyncClient(self._endpoint, self._signers[key])
            try:
                await client.open()
            except BaseException as refusal:
                if isinstance(refusal, NotAdmitted):
                    self._turned_away[key] = self._changes
                await client.close()
                raise
            self._clients[key] = client
        return self._clients[key]

    def sleep(self, seconds: float) -> None:
        self._loop.run_until_complete(asyncio.sleep(seconds))

    def close(self) -> None:
        for client in self._clients.values():
            self._loop.run_until_complete(client.close())
        self._loop.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_replies_over_a_broker_are_as_recorded_or_better(site: Site, scenario: Scenario) -> None:
    wire = Wire(site)
    try:
        play(scenario, wire, suffix=f"-{os.urandom(4).hex()}")
    finally:
        wire.close()
