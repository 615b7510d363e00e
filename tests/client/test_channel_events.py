"""A listener whose events get lost, come twice, or stop coming: it asks, and hears everything once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from colonies_edge.client import channel as channel_module
from colonies_edge.client.channel import AsyncChannel
from colonies_edge.client.channels import Channels
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import NoConnection, NotFound, TooManyRequests
from colonies_edge.protocol.messages import SubscribeChannel
from colonies_edge.protocol.model import ChannelEntry, FunctionSpec, Process, State

PATIENCE_S = 30.0


class Coordinator:
    """One channel of one process, as a coordinator keeps it; which events reach the listener is the test's to say."""

    identity = "me"

    def __init__(self) -> None:
        self.entries: list[ChannelEntry] = []
        self.ended = self.away = self.full = False
        self.subscriptions: dict[str, int] = {}  # msgid -> events sent
        self.calls: list[str] = []
        self.channels = Channels(self)
        self.deliver = True

    def listener(self) -> AsyncChannel:
        return self.channels.channel("p", "ctl")

    # What the listener asks

    def _asked(self, what: str) -> None:
        self.calls.append(what)
        if self.away:
            raise NoConnection("away")
        if self.ended and what != "process":
            raise NotFound("Channel not found")

    async def get_process(self, processid: str) -> Process:
        self._asked("process")
        state = State.SUCCESS if self.ended else State.RUNNING
        return Process(processid=processid, state=state, spec=FunctionSpec(channels=("ctl",)))

    async def read_channel(self, processid: str, name: str, after: int = 0, limit: int = 0) -> list[ChannelEntry]:
        self._asked("read")
        return self.entries[after:]

    async def subscribe_channel(self, processid: str, name: str, after: int, timeout: int, *, msgid: str = "") -> None:
        self._asked("subscribe")
        if self.full:
            raise TooManyRequests
        self.subscriptions[msgid] = 0
        if self.entries[after:]:
            self.event(msgid, self.entries[after:])

    async def append_channel(
        self,
        processid: str,
        name: str,
        sequence: int,
        payload: bytes,
        *,
        payloadtype: str = "",
        inreplyto: int = 0,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> None:
        self._asked("append")
        self.say(payload.decode(), sender=self.identity, sequence=sequence)

    # What happens

    def event(self, msgid: str, entries: list[ChannelEntry], times: int = 1) -> None:
        self.subscriptions[msgid] += 1
        if self.deliver:
            for _ in range(times):
                value = [encode(entry) for entry in entries]
                self.channels.on_event(SubscribeChannel.msgtype, msgid, self.subscriptions[msgid], value)

    def say(self, text: str, *, sender: str = "you", sequence: int = 0, times: int = 1) -> None:
        payload = base64.b64encode(text.encode()).decode()
        entry = ChannelEntry(sequence=sequence or len(self.entries) + 1, senderid=sender, payload=payload, type="data")
        self.entries.append(entry)
        for msgid in list(self.subscriptions):
            self.event(msgid, [entry], times)

    def end(self) -> None:
        self.ended = True
        for msgid in list(self.subscriptions):
            self.event(msgid, [])


async def heard(channel: AsyncChannel, count: int) -> list[str]:
    return [str(await channel.receive(PATIENCE_S)) for _ in range(count)]


def play(scene: Callable[[Coordinator, AsyncChannel], Coroutine[Any, Any, None]]) -> Coordinator:
    coordinator = Coordinator()
    asyncio.run(asyncio.wait_for(scene(coordinator, coordinator.listener()), PATIENCE_S))
    return coordinator


def test_events_that_come_twice_are_heard_once() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.say("a")
        assert await heard(channel, 1) == ["a"]
        coordinator.say("b", times=3)
        coordinator.say("c")
        assert await heard(channel, 2) == ["b", "c"]

    assert play(scene).calls == ["subscribe"]


def test_a_gap_in_the_events_is_seen_and_filled() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.say("a")
        assert await heard(channel, 1) == ["a"]
        coordinator.deliver = False
        coordinator.say("b")
        coordinator.deliver = True
        coordinator.say("c")
        assert await heard(channel, 2) == ["b", "c"]

    assert play(scene).calls == ["subscribe", "subscribe"]


def test_an_event_that_was_the_last_and_got_lost_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "POLL_S", 0.05)

    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.say("a")
        assert await heard(channel, 1) == ["a"]
        coordinator.deliver = False
        coordinator.say("b")
        assert await heard(channel, 1) == ["b"]
        coordinator.deliver = True
        waiting = asyncio.ensure_future(heard(channel, 1))
        while len(coordinator.subscriptions) < 2:
            await asyncio.sleep(0)
        coordinator.say("c")
        assert await waiting == ["c"]
        coordinator.deliver = False
        coordinator.end()
        assert await channel.receive(PATIENCE_S) is None

    play(scene)


def test_a_subscription_that_is_over_begins_anew_and_one_of_an_ended_process_does_not() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.say("a")
        assert await heard(channel, 1) == ["a"]
        for msgid in list(coordinator.subscriptions):
            coordinator.event(msgid, [])
        waiting = asyncio.ensure_future(heard(channel, 1))
        while len(coordinator.subscriptions) < 2:
            await asyncio.sleep(0)
        coordinator.say("b")
        assert await waiting == ["b"]
        coordinator.say("c")
        coordinator.end()
        assert await heard(channel, 1) == ["c"]
        assert await channel.receive(PATIENCE_S) is None

    assert play(scene).calls == ["subscribe"] * 3


def test_silence_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "PAUSE_S", 0.01)

    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.away = True
        waiting = asyncio.ensure_future(heard(channel, 1))
        saying = asyncio.ensure_future(channel.send("mine", patient=True))
        with pytest.raises(NoConnection):
            await coordinator.listener().send("not patient")
        while coordinator.calls.count("subscribe") < 3 or coordinator.calls.count("read") < 6:
            await asyncio.sleep(0)
        coordinator.away = False
        assert await saying == 1
        coordinator.say("yours")
        assert await waiting == ["yours"]

    play(scene)


def test_short_waits_do_not_leave_subscriptions_behind() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        for _ in range(20):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(channel.receive(), 0.001)
        assert len(coordinator.subscriptions) == 1

    play(scene)


def test_what_one_says_oneself_is_not_heard_and_is_counted_in_common() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.say("before", sender="me", sequence=4)
        other = coordinator.listener()
        assert [await channel.send("x"), await other.send("y"), await channel.send("z")] == [5, 6, 7]
        coordinator.say("yours")
        assert await heard(channel, 1) == ["yours"]
        assert await heard(other, 1) == ["yours"]

    play(scene)


def test_of_several_who_listen_to_one_channel_each_message_reaches_one() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        waiting = [asyncio.ensure_future(channel.receive(PATIENCE_S)) for _ in range(6)]
        while not coordinator.subscriptions:
            await asyncio.sleep(0)
        for number in range(5):
            coordinator.say(f"{number}")
        while sum(one.done() for one in waiting) < 5:
            await asyncio.sleep(0)
        coordinator.end()
        assert sorted(map(str, await asyncio.gather(*waiting))) == ["0", "1", "2", "3", "4", "None"]

    play(scene)


def test_a_listener_that_gets_no_subscription_asks() -> None:
    async def scene(coordinator: Coordinator, channel: AsyncChannel) -> None:
        coordinator.full = True
        coordinator.say("a")
        assert await heard(channel, 1) == ["a"]

    play(scene)
