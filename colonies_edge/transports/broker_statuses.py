"""What the embedded broker retains for its clients: the last status of each identity, small, and gone with it."""

from __future__ import annotations

from collections.abc import Callable

from colonies_edge.protocol.limits import RETAINED_BYTES_MAX
from colonies_edge.transports.router import Message, Router


class Statuses:
    """Lets clients publish. Retained messages stay in memory, so of each identity there is one at a time; what else it
    wants to be retained is delivered to those who are there."""

    def __init__(self, router: Router, may_retain: Callable[[str, str], bool]) -> None:
        self._router = router
        self._may_retain = may_retain
        self._kept: dict[str, str] = {}  # identity -> topic

    def publish(self, identity: str, message: Message) -> None:
        if message.retain:
            message = message._replace(retain=self._may_retain(identity, message.topic))
        if message.retain and (message.payload or self._kept.get(identity) == message.topic):
            self.forget(identity)
            if len(message.payload) > RETAINED_BYTES_MAX:
                message = message._replace(retain=False)
            elif message.payload:
                self._kept[identity] = message.topic
        self._router.publish(message)

    def forget(self, identity: str) -> None:
        topic = self._kept.pop(identity, None)
        if topic is not None:
            self._router.forget_retained(topic)

    @property
    def identities(self) -> set[str]:
        """For whom something is kept."""
        return set(self._kept)
