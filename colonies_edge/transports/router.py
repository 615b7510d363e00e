"""Who gets which message: subscriptions by exact topic and by wildcard, and the retained messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """One publish on its way; a tuple because one is made per message and receiver."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Subscriber(Protocol):
    def put(self, message: Message) -> None: ...


class _Node:
    """One level of the wildcard filters: `here` hold filters that end at this level."""

    __slots__ = ("children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.here: dict[Subscriber, int] = {}


class TopicIndex:
    """Filters to subscribers. Exact filters are one dict look-up; wildcards a tree that branches only on `+` and `#`,
    so a message costs the same with ten idle subscribers and with ten thousand."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[Subscriber, int]] = {}
        self._wild = _Node()

    def add(self, filter_: str, subscriber: Subscriber, qos: int) -> None:
        if "+" not in filter_ and "#" not in filter_:
            self._exact.setdefault(filter_, {})[subscriber] = qos
            return
        node = self._wild
        for level in filter_.split("/"):
            node = node.children.setdefault(level, _Node())
        node.here[subscriber] = qos

    def remove(self, filter_: str, subscriber: Subscriber) -> None:
        if "+" not in filter_ and "#" not in filter_:
            subscribers = self._exact.get(filter_, {})
            subscribers.pop(subscriber, None)
            if not subscribers:
                self._exact.pop(filter_, None)
            return
        self._remove_wild(self._wild, filter_.split("/"), subscriber)

    def _remove_wild(self, node: _Node, levels: list[str], subscriber: Subscriber) -> None:
        if not levels:
            node.here.pop(subscriber, None)
            return
        child = node.children.get(levels[0])
        if child is None:
            return
        self._remove_wild(child, levels[1:], subscriber)
        if not child.here and not child.children:
            del node.children[levels[0]]

    def match(self, topic: str) -> dict[Subscriber, int]:
        """Each subscriber once, with the best quality it asked for, in the order of subscribing per filter."""
        exact = self._exact.get(topic)
        if not self._wild.children:
            return exact or {}
        found = dict(exact) if exact else {}
        for node in self._wild_nodes(topic):
            for subscriber, qos in node.here.items():
                if found.get(subscriber, -1) < qos:
                    found[subscriber] = qos
        return found

    def _wild_nodes(self, topic: str) -> list[_Node]:
        matching: list[_Node] = []
        nodes = [self._wild]
        # [MQTT-4.7.2-1] wildcards at the first level do not see topics that begin with $
        hidden = topic.startswith("$")
        for level in topic.split("/"):
            following: list[_Node] = []
            for node in nodes:
                children = node.children
                if level in children:
                    following.append(children[level])
                if not hidden:
                    if "+" in children:
                        following.append(children["+"])
                    if "#" in children:
                        matching.append(children["#"])
            if not following:
                return matching
            nodes = following
            hidden = False
        for node in nodes:
            if node.here:
                matching.append(node)
            if "#" in node.children:  # "a/#" matches "a" as well
                matching.append(node.children["#"])
        return matching

    @property
    def empty(self) -> bool:
        return not self._exact and not self._wild.children


class Router:
    """The heart of both brokers in this package: the loopback bus and the embedded one."""

    def __init__(self) -> None:
        self._index = TopicIndex()
        self._retained: dict[str, Message] = {}
        self.routed = 0

    def publish(self, message: Message) -> None:
        self.routed += 1
        if message.retain:
            self._retain(message)
            message = message._replace(retain=False)
        for subscriber, qos in self._index.match(message.topic).items():
            subscriber.put(message if qos >= message.qos else message._replace(qos=qos))

    def _retain(self, message: Message) -> None:
        if message.payload:
            self._retained[message.topic] = message
        else:
            self._retained.pop(message.topic, None)

    def subscribe(self, subscriber: Subscriber, filter_: str, qos: int = 1) -> None:
        self._index.add(filter_, subscriber, qos)

    def send_retained(self, subscriber: Subscriber, filter_: str, qos: int = 1) -> None:
        """What a new subscription is owed; apart from `subscribe` so that the acknowledgement can go out before."""
        for message in self._retained_for(filter_):
            subscriber.put(message if qos >= message.qos else message._replace(qos=qos))

    def _retained_for(self, filter_: str) -> Iterator[Message]:
        if "+" not in filter_ and "#" not in filter_:
            if filter_ in self._retained:
                yield self._retained[filter_]
            return
        for topic, message in list(self._retained.items()):
            if matches(topic, filter_):
                yield message

    def forget_retained(self, topic: str) -> None:
        self._retained.pop(topic, None)

    def forget_all_retained(self) -> None:
        self._retained.clear()

    def unsubscribe(self, subscriber: Subscriber, filter_: str) -> None:
        self._index.remove(filter_, subscriber)

    @property
    def retained_count(self) -> int:
        return len(self._retained)

    @property
    def empty(self) -> bool:
        return self._index.empty


def matches(topic: str, filter_: str) -> bool:
    """Does one topic match one filter? For the rare places that ask it for a single pair."""
    if topic.startswith("$") and filter_[:1] in ("+", "#"):
        return False
    wanted, levels = filter_.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def valid_filter(filter_: str) -> bool:
    """[MQTT-4.7.1] `#` only as the last level, wildcards only as whole levels, no NUL."""
    levels = filter_.split("/")
    return (
        bool(filter_)
        and "\0" not in filter_
        and all(level in ("+", "#") or not ("+" in level or "#" in level) for level in levels)
        and "#" not in levels[:-1]
    )
