"""Two live colonies and a bridge between them, in threads of the test; the line above may be a bad one."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from colonies_edge.apps.bridge.bridge import Bridge
from colonies_edge.apps.bridge.settings import BridgeSettings, SideSettings
from colonies_edge.crypto.identity import Signer
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony


def side(colony: LiveColony, *, url: str = "", owner: bool = True) -> SideSettings:
    """How the bridge finds a colony; `url` is that of a proxy in front of it."""
    return SideSettings(
        url=url or colony.url,
        colony="lab",
        serverid=colony.serverid,
        owner=Signer(colony.colony_prvkey) if owner else None,
    )


class Work:
    """An executor that remembers the first argument of what it ran, and can be held."""

    def __init__(self, colony: LiveColony, executortype: str, *, capacity: int = 4) -> None:
        self.executor = colony.executor(executortype, executorname=f"{executortype}-1", capacity=capacity)
        self.ran: list[Any] = []
        self.holding = threading.Semaphore(0)  # released by each call of `hold` that has begun
        self.stopped: queue.Queue[str] = queue.Queue()  # the ids of those that were told to stop
        self.release = threading.Event()  # for all calls of `until`
        self._held_once = False
        for function in (self.double, self.add_up, self.fail, self.hold, self.hold_once, self.until):
            self.executor.function(function)

    def double(self, ctx: Any, number: int) -> int:
        ctx.log(f"double {number}\n")
        ctx.attribute("note", str(number))
        self.ran.append(number)
        return 2 * number

    def add_up(self, ctx: Any, number: int) -> int:
        """With what the parents put out."""
        ctx.log(f"add_up {number}\n")
        self.ran.append(number)
        return number + sum(ctx.input)

    def fail(self, text: str) -> None:
        raise ValueError(text)

    def hold_once(self, ctx: Any, number: int) -> int:
        """Hangs the first time."""
        if not self._held_once:
            self._held_once = True
            ctx.wait_cancelled(60)
            return 0
        self.ran.append(number)
        return number

    def until(self, number: int) -> int:
        """Until it is released."""
        self.holding.release()
        self.release.wait()
        self.ran.append(number)
        return number

    def hold(self, ctx: Any, number: int) -> int:
        """Until it is cancelled."""
        self.holding.release()
        ctx.wait_cancelled(60)
        self.stopped.put(ctx.process.processid)
        return number


class BridgeThread:
    """A bridge that runs in a thread; `stop` ends it well, what is on its way stays in its folder."""

    def __init__(self, settings: BridgeSettings) -> None:
        self.settings = settings
        self.bridge: Bridge | None = None
        self._end: Callable[[], None] = lambda: None
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="bridge")
        self._thread.start()
        started.wait()
        if self._failure is not None:
            raise self._failure

    def _run(self, started: threading.Event) -> None:
        async def run() -> None:
            self.loop = loop = asyncio.get_running_loop()
            end = asyncio.Event()
            self._end = lambda: loop.call_soon_threadsafe(end.set)
            self.bridge = Bridge(self.settings)

            async def ready() -> None:
                started.set()

            await self.bridge.run(end, ready)

        try:
            asyncio.run(run())
        except BaseException as failure:
            self._failure = failure
        started.set()

    def stop(self) -> None:
        if self._thread is not None:
            self._end()
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            raise self._failure


@contextlib.contextmanager
def bridged(
    folder: Path, edge: LiveColony, cloud: LiveColony, *, cloud_url: str = "", name: str = "site", **rules: Any
) -> Iterator[BridgeThread]:
    """A bridge with these rules, for as long as the test needs it."""
    settings = BridgeSettings(
        name=name, folder=folder / "bridge", edge=side(edge), cloud=side(cloud, url=cloud_url), **rules
    )
    thread = BridgeThread(settings)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


@contextlib.contextmanager
def two_colonies(folder: Path) -> Iterator[tuple[LiveColony, HttpColony]]:
    """The edge, and the cloud with its gateway."""
    with LiveColony(folder / "edge") as edge, HttpColony(folder / "cloud") as cloud:
        yield edge, cloud
