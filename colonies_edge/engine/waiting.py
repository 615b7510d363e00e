"""Waiting work, indexed so that finding the best process for an executor costs the same at 10 and at 100,000."""

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from colonies_edge.engine.rows import ProcessRow
from colonies_edge.protocol.model import State
from colonies_edge.protocol.quantities import bytes_of, millicores

COMPACT_AT_LEAST = 4096  # entries; below that a rebuild saves nothing

Rank = tuple[int, int, str]  # prioritytime, submissiontime, process id: ids break ties, equal clocks happen
Heap = list[Rank]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeker:
    """Who looks for work: an executor, and what it has left (None: unlimited)."""

    executorid: str
    name: str
    colony: str
    executortype: str
    location: str  # folded, "" for none
    millicores: int | None = None
    mem_bytes: int | None = None


def rank(row: ProcessRow) -> Rank:
    """Lower is served first (`protocol-core.md` 4.2: a priority point is worth one day of age)."""
    return (row.prioritytime, row.submissiontime, row.processid)


def in_order(heap: Heap) -> Iterator[Rank]:
    """The entries of a heap from the smallest up, without disturbing it: k entries cost k log k."""
    frontier = [(heap[0], 0)] if heap else []
    while frontier:
        entry, index = heapq.heappop(frontier)
        yield entry
        for child in (2 * index + 1, 2 * index + 2):
            if child < len(heap):
                heapq.heappush(frontier, (heap[child], child))


def is_waiting(row: ProcessRow | None) -> bool:
    """May be assigned: not ended, not running, and not waiting for parents."""
    return row is not None and row.state is State.WAITING and not row.waitforparents


class Waiting:
    """Heaps of waiting processes by (colony, executor type, executor name, location) and, below that, by their needs.

    An entry whose process does not wait any more is dropped when it reaches the top; a process that waits again is
    entered again. A process for several named executors stands in several heaps.
    """

    def __init__(self, processes: Mapping[str, ProcessRow]) -> None:
        self._processes = processes
        self._all: dict[str, Heap] = {}  # by colony, also those that wait for parents: for listing
        self._heaps: dict[tuple[str, str, str, str], dict[tuple[int, int], Heap]] = {}

    def enter(self, row: ProcessRow) -> None:
        """List a process that waits, also one that may not be assigned yet."""
        self._push(self._all.setdefault(row.colonyname, []), rank(row))

    def _push(self, heap: Heap, entry: Rank) -> None:
        """Add, and sweep out what does not wait any more, at sizes that double: that costs next to nothing."""
        heapq.heappush(heap, entry)
        if len(heap) >= COMPACT_AT_LEAST and len(heap).bit_count() == 1:
            heap[:] = [entry for entry in heap if self._waits(entry)]
            heapq.heapify(heap)

    def _waits(self, entry: Rank) -> bool:
        """The entry's process waits, and was not removed and submitted once more since, with another rank."""
        row = self._processes.get(entry[2])
        return row is not None and row.state is State.WAITING and row.submissiontime == entry[1]

    def _may_be_assigned(self, entry: Rank) -> bool:
        row = self._processes.get(entry[2])
        return row is not None and is_waiting(row) and row.submissiontime == entry[1]

    def in_rank(self, colony: str) -> Iterator[ProcessRow]:
        """The colony's waiting processes, next to be served first."""
        last = None
        for entry in in_order(self._all.get(colony, [])):
            if entry != last and self._waits(entry):
                yield self._processes[entry[2]]
            last = entry

    def heads(self) -> Iterator[tuple[str, str, ProcessRow]]:
        """Colony, executor type and the process that is served next, of every heap that has one."""
        for (colony, executortype, _, _), heaps in self._heaps.items():
            for heap in heaps.values():
                head = self._head(heap, ())
                if head is not None:
                    yield colony, executortype, self._processes[head[2]]

    def add(self, row: ProcessRow) -> None:
        """Enter a process that may be assigned."""
        conditions = row.spec.conditions
        needs = (millicores(conditions.cpu), bytes_of(conditions.mem))
        location = conditions.locationname.casefold()
        entry = rank(row)
        for name in conditions.executornames or ("",):
            heaps = self._heaps.setdefault((row.colonyname, conditions.executortype, name, location), {})
            self._push(heaps.setdefault(needs, []), entry)

    def best(self, seeker: Seeker, excluded: Collection[str]) -> ProcessRow | None:
        """The process that this executor should get next, or None; `excluded` are ids it must not get now."""
        best: Rank | None = None
        for name in ("", seeker.name) if seeker.name else ("",):
            for location in ("", seeker.location) if seeker.location else ("",):
                key = (seeker.colony, seeker.executortype, name, location)
                heaps = self._heaps.get(key)
                if heaps is None:
                    continue
                for needs in self._fitting(heaps, seeker):
                    head = self._head(heaps[needs], excluded)
                    if head is not None and (best is None or head < best):
                        best = head
                    if not heaps[needs]:
                        del heaps[needs]
                if not heaps:
                    del self._heaps[key]
        return self._processes[best[2]] if best is not None else None

    @staticmethod
    def _fitting(heaps: Mapping[tuple[int, int], Heap], seeker: Seeker) -> list[tuple[int, int]]:
        return [
            needs
            for needs in heaps
            if (seeker.millicores is None or needs[0] <= seeker.millicores)
            and (seeker.mem_bytes is None or needs[1] <= seeker.mem_bytes)
        ]

    def _head(self, heap: Heap, excluded: Collection[str]) -> Rank | None:
        while heap and not self._may_be_assigned(heap[0]):
            heapq.heappop(heap)
        if not heap or heap[0][2] not in excluded:
            return heap[0] if heap else None
        for entry in in_order(heap):
            if entry[2] not in excluded and self._may_be_assigned(entry):
                return entry
        return None
