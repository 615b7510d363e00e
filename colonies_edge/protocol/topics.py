"""Topics: one grammar for building and parsing, and who may use which (`PROTOCOL.md` 1). The only place for slashes."""

import re
from dataclasses import dataclass
from functools import lru_cache

COORDINATOR = "coordinator"
NO_COLONY = "_"
VERSION = "v1"

REQUEST = "request"
REPLY = "reply"
ASSIGN = "assign"
RESULT = "result"
EVENT = "event"
STATUS = "status"

_WITH_CONN = frozenset({REQUEST, REPLY, RESULT, EVENT})
_CHANNELS = _WITH_CONN | {ASSIGN, STATUS}
_FROM_PARTY = frozenset({REQUEST, RESULT, STATUS})  # the rest is the coordinator's to publish

TOPICS_KNOWN_MAX = 4096  # about 300 bytes each

_LEVEL = r"[A-Za-z0-9._-]{1,64}"
_ROOT = re.compile(rf"{_LEVEL}(?:/{_LEVEL}){{0,2}}")
_COLONY = re.compile(_LEVEL)
_IDENTITY = re.compile(r"[0-9a-f]{64}")
_CONN = re.compile(r"[A-Za-z0-9_-]{8,22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, taken apart. Raises ValueError for one that the grammar does not have."""

    colony: str
    party: str
    channel: str
    conn: str = ""

    def __post_init__(self) -> None:
        if not _COLONY.fullmatch(self.colony):
            raise ValueError("not a colony name that fits into a topic: letters, digits, '.', '_', '-', at most 64")
        if self.channel not in _CHANNELS:
            raise ValueError("no such channel")
        if self.party == COORDINATOR:
            if self.channel != STATUS:
                raise ValueError("the coordinator has topics of its own for status only: its own, and each colony's")
        elif not _IDENTITY.fullmatch(self.party):
            raise ValueError("a party is an identity of 64 hex digits")
        if self.channel in _WITH_CONN:
            if not _CONN.fullmatch(self.conn):
                raise ValueError("this channel ends in a connection of 8 to 22 characters")
        elif self.conn:
            raise ValueError("this channel belongs to no connection")

    @property
    def from_party(self) -> bool:
        """Published by the party itself; otherwise by the coordinator for it."""
        return self.channel in _FROM_PARTY


COORDINATOR_STATUS = Topic(colony=NO_COLONY, party=COORDINATOR, channel=STATUS)


def party_of(unrooted: str) -> str:
    """Whose subtree a topic without its root (from `v1/` on) belongs to; "" for what is no such topic."""
    levels = unrooted.split("/")
    return levels[2] if len(levels) > 3 and levels[0] == VERSION else ""


class Topics:
    """The grammar under one root of one to three levels."""

    def __init__(self, root: str = "colonies") -> None:
        if not _ROOT.fullmatch(root):
            raise ValueError("a topic root has one to three levels of letters, digits, '.', '_', '-'")
        self.root = root
        # A party's topics come again with every message, and taking one apart costs as much as a small decision.
        self.parse = lru_cache(maxsize=TOPICS_KNOWN_MAX)(self._parse)
        self._prefix = f"{root}/{VERSION}/"

    def format(self, topic: Topic) -> str:
        text = f"{self._prefix}{topic.colony}/{topic.party}/{topic.channel}"
        return f"{text}/{topic.conn}" if topic.conn else text

    def _parse(self, text: str) -> Topic:
        """Raises ValueError for everything that `format` does not make."""
        levels = self._below_root(text).split("/", 4)
        if len(levels) not in (3, 4) or (len(levels) == 4 and not levels[3]):
            raise ValueError("not a topic of this protocol")
        return Topic(colony=levels[0], party=levels[1], channel=levels[2], conn=levels[3] if len(levels) == 4 else "")

    def unrooted(self, text: str) -> str:
        """From `v1/` on: what signatures cover, so that a bridge may put its own prefix in front."""
        return f"{VERSION}/{self._below_root(text)}"

    def signed_form(self, topic: Topic) -> str:
        """`unrooted(format(topic))`."""
        return self.unrooted(self.format(topic))

    def coordinator_status(self) -> str:
        return self.format(COORDINATOR_STATUS)

    def colony_status(self, colony: str) -> Topic:
        """Where the coordinator says how a colony is."""
        return Topic(colony=colony, party=COORDINATOR, channel=STATUS)

    def coordinator_filters(self) -> tuple[str, ...]:
        """What the coordinator subscribes to: everything that parties say."""
        below = f"{self._prefix}+/+/"
        return (f"{below}{REQUEST}/+", f"{below}{RESULT}/+", f"{below}{STATUS}")

    def caller_filters(self, identity: str, conn: str, *colonies: str) -> tuple[str, ...]:
        """What a client subscribes to: replies and events of its connection below these colonies (none: below no
        colony), and the coordinator's status. No wildcards: a broker finds exact topics without matching each one."""
        own = [
            self.format(Topic(colony=colony, party=identity, channel=channel, conn=conn))
            for colony in colonies or (NO_COLONY,)
            for channel in (REPLY, EVENT)
        ]
        return (*own, self.coordinator_status())

    def executor_filters(self, identity: str, conn: str, colony: str) -> tuple[str, ...]:
        """What an executor subscribes to: a client's filters, below no colony too, and its assignments."""
        assign = self.format(Topic(colony=colony, party=identity, channel=ASSIGN))
        return (assign, *self.caller_filters(identity, conn, colony, NO_COLONY))

    def presence_filter(self, colony: str = "+") -> str:
        """The presence of all executors (and, below no colony, the coordinator's status)."""
        return f"{self._prefix}{colony}/+/{STATUS}"

    def may_publish(self, identity: str, text: str) -> bool:
        """Confinement at a broker: only below one's own identity, and only what a party says."""
        try:
            topic = self.parse(text)
        except ValueError:
            return False
        return topic.party == identity != COORDINATOR and topic.from_party

    def may_retain(self, identity: str, text: str) -> bool:
        """What a broker keeps for those who come later: only its own state."""
        return self.may_publish(identity, text) and self.parse(text).channel == STATUS

    def may_enrol(self, identity: str, text: str) -> bool:
        """What somebody may publish to who only enrols: requests, below his own identity."""
        return self.may_publish(identity, text) and self.parse(text).channel == REQUEST

    def may_subscribe(self, identity: str, text: str) -> bool:
        """Confinement at a broker: filters that match nothing but one's own subtree, or the coordinator's status."""
        if text == self.coordinator_status():
            return True
        if not _IDENTITY.fullmatch(identity):
            return False
        try:
            colony, party, *rest = self._below_root(text).split("/", 4)
        except ValueError:
            return False
        if party != identity or not (colony == "+" or _COLONY.fullmatch(colony)):
            return False
        match rest:
            case ["#"]:
                return True
            case [channel]:
                return channel == "+" or channel in _CHANNELS
            case [channel, conn]:
                return (channel == "+" or channel in _WITH_CONN) and bool(conn in ("+", "#") or _CONN.fullmatch(conn))
        return False

    def _below_root(self, text: str) -> str:
        if not text.startswith(self._prefix):
            raise ValueError("not below the root of this protocol")
        return text[len(self._prefix) :]
