"""What arrives on topics becomes requests here; whatever is not one is answered, or counted and dropped, cheaply."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from colonies_edge.crypto.identity import BadSignature, Verifier
from colonies_edge.engine.outcome import Reply, Request, Route
from colonies_edge.protocol.envelope import Envelope
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden, TooLarge
from colonies_edge.protocol.limits import ENROL_BYTES_MAX, ENROLS_PER_S, MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import MESSAGES, Enrol
from colonies_edge.protocol.messages_base import msgid_in
from colonies_edge.protocol.topics import RESULT, Topic
from colonies_edge.transports.allowance import Allowance

# Answers to what nobody signed cost a signature each and may be aimed at a bystander, so there are few of them: enough
# for a person who tries a wrong key to read why, too few to keep a processor busy.
UNPROVEN_ANSWERS_PER_S = 20
RESULT_TYPES = ("closesuccessfulmsg", "closefailedmsg")


class RefusalOf(Protocol):
    """A token and the time: why it does not let a stranger in, or "". Only `signed` looks who signed it."""

    def __call__(self, token: str, now: int, *, signed: bool = False) -> str: ...


def refuse_all(token: str, now: int, *, signed: bool = False) -> str:
    return "Access denied, nobody enrols here"


class Rim:
    """Checks of `PROTOCOL.md` 1 that need no state of the colony but "is this identity known?" and "is this a token?".

    `counts` says how many deliveries were dropped or refused, by reason; `doctor` and the log show it.
    """

    def __init__(
        self,
        knows: Callable[[str], bool],
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        refusal_of: RefusalOf = refuse_all,
    ) -> None:
        self._knows = knows
        self._refusal_of = refusal_of
        self._message_bytes_max = message_bytes_max
        self._verifier = Verifier()
        self._unproven = Allowance(UNPROVEN_ANSWERS_PER_S)
        self._enrolling = Allowance(ENROLS_PER_S)
        self.counts: Counter[str] = Counter()

    def request(self, topic: Topic, payload: bytes, now: int) -> Request | Reply | None:
        """The request, or the refusal to send back, or None when it is dropped. `now` in ns."""
        route = Route(colony=topic.colony, party=topic.party, conn=topic.conn)
        msgid = ""
        try:
            envelope = Envelope.parse(payload, self._message_bytes_max)
            unsigned = envelope.payloadtype in MESSAGES and MESSAGES[envelope.payloadtype].unsigned
            if not unsigned and not self._knows(topic.party) and envelope.payloadtype != Enrol.msgtype:
                self.counts["unknown party"] += 1
                raise Forbidden("Access denied, this identity has no role here: check the private key")
            value = envelope.message()
            if envelope.payloadtype == Enrol.msgtype and not self._may_enrol(topic, payload, value, now):
                return None
            msgid = msgid_in(value)
            if topic.channel == RESULT and envelope.payloadtype not in RESULT_TYPES:
                raise BadRequest(f"Only {' and '.join(RESULT_TYPES)} belong on a result topic")
            if not unsigned and not self._signed_by_party(envelope, topic.party):
                self.counts["signed by another than the topic's party"] += 1
                return None
        except ColoniesError as error:
            return self._refusal(route, msgid or self._msgid_inside(payload), error, now)
        caller = "" if unsigned else topic.party
        if unsigned and not self._may_answer_unproven(now):
            return None
        return Request(caller=caller, payloadtype=envelope.payloadtype, value=value, route=route, envelope=envelope)

    def _may_enrol(self, topic: Topic, payload: bytes, value: Any, now: int) -> bool:
        """Before any arithmetic: a message of that size, with a token that would count, and not too many of them. False
        for those beyond: they come again. Raises Forbidden."""
        if len(payload) > ENROL_BYTES_MAX:
            raise TooLarge(f"An enrolmsg has at most {ENROL_BYTES_MAX} bytes")
        token = value.get("token") if isinstance(value, dict) else None
        if self._knows(topic.party):
            return True
        text = token if isinstance(token, str) else ""
        refusal = self._refusal_of(text, now)
        if not refusal and not self._enrolling.take(now):
            self.counts["not looked at: too many enrol"] += 1
            return False
        # The owner's signature is looked at here, too: what the engine refuses is kept in the journal, and words that
        # look like a token anybody can write.
        refusal = refusal or self._refusal_of(text, now, signed=True)
        if refusal:
            self.counts["unknown party"] += 1
            raise Forbidden(refusal)
        return True

    def _signed_by_party(self, envelope: Envelope, party: str) -> bool:
        try:
            return self._verifier.verify(envelope.signed_text(), envelope.signature, party)
        except BadSignature as error:
            raise Forbidden(str(error)) from None

    def _msgid_inside(self, payload: bytes) -> str:
        """The call a refusal refers to, if the envelope can be opened at all."""
        try:
            return msgid_in(Envelope.parse(payload, self._message_bytes_max).message())
        except ColoniesError:
            return ""

    def _refusal(self, route: Route, msgid: str, error: ColoniesError, now: int) -> Reply | None:
        self.counts[f"refused with {error.status}"] += 1
        if not self._may_answer_unproven(now):
            return None
        return Reply(route=route, payloadtype="error", value=error.body(), error=True, msgid=msgid)

    def _may_answer_unproven(self, now: int) -> bool:
        if self._unproven.take(now):
            return True
        self.counts["not answered: too many refusals"] += 1
        return False
