"""One call on its way: sealed once, sent as often as needed, answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.envelope import seal
from colonies_edge.protocol.errors import ClockSkew, ColoniesError, TooManyRequests
from colonies_edge.protocol.limits import FRESHNESS_S, TRY_FIRST_S, TRY_MAX_S
from colonies_edge.protocol.messages import MESSAGES, stamped
from colonies_edge.transports.system import PartyClock, jitter, new_msgid

# How long a call waits unless it says otherwise: five tries, over which a coordinator restarts.
CALL_S = 30.0
# A sealed request is sent again as it is while it will arrive fresh; older ones are sealed anew, with the same msgid.
SEALED_MS_MAX = FRESHNESS_S * 1000 // 2
# The first 425 sets the clock, the second is bad luck; with more the coordinator's clock makes no sense.
CLOCK_SKEWS_MAX = 3


class Call:
    """The state of one call. `attempt` sends it, and is called again when it is time."""

    __slots__ = (
        *("_attempt", "_due", "_skews", "_try_s"),
        *("answer", "channel", "colony", "message", "msgid", "refusal", "sealed"),
    )

    def __init__(
        self,
        message: Mapping[str, Any],
        *,
        colony: str,
        channel: str,
        msgid: str | None,
        attempt: Callable[[Call], None],
    ) -> None:
        self.message = message
        self.colony = colony
        self.channel = channel
        self.msgid = msgid or new_msgid()
        self.sealed: tuple[int, bytes] | None = None  # when, and the bytes
        self.refusal: Exception | None = None  # "not now", in answer to all that was sent so far
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._attempt = attempt
        self._due: asyncio.TimerHandle | None = None
        self._try_s = float(TRY_FIRST_S)
        self._skews = 0

    def try_again_later(self) -> None:
        """One second, doubling to thirty, with jitter."""
        self.cancel()
        self.refusal = None
        # At least the try time, at most half more: jitter must not make a resend overtake a slow answer.
        delay_s = self._try_s / 2 + jitter(self._try_s)
        self._due = asyncio.get_running_loop().call_later(delay_s, self._attempt, self)
        self._try_s = min(self._try_s * 2, float(TRY_MAX_S))

    def start_over(self) -> None:
        """A new connection, or a new coordinator: what was waited for so far says nothing."""
        self._try_s = float(TRY_FIRST_S)

    def refused(self, failure: ColoniesError, clock: PartyClock) -> None:
        """A refusal; two kinds of them are not the end of the call."""
        if isinstance(failure, ClockSkew) and failure.ts and self._skews < CLOCK_SKEWS_MAX:
            self._skews += 1
            clock.learn(failure.ts)
            self.sealed = None
            self._attempt(self)
        elif isinstance(failure, TooManyRequests):
            self.try_again_later()
            self.refusal = failure
        else:
            self.fail(failure)

    def succeed(self, value: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Sealer:
    """Signs calls: the same bytes again while they are fresh, the same msgid always."""

    __slots__ = ("_clock", "_signer")

    def __init__(self, signer: Signer, clock: PartyClock) -> None:
        self._signer = signer
        self._clock = clock

    def seal(self, call: Call, serverid: str) -> bytes:
        now_ms = self._clock.now_ms()
        if call.sealed is None or abs(now_ms - call.sealed[0]) > SEALED_MS_MAX:
            known = MESSAGES.get(str(call.message.get("msgtype")))
            signer = None if known is not None and known.unsigned else self._signer
            message = stamped(dict(call.message), msgid=call.msgid, ts=now_ms, serverid=serverid)
            call.sealed = now_ms, seal(message, signer).to_bytes()
        return call.sealed[1]
