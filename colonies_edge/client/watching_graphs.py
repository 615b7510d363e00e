"""Waiting for workflows to end: by an event of each, anew after every interruption, and by rare questions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from colonies_edge.client.watching import ENDS, SUBSCRIBED_S, poll_s
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import NoConnection, TooManyRequests, WaitTimeout
from colonies_edge.protocol.limits import SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.protocol.messages import SubscribeProcessGraph
from colonies_edge.protocol.model import ProcessGraph

# Waits beyond so many share one subscription to all workflows of the colony; its events are the longer ones to read.
SINGLE_MAX = SUBSCRIPTIONS_PER_CONN_MAX // 8
ALL = ""  # no workflow has this id


class GraphClient(Protocol):
    """What this needs of the client."""

    async def get_process_graph(self, processgraphid: str) -> ProcessGraph: ...

    async def subscribe_process_graph(
        self, processgraphid: str, states: Iterable[int], timeout: int, *, msgid: str = ""
    ) -> None: ...


class GraphWatching:
    """All waits of one client for workflows."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._waits: dict[str, list[asyncio.Future[ProcessGraph]]] = {}
        self._subscribed: dict[str, float] = {}  # workflow id, or ALL -> when its subscription ends
        self._interrupted = asyncio.Event()

    def renew(self) -> None:
        """The connection is another one, or the coordinator: what it was told to watch it has forgotten."""
        self._subscribed.clear()
        self._interrupted.set()
        self._interrupted = asyncio.Event()

    def on_event(self, payloadtype: str, msgid: str, number: int, value: Any) -> None:
        if payloadtype != SubscribeProcessGraph.msgtype or not isinstance(value, dict):
            return
        waits = self._waits.get(str(value.get("processgraphid")), ())
        if waits and value.get("state") in ENDS:
            graph = decode(ProcessGraph, value)
            for wait in waits:
                if not wait.done():
                    wait.set_result(graph)

    async def wait(self, graphid: str, timeout_s: float | None) -> ProcessGraph:
        """The workflow when it has ended, whichever way. Raises WaitTimeout."""
        ended: asyncio.Future[ProcessGraph] = asyncio.get_running_loop().create_future()
        self._waits.setdefault(graphid, []).append(ended)
        try:
            return await asyncio.wait_for(self._until_ended(graphid, ended), timeout_s)
        except asyncio.TimeoutError:
            raise WaitTimeout(f"workflow {graphid} has not ended within {timeout_s:g} s") from None
        finally:
            self._waits[graphid].remove(ended)
            if not self._waits[graphid]:
                del self._waits[graphid]

    async def _until_ended(self, graphid: str, ended: asyncio.Future[ProcessGraph]) -> ProcessGraph:
        while True:
            interrupted = self._interrupted
            try:
                if not await self._told_at_once(graphid):
                    graph = await self._client.get_process_graph(graphid)
                    if graph.state in ENDS:
                        return graph
            except NoConnection:
                pass  # the time that the caller gave decides how long this goes on
            waking = asyncio.ensure_future(interrupted.wait())
            try:
                pause_s = poll_s(len(self._waits))
                await asyncio.wait((ended, waking), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            if ended.done():
                return ended.result()

    async def _told_at_once(self, graphid: str) -> bool:
        """See to it that an event will come. True if one would be on its way should the workflow have ended already."""
        now = asyncio.get_running_loop().time()
        if self._subscribed.get(graphid, 0.0) > now:
            return False
        if len(self._subscribed) >= SINGLE_MAX:
            self._subscribed = {key: until for key, until in self._subscribed.items() if until > now}
        topic = graphid if len(self._subscribed) < SINGLE_MAX else ALL
        if topic == ALL and self._subscribed.get(ALL, 0.0) > now:
            return False
        # Renewed well before it ends, so that no end falls between two subscriptions.
        self._subscribed[topic] = now + SUBSCRIBED_S / 2
        try:
            await self._client.subscribe_process_graph(topic, ENDS, SUBSCRIBED_S)
        except TooManyRequests:  # for a while there are the rare questions only
            return False
        except BaseException:
            self._subscribed.pop(topic, None)
            raise
        return topic != ALL
