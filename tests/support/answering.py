"""A small coordinator for tests of callers: it answers, stays silent or lies as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from colonies_edge.crypto.identity import Signer, recover
from colonies_edge.protocol.envelope import Envelope, seal_reply
from colonies_edge.protocol.errors import ColoniesError
from colonies_edge.protocol.status import ONLINE, CoordinatorStatus, seal_status
from colonies_edge.protocol.topics import COORDINATOR_STATUS, REPLY, STATUS, Topic, Topics
from colonies_edge.transports.loopback import LoopbackBus
from colonies_edge.transports.mqtt_rpc import RpcCaller
from colonies_edge.transports.system import PartyClock

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
CALLER = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
STRANGER = Signer("ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514")
TOPICS = Topics()
NOW_MS = 1_790_000_000_000
PATIENCE_S = 20

Answer = Callable[[dict[str, Any]], Any]


class FixedClock:
    """A machine whose clocks stand still unless the test moves them."""

    def __init__(self, ms: int = NOW_MS) -> None:
        self.ns = ms * 1_000_000

    def wall_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return 1_000_000_000


@dataclass
class Coordinator:
    """Answers every request by `answer(message)`: a value, an exception, or None for silence."""

    bus: LoopbackBus
    answer: Answer = lambda message: {"you": "said " + message["msgtype"]}
    signer: Signer = SERVER
    requests: list[tuple[Topic, dict[str, Any], bytes]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.link = self.bus.link("coordinator")
        await self.link.open()
        await self.link.subscribe(*TOPICS.coordinator_filters())
        self.task = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        while True:
            delivery = await self.link.deliveries.get()
            delivery.ack()
            topic = TOPICS.parse(delivery.topic)
            if topic.channel == STATUS:
                continue
            envelope = Envelope.parse(delivery.payload)
            message = envelope.message()
            if envelope.signature:
                assert recover(envelope.signed_text(), envelope.signature) == topic.party
            self.requests.append((topic, message, delivery.payload))
            self.asked.set()
            value = self.answer(message)
            if isinstance(value, ColoniesError):
                self.reply(topic, "error", value.body(), message["msgid"], error=True)
            elif value is not None:
                self.reply(topic, envelope.payloadtype, value, message["msgid"])

    def reply(self, topic: Topic, payloadtype: str, value: Any, msgid: str, *, error: bool = False) -> None:
        to = Topic(colony=topic.colony, party=topic.party, channel=REPLY, conn=topic.conn)
        self.say(to, payloadtype, value, msgid, error=error)

    def say(
        self,
        to: Topic,
        payloadtype: str,
        value: Any,
        msgid: str,
        *,
        error: bool = False,
        signed_for: Topic | None = None,
    ) -> None:
        text = TOPICS.signed_form(signed_for or to)
        reply = seal_reply(payloadtype, value, error, msgid, NOW_MS, text, self.signer)
        self.link.publish(TOPICS.format(to), reply.to_bytes())

    def show_status(self, *, epoch: str = "one", ts: int = NOW_MS, state: str = ONLINE) -> None:
        body = CoordinatorStatus(serverid=self.signer.identity, state=state, epoch=epoch, ts=ts)
        payload = seal_status(body, TOPICS.signed_form(COORDINATOR_STATUS), self.signer)
        self.link.publish(TOPICS.coordinator_status(), payload, retain=True)


Scene = Callable[[LoopbackBus, Coordinator], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    async def main() -> None:
        bus = LoopbackBus()
        coordinator = Coordinator(bus)
        await coordinator.run()
        try:
            await asyncio.wait_for(scene(bus, coordinator), PATIENCE_S)
        finally:
            coordinator.task.cancel()
            await asyncio.gather(coordinator.task, return_exceptions=True)

    asyncio.run(main())


async def opened(bus: LoopbackBus, **settings: Any) -> RpcCaller:
    settings = {"colony": "dev", "serverid": SERVER.identity, "clock": PartyClock(FixedClock()), **settings}
    caller = RpcCaller(bus.link(), TOPICS, CALLER, **settings)
    await caller.open()
    return caller
