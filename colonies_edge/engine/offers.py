"""Who wants work: executors that are pushed to, and long polls; each in its turn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from colonies_edge.engine.access import Memory
from colonies_edge.engine.outcome import Request
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.waiting import Seeker
from colonies_edge.protocol.model import Executor, ExecutorState
from colonies_edge.protocol.quantities import bytes_of
from colonies_edge.protocol.quantities import millicores as millicores_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An executor said `readymsg`: up to `capacity` processes may run there, told on connection `conn`."""

    seeker: Seeker
    conn: str
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """An `assignprocessmsg` that waits; `until` is steady ns, `memory` is what a repeat finds if it waits in vain."""

    seeker: Seeker
    request: Request
    until: int
    memory: Memory


def seeker_of(executor: Executor, millicores: int | None = None, mem_bytes: int | None = None) -> Seeker:
    """What an executor looks for."""
    return Seeker(
        executorid=executor.executorid,
        name=executor.executorname,
        colony=executor.colonyname,
        executortype=executor.executortype,
        location=executor.locationname.casefold(),
        millicores=millicores,
        mem_bytes=mem_bytes,
    )


class Offers:
    """Open offers by colony, executor type and location, each group in the order in which it had its last turn."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._offers: dict[str, Offer] = {}  # by executor id
        self._open: dict[tuple[str, str, str | None], dict[str, None]] = {}  # location None: of any location
        self._polls: dict[str, Poll] = {}  # by caller/msgid
        self._polls_of: dict[tuple[str, str], dict[str, None]] = {}  # (colony, executor type) -> keys, oldest first

    # Pushed executors

    def ready(self, executor: Executor, conn: str, capacity: int) -> None:
        """The executor is there; replaces what it said before."""
        self.withdraw(executor.executorid)
        self._offers[executor.executorid] = Offer(seeker=seeker_of(executor), conn=conn, capacity=capacity)
        self.refresh(executor.executorid)

    def get(self, executorid: str) -> Offer | None:
        """What the executor said last, if it still counts."""
        return self._offers.get(executorid)

    def withdraw(self, executorid: str) -> None:
        """Push nothing to this executor any more, and end its long polls' claim on work."""
        offer = self._offers.pop(executorid, None)
        if offer is not None:
            self._close(offer)

    def refresh(self, executorid: str) -> bool:
        """Open or close the offer by what the executor holds now; True when it has room."""
        offer = self._offers.get(executorid)
        if offer is None:
            return False
        if len(self._tables.held_by.get(executorid, ())) >= offer.capacity:
            self._close(offer)
            return False
        for location in (offer.seeker.location, None):
            key = (offer.seeker.colony, offer.seeker.executortype, location)
            self._open.setdefault(key, {})[executorid] = None
        return True

    def had_turn(self, executorid: str) -> None:
        """The executor got work: it goes to the end of its group."""
        offer = self._offers.get(executorid)
        if offer is not None:
            self._close(offer)

    def _close(self, offer: Offer) -> None:
        for location in (offer.seeker.location, None):
            key = (offer.seeker.colony, offer.seeker.executortype, location)
            group = self._open.get(key)
            if group is not None:
                group.pop(offer.seeker.executorid, None)
                if not group:
                    del self._open[key]

    def of_colony(self, colony: str) -> list[str]:
        """Executors of that colony that have room."""
        return [key for key, offer in self._offers.items() if offer.seeker.colony == colony and self.refresh(key)]

    def ready_in_colonies(self) -> dict[str, int]:
        """How many executors said that they take work, by colony."""
        counts: dict[str, int] = {}
        for offer in self._offers.values():
            counts[offer.seeker.colony] = counts.get(offer.seeker.colony, 0) + 1
        return counts

    def anybody_for(self, colony: str, executortype: str) -> bool:
        """Does an executor of that type have room, or wait?"""
        return (colony, executortype, None) in self._open or (colony, executortype) in self._polls_of

    # Long polls

    def wait(self, key: str, poll: Poll) -> None:
        """Enter a long poll."""
        self._polls[key] = poll
        self._polls_of.setdefault((poll.seeker.colony, poll.seeker.executortype), {})[key] = None

    def poll(self, key: str) -> Poll | None:
        """The long poll with this key, while it waits."""
        return self._polls.get(key)

    def reroute(self, key: str, request: Request) -> None:
        """The same call came again, perhaps on a new connection: answer there."""
        self._polls[key] = replace(self._polls[key], request=request)

    def end(self, key: str) -> Poll | None:
        """The long poll was answered."""
        poll = self._polls.pop(key, None)
        if poll is not None:
            group = self._polls_of[poll.seeker.colony, poll.seeker.executortype]
            del group[key]
            if not group:
                del self._polls_of[poll.seeker.colony, poll.seeker.executortype]
        return poll

    def polls_of_executor(self, executorid: str) -> list[str]:
        """Keys of the long polls of one executor; it has few, and few have any."""
        return [key for key, poll in self._polls.items() if poll.seeker.executorid == executorid]

    def polls_of_colony(self, colony: str) -> list[str]:
        """Keys of the colony's long polls, oldest first."""
        return [key for key, poll in self._polls.items() if poll.seeker.colony == colony]

    @property
    def polls_count(self) -> int:
        """How many long polls wait."""
        return len(self._polls)

    def present(self) -> set[str]:
        """Executors that are ready for work, or wait for some."""
        return self._offers.keys() | {poll.seeker.executorid for poll in self._polls.values()}

    # Who could take this process?

    def executors_for(self, row: ProcessRow) -> Iterator[str]:
        """Pushed executors with room that fit, the one that waited longest first."""
        conditions = row.spec.conditions
        location = conditions.locationname.casefold() or None
        group = self._open.get((row.colonyname, conditions.executortype, location), {})
        if not conditions.executornames:
            yield from group
            return
        for name in conditions.executornames:
            executorid = self._tables.executor_names.get((row.colonyname, name))
            if executorid in group:
                yield executorid

    def polls_for(self, row: ProcessRow) -> Iterator[str]:
        """Long polls that fit, oldest first."""
        for key in self._polls_of.get((row.colonyname, row.spec.conditions.executortype), ()):
            if fits(row, self._polls[key].seeker):
                yield key

    def unfit(self, executor: Executor | None, executorid: str) -> bool:
        """The executor is gone, is not approved any more or became another one: its offer does not count."""
        offer = self._offers.get(executorid)
        if offer is None:
            return False
        return executor is None or executor.state != ExecutorState.APPROVED or seeker_of(executor) != offer.seeker


def fits(row: ProcessRow, seeker: Seeker) -> bool:
    """`protocol-core.md` 4.6, for one process and one executor of the same colony and type."""
    conditions = row.spec.conditions
    if conditions.executornames and seeker.name not in conditions.executornames:
        return False
    if conditions.locationname and conditions.locationname.casefold() != seeker.location:
        return False
    if seeker.millicores is not None and millicores_of(conditions.cpu) > seeker.millicores:
        return False
    return seeker.mem_bytes is None or bytes_of(conditions.mem) <= seeker.mem_bytes
