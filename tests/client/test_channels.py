"""Channels between a program and a function: heard once and in order, whatever happens to who carries the words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor import Context
from colonies_edge.client.blocking_channel import Channel
from colonies_edge.client.channel_message import ChannelMessage, payload_of
from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.protocol.errors import BadRequest, Conflict, Forbidden, NotFound, UsageError, WaitTimeout
from colonies_edge.transports.system import entropy
from tests.support.live_colony import LiveColony, working

PATIENCE_S = 60.0  # of a test: what is waited for comes in a moment, or something is broken


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveColony]:
    with LiveColony(tmp_path_factory.mktemp("colony")) as running:
        worker = running.executor(capacity=8)
        _teach(worker)
        with working(worker):
            yield running


def _teach(worker: Any) -> None:
    @worker.function
    def echo(ctx: Context) -> int:
        """Says what it hears, until that was all."""
        count = 0
        for message in ctx.channel("ctl"):
            ctx.channel("ctl").send(f"{message}!", inreplyto=message)
            count += 1
        ctx.channel("ctl").end("bye")
        ctx.channel("ctl").receive(PATIENCE_S)
        return count

    @worker.function
    def count_to(number: int, ctx: Context) -> None:
        for value in range(number):
            ctx.channel("out").send(value)
        ctx.channel("ack").receive(PATIENCE_S)

    @worker.function
    def listen(ctx: Context) -> None:
        for message in ctx.channel("ctl"):
            if message.text == "fail":
                raise RuntimeError("as wished")
            if message.text == "succeed":
                return


class Hearing:
    """A loop over a channel in a thread of its own, so that a test ends even if the loop does not."""

    def __init__(self, channel: Channel) -> None:
        self._messages: list[ChannelMessage] = []
        self._thread = threading.Thread(target=lambda: self._messages.extend(channel), daemon=True)
        self._thread.start()

    def all(self) -> list[ChannelMessage]:
        """When the loop has ended."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self._messages


