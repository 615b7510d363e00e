"""The channels that one client listens to and speaks on."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from colonies_edge.client.channel import AsyncChannel, ChannelClient, Said
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.messages import SubscribeChannel
from colonies_edge.protocol.model import ChannelEntry


class Channels:
    """A channel that nobody holds any more is forgotten."""

    def __init__(self, client: ChannelClient) -> None:
        self._client = client
        self._said: weakref.WeakValueDictionary[tuple[str, str], Said] = weakref.WeakValueDictionary()
        self._listeners: weakref.WeakValueDictionary[str, AsyncChannel] = weakref.WeakValueDictionary()

    def channel(self, processid: str, name: str) -> AsyncChannel:
        """One more listener to a channel, from its beginning. Callable from any thread: it is registered when it is
        used, in the loop."""
        return AsyncChannel(self._client, processid, name, partial(self._numbers, processid, name), self._listeners)

    def _numbers(self, processid: str, name: str) -> Said:
        """Whoever speaks for this client on a channel counts with the others."""
        said = self._said.get((processid, name))
        if said is None:
            said = self._said[processid, name] = Said()
        return said

    def renew(self) -> None:
        """The connection is another one, or the coordinator: what it was told to watch it has forgotten."""
        for channel in set(self._listeners.values()):
            channel.renew()

    def on_event(self, payloadtype: str, msgid: str, number: int, value: Any) -> None:
        channel = self._listeners.get(msgid) if payloadtype == SubscribeChannel.msgtype else None
        if channel is not None:
            channel.on_entries(msgid, number, [decode(ChannelEntry, entry) for entry in value or ()])
