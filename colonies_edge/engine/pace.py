"""How many processes ended in each of the latest minutes; in memory, refilled at a start from what is there."""

from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.limits import PACE_MINUTES_MAX
from colonies_edge.protocol.model import State

MINUTE = 60_000_000_000


class Pace:
    """Counts by colony and minute of the wall clock."""

    def __init__(self) -> None:
        self._ended: dict[str, dict[int, list[int]]] = {}  # colony -> minute -> [ended, failed]

    def count(self, row: ProcessRow) -> None:
        """This process has ended. Late ones come in any order: a start reads rows as they lie."""
        minutes = self._ended.setdefault(row.colonyname, {})
        minute = row.endtime // MINUTE
        counts = minutes.get(minute)
        if counts is None:
            counts = minutes[minute] = [0, 0]
            if len(minutes) > 2 * PACE_MINUTES_MAX:
                for old in sorted(minutes)[:-PACE_MINUTES_MAX]:
                    del minutes[old]
        counts[0] += 1
        counts[1] += row.state is State.FAILED

    def latest(self, colony: str, minutes: int, now: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(ended, failed) in each of the last so many minutes, the current one last."""
        counted, last = self._ended.get(colony, {}), now // MINUTE
        span = [counted.get(minute, (0, 0)) for minute in range(last - minutes + 1, last + 1)]
        return tuple(one[0] for one in span), tuple(one[1] for one in span)

    def forget(self, colony: str) -> None:
        """A colony of this name that is founded later begins with nothing."""
        self._ended.pop(colony, None)
