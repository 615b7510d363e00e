"""The store behind its threads: one in which commits wait for the disk, and one that writes checkpoints beside them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from colonies_edge.apps.prometheus import Histogram
from colonies_edge.engine.outcome import Record, Write
from colonies_edge.engine.ports import Store
from colonies_edge.storage.errors import NoDescriptor
from colonies_edge.transports.system import SystemClock

_log = logging.getLogger(__name__)

PAUSE_NS = 60 * 1_000_000_000  # between two checkpoints, so that a disk that refuses them is not pestered
COMMIT_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)  # from an SSD to a dying card


class Disk:
    """One coordinator's store. `commits` are the times that commits took until they were on the disk."""

    def __init__(self, store: Store) -> None:
        self.commits = Histogram(*COMMIT_BOUNDS_S)
        self._store = store
        self._clock = SystemClock()
        self._journal = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._checkpoint: asyncio.Future[None] | None = None
        self._not_before_ns = 0

    async def commit(self, records: Sequence[Record]) -> None:
        """Return when they are durable. Raises StoreFailed."""
        begin = self._clock.monotonic_ns()
        await asyncio.get_running_loop().run_in_executor(self._journal, self._store.commit, records)
        self.commits.observe((self._clock.monotonic_ns() - begin) / 1e9)

    async def sync_if_due(self) -> None:
        """For a durability of an interval."""
        await asyncio.get_running_loop().run_in_executor(self._journal, self._store.sync_if_due)

    def checkpoint_due(self) -> bool:
        """The journal has grown enough, and no checkpoint is under way or failed a moment ago."""
        if self._checkpoint is not None or self._clock.monotonic_ns() < self._not_before_ns:
            return False
        return self._store.checkpoint_due()

    async def new_segment(self) -> int | None:
        """Everything committed so far belongs to the checkpoint that follows; None when that has to be later. Raises
        StoreFailed."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._journal, self._store.rotate)
        except NoDescriptor as error:
            self._put_off(error)
            return None

    def begin_checkpoint(self, rows: Iterator[Write], segment: int) -> None:
        """Write the rows beside the work."""
        loop = asyncio.get_running_loop()
        self._checkpoint = loop.run_in_executor(self._beside, self._store.checkpoint, rows, segment)
        self._checkpoint.add_done_callback(self._written)

    def _written(self, done: "asyncio.Future[None]") -> None:
        """A failure costs nothing but a longer journal, so the work goes on and it is tried again later."""
        self._checkpoint = None
        for note in self._store.take_notes():
            _log.warning("%s", note)
        self._put_off(done.exception())

    def _put_off(self, error: BaseException | None) -> None:
        self._not_before_ns = self._clock.monotonic_ns() + PAUSE_NS
        if error is not None:
            _log.error("no checkpoint: %s", error)

    async def wait_for_checkpoint(self) -> None:
        """Until the one that is under way has ended. Raises what ended it, StoreFailed."""
        if self._checkpoint is not None:
            await self._checkpoint

    async def close(self) -> None:
        """Release files, the lock and the threads."""
        await asyncio.get_running_loop().run_in_executor(self._journal, self._store.close)
        self._journal.shutdown()
        self._beside.shutdown()
