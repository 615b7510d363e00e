"""Topics: one grammar in both directions, and everybody confined to their own subtree."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonies_edge.protocol.topics import COORDINATOR, COORDINATOR_STATUS, NO_COLONY, Topic, Topics, party_of
from tests.protocol.objects import many

ME, YOU = "a" * 64, "b" * 64
CONN = "Zz09_-xy"
TOPICS = Topics()

levels = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
roots = st.lists(levels, min_size=1, max_size=3).map("/".join)
identities = st.binary(min_size=32, max_size=32).map(bytes.hex)
conns = st.from_regex(r"[A-Za-z0-9_-]{8,22}", fullmatch=True)
topics = st.one_of(
    st.just(COORDINATOR_STATUS),
    st.builds(Topic, colony=levels, party=identities, channel=st.sampled_from(["assign", "status"])),
    st.builds(
        Topic,
        colony=levels,
        party=identities,
        channel=st.sampled_from(["request", "reply", "result", "event"]),
        conn=conns,
    ),
)


def matches(pattern: str, topic: str) -> bool:
    """MQTT's own rule, written independently."""
    wanted, got = pattern.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return len(got) >= index
        if index >= len(got) or level not in ("+", got[index]):
            return False
    return len(wanted) == len(got)


@many
@given(roots, topics)
def test_what_is_built_is_parsed_back(root: str, topic: Topic) -> None:
    grammar = Topics(root)
    text = grammar.format(topic)
    assert grammar.parse(text) == topic
    assert text == f"{root}/{grammar.unrooted(text)}"
    assert grammar.signed_form(topic) == Topics("other/root").signed_form(topic)
    assert party_of(grammar.unrooted(text)) == topic.party


@many
@given(st.text() | st.text("colonies/v1+#$_ab", max_size=40) | topics.map(TOPICS.format).map(lambda text: text[:-1]))
def test_any_text_is_a_topic_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert TOPICS.format(TOPICS.parse(text)) == text
    TOPICS.may_publish(ME, text)
    TOPICS.may_subscribe(ME, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "colonies",
        f"colonies/v2/lab/{ME}/status",
        f"colonies/v1/lab/{ME}",
        f"colonies/v1/lab/{ME}/status/{CONN}",
        f"colonies/v1/lab/{ME}/request",
        f"colonies/v1/lab/{ME}/request/",
        f"colonies/v1/lab/{ME}/request/short",
        f"colonies/v1/lab/{ME}/request/{CONN}/more",
        f"colonies/v1/lab/{ME}/nothing",
        f"colonies/v1//{ME}/status",
        f"colonies/v1/la b/{ME}/status",
        f"colonies/v1/lab/{ME.upper()}/status",
        f"colonies/v1/lab/{ME}/status\n",
        f"colonies/v1/+/{ME}/status",
        "colonies/v1/lab/coordinator/event/conn0001",
        "colonies/v1/_/coordinator/assign",
        f"other/v1/lab/{ME}/status",
        f"colonies/v1/{'c' * 65}/{ME}/status",
        f"/colonies/v1/lab/{ME}/status",
        f"colonies/v1/lab/{ME}/status/",
    ],
)
def test_what_the_grammar_does_not_have_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        TOPICS.parse(text)


@pytest.mark.parametrize("root", ["", "a/b/c/d", "a//b", "/a", "a/", "+", "a/#", "a b", "a\n", "$SYS/"])
def test_a_root_has_one_to_three_plain_levels(root: str) -> None:
    with pytest.raises(ValueError, match="topic root"):
        Topics(root)


def test_a_topic_below_another_root_is_not_ours() -> None:
    with pytest.raises(ValueError):
        Topics("plant/colonies").parse(f"colonies/v1/lab/{ME}/status")
    assert Topics("plant/hall-2/colonies").parse(f"plant/hall-2/colonies/v1/lab/{ME}/assign").party == ME


@pytest.mark.parametrize("text", ["", "v1", "v1/lab", "v1/lab/party", f"colonies/v1/lab/{ME}/status"])
def test_what_is_no_topic_without_its_root_belongs_to_nobody(text: str) -> None:
    assert party_of(text) == ""


@many
@given(topics)
def test_the_coordinator_hears_exactly_what_parties_say(topic: Topic) -> None:
    text = TOPICS.format(topic)
    heard = any(matches(pattern, text) for pattern in TOPICS.coordinator_filters())
    assert heard is topic.from_party


