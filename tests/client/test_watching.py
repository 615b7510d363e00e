"""Waiting for many processes at once: events wake at once, and the looks beside them are few."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from colonies_edge.client.watching import LOOKS_AT_ONCE, LOOKS_PER_S, POLL_S, POLL_S_MAX, SUBSCRIBED_S, Watching, poll_s
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.messages import SubscribeProcess
from colonies_edge.protocol.model import Conditions, FunctionSpec, Process, State

MANY = 200


class SlowServer:
    """Takes its time for every look."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.asked = 0

    async def get_process(self, processid: str) -> Process:
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(60)
        finally:
            self.under_way -= 1
        raise AssertionError("nobody waits so long")

    async def subscribe_process(
        self, processid: str, states: Iterable[int], timeout: int, *, executortype: str = "", msgid: str = ""
    ) -> None:
        """Confirmed."""

    async def subscribe_processes(
        self, executortype: str, states: Iterable[int], timeout: int, *, msgid: str = ""
    ) -> None:
        """Confirmed."""


def process(number: int, state: State = State.WAITING) -> Process:
    spec = FunctionSpec(funcname="f", conditions=Conditions(executortype="gpu"))
    return Process(processid=f"{number:064d}", state=state, spec=spec)


def test_few_waits_look_as_ever_and_many_share_a_rate() -> None:
    assert {poll_s(waits) for waits in (0, 1, 4, 10)} == {POLL_S}
    for waits in (100, 140):
        assert waits / LOOKS_PER_S <= poll_s(waits) <= POLL_S_MAX
    # What is subscribed for half of its time, until it is renewed, must not end between two looks.
    assert poll_s(100_000) == POLL_S_MAX < SUBSCRIBED_S / 2


def test_an_event_wakes_at_once_though_all_others_are_asking() -> None:
    async def run() -> None:
        server = SlowServer()
        watching = Watching(server)
        waits = [asyncio.ensure_future(watching.wait(process(number), None)) for number in range(MANY)]
        while server.under_way < LOOKS_AT_ONCE:
            await asyncio.sleep(0)
        for number in (MANY - 1, 10):
            ended = encode(process(number, State.SUCCESS))
            watching.on_event(SubscribeProcess.msgtype, "", 1, ended)
            assert (await asyncio.wait_for(waits[number], 5)).state is State.SUCCESS
        assert server.most == LOOKS_AT_ONCE
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert server.under_way == 0

    asyncio.run(run())
