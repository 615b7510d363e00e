"""One channel of one process: messages from others to iterate over, and messages to send that arrive once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from colonies_edge.client.channel_message import END, ChannelMessage, message_of, payload_of
from colonies_edge.client.watching import ENDS, POLL_S, SUBSCRIBED_S
from colonies_edge.protocol.errors import (
    ColoniesError,
    Conflict,
    Forbidden,
    NoConnection,
    NotFound,
    TooManyRequests,
    WaitTimeout,
)
from colonies_edge.protocol.model import ChannelEntry, Process
from colonies_edge.transports.system import new_msgid

PAUSE_S = 1.0  # after silence, before it is tried again
UNKNOWN = -1  # which numbers are in use


class ChannelClient(Protocol):
    """What this needs of the client."""

    identity: str

    async def get_process(self, processid: str) -> Process: ...

    async def read_channel(self, processid: str, name: str, after: int = 0, limit: int = 0) -> list[ChannelEntry]: ...

    async def subscribe_channel(
        self, processid: str, name: str, after: int, timeout: int, *, msgid: str = ""
    ) -> None: ...

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
    ) -> None: ...


class Said:
    """The numbers under which one identity says something on one channel, one at a time."""

    __slots__ = ("__weakref__", "lock", "sequence")

    def __init__(self) -> None:
        self.sequence = UNKNOWN  # the highest in use
        self.lock = asyncio.Lock()


class AsyncChannel:
    """`async for message in channel` ends when the process does, or after a message of type "end"; a later one goes on
    where that stopped. Over lost connections and restarts of the coordinator, nothing is heard twice or left out.

    What one's own identity said is not heard. A process that ends takes its channels with it: who wants the last
    words to arrive waits for an answer to them.
    """

    def __init__(
        self,
        client: ChannelClient,
        processid: str,
        name: str,
        said: Callable[[], Said],
        listeners: MutableMapping[str, AsyncChannel],
    ) -> None:
        self.processid = processid
        self.name = name
        self._client = client
        self._numbers = said
        self._said: Said | None = None
        self._listeners = listeners
        self._heard: deque[ChannelMessage] = deque()
        self._index = 0  # entries of the channel that were taken, one's own included
        self._over = False
        self._there = False  # it was seen: that it is gone means that it has ended
        self._news = asyncio.Event()
        self._hearing = asyncio.Lock()
        self._subscribing: asyncio.Task[None] | None = None
        self._subscription = ""  # the msgid of the call whose events are believed
        self._number = 0  # of its newest event
        self._position = 0  # in the channel, of the next entry that comes by event

    # -- what the client says

    def renew(self) -> None:
        """The subscription is worth nothing any more."""
        self._subscription = ""
        self._news.set()

    def on_entries(self, msgid: str, number: int, entries: Sequence[ChannelEntry]) -> None:
        """An event. After one that got lost, and after the last, it is asked what there is."""
        if msgid != self._subscription or number <= self._number:
            return
        if number > self._number + 1 or not entries:
            self.renew()
            return
        self._number = number
        first, self._position = self._position, self._position + len(entries)
        self._take(first, entries)

    # -- hearing

    async def receive(self, timeout_s: float | None = None) -> ChannelMessage | None:
        """The next message from others; None when there will be no more. Raises WaitTimeout, NotFound for a channel
        that the process does not have, Forbidden for processes of others."""
        if self._heard:
            return self._heard.popleft()
        try:
            return await asyncio.wait_for(self._hear(), timeout_s)
        except asyncio.TimeoutError:
            raise WaitTimeout(f"nothing was said on channel {self.name} within {timeout_s:g} s") from None

    async def __aiter__(self) -> AsyncIterator[ChannelMessage]:
        while (message := await self.receive()) is not None:
            if message.payload or not message.is_end:
                yield message
            if message.is_end:
                return

    async def _hear(self) -> ChannelMessage | None:
        async with self._hearing:
            while not self._heard and not self._over:
                self._news.clear()
                if not self._subscription:
                    await self._subscribed()
                elif not await _happens(self._news, POLL_S):
                    await self._look()  # an event that was the last and got lost
            return self._heard.popleft() if self._heard else None

    async def _subscribed(self) -> None:
        """In a task of its own: whoever waits for a short time only must not leave a subscription behind each time."""
        if self._subscribing is None:
            self._subscribing = asyncio.get_running_loop().create_task(self._subscribe())
            self._subscribing.add_done_callback(_looked_at)
        task = self._subscribing
        try:
            await asyncio.shield(task)
        except (NoConnection, TooManyRequests):
            await self._look()
            await asyncio.sleep(PAUSE_S)
        finally:
            if task.done():
                self._subscribing = None

    async def _subscribe(self) -> None:
        """Events tell at once what is there beyond what was heard."""
        self._number, self._position = 0, self._index
        self._subscription = msgid = new_msgid()
        self._listeners[msgid] = self
        try:
            await self._client.subscribe_channel(self.processid, self.name, self._index, SUBSCRIBED_S, msgid=msgid)
        except BaseException as error:
            if self._subscription == msgid:
                self._subscription = ""
            if not isinstance(error, (NotFound, Forbidden)):
                raise
            await self._gone(error)
        else:
            self._there = True

    async def _look(self) -> None:
        """Ask what there is, without events."""
        first = self._index
        with contextlib.suppress(NoConnection):
            try:
                entries = await self._client.read_channel(self.processid, self.name, first)
            except (NotFound, Forbidden) as refusal:
                await self._gone(refusal)
                return
            self._there = True
            before = self._index  # events may have come meanwhile
            self._take(first, entries)
            if self._index > before:
                self.renew()  # no event told of this

    async def _gone(self, refusal: ColoniesError) -> None:
        """The end of the channel, if there ever was one. Raises the refusal otherwise."""
        if not self._there:
            if isinstance(refusal, Forbidden):
                raise refusal
            process = await self._client.get_process(self.processid)
            if process.state not in ENDS or self.name not in process.spec.channels:
                raise refusal
        self._over = True

    def _take(self, first: int, entries: Sequence[ChannelEntry]) -> None:
        for index, entry in enumerate(entries, first):
            if index >= self._index:
                self._index = index + 1
                if entry.senderid != self._client.identity:
                    self._heard.append(message_of(index, entry))
        self._news.set()

    # -- speaking

    async def send(
        self,
        payload: Any,
        *,
        type: str = "",
        inreplyto: ChannelMessage | int = 0,
        sequence: int | None = None,
        patient: bool = False,
    ) -> int:
        """Say bytes, a text, or anything else as JSON; returns the sequence number of the message.

        Raises NoConnection when it is unknown whether it arrived, unless `patient`: then it is tried until it has. A
        number of one's own makes it possible to say the same again, which is heard once. One program at a time speaks
        for an identity on a channel.
        """
        data = payload_of(payload)
        answered = inreplyto.sequence if isinstance(inreplyto, ChannelMessage) else inreplyto
        said = self._said = self._said or self._numbers()
        async with said.lock:
            while True:
                if sequence is None and said.sequence == UNKNOWN:
                    said.sequence = await self._sequence_in_use(patient)
                number = said.sequence + 1 if sequence is None else sequence
                try:
                    await self._append(number, data, type, answered, patient)
                except Conflict:
                    if sequence is not None:
                        raise
                    said.sequence = UNKNOWN  # another program of this identity was faster
                except BaseException:
                    said.sequence = UNKNOWN
                    raise
                else:
                    said.sequence = number if sequence is None else UNKNOWN
                    return number

    async def end(self, payload: Any = b"", *, patient: bool = False) -> int:
        """Say that this was all: the other side's loop over the channel ends."""
        return await self.send(payload, type=END, patient=patient)

    async def _append(self, number: int, data: bytes, type_: str, inreplyto: int, patient: bool) -> None:
        msgid = new_msgid()
        while True:
            try:
                await self._client.append_channel(
                    self.processid, self.name, number, data, payloadtype=type_, inreplyto=inreplyto, msgid=msgid
                )
                return
            except NoConnection:
                if not patient:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def _sequence_in_use(self, patient: bool) -> int:
        """The highest that this identity has used; 0 when it has said nothing yet."""
        highest = index = 0
        while True:
            try:
                entries = await self._client.read_channel(self.processid, self.name, index)
            except NoConnection:
                if not patient:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            if not entries:
                return highest
            index += len(entries)
            mine = (entry.sequence for entry in entries if entry.senderid == self._client.identity)
            highest = max(highest, *mine, 0)


async def _happens(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except asyncio.TimeoutError:
        return False
    return True


def _looked_at(task: asyncio.Task[None]) -> None:
    """What went wrong was told to who waited; nobody may have."""
    if not task.cancelled():
        task.exception()
