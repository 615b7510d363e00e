"""When crons and generators have to be looked at: one timer each, set when a row says so and never by polling."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from colonies_edge.engine.lifecycle import SECOND
from colonies_edge.engine.outcome import Kind, Write
from colonies_edge.engine.schedule_index import counts_time
from colonies_edge.engine.tallies import FINISHED
from colonies_edge.engine.timers import Timer

if TYPE_CHECKING:
    from colonies_edge.engine.live import Live


_FOLLOWED = frozenset(("crons", "generators", "generatorargs", "graphs", "clock"))


def follow(live: "Live", writes: Iterable[Write], now: int) -> None:
    """These writes were applied, with all that they led to."""
    for write in writes:
        if write.table in _FOLLOWED:
            _follow(live, write, now)


def _follow(live: "Live", write: Write, now: int) -> None:
    if write.table == "crons":
        arm_cron(live, write.key)
    elif write.table == "generators":
        arm_generator(live, write.key)
    elif write.table == "generatorargs" and write.kind is Kind.PUT:
        if len(live.tables.schedule.queues[write.row.generatorid]) == 1:  # else somebody older waits
            arm_generator(live, write.row.generatorid)
    elif write.table == "graphs":
        _see_graph(live, write.key, now)
    elif write.table == "clock":
        _see_step(live)


def start(live: "Live") -> None:
    """After a recovery. What fell due meanwhile is due now."""
    for key in live.tables.schedule.crons:
        arm_cron(live, key)
    for key in live.tables.schedule.queues:
        arm_generator(live, key)


def arm_cron(live: "Live", cronid: str) -> None:
    """Have the cron looked at when its next run is."""
    row = live.tables.schedule.crons.get(cronid)
    if row is not None and row.nextrun:
        live.timers.set(row.nextrun - live.stepped, Timer.CRON, cronid)


def arm_generator(live: "Live", generatorid: str) -> None:
    """Have the generator looked at when its oldest argument has waited long enough."""
    deadline = _patience(live, generatorid)
    if deadline:
        live.timers.set(deadline, Timer.GENERATOR, generatorid)


def _patience(live: "Live", generatorid: str) -> int:
    row = live.tables.schedule.generators.get(generatorid)
    oldest = live.tables.schedule.oldest(generatorid)
    if row is None or oldest is None or row.timeout <= 0:
        return 0
    return oldest.since + row.timeout * SECOND - live.stepped


def _see_graph(live: "Live", graphid: str, now: int) -> None:
    """A workflow that ended, or was removed, lets the cron run that is due and waits for it."""
    graph = live.tables.graphs.get(graphid)
    if graph is not None and graph.state not in FINISHED:
        return
    for cronid in live.tables.schedule.crons_after.get(graphid, ()):
        row = live.tables.schedule.crons[cronid]
        if row.waitforprevprocessgraph and 0 < row.nextrun <= now:
            live.timers.set(live.steady, Timer.CRON, cronid)


def _see_step(live: "Live") -> None:
    """The wall clock jumped. Lengths of time moved with it, their timers are right; times of day come sooner."""
    for key, row in live.tables.schedule.crons.items():
        if not counts_time(row):
            arm_cron(live, key)


def is_alive(live: "Live", timer: Timer, key: str, steady: int) -> bool:
    """Does this entry of the timers still matter? One that is later than its row says is a second look, and does."""
    if timer is Timer.CRON:
        row = live.tables.schedule.crons.get(key)
        return row is not None and 0 < row.nextrun - live.stepped <= steady
    deadline = _patience(live, key)
    return 0 < deadline <= steady
