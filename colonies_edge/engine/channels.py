"""Channels: what the submitter of a process and its executor say to each other while it lives (`protocol-rest.md` 6).

A channel exists because the spec of a process names it and the process waits or runs; nothing is stored for that. Its
entries are rows, journaled before the sender hears that they were taken: they survive a restart of the coordinator and
go back into the queue with their process. They are gone when it ends.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from colonies_edge.engine.access import is_member
from colonies_edge.engine.channel_index import OPEN, Channel, entry_bytes
from colonies_edge.engine.live import Live
from colonies_edge.engine.names import require_text
from colonies_edge.engine.outcome import Event
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.rows_channel import EntryRow, entry_key
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.subscriptions import Subscription
from colonies_edge.engine.watching import require_time_and_room
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge, TooManyRequests
from colonies_edge.protocol.limits import (
    CHANNEL_APPENDS_BURST,
    CHANNEL_APPENDS_PER_S,
    CHANNEL_BYTES_MAX,
    CHANNEL_BYTES_PER_PROCESS_MAX,
    CHANNEL_ENTRIES_MAX,
    CHANNEL_PAGE_CHARS_MAX,
    CHANNEL_PAYLOAD_BYTES_MAX,
    CHANNELS_PER_PROCESS_MAX,
)
from colonies_edge.protocol.messages import ChannelAppend, ChannelRead, SubscribeChannel
from colonies_edge.protocol.model import ChannelEntry

SUBSCRIBED_S = 30  # of a subscription that names no time, as upstream
ENTRY_CHARS = 512  # of an entry as JSON, beside payload and type


def topic_of(processid: str, name: str) -> tuple[str, ...]:
    """What subscriptions to a channel are to."""
    return ("channel", processid, name)


# Saying and reading


def append(step: Step, message: ChannelAppend) -> dict[str, Any]:
    """One more entry; what was said before under the same number is not said twice."""
    payload = _base64_of(message.payload)
    require_text(message.failure, "payload type", message.payloadtype)
    row, channel = _channel(step, message.processid, message.name, "write to")
    entry = EntryRow(
        sequence=message.sequence,
        senderid=step.caller,
        timestamp=step.now,
        payload=payload,
        type=message.payloadtype or "data",
        inreplyto=message.inreplyto,
        attempt=0 if step.caller == row.initiatorid else row.attempt,
    )
    before = channel.said(step.caller, entry.attempt, entry.sequence)
    if before is not None:
        _require_same(before, entry)
        return {}
    _require_room(step, row, channel, payload)
    step.draft.put("channelentries", entry_key(row.processid, len(channel.entries), message.name), entry)

    def tell() -> None:
        step.live.appends.take(row.processid, step.live.steady)
        step.events.extend(_news(step.live, row, message.name, entry))

    step.then.append(tell)
    return {}


def read(step: Step, message: ChannelRead) -> list[dict[str, Any]]:
    """Entries after the first `afterseq`: as many as were asked for and fit into a message."""
    _, channel = _channel(step, message.processid, message.name, "read from")
    entries = channel.entries[max(0, message.afterseq) :]
    if message.limit > 0:
        entries = entries[: message.limit]
    return next(_pages(entries), [])


def _channel(step: Step, processid: str, name: str, what: str) -> tuple[ProcessRow, Channel]:
    """The channel, for who may use it. Raises ColoniesError."""
    row = step.process(processid)
    assert row is not None  # access control found it
    if not may_use(row, step.caller):
        raise Forbidden(f"Not authorized to {what} channel")
    if row.state not in OPEN or name not in row.spec.channels:
        raise NotFound("Channel not found")
    if name not in row.spec.channels[:CHANNELS_PER_PROCESS_MAX]:
        raise TooManyRequests(f"process has too many channels: only the first {CHANNELS_PER_PROCESS_MAX} exist")
    return row, step.tables.channels.channel(processid, name)


def may_use(row: ProcessRow, caller: str) -> bool:
    """The channels of a process belong to its submitter and to who runs it."""
    return caller != "" and caller in (row.initiatorid, row.assignedexecutorid)


def _base64_of(payload: Any) -> str | None:
    """Base64 as Go reads and writes it, from that or from a list of bytes. Raises BadRequest or TooLarge."""
    failure = f"{ChannelAppend.failure}, invalid JSON: payload must be base64 or a list of numbers from 0 to 255"
    if payload is None:
        return None
    try:
        if type(payload) is str:
            data = base64.b64decode(payload.replace("\r", "").replace("\n", ""), validate=True)
        elif type(payload) is list and all(type(byte) is int for byte in payload):
            data = bytes(payload)
        else:
            raise BadRequest(failure)
    except (binascii.Error, ValueError):
        raise BadRequest(failure) from None
    if len(data) > CHANNEL_PAYLOAD_BYTES_MAX:
        raise TooLarge(f"message payload exceeds maximum size: it has {len(data)} of {CHANNEL_PAYLOAD_BYTES_MAX} bytes")
    return base64.b64encode(data).decode("ascii")


def _require_same(before: EntryRow, entry: EntryRow) -> None:
    """What says something else is not a repetition, and dropping it in silence would lose it."""
    if (before.payload, before.type, before.inreplyto) != (entry.payload, entry.type, entry.inreplyto):
        raise Conflict(f"Failed to append to channel, your entry with sequence {entry.sequence} says something else")


def _require_room(step: Step, row: ProcessRow, channel: Channel, payload: str | None) -> None:
    if len(channel.entries) >= CHANNEL_ENTRIES_MAX:
        raise TooManyRequests(f"channel log is full: it has {CHANNEL_ENTRIES_MAX} entries")
    index, more = step.tables.channels, entry_bytes(payload)
    if index.bytes_of(row.processid) + more > CHANNEL_BYTES_PER_PROCESS_MAX:
        raise TooManyRequests(
            f"channel log is full: the channels of a process may have {CHANNEL_BYTES_PER_PROCESS_MAX} bytes"
        )
    if index.bytes_in_all + more > CHANNEL_BYTES_MAX:
        raise TooManyRequests("channel log is full: the channels of all processes take what memory there is for them")
    if not step.live.appends.allows(row.processid, step.live.steady):
        raise TooManyRequests(
            f"rate limit exceeded: {CHANNEL_APPENDS_PER_S} entries per second and {CHANNEL_APPENDS_BURST} at once"
        )


def _shown(entry: EntryRow) -> dict[str, Any]:
    return encode(
        ChannelEntry(
            sequence=entry.sequence,
            inreplyto=entry.inreplyto,
            timestamp=entry.timestamp,
            senderid=entry.senderid,
            payload=entry.payload,
            type=entry.type,
        )
    )


def _pages(entries: Sequence[EntryRow]) -> Iterator[list[dict[str, Any]]]:
    """In lists that fit into a message each, with at least one entry."""
    page: list[dict[str, Any]] = []
    chars = 0
    for entry in entries:
        size = ENTRY_CHARS + len(entry.payload or "") + 6 * len(entry.type)  # six: an escape of JSON
        if page and chars + size > CHANNEL_PAGE_CHARS_MAX:
            yield page
            page, chars = [], 0
        page.append(_shown(entry))
        chars += size
    if page:
        yield page


# Subscribing


def subscribe(step: Step, message: SubscribeChannel) -> dict[str, Any]:
    """What is there, then what comes, until the time is over or the process ends: then an empty list (6.4)."""
    assert step.request is not None
    row, channel = _channel(step, message.processid, message.name, "subscribe to")
    timeout_s = message.timeout or SUBSCRIBED_S
    require_time_and_room(step, max(1, timeout_s))
    subscription = Subscription(
        route=step.request.route,
        msgid=step.msgid,
        states=frozenset(),
        topic=topic_of(row.processid, message.name),
        until=step.live.after(timeout_s),
    )
    entries = channel.entries[max(0, message.afterseq) :]

    def begin() -> None:
        step.events.extend(_event(subscription, page) for page in _pages(entries))
        if timeout_s > 0:
            step.live.subscriptions.add(subscription)
        else:
            step.events.append(farewell(subscription))

    step.then.append(begin)
    return {}


def _event(subscription: Subscription, page: list[dict[str, Any]]) -> Event:
    return Event(
        route=subscription.route,
        msgid=subscription.next_msgid(),
        value=page,
        payloadtype=SubscribeChannel.msgtype,
    )


def farewell(subscription: Subscription) -> Event:
    """The end of a subscription, as SDKs know it."""
    return _event(subscription, [])


def _news(live: Live, row: ProcessRow, name: str, entry: EntryRow) -> Iterator[Event]:
    shown = [_shown(entry)]
    for subscription in live.subscriptions.on(topic_of(row.processid, name)):
        party = subscription.route.party
        if may_use(row, party) and is_member(live.tables, row.colonyname, party):
            yield _event(subscription, shown)
        else:  # could when it subscribed: the process was given to somebody else since
            live.subscriptions.end(live.subscriptions.key(subscription.route, subscription.msgid))
            yield farewell(subscription)


def farewells(live: Live) -> Iterator[Event]:
    """To everybody who listens to processes that ended in this step; for each channel once."""
    for row in live.silenced:
        live.appends.forget(row.processid)
        for name in row.spec.channels[:CHANNELS_PER_PROCESS_MAX]:
            for subscription in live.subscriptions.on(topic_of(row.processid, name)):
                live.subscriptions.end(live.subscriptions.key(subscription.route, subscription.msgid))
                yield farewell(subscription)
    live.silenced.clear()


def time_out(step: Step, key: str) -> None:
    """A subscription of any kind is over; one to a channel says so."""
    subscription = step.live.subscriptions.end(key)
    if subscription is not None and subscription.topic[0] == "channel":
        step.events.append(farewell(subscription))


HANDLERS: Mapping[str, Handler] = {
    "channelappendmsg": append,
    "channelreadmsg": read,
    "subscribechannelmsg": subscribe,
}
