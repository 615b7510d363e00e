"""Long polls for work: one while there is none, several while there is, and signs of life while there is no room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from colonies_edge.apps.bridge.loops import background
from colonies_edge.apps.bridge.side import Member
from colonies_edge.client.tasks import end_tasks
from colonies_edge.protocol.errors import ColoniesError, Forbidden, NoConnection, NotFound, Unavailable, WaitTimeout
from colonies_edge.protocol.limits import BRIDGE_POLL_S, BRIDGE_POLLS_MAX
from colonies_edge.protocol.messages import AssignProcess
from colonies_edge.protocol.model import Process

_log = logging.getLogger(__name__)

# A server that takes only assigns for life unregisters a silent executor after ten minutes, its running work with it.
LIFE_S = 240.0
# Less than nothing: no process asks for it, so this assign takes none, and is heard all the same.
NOTHING_CPU = "-1m"
PAUSED_S = 5.0


class Polls:
    """Assigns for one member. `room` says how many more may be taken, `on_work` keeps what came; `lost` is called when
    an answer did not come, as it may have been work."""

    def __init__(
        self, member: Member, *, room: Callable[[], int], on_work: Callable[[Process], None], lost: Callable[[], None]
    ) -> None:
        self._member = member
        self._room = room
        self._on_work = on_work
        self._lost = lost
        self._under_way = 0
        self._wanted = 1  # workers: more while there is work
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        name = self._member.name
        self._tasks = [background(name, partial(self._poll_on, number)) for number in range(BRIDGE_POLLS_MAX)]
        self._tasks.append(background(name, self._stay_alive))

    async def close(self) -> None:
        await end_tasks(self._tasks)

    def look_again(self) -> None:
        """Room may have changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _poll_on(self, number: int) -> None:
        while True:
            client = await self._member.ready()
            if number >= self._wanted or self._room() <= self._under_way:
                await self._changed.wait()
                continue
            # The first waits for work; the others take what is there now, and rest when there is nothing.
            self._under_way += 1
            try:
                process = await client.assign_process(BRIDGE_POLL_S if number == 0 else -1)
                self._on_work(process)
                self._wanted = min(self._wanted + 1, BRIDGE_POLLS_MAX)
            except NotFound:
                self._wanted = 1
            except NoConnection:
                self._lost()
            except (WaitTimeout, Unavailable):  # the colony is paused
                self._wanted = 1
                await asyncio.sleep(PAUSED_S)
            except ColoniesError as error:
                _log.warning("the assign of %s was refused: %s", self._member.name, error)
                self._member.doubt()
                await asyncio.sleep(PAUSED_S)
            finally:
                self._under_way -= 1
                self.look_again()

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(LIFE_S)
            if self._room() > 0 or not self._member.is_ready:
                continue
            await self.say_alive()

    async def say_alive(self) -> None:
        """An assign that takes nothing."""
        client = await self._member.ready()
        message = AssignProcess(colonyname=client.colonyname, timeout=-1, availablecpu=NOTHING_CPU)
        try:
            await client.call(message)
            self._lost()  # a process that asks for less than nothing: it is ours now
        except (ColoniesError, NoConnection) as error:
            _log.debug("a sign of life: %s", error)
            if isinstance(error, Forbidden):
                self._member.doubt()
