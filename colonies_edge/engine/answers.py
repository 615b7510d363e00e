"""What was answered before: a repeated call gets the same answer and changes nothing (`PROTOCOL.md` 2)."""

from collections import deque
from collections.abc import Iterator

from colonies_edge.engine.outcome import Answer, Kind, Write
from colonies_edge.engine.rows import AnswerRow
from colonies_edge.protocol.limits import ANSWERS_PER_CALLER_MAX, REMEMBER_S

REMEMBER_NS = int(REMEMBER_S * 1e9)


class Answers:
    """Answers by caller and `msgid`, forgotten after `REMEMBER_S`.

    Times are steady nanoseconds (see `Timers`): a wall clock that jumps must not make the coordinator forget early.
    """

    def __init__(self) -> None:
        self._by_caller: dict[str, dict[str, Answer]] = {}
        self._ages: deque[tuple[int, str, str]] = deque()  # (steady time, caller, msgid), oldest first

    def get(self, caller: str, msgid: str) -> Answer | None:
        """The answer that this call got, or None."""
        answers = self._by_caller.get(caller)
        return answers.get(msgid) if answers is not None else None

    def remember(self, caller: str, msgid: str, answer: Answer, steady: int) -> None:
        """Keep an answer; called with non-decreasing times."""
        self._by_caller.setdefault(caller, {})[msgid] = answer
        self._ages.append((steady, caller, msgid))

    @property
    def count(self) -> int:
        """How many are kept."""
        return len(self._ages)

    def count_of(self, caller: str) -> int:
        """How many are kept of this caller."""
        return len(self._by_caller.get(caller, ()))

    def full(self, caller: str) -> bool:
        """The caller used up what is remembered for one caller; more would mean forgetting too early."""
        return self.count_of(caller) >= ANSWERS_PER_CALLER_MAX

    def forget_old(self, steady: int) -> None:
        """Drop what is older than the window; costs nothing when nothing is due."""
        ages = self._ages
        while ages and ages[0][0] + REMEMBER_NS < steady:  # a message may be fresh to the very end of the window
            _, caller, msgid = ages.popleft()
            answers = self._by_caller.get(caller)
            if answers is not None:
                answers.pop(msgid, None)
                if not answers:
                    del self._by_caller[caller]

    def shift(self, by_ns: int) -> None:
        """The wall clock stepped while the journal was written: what was remembered before did not get older by it."""
        self._ages = deque((steady + by_ns, caller, msgid) for steady, caller, msgid in self._ages)

    def rows(self, stepped: int) -> Iterator[Write]:
        """As checkpoint rows in wall time; `stepped` is what the wall is ahead of the steady time."""
        for steady, caller, msgid in tuple(self._ages):
            answer = self.get(caller, msgid)
            if answer is not None:
                row = AnswerRow(time_ns=steady + stepped, answer=answer)
                yield Write(table="answers", key=f"{caller}/{msgid}", kind=Kind.PUT, row=row)

    def restore(self, write: Write, stepped: int) -> None:
        """Take back a row of `rows`; rows come in the order of their times."""
        caller, _, msgid = write.key.partition("/")
        self.remember(caller, msgid, write.row.answer, write.row.time_ns - stepped)
