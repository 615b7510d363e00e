"""What a running function says to others: messages on the channels of its process, children of it in its workflow."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Protocol, TypeVar

from colonies_edge.client.blocking_channel import Channel, require_channel
from colonies_edge.client.channel import PAUSE_S, AsyncChannel
from colonies_edge.client.channel_message import ChannelMessage
from colonies_edge.protocol.errors import NoConnection, NotFound, TooManyRequests
from colonies_edge.protocol.model import FunctionSpec, Process
from colonies_edge.transports.system import new_msgid

T = TypeVar("T")


class NotWanted(Exception):
    """The process was cancelled, has ended or was given to another: nothing can be said for it any more."""


class TalkClient(Protocol):
    """What this needs of the client; `AsyncClient` has it."""

    def channel(self, process: Process | str, name: str) -> AsyncChannel: ...

    async def get_process(self, processid: str) -> Process: ...

    async def add_child(
        self,
        processgraphid: str,
        parentprocessid: str,
        spec: FunctionSpec,
        *,
        childprocessid: str = "",
        insert: bool = False,
        timeout_s: float | None = None,
        msgid: str = "",
    ) -> Process: ...


class ProcessTalk:
    """One process's. Callable from any thread but the loop's own; waits for as long as the process is wanted, over
    every interruption."""

    def __init__(self, client: TalkClient, process: Process, attempt: int, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._process = process
        self._attempt = attempt
        self._loop = loop
        self._lock = threading.Lock()
        self._under_way: set[concurrent.futures.Future[Any]] = set()
        self._channels: dict[str, JobChannel] = {}
        self._children: dict[str, Process] | None = None
        self._over = False

    def drop(self) -> None:
        """The process is not ours any more: whoever waits here is told."""
        with self._lock:
            self._over = True
            left = list(self._under_way)
        for future in left:
            future.cancel()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """In the loop of the client. Raises NotWanted."""
        with self._lock:
            if self._over:
                coroutine.close()
                raise NotWanted("the process is not this executor's any more")
            try:
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            except RuntimeError:  # the loop is closed, the executor has ended
                coroutine.close()
                raise NotWanted("the executor has ended") from None
            self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for it. Raises NotWanted."""
        future = self.start(coroutine)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise NotWanted("the process is not this executor's any more") from None

    # -- channels

    def channel(self, name: str) -> JobChannel:
        """The same one for the same name: a loop over it goes on where the one before stopped."""
        require_channel(self._process, name)
        with self._lock:
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = JobChannel(self, self._client.channel(self._process, name))
            return channel

    # -- children

    def add_child(self, spec: FunctionSpec, *, childprocessid: str, insert: bool) -> Process:
        """Once: a function that runs again gets the child that it added the first time, by its name."""
        return self.run(self._add_child(spec, childprocessid, insert))

    async def _add_child(self, spec: FunctionSpec, childprocessid: str, insert: bool) -> Process:
        msgid = new_msgid()
        while True:
            try:
                added = await self._added_before(spec)
                if added is not None:
                    return added
                graphid, parentid = self._process.processgraphid, self._process.processid
                return await self._client.add_child(
                    graphid, parentid, spec, childprocessid=childprocessid, insert=insert, msgid=msgid
                )
            except (NoConnection, TooManyRequests):
                await asyncio.sleep(PAUSE_S)

    async def _added_before(self, spec: FunctionSpec) -> Process | None:
        if self._attempt <= 1 or not self._process.processgraphid:
            return None
        if self._children is None:
            found = {}
            for processid in self._process.children:
                try:
                    child = await self._client.get_process(processid)
                except NotFound:
                    continue
                found[child.spec.nodename] = child
            self._children = found
        added = self._children.get(spec.nodename)
        return added if added is not None and added.spec.funcname == spec.funcname else None


class JobChannel(Channel):
    """A channel in a function. A loop over it ends when the process is not wanted any more, too; in an async function
    it is `async for`, and `await asyncio.to_thread(channel.send, ...)`."""

    def __init__(self, talk: ProcessTalk, channel: AsyncChannel) -> None:
        super().__init__(talk.run, channel, patient=True)
        self._talk = talk

    def receive(self, timeout_s: float | None = None) -> ChannelMessage | None:
        try:
            return super().receive(timeout_s)
        except NotWanted:
            return None

    async def __aiter__(self) -> AsyncIterator[ChannelMessage]:
        while True:
            try:
                message = await asyncio.wrap_future(self._talk.start(self._channel.receive()))
            except NotWanted:
                return
            if message is None:
                return
            if message.payload or not message.is_end:
                yield message
            if message.is_end:
                return