def test_each_role_subscribes_to_what_it_needs_by_exact_topics() -> None:
    status = f"colonies/v1/{NO_COLONY}/{COORDINATOR}/status"
    assert TOPICS.coordinator_status() == status
    assert TOPICS.caller_filters(ME, CONN) == (
        f"colonies/v1/_/{ME}/reply/{CONN}",
        f"colonies/v1/_/{ME}/event/{CONN}",
        status,
    )
    executor = TOPICS.executor_filters(ME, CONN, "lab")
    assert executor[0] == f"colonies/v1/lab/{ME}/assign"
    assert f"colonies/v1/lab/{ME}/reply/{CONN}" in executor
    assert not any(mark in text for text in executor for mark in "+#")
    assert all(TOPICS.may_subscribe(ME, text) for text in executor)
    assert not any(TOPICS.may_subscribe(YOU, text) for text in executor[:-1])
    assert TOPICS.may_subscribe(YOU, status)


def test_the_presence_of_all_is_one_filter() -> None:
    assert matches(TOPICS.presence_filter(), f"colonies/v1/lab/{ME}/status")
    assert not matches(TOPICS.presence_filter("lab"), f"colonies/v1/den/{ME}/status")


@many
@given(topics)
def test_a_party_publishes_its_own_requests_results_and_presence_and_nothing_else(topic: Topic) -> None:
    text = TOPICS.format(topic)
    assert TOPICS.may_publish(topic.party, text) is (topic.from_party and topic.party != COORDINATOR)
    assert not TOPICS.may_publish(ME, text) or topic.party == ME


@pytest.mark.parametrize("channel", ["reply", "event"])
def test_nobody_publishes_replies_to_themselves(channel: str) -> None:
    assert not TOPICS.may_publish(ME, f"colonies/v1/lab/{ME}/{channel}/{CONN}")
    assert not TOPICS.may_publish(ME, f"colonies/v1/lab/{ME}/assign")


@pytest.mark.parametrize(
    "text",
    [
        f"colonies/v1/lab/{ME}/#",
        f"colonies/v1/+/{ME}/#",
        f"colonies/v1/+/{ME}/reply/+",
        f"colonies/v1/lab/{ME}/+/{CONN}",
        f"colonies/v1/lab/{ME}/status",
        f"colonies/v1/_/{ME}/event/{CONN}",
        f"colonies/v1/+/{ME}/+",
        f"colonies/v1/_/{ME}/+/+",
        f"colonies/v1/_/{ME}/reply/#",
        "colonies/v1/_/coordinator/status",
    ],
)
def test_filters_within_ones_own_subtree_are_allowed(text: str) -> None:
    assert TOPICS.may_subscribe(ME, text)


@pytest.mark.parametrize(
    "text",
    [
        "#",
        "+/#",
        "colonies/#",
        "colonies/v1/#",
        "colonies/v1/+/#",
        "colonies/v1/+/+/#",
        f"colonies/+/lab/{ME}/#",
        f"+/v1/lab/{ME}/#",
        f"colonies/v1/lab/{YOU}/#",
        f"colonies/v1/#/{ME}/status",
        "colonies/v1/+/coordinator/status",
        "colonies/v1/_/coordinator/#",
        f"$share/g/colonies/v1/lab/{ME}/#",
        f"colonies/v1/lab/{ME}",
        "colonies/v1/lab/+/status",
        f"colonies/v1/lab/{ME}/#/x",
        f"colonies/v1/lab/{ME}/request/+/+",
        "$SYS/#",
        "",
    ],
)
def test_filters_that_reach_beyond_are_refused(text: str) -> None:
    assert not TOPICS.may_subscribe(ME, text)


filters = st.lists(
    st.sampled_from(["colonies", "v1", "lab", "_", "+", "#", ME, YOU, COORDINATOR, "reply", "status", "assign", CONN]),
    min_size=1,
    max_size=7,
).map("/".join)


@many
@given(filters | filters.map(lambda text: f"colonies/v1/+/{ME}/{text}"), topics)
def test_an_allowed_filter_never_matches_a_foreign_topic(text: str, topic: Topic) -> None:
    if TOPICS.may_subscribe(ME, text) and matches(text, TOPICS.format(topic)):
        assert topic.party == ME or topic == COORDINATOR_STATUS


def test_somebody_without_an_identity_may_only_read_the_coordinators_status() -> None:
    for name in ("", "+", "#", COORDINATOR, "admin"):
        assert not TOPICS.may_subscribe(name, f"colonies/v1/lab/{name}/#")
        assert not TOPICS.may_publish(name, f"colonies/v1/lab/{name}/status")
        assert TOPICS.may_subscribe(name, TOPICS.coordinator_status())
