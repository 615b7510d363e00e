"""Channels over a real broker: what is said is heard once, in order, also by who lost the coordinator in between."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.protocol.messages import (
    AssignProcess,
    ChannelAppend,
    ChannelRead,
    CloseSuccessful,
    SubmitFuncSpec,
    SubscribeChannel,
)
from colonies_edge.protocol.model import Conditions, FunctionSpec
from colonies_edge.transports.system import entropy, new_msgid
from tests.support.live_colony import LiveColony


class Listener:
    """What a client hears on a channel."""

    def __init__(self, client: AsyncClient, processid: str) -> None:
        self._client = client
        self._processid = processid
        self._events: asyncio.Queue[tuple[str, list[dict[str, Any]]]] = asyncio.Queue()
        client.caller.on_event.append(self._on_event)
        self.texts: list[str] = []

    def _on_event(self, payloadtype: str, msgid: str, number: int, value: Any) -> None:
        if payloadtype == SubscribeChannel.msgtype:
            self._events.put_nowait((msgid, value))

    async def listen(self) -> None:
        """From where it stopped."""
        self._msgid = new_msgid()
        message = SubscribeChannel(processid=self._processid, name="ctl", afterseq=len(self.texts), timeout=600)
        await self._client.call(message, msgid=self._msgid)

    async def hear(self, number: int) -> None:
        """Wait until so many texts came; the end of the channel counts as one."""
        while len(self.texts) < number:
            msgid, entries = await self._events.get()
            if msgid == self._msgid:
                self.texts += [base64.b64decode(entry["payload"]).decode() for entry in entries] or ["(end)"]


async def say(client: AsyncClient, processid: str, sequence: int, text: str) -> None:
    payload = base64.b64encode(text.encode()).decode()
    await client.call(ChannelAppend(processid=processid, name="ctl", sequence=sequence, payload=payload))


async def begun(me: AsyncClient, worker: AsyncClient) -> str:
    """The id of a process that has a channel and runs."""
    conditions = Conditions(colonyname="lab", executortype="test")
    submitted = await me.call(
        SubmitFuncSpec(spec=FunctionSpec(funcname="talk", channels=("ctl",), conditions=conditions))
    )
    assigned = await worker.call(AssignProcess(colonyname="lab", timeout=10))
    assert assigned["processid"] == submitted["processid"]
    return str(assigned["processid"])


def test_what_is_said_is_heard_once_and_in_order_over_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    with LiveColony(tmp_path) as colony:
        executor = Signer(new_private_key(entropy(32)))
        colony.as_owner(lambda owner: owner.add_executor("worker", executor.identity, "test"))
        colony.as_owner(lambda owner: owner.approve_executor("worker"))

        async def scene() -> None:
            async with (
                AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as me,
                AsyncClient(colony.endpoint, executor, "lab") as worker,
            ):
                processid = await begun(me, worker)
                listener = Listener(me, processid)
                await say(worker, processid, 1, "one")
                await listener.listen()
                await say(worker, processid, 2, "two")
                await say(worker, processid, 2, "two")
                await listener.hear(2)
                await asyncio.to_thread(colony.stop)
                await asyncio.to_thread(colony.start)
                await say(worker, processid, 2, "two")
                await say(worker, processid, 3, "three")
                await listener.listen()
                await listener.hear(3)
                assert len(await me.call(ChannelRead(processid=processid, name="ctl"))) == 3
                await worker.call(CloseSuccessful(processid=processid))
                await listener.hear(4)
                assert listener.texts == ["one", "two", "three", "(end)"]

        asyncio.run(scene())