def test_a_program_and_a_function_speak_in_both_directions(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("echo", executortype="test", channels=["ctl"])
        channel = process.channel("ctl")
        assert channel is process.channel("ctl")
        numbers = [channel.send(text) for text in ("one", "two", "three")]
        channel.end()
        heard = Hearing(channel).all()
        assert [str(message) for message in heard] == ["one!", "two!", "three!", "bye"]
        assert [message.inreplyto for message in heard] == [*numbers, 0]
        assert numbers == [1, 2, 3]
        assert [message.sequence for message in heard] == [1, 2, 3, 4]
        assert heard[0].sender == process.refresh().model.assignedexecutorid
        channel.send("done")
        assert process.wait(PATIENCE_S).output == 3
        assert channel.receive(PATIENCE_S) is None
        assert Hearing(channel).all() == []


def test_what_is_said_before_anybody_listens_is_heard(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("count_to", 300, executortype="test", channels=["out", "ack"])
        channel, values = process.channel("out"), []
        while len(values) < 300:
            message = channel.receive(PATIENCE_S)
            assert message is not None
            values.append(message.json())
        assert values == list(range(300))
        late = client.process(process.id).channel("out")
        assert [late.receive(PATIENCE_S) is not None for _ in range(300)] == [True] * 300
        process.channel("ack").send(b"")
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("word", ["succeed", "fail", ""])
def test_loops_end_with_their_process_however_it_ends(colony: LiveColony, word: str) -> None:
    with colony.client() as client:
        process = client.submit("listen", executortype="test", channels=["ctl"])
        hearing = Hearing(process.channel("ctl"))
        if word:
            process.channel("ctl").send(word)
        else:
            process.cancel()
        assert hearing.all() == []
        assert Hearing(client.process(process.id).channel("ctl")).all() == []


def test_waiting_for_a_message_has_a_limit(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("listen", executortype="nobody", channels=["ctl"])
        for _ in range(3):
            with pytest.raises(WaitTimeout, match=r"nothing was said on channel ctl within 0\.05 s"):
                process.channel("ctl").receive(0.05)
        process.cancel()


def test_channels_that_are_not_there_or_not_ours_are_refused(colony: LiveColony) -> None:
    stranger = new_private_key(entropy(32))
    colony.as_owner(lambda owner: owner.add_user("stranger", identity_of(stranger)))
    with colony.client() as client:
        process = client.submit("listen", executortype="nobody", channels=["ctl"])
        with pytest.raises(UsageError, match="has no channel 'cmd'; it has ctl"):
            process.channel("cmd")
        bare = client.asynchronous.channel(process.id, "cmd")
        with pytest.raises(NotFound):
            client.run(bare.receive(PATIENCE_S))
        with pytest.raises(NotFound):
            client.run(bare.send("x"))

        async def eavesdrop() -> None:
            async with AsyncClient(colony.endpoint, Signer(stranger), "lab") as other:
                with pytest.raises(Forbidden):
                    await other.channel(process.id, "ctl").receive(PATIENCE_S)

        asyncio.run(eavesdrop())
        process.cancel()


def test_messages_are_bytes_texts_or_json() -> None:
    assert payload_of(b"\xff\x00") == b"\xff\x00"
    assert payload_of("grön") == "grön".encode()
    assert payload_of({"speed": [1, 2.5]}) == b'{"speed":[1,2.5]}'
    with pytest.raises(BadRequest):
        payload_of(object())


# Said once


def test_a_number_of_ones_own_is_heard_once_and_means_one_thing(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("listen", executortype="nobody", channels=["ctl"])
        channel = process.channel("ctl")
        assert [channel.send("go", sequence=7), channel.send("go", sequence=7), channel.send("on")] == [7, 7, 8]
        with pytest.raises(Conflict):
            channel.send("stop", sequence=7)
        entries = client.read_channel(process.id, "ctl")
        assert [entry.sequence for entry in entries] == [7, 8]
        process.cancel()


def test_a_program_that_starts_again_counts_on(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("listen", executortype="nobody", channels=["ctl"])
        assert [process.channel("ctl").send("same") for _ in range(2)] == [1, 2]
    with colony.client() as client:
        assert client.process(process.id).channel("ctl").send("same") == 3
        assert client.read_channel(process.id, "ctl", after=1, limit=1)[0].sequence == 2
        client.cancel_process(process.id)


def test_several_tasks_and_programs_of_one_identity_lose_nothing(colony: LiveColony) -> None:
    async def talk() -> list[int]:
        async with (
            AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as one,
            AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as two,
        ):
            process = await one.submit("listen", executortype="nobody", channels=["ctl"])
            speakers = [client.channel(process, "ctl") for client in (one, one, two)]
            sending = (speaker.send(f"{n} of {k}") for k, speaker in enumerate(speakers) for n in range(20))
            await asyncio.gather(*sending)
            entries = await one.read_channel(process.processid, "ctl")
            await one.cancel_process(process.processid)
            return [entry.sequence for entry in entries]

    assert sorted(asyncio.run(talk())) == list(range(1, 61))


def test_words_go_both_ways_over_restarts_of_the_coordinator(tmp_path: Path) -> None:
    count = 120
    with LiveColony(tmp_path) as colony:
        worker = colony.executor(capacity=2)
        _teach(worker)
        with working(worker), colony.client() as client:
            process = client.submit("echo", executortype="test", channels=["ctl"])
            channel = process.channel("ctl")
            hearing = Hearing(channel)
            for number in range(count):
                if number in (30, 70):
                    colony.stop()
                    colony.start()
                channel.send(f"{number}")
            channel.end()
            assert list(map(str, hearing.all())) == [*(f"{number}!" for number in range(count)), "bye"]
            channel.send("done")
            assert process.wait(PATIENCE_S).output == count
