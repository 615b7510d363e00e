"""What arrives on topics becomes requests here; whatever is not one is answered, or counted and dropped, cheaply."""

from collections import Counter
from collections.abc import Callable

from colonies_edge.crypto.identity import BadSignature, Verifier
from colonies_edge.engine.outcome import Reply, Request, Route
from colonies_edge.protocol.envelope import Envelope
from colonies_edge.protocol.errors import BadRequest, ColoniesError, Forbidden
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.messages import MESSAGES
from colonies_edge.protocol.messages_base import msgid_in
from colonies_edge.protocol.topics import RESULT, Topic

# Answers to what nobody signed cost a signature each and may be aimed at a bystander, so there are few of them: enough
# for a person who tries a wrong key to read why, too few to keep a processor busy.
UNPROVEN_ANSWERS_PER_S = 20
RESULT_TYPES = ("closesuccessfulmsg", "closefailedmsg")


class Rim:
    """Checks of `PROTOCOL.md` 1 that need no state of the colony but "is this identity known?".

    `counts` says how many deliveries were dropped or refused, by reason; `doctor` and the log show it.
    """

    def __init__(self, knows: Callable[[str], bool], message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._knows = knows
        self._message_bytes_max = message_bytes_max
        self._verifier = Verifier()
        self._allowance = float(UNPROVEN_ANSWERS_PER_S)
        self._allowance_at_ns = 0
        self.counts: Counter[str] = Counter()

    def request(self, topic: Topic, payload: bytes, now: int) -> Request | Reply | None:
        """The request, or the refusal to send back, or None when it is dropped. `now` in ns."""
        route = Route(colony=topic.colony, party=topic.party, conn=topic.conn)
        msgid = ""
        try:
            envelope = Envelope.parse(payload, self._message_bytes_max)
            unsigned = envelope.payloadtype in MESSAGES and MESSAGES[envelope.payloadtype].unsigned
            if not unsigned and not self._knows(topic.party):
                self.counts["unknown party"] += 1
                raise Forbidden("Access denied, this identity has no role here: check the private key")
            value = envelope.message()
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
        """A token bucket, one second deep."""
        gained = (now - self._allowance_at_ns) * UNPROVEN_ANSWERS_PER_S / 1_000_000_000
        self._allowance = min(float(UNPROVEN_ANSWERS_PER_S), self._allowance + gained)
        self._allowance_at_ns = now
        if self._allowance < 1:
            self.counts["not answered: too many refusals"] += 1
            return False
        self._allowance -= 1
        return True
