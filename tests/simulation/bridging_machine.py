"""The machine with the bridge: the real one, on a disk that keeps what was written when the power fails."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from colonies_edge.apps.bridge import bridge as bridge_module
from colonies_edge.apps.bridge import side as side_module
from colonies_edge.apps.bridge.bridge import Bridge
from colonies_edge.apps.bridge.settings import BridgeSettings, Down, History, SideSettings, Up
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.tasks import end_tasks
from colonies_edge.crypto.identity import Signer
from colonies_edge.transports import system
from tests.simulation.bridging_caller import SimulatedCaller
from tests.simulation.bridging_people import Site
from tests.simulation.events import in_order
from tests.simulation.loop import BASE_NS, Loop, Task
from tests.simulation.mutants import Change
from tests.simulation.party import COLONY
from tests.support.engine_bench import identity

# What goes which way, and a circle, in which nothing may go round.
LIFTED, LOWERED, CIRCLE = "gpu", "inspection", "circle"
DONE_BELOW = "camera"
LONG_STOP_S = 120.0


def key_of(path: Path) -> str:
    """The same key in every history: signing for curves is not what is simulated."""
    return hashlib.sha3_256(path.name.encode()).hexdigest()


class Luck:
    """`secrets` of a machine in a history."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def token_bytes(self, n: int) -> bytes:
        return self._rng.randbytes(n)

    def token_urlsafe(self, n: int) -> str:
        return self._rng.randbytes(n).hex()


class Machine:
    """`live` runs the bridge, and again after every `crash` or `stop`."""

    def __init__(self, loop: Loop, rng: Random, sites: dict[str, Site], trace: Callable[[str], None]) -> None:
        self._loop = loop
        self._rng = rng
        self._sites = sites
        self._trace = trace
        self._folder = Path(tempfile.mkdtemp(prefix="colonies-edge-bridged-"))
        self._owner = Signer(key_of(Path("owner")))
        self._writing: list[tuple[Task, Callable[[], Any]]] = []
        self._ending = asyncio.Event()
        self._away_s = 0.0
        self._cleanly = False
        self.bridge: Bridge | None = None
        self.starts = 0
        sides = {name: SideSettings(url=f"mqtt://{name}", colony=COLONY, owner=self._owner) for name in sites}
        self._settings = BridgeSettings(
            name="site",
            folder=self._folder,
            edge=sides["edge"],
            cloud=sides["cloud"],
            down=(Down(cloud=LOWERED, edge=DONE_BELOW, waiting=rng.choice((2, 64))), Down(cloud=CIRCLE, edge=CIRCLE)),
            up=(Up(edge=LIFTED, cloud=LIFTED, waiting=rng.choice((2, 64))), Up(edge=CIRCLE, cloud=CIRCLE)),
            history=(History(executortype=DONE_BELOW),),
        )

    def changes(self) -> list[Change]:
        """What this machine has instead of clocks, luck, sockets and a disk that takes its time."""
        return [
            (AsyncClient, "_over_mqtt", self._caller),
            (side_module, "keep_key", key_of),
            (bridge_module, "write_status", lambda folder, value: None),
            (system.SystemClock, "wall_ns", lambda clock: BASE_NS + self._loop.now),
            (system.SystemClock, "monotonic_ns", lambda clock: self._loop.now),
            (system, "random", self._rng),
            (system, "secrets", Luck(self._rng)),
            (os, "fdatasync", lambda file: None),
            (os, "fsync", lambda file: None),
        ]

    @property
    def _caller(self) -> Callable[..., SimulatedCaller]:
        machine = self

        def caller(client: AsyncClient, signer: Signer, executor: bool) -> SimulatedCaller:
            site = machine._sites[client.endpoint.mqtt.removeprefix("mqtt://")]
            who = identity("owner") if signer is machine._owner else signer.identity
            return SimulatedCaller(site, signer, who, executor=executor)

        return caller

    # -- the disk

    def thread(self, act: Callable[[], Any], told: asyncio.Future[Any]) -> None:
        """What the bridge writes is on the disk some time later, and then it is told."""

        def go() -> None:
            self._writing.pop(0)
            act()
            if not told.done():
                told.set_result(None)

        self._writing.append((self._loop.after(self._rng.choice((0.001, 0.02, 1.0)) * self._rng.random(), go), act))

    def _lose_power(self, bridge: Bridge) -> None:
        """What was being written is there, or not, or the first half of it."""
        store: Any = bridge.store
        for task, act in self._writing:
            task.cancel()
            chance = self._rng.random()
            if chance < 0.4:
                act()
            elif chance < 0.7 and store._due:
                line = bytes(store._due)
                os.write(store._file._descriptor, line[: self._rng.randrange(len(line))])
        self._writing.clear()
        store._closed = True
        store._file.close()
        store._lock.release()

    # -- life and death

    def crash(self, away_s: float) -> None:
        self._end(away_s, cleanly=False)

    def stop(self, away_s: float) -> None:
        self._end(away_s, cleanly=True)

    def _end(self, away_s: float, *, cleanly: bool) -> None:
        self._away_s, self._cleanly = away_s, cleanly
        self._ending.set()

    async def live(self) -> None:
        while True:
            self._ending.clear()
            self.starts += 1
            self.bridge = bridge = Bridge(self._settings)
            if any("damaged" in complaint for complaint in bridge.store.complaints):
                raise AssertionError(bridge.store.complaints)
            stopping = asyncio.Event()
            before = asyncio.all_tasks()
            running = asyncio.get_running_loop().create_task(bridge.run(stopping))
            ending = asyncio.ensure_future(self._ending.wait())
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            await end_tasks([ending])
            if running.done():
                running.result()
                raise AssertionError("the bridge ended by itself")
            self.bridge = None
            self._trace(f"the bridge {'stops' if self._cleanly else 'crashes'} for {self._away_s:.0f} s")
            if self._cleanly:
                stopping.set()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(asyncio.shield(running), LONG_STOP_S)
                if not running.done():
                    raise AssertionError("the bridge does not stop")
            else:
                self._lose_power(bridge)
                for site in self._sites.values():
                    for caller in tuple(site.callers):
                        caller.end(self._rng.choice((0.0, 30.0)))
                await end_tasks(in_order(asyncio.all_tasks() - before))
                self._writing.clear()
            await asyncio.sleep(self._away_s)

    def destroy(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
