"""Bridge and coordinators are killed, the line is cut, at random: all arrives, nothing runs twice to success."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bridged import Work
from tests.support.killed import KilledColony
from tests.support.live_colony import ROOT, working
from tests.support.proxy import Proxy

PATIENCE_S = 60

CONFIG = """
name = "site"
[edge]
url = "{edge.url}"
colony = "lab"
serverid = "{edge.serverid}"
colony_prvkey = "{edge.colony_prvkey}"
[cloud]
url = "{url}"
colony = "lab"
serverid = "{cloud.serverid}"
colony_prvkey = "{cloud.colony_prvkey}"
[[down]]
cloud = "device"
edge = "device"
[[up]]
edge = "gpu"
"""


class Pair:
    """Two colonies and a bridge, each in a process of its own, and a proxy before the colony in the cloud."""

    def __init__(self, folder: Path, edge: KilledColony, cloud: KilledColony, proxy: Proxy) -> None:
        self.folder, self.edge, self.cloud, self.proxy = folder, edge, cloud, proxy
        self.config = folder / "bridge.toml"
        self.config.write_text(CONFIG.format(edge=edge, cloud=cloud, url=proxy.url))
        self.process: subprocess.Popen[bytes] | None = None

    def start_bridge(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COLONIES_")}
        words = ["bridge", "start", "--config", str(self.config), "--data", str(self.folder / "bridge-data")]
        with open(self.folder / "bridge.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "colonies_edge", *words], env={**clean, "PYTHONPATH": str(ROOT)}, stderr=log
            )

    def end_bridge(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait()


@pytest.fixture(params=["mqtt", "http"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    with (
        KilledColony(tmp_path / "edge") as edge,
        KilledColony(tmp_path / "cloud") as cloud,
        Proxy(cloud.http if request.param == "http" else cloud.url) as proxy,
    ):
        pair = Pair(tmp_path, edge, cloud, proxy)
        pair.start_bridge()
        try:
            yield pair
        finally:
            # Told to stop in the moment of its start, it may not have listened yet.
            code = pair.end_bridge(signal.SIGTERM)
        assert code in (0, -signal.SIGTERM), (tmp_path / "bridge.log").read_text()


class Trouble:
    """What goes wrong, at random, about every `quiet_s` seconds, for as long as the block lasts."""

    def __init__(self, pair: Pair, seed: int, quiet_s: float, *, coordinators: bool) -> None:
        self.pair, self._luck, self._quiet_s = pair, random.Random(seed), quiet_s
        self._kinds: list[Callable[[], None]] = [self._bridge_dies, pair.proxy.cut, self._cut_inside, self._line_down]
        if coordinators:
            self._kinds += [lambda: self._dies(pair.edge), lambda: self._dies(pair.cloud)]
        self.happened: Counter[int] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trouble")

    def __enter__(self) -> Trouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._luck.uniform(0.2 * self._quiet_s, 2 * self._quiet_s)):
            kind = self._luck.randrange(len(self._kinds))
            self._kinds[kind]()
            self.happened[kind] += 1

    def _bridge_dies(self) -> None:
        self.pair.end_bridge(signal.SIGKILL)
        self.pair.start_bridge()

    def _dies(self, colony: KilledColony) -> None:
        colony.kill()
        colony.start()

    def _cut_inside(self) -> None:
        self.pair.proxy.cut_at_random(40_000)

    def _line_down(self) -> None:
        self.pair.proxy.down()
        self._done.wait(self._luck.uniform(0.1, 1.0))
        self.pair.proxy.up()


def survive(pair: Pair, count: int, seed: int, quiet_s: float, *, coordinators: bool, kinds: int = 1) -> None:
    """So many items each way arrive, and each ran to success once; at least so many `kinds` of trouble came."""
    device, gpu = Work(pair.edge, "device"), Work(pair.cloud, "gpu")
    with working(device.executor), working(gpu.executor), pair.edge.client() as edge, pair.cloud.client() as cloud:
        with Trouble(pair, seed, quiet_s, coordinators=coordinators) as trouble:
            up = [edge.submit("double", number, executortype="gpu", maxretries=-1) for number in range(count)]
            down = [cloud.submit("double", number, executortype="device", maxretries=-1) for number in range(count)]
            expected = [2 * number for number in range(count)]
            assert [process.wait(count + PATIENCE_S).output for process in up] == expected
            assert [process.wait(count + PATIENCE_S).output for process in down] == expected
        assert len(trouble.happened) >= kinds, trouble.happened
        # What each side counts as a success: its own, and what came over the bridge.
        for client in (edge, cloud):
            statistics = client.run(client.asynchronous.get_colony_stats())
            assert (statistics.successfulprocesses, statistics.failedprocesses) == (2 * count, 0)
    if not coordinators:  # a coordinator that died may have taken a lease with it, and the work is begun once more
        assert sorted(device.ran) == sorted(gpu.ran) == list(range(count))
    assert set(device.ran) == set(gpu.ran) == set(range(count))


@pytest.mark.parametrize("coordinators", [False, True], ids=["line", "coordinators"])
def test_a_hundred_each_way_arrive_once(pair: Pair, coordinators: bool) -> None:
    survive(pair, 100, seed=2, quiet_s=0.5, coordinators=coordinators)


@pytest.mark.long
@pytest.mark.parametrize("coordinators", [False, True], ids=["line", "coordinators"])
def test_a_thousand_each_way_arrive_once(pair: Pair, coordinators: bool) -> None:
    survive(
        pair,
        1_000,
        seed=2,
        quiet_s=1.5 if coordinators else 0.7,
        coordinators=coordinators,
        kinds=6 if coordinators else 4,
    )
