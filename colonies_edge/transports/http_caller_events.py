"""Subscriptions over a server's websocket: a socket for each, as a Go server ends them all with the first."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from colonies_edge.protocol.envelope import ReplyEnvelope
from colonies_edge.protocol.errors import ColoniesError, NoConnection, TooManyRequests
from colonies_edge.protocol.limits import REPLY_BYTES_MAX, SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.transports.reconnecting import Backoff
from colonies_edge.transports.rpc_call import Call
from colonies_edge.transports.signals import fire

_log = logging.getLogger(__name__)

OPEN_S = 10.0
ONE_PROCESS = "subscribeprocessmsg"  # what is waited for comes once; then its socket serves nobody


class Sealing(Protocol):
    """What this needs of the caller."""

    on_event: list[Callable[[str, str, int, Any], None]]
    on_connect: list[Callable[[], None]]

    def sealed(self, call: Call) -> bytes: ...


class Events:
    """All subscriptions of one caller."""

    def __init__(self, url: str, context: ssl.SSLContext | None, caller: Sealing) -> None:
        self._url = "ws" + url.removeprefix("http") + "/pubsub"
        self._context = context
        self._caller = caller
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def subscribe(self, message: Mapping[str, Any], msgid: str) -> dict[str, Any]:
        """Return when it was sent: a Go server does not say that it understood. Raises NoConnection."""
        if len(self._tasks) >= SUBSCRIPTIONS_PER_CONN_MAX:
            raise TooManyRequests(f"{SUBSCRIPTIONS_PER_CONN_MAX} subscriptions are open")
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.get_running_loop().create_task(self._listen(dict(message), msgid, sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait_for(asyncio.shield(sent), OPEN_S)
        except asyncio.TimeoutError:
            task.cancel()
            raise NoConnection(f"no connection to {self._url} within {OPEN_S:g} s") from None
        return {}

    async def _listen(self, message: dict[str, Any], msgid: str, sent: asyncio.Future[None]) -> None:
        try:
            connecting = connect(
                self._url, ssl=self._context, proxy=None, open_timeout=OPEN_S, max_size=4 * REPLY_BYTES_MAX
            )
            async with connecting as socket:
                for single in _one_state_each(message):
                    call = Call(single, colony="", channel="", msgid=None, attempt=lambda _: None)
                    await socket.send(self._caller.sealed(call).decode("ascii", "replace"))
                await (await socket.ping())  # what comes after it was read was read, too
                if not sent.done():
                    sent.set_result(None)
                number = 0
                async for frame in socket:
                    number += 1
                    self._receive(frame, msgid, number)
                    if message.get("msgtype") == ONE_PROCESS:
                        return
        except (WebSocketException, OSError, ColoniesError, EOFError) as error:
            if not sent.done():
                sent.set_exception(NoConnection(f"no events from {self._url}: {error}"))
                sent.exception()  # looked at, should nobody wait any more
                return
            _log.debug("a subscription at %s ended: %s", self._url, error)
            await self._until_reachable()
        fire(self._caller.on_connect)  # whoever still waits subscribes anew, or looks

    async def _until_reachable(self) -> None:
        """Whoever subscribes anew while the server is away learns nothing, and would not hear when it is back."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(backoff.delay_s())
            try:
                async with connect(self._url, ssl=self._context, proxy=None, open_timeout=OPEN_S):
                    return
            except (WebSocketException, OSError, EOFError) as error:
                _log.debug("%s is still away: %s", self._url, error)

    def _receive(self, frame: str | bytes, msgid: str, number: int) -> None:
        try:
            reply = ReplyEnvelope.parse(frame.encode("utf-8", "replace") if isinstance(frame, str) else frame)
            failure = reply.failure()
            value = reply.value()
        except ColoniesError as error:
            _log.warning("an event from %s makes no sense: %s", self._url, error)
            return
        if failure is not None:
            _log.info("a subscription was refused by %s: %s", self._url, failure)
        else:
            fire(self._caller.on_event, reply.payloadtype, msgid, number, value)


def _one_state_each(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A Go server knows one state per subscription; several of them share the socket and its end."""
    states = message.pop("states", None) or [message.get("state", 0)]
    return [{**message, "state": state} for state in states]
