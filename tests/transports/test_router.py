"""Matching, mailboxes and packets: the parts of the brokers that need no loop."""

from __future__ import annotations

import contextlib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.limits import OFFLINE_QUEUE_MAX
from colonies_edge.transports import mqtt_packets as packets
from colonies_edge.transports.admission import Access, Admission
from colonies_edge.transports.broker_gate import Gate
from colonies_edge.transports.mailbox import BACKLOG_BYTES_MAX, WINDOW_COUNT_MAX, Mailbox
from colonies_edge.transports.reconnecting import SHORT_LIVES_MAX, Backoff, TakeoverWatch
from colonies_edge.transports.router import Message, Router, TopicIndex, matches, valid_filter


class Reader:
    """Somebody who subscribes and keeps what comes."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    def put(self, message: Message) -> None:
        self.got.append(message)


def message(topic: str = "t", payload: bytes = b"x", qos: int = 1, retain: bool = False) -> Message:
    return Message(topic, payload, qos, retain)


levels = st.sampled_from(["a", "b", "", "$x"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = (
    st.tuples(st.lists(levels | st.just("+"), min_size=0, max_size=4), st.booleans())
    .map(lambda pair: "/".join([*pair[0], "#"] if pair[1] else pair[0]))
    .filter(bool)
)


@given(topics, st.lists(filters, max_size=6))
def test_the_index_finds_what_matching_one_by_one_finds(topic: str, wanted: list[str]) -> None:
    index = TopicIndex()
    readers = {filter_: Reader() for filter_ in wanted}
    for filter_, reader in readers.items():
        index.add(filter_, reader, 1)
    assert {id(reader) for reader in index.match(topic)} == {
        id(reader) for filter_, reader in readers.items() if matches(topic, filter_)
    }
    for filter_, reader in readers.items():
        index.remove(filter_, reader)
    assert index.empty


@pytest.mark.parametrize(
    ("topic", "filter_", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/+", True),
        ("a", "a/#", True),
        ("a/b/c", "a/#", True),
        ("a/b/c", "a/+", False),
        ("a", "a/+", False),
        ("$SYS/x", "#", False),
        ("$SYS/x", "+/x", False),
        ("$SYS/x", "$SYS/#", True),
        ("/a", "+/a", True),
    ],
)
def test_matching_follows_the_standard(topic: str, filter_: str, expected: bool) -> None:
    assert matches(topic, filter_) is expected


def test_filters_with_wildcards_in_the_wrong_place_are_none() -> None:
    assert all(valid_filter(text) for text in ("a", "+", "#", "a/+/b/#", "/"))
    assert not any(valid_filter(text) for text in ("", "a#", "a/b+", "#/a", "a\0"))


def test_a_reader_with_overlapping_filters_gets_one_copy_of_the_best_quality() -> None:
    router, reader = Router(), Reader()
    router.subscribe(reader, "a/b", 0)
    router.subscribe(reader, "a/+", 1)
    router.publish(message("a/b"))
    assert [m.qos for m in reader.got] == [1]


def test_quality_is_the_lesser_of_publish_and_subscription() -> None:
    router, reader = Router(), Reader()
    router.subscribe(reader, "a", 0)
    router.publish(message("a", qos=1))
    assert reader.got[0].qos == 0


def sent_to(mailbox: Mailbox) -> list[tuple[int, bytes, bool]]:
    got: list[tuple[int, bytes, bool]] = []
    mailbox.attach(lambda mid, m, repeated: got.append((mid, m.payload, repeated)))
    return got


def test_a_mailbox_repeats_what_was_not_acknowledged_in_the_order_it_was_sent() -> None:
    mailbox = Mailbox(durable=True)
    got = sent_to(mailbox)
    for n in range(4):
        mailbox.put(message(payload=b"%d" % n))
    mailbox.acked(got[1][0])
    mailbox.detach()
    mailbox.put(message(payload=b"4"))
    again = sent_to(mailbox)
    assert [(payload, repeated) for _, payload, repeated in again] == [
        (b"0", True),
        (b"2", True),
        (b"3", True),
        (b"4", False),
    ]


def test_a_mailbox_that_is_away_keeps_a_bounded_number_and_the_oldest_go() -> None:
    mailbox = Mailbox(durable=True)
    for n in range(OFFLINE_QUEUE_MAX + 3):
        mailbox.put(message(payload=b"%d" % n))
    assert mailbox.dropped == 3
    assert sent_to(mailbox)[0][1] == b"3"


def test_a_mailbox_that_is_away_is_bounded_in_bytes_too() -> None:
    mailbox = Mailbox(durable=True)
    for _ in range(5):
        mailbox.put(message(payload=b"x" * (BACKLOG_BYTES_MAX // 4)))
    assert (mailbox.dropped, mailbox.waiting) == (1, 4)


def test_a_mailbox_does_not_send_more_than_its_window_until_it_is_acknowledged() -> None:
    mailbox = Mailbox(durable=False, backlog_max=10)
    got = sent_to(mailbox)
    for _ in range(WINDOW_COUNT_MAX + 2):
        mailbox.put(message())
    assert len(got) == WINDOW_COUNT_MAX
    mailbox.acked(got[0][0])
    mailbox.acked(got[0][0])  # twice is once
    assert len(got) == WINDOW_COUNT_MAX + 1


def test_a_mailbox_that_is_not_durable_forgets_everything() -> None:
    mailbox = Mailbox(durable=False)
    sent_to(mailbox)
    mailbox.put(message())
    mailbox.detach()
    assert mailbox.waiting == 0 and not sent_to(mailbox)


@given(st.binary(max_size=300), st.integers(0, 1), st.integers(1, 65535), st.booleans())
def test_a_publish_reads_as_it_was_written(payload: bytes, qos: int, mid: int, retain: bool) -> None:
    data = packets.publish("a/ö", payload, qos, mid, retain=retain, repeated=False)
    frame = packets.frame_at(data, 0)
    assert frame is not None and frame[1] == len(data)
    assert packets.read_publish(data[0] & 0x0F, data[frame[0] :]) == ("a/ö", mid if qos else 0, payload)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_packets_or_a_violation_and_never_a_crash(data: bytes) -> None:
    for read in (
        lambda: packets.frame_at(data, 0),
        lambda: packets.read_publish(2, data),
        lambda: packets.read_subscribe(data),
        lambda: packets.read_unsubscribe(data),
    ):
        with contextlib.suppress(packets.ProtocolViolation):
            read()


def test_a_length_of_five_bytes_is_a_violation() -> None:
    with pytest.raises(packets.ProtocolViolation):
        packets.frame_at(b"\x30\xff\xff\xff\xff\x01", 0)


def test_an_address_that_keeps_failing_has_to_wait_and_others_do_not() -> None:
    gate = Gate(attempts_per_minute=3)
    for _ in range(3):
        assert gate.may_try("192.0.2.1", 10.0)
        gate.note_failure("192.0.2.1", 10.0)
    assert not gate.may_try("192.0.2.1", 69.0)
    assert gate.may_try("192.0.2.2", 69.0)
    assert gate.may_try("192.0.2.1", 71.0)


def test_a_whole_ipv6_network_counts_as_one_address() -> None:
    gate = Gate(attempts_per_minute=1)
    gate.note_failure("2001:db8::1", 0.0)
    assert not gate.may_try("2001:db8::ffff", 1.0)
    assert gate.may_try("2001:db8:0:1::1", 1.0)


def test_one_identity_holds_a_bounded_number_of_connections() -> None:
    gate = Gate(per_identity=2, connections_max=3)
    a, b, c = (Admission(access=Access.FULL, identity=name) for name in "abc")
    assert [gate.enter(one) for one in (a, a, a, b, c)] == [True, True, False, True, False]
    gate.leave(a)
    assert gate.enter(c) and gate.connection_count == 3
    assert not gate.enter(a, instead_of=None) and gate.enter(c, instead_of=b)


def test_delays_double_up_to_half_a_minute_and_start_again_after_a_reset() -> None:
    backoff = Backoff()
    delays = [backoff.delay_s() for _ in range(12)]
    assert all(
        low <= delay <= high for delay, (low, high) in zip(delays, [(0.25, 0.5), (0.5, 1), (1, 2)], strict=False)
    )
    assert 15 <= delays[-1] <= 30
    backoff.reset()
    assert backoff.delay_s() <= 0.5


def test_only_accepted_connections_that_end_at_once_count_as_a_takeover() -> None:
    watch = TakeoverWatch()
    assert [watch.lost(1.0) for _ in range(SHORT_LIVES_MAX)] == [False] * (SHORT_LIVES_MAX - 1) + [True]
    for interruption in (lambda w: w.attempt_failed(), lambda w: w.lost(60.0)):
        watch = TakeoverWatch()
        for _ in range(SHORT_LIVES_MAX - 1):
            watch.lost(1.0)
        interruption(watch)
        assert not watch.lost(1.0)


def test_every_qos_and_retain_pair_survives_routing() -> None:
    for qos, retain in product((0, 1), (False, True)):
        router, reader = Router(), Reader()
        router.subscribe(reader, "t")
        router.publish(message(qos=qos, retain=retain))
        assert [(m.qos, m.retain) for m in reader.got] == [(qos, False)]
        assert router.retained_count == int(retain)
