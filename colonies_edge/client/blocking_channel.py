"""Channels for programs and functions without asyncio: plain loops over messages, and messages to send."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from colonies_edge.client.channel import AsyncChannel
from colonies_edge.client.channel_message import ChannelMessage
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import Process

T = TypeVar("T")


class Run(Protocol):
    """Waits for a coroutine of the client's loop, in any thread but the loop's own."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class Channel:
    """`for message in channel` until the process ends or the other side has said that this was all; then again, from
    where it stopped. One's own messages are not among them. Messages are bytes, texts, or anything else as JSON.

    `patient` decides what `send` does when nobody answers: go on, or raise NoConnection.
    """

    def __init__(self, run: Run, channel: AsyncChannel, *, patient: bool = False) -> None:
        self._run = run
        self._channel = channel
        self._patient = patient

    @property
    def name(self) -> str:
        return self._channel.name

    def __iter__(self) -> Iterator[ChannelMessage]:
        while (message := self.receive()) is not None:
            if message.payload or not message.is_end:
                yield message
            if message.is_end:
                return

    def receive(self, timeout_s: float | None = None) -> ChannelMessage | None:
        """The next message, one of type "end" included; None when there will be no more. Raises WaitTimeout."""
        return self._run(self._channel.receive(timeout_s))

    def send(
        self, payload: Any, *, type: str = "", inreplyto: ChannelMessage | int = 0, sequence: int | None = None
    ) -> int:
        """Say something; it arrives once, however often it has to be sent. Returns its number, for who answers it."""
        sending = self._channel.send(payload, type=type, inreplyto=inreplyto, sequence=sequence, patient=self._patient)
        return self._run(sending)

    def end(self, payload: Any = b"") -> int:
        """Say that this was all: the other side's loop ends."""
        return self._run(self._channel.end(payload, patient=self._patient))


def require_channel(process: Process, name: str) -> None:
    """Raises UsageError for a channel that the process does not have."""
    if name not in process.spec.channels:
        known = ", ".join(process.spec.channels) or "none: name them in its spec, channels=[...]"
        raise UsageError(f"process {process.processid} has no channel {name!r}; it has {known}")
