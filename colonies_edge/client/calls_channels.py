"""One method per message about the channels of a process (`protocol-rest.md` 6)."""

from __future__ import annotations

import base64

from colonies_edge.client.calls_base import Calls
from colonies_edge.protocol.messages import ChannelAppend, ChannelRead, SubscribeChannel
from colonies_edge.protocol.model import ChannelEntry


class ChannelCalls(Calls):
    """The bare messages. `client.channels` makes conversations of them."""

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
        """What the same sender says again under the same sequence is said once."""
        message = ChannelAppend(
            processid=processid,
            name=name,
            sequence=sequence,
            inreplyto=inreplyto,
            payload=base64.b64encode(payload).decode("ascii"),
            payloadtype=payloadtype,
        )
        await self.call(message, timeout_s=timeout_s, msgid=msgid)

    async def read_channel(self, processid: str, name: str, after: int = 0, limit: int = 0) -> list[ChannelEntry]:
        """Entries after the first `after`: `limit` of them or fewer; without a limit, as many as one message takes."""
        message = ChannelRead(processid=processid, name=name, afterseq=after, limit=limit)
        return self.many(ChannelEntry, await self.call(message))

    async def subscribe_channel(self, processid: str, name: str, after: int, timeout: int, *, msgid: str = "") -> None:
        """Events with lists of entries: what is there after the first `after`, then what comes, then an empty list."""
        message = SubscribeChannel(processid=processid, name=name, afterseq=after, timeout=timeout)
        await self.call(message, msgid=msgid)
