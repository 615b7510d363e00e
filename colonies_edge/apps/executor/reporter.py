"""Brings results home: to the outbox first, then to the coordinator, again and again until it has answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from colonies_edge.client.outbox import Entry, Key, Outbox
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import (
    BadRequest,
    ColoniesError,
    Forbidden,
    NoConnection,
    TooManyRequests,
    Unavailable,
)
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import CloseFailed, CloseSuccessful
from colonies_edge.transports.system import new_msgid

_log = logging.getLogger(__name__)

PATIENCE_S = 60.0  # of one call; when it is over, another one begins
PAUSE_S = 2.0  # before trying again after "not now" or after silence
RESEND_AT_ONCE_MAX = 64  # results of a day offline: enough in flight to fill a link, not enough to flood it
# A message travels as base64 in an envelope with a signature.
_TEXT_BYTES_MAX = (MESSAGE_BYTES_MAX - 1024) * 3 // 4


class Caller(Protocol):
    async def call(self, message: Any, *, timeout_s: float | None = None, msgid: str = "") -> Any: ...


def success(processid: str, attempt: int, out: Any) -> Entry:
    """A close with this output, or a failed one that says why it cannot be sent."""
    message = {"msgtype": CloseSuccessful.msgtype, "processid": processid, "out": list(out), "attempt": attempt}
    try:
        size = len(dump_json(message).encode("utf-8", "replace"))
    except BadRequest as error:
        return failure(processid, attempt, (f"the function's value cannot be sent as output: {error}",))
    if size > _TEXT_BYTES_MAX:
        limit = f"the output of {size} bytes is over the limit of {_TEXT_BYTES_MAX} bytes; keep big data in files"
        return failure(processid, attempt, (limit,))
    return Entry(processid=processid, attempt=attempt, msgid=new_msgid(), message=message)


def failure(processid: str, attempt: int, errors: tuple[str, ...]) -> Entry:
    message = {"msgtype": CloseFailed.msgtype, "processid": processid, "errors": list(errors), "attempt": attempt}
    return Entry(processid=processid, attempt=attempt, msgid=new_msgid(), message=message)


class Reporter:
    """A result leaves the outbox when the coordinator has answered with its signature, whatever the answer."""

    def __init__(self, caller: Caller, outbox: Outbox, *, answered: Callable[[Key], None]) -> None:
        self._caller = caller
        self._outbox = outbox
        self._answered = answered
        self._sending: dict[Key, asyncio.Task[None]] = {}
        self._doubted: set[Key] = set()  # refused because we are no member; once more after we have become one
        self._room = asyncio.Semaphore(RESEND_AT_ONCE_MAX)
        self.on_not_member: Callable[[], None] = lambda: None

    def keys(self) -> list[Key]:
        """Results without an answer."""
        return [entry.key for entry in self._outbox.entries()]

    def __contains__(self, key: Key) -> bool:
        return key in self._outbox

    async def report(self, entry: Entry, before: Callable[[], Awaitable[None]] | None = None) -> None:
        """Return when the result is safe; it is on its way then. `before` is awaited before it is sent."""
        try:
            await self._outbox.keep(entry)
        except OSError as error:  # better delivered than kept: it is still in memory, and the disk may recover
            _log.error("the result of process %s is not on disk: %s", entry.processid, error)
        if before is not None:
            await before()
        self._start(entry)

    def resend(self) -> None:
        """We are back: what is left over from before goes out. What was under way the caller repeats by itself."""
        for entry in self._outbox.entries():
            self._start(entry)

    async def settled(self) -> None:
        """Return when everything that is on its way now was answered or given up for this time."""
        while self._sending:
            await asyncio.wait(set(self._sending.values()))

    async def close(self) -> None:
        """Stop sending; what is in the outbox stays there."""
        await end_tasks(self._sending.values())

    def _start(self, entry: Entry) -> None:
        if entry.key not in self._sending:
            task = asyncio.get_running_loop().create_task(self._send(entry))
            self._sending[entry.key] = task

    async def _send(self, entry: Entry) -> None:
        task = asyncio.current_task()
        try:
            async with self._room:
                await self._until_answered(entry)
        finally:
            if self._sending.get(entry.key) is task:
                del self._sending[entry.key]

    async def _until_answered(self, entry: Entry) -> None:
        while True:
            if entry.key in self._doubted:
                # A refusal is remembered under its msgid; the attempt number keeps a second close from doing harm.
                entry = replace(entry, msgid=new_msgid())
            try:
                await self._caller.call(entry.message, timeout_s=PATIENCE_S, msgid=entry.msgid)
            except Forbidden as error:
                if entry.key not in self._doubted:
                    self._doubted.add(entry.key)
                    self.on_not_member()
                    return
                self._refused(entry, error)
                return
            except (TooManyRequests, Unavailable, NoConnection) as error:
                _log.info("the result of process %s has to wait: %s", entry.processid, error)
                await asyncio.sleep(PAUSE_S)
            except ColoniesError as error:
                self._refused(entry, error)
                return
            else:
                self._forget(entry)
                return

    def _refused(self, entry: Entry, error: ColoniesError) -> None:
        _log.warning(
            "the result of process %s, attempt %d, does not count (%s): it was given up or given to another",
            entry.processid,
            entry.attempt,
            error,
        )
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        self._doubted.discard(entry.key)
        self._outbox.forget(entry.key)
        self._answered(entry.key)
