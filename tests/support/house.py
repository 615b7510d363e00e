"""An embedded broker as a coordinator would run it, and those who connect to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.status import ONLINE, CoordinatorStatus, seal_status
from colonies_edge.protocol.topics import COORDINATOR_STATUS, Topic, Topics
from colonies_edge.transports.admission import PasswordChecker, password_of
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.mqtt import MqttLink

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
ANN = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
BOB = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
STRANGER = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
TOPICS = Topics()
NOW_MS = 1_790_000_000_000
PATIENCE_S = 20
TOKEN = "a token"  # with which strangers may enrol


def topic(signer: Signer, channel: str, conn: str = "") -> str:
    return TOPICS.format(Topic(colony="dev", party=signer.identity, channel=channel, conn=conn))


class House:
    """A broker as a coordinator would run it, and links of those who live there."""

    def __init__(self, **settings: Any) -> None:
        checker = PasswordChecker(
            serverid=SERVER.identity,
            knows=lambda identity: identity in (ANN.identity, BOB.identity),
            now_ms=lambda: NOW_MS,
            enrols=lambda token: token == TOKEN,
        )
        self.broker = EmbeddedBroker(Listen(port=0), admit=checker.admit, confinement=TOPICS, **settings)
        self.links: list[MqttLink] = []

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.broker.ports[0]}"

    def link(
        self,
        signer: Signer,
        client_id: str,
        *,
        now_ms: Callable[[], int] = lambda: NOW_MS,
        token: str = "",
        **more: Any,
    ) -> MqttLink:
        def password() -> str:
            return password_of(signer, client_id, SERVER.identity, now_ms(), token)

        link = MqttLink(self.url, username=signer.identity, password=password, client_id=client_id, **more)
        self.links.append(link)
        return link

    async def opened(self, signer: Signer, client_id: str, **more: Any) -> MqttLink:
        link = self.link(signer, client_id, **more)
        await link.open()
        return link

    def show_status(self, inside: Any) -> None:
        body = CoordinatorStatus(serverid=SERVER.identity, state=ONLINE, epoch="one", ts=NOW_MS)
        payload = seal_status(body, TOPICS.signed_form(COORDINATOR_STATUS), SERVER)
        inside.publish(TOPICS.coordinator_status(), payload, retain=True)


def live(scene: Callable[[House], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        house = House(**settings)
        await house.broker.start()
        try:
            await asyncio.wait_for(scene(house), PATIENCE_S)
        finally:
            for link in house.links:
                await link.close()
            await house.broker.close()

    asyncio.run(main())
