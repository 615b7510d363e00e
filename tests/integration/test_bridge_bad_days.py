"""The line goes, bridges and coordinators restart: everything arrives, and nothing runs twice to success."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.bridge.history import CURSOR
from colonies_edge.apps.bridge.items import Kind, Stage, Verdict
from colonies_edge.apps.bridge.own import OwnDesk
from colonies_edge.apps.bridge.settings import Down, History, Up
from colonies_edge.apps.bridge.side import BridgeClient
from colonies_edge.apps.executor.runtime import Runtime
from colonies_edge.client.handles import ProcessHandle
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.errors import NoConnection, Unavailable
from colonies_edge.protocol.messages import SubmitFuncSpec
from colonies_edge.protocol.model import Process, State
from tests.support.bridged import BridgeThread, Work, bridged, two_colonies
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.proxy import Proxy
from tests.support.until import until

PATIENCE_S = 60
RULES: dict[str, Any] = {"down": (Down(cloud="device", edge="device"),), "up": (Up(edge="gpu", cloud="gpu"),)}


class Pair:
    """Two colonies, a proxy before the one in the cloud, and an executor on each side."""

    def __init__(self, folder: Path, edge: LiveColony, cloud: HttpColony, proxy: Proxy) -> None:
        self.folder, self.edge, self.cloud, self.proxy = folder, edge, cloud, proxy
        self.device, self.gpu = Work(edge, "device"), Work(cloud, "gpu")

    @contextlib.contextmanager
    def bridge(self, **rules: Any) -> Iterator[BridgeThread]:
        with bridged(self.folder, self.edge, self.cloud, cloud_url=self.proxy.url, **(rules or RULES)) as bridge:
            yield bridge

    def ran_once(self, count: int) -> None:
        assert sorted(self.device.ran) == list(range(count))
        assert sorted(self.gpu.ran) == list(range(count))


@pytest.fixture(params=[pytest.param("mqtt", marks=pytest.mark.long), "http"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    with two_colonies(tmp_path) as (edge, cloud), Proxy(cloud.http if request.param == "http" else cloud.url) as proxy:
        pair = Pair(tmp_path, edge, cloud, proxy)
        with working(pair.device.executor), working(pair.gpu.executor):
            yield pair


def outputs(processes: list[ProcessHandle]) -> list[Any]:
    return [process.wait(PATIENCE_S).output for process in processes]


def on_its_way(bridge: BridgeThread, kind: Kind, count: int) -> None:
    """Wait until so many items of a kind are on their way."""
    assert bridge.bridge is not None
    table = bridge.bridge.carrier.table
    until(lambda: table.count(kind) == count)


def test_the_cloud_need_not_be_there_at_the_start(pair: Pair) -> None:
    pair.proxy.down()
    with pair.bridge() as bridge, pair.edge.client() as edge, pair.cloud.client() as cloud:
        up = edge.submit("double", 1, executortype="gpu")
        down = cloud.submit("double", 2, executortype="device")
        on_its_way(bridge, Kind.UP, 1)
        assert bridge.bridge is not None and not bridge.bridge.cloud.line.up
        pair.proxy.up()
        assert outputs([up, down]) == [2, 4]
        assert bridge.bridge.cloud.line.up


def test_what_waits_for_the_line_outlives_the_bridge_and_arrives_in_order(pair: Pair) -> None:
    pair.gpu.executor.stop()
    pair.proxy.down()
    with pair.edge.client() as edge:
        with pair.bridge() as bridge:
            processes = [edge.submit("double", number, executortype="gpu") for number in range(10)]
            on_its_way(bridge, Kind.UP, 10)
        pair.proxy.up()
        alone = Work(pair.cloud, "gpu", capacity=1)
        with pair.bridge(), working(alone.executor):
            assert outputs(processes) == [2 * number for number in range(10)]
    assert sorted(alone.ran) == list(range(10))


def test_a_result_waits_until_the_line_is_back(pair: Pair) -> None:
    with pair.bridge() as bridge, pair.cloud.client() as cloud:
        process = cloud.submit("until", 1, executortype="device")
        pair.device.holding.acquire()
        pair.proxy.down()
        pair.device.release.set()
        assert bridge.bridge is not None
        table = bridge.bridge.carrier.table
        until(lambda: any(item.stage is Stage.ENDED for item in table))
        pair.proxy.up()
        assert process.wait(PATIENCE_S).output == 1
    assert pair.device.ran == [1]


def test_work_that_the_cloud_gives_once_more_is_delivered_and_not_done_again(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud:
        process = cloud.submit("until", 1, executortype="device", maxexectime=3, maxretries=5)
        pair.device.holding.acquire()
        pair.proxy.down()
        pair.device.release.set()
        until(lambda: process.refresh().model.retries == 1)
        pair.proxy.up()
        assert process.wait(PATIENCE_S).output == 1
    assert pair.device.ran == [1]


@pytest.mark.parametrize("failure", [NoConnection("no answer"), Unavailable()])
def test_the_inputs_of_a_node_get_through_though_a_call_fails_on_the_way(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    failures, close = [failure], OwnDesk._close

    async def fails_once(desk: OwnDesk, client: BridgeClient, processid: str, verdict: Verdict) -> None:
        if failures:
            raise failures.pop()
        await close(desk, client, processid, verdict)

    monkeypatch.setattr(OwnDesk, "_close", fails_once)
    with pair.bridge(), pair.edge.client() as edge:
        workflow = edge.workflow()
        workflow.node("first", "double", 1, executortype="device")
        workflow.node("second", "add_up", 10, executortype="gpu", after="first")
        assert workflow.submit().wait(PATIENCE_S).outputs() == {"first": 2, "second": 12}
    assert failures == []


def test_a_submit_whose_answer_cannot_be_read_is_looked_up(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense, call = [{"processid": "abc", "state": 7}], BridgeClient.call

    async def senseless_once(client: BridgeClient, message: Any, **how: Any) -> Any:
        answer = await call(client, message, **how)
        return nonsense.pop() if nonsense and isinstance(message, SubmitFuncSpec) else answer

    monkeypatch.setattr(BridgeClient, "call", senseless_once)
    with pair.bridge(), pair.edge.client() as edge:
        assert edge.submit("double", 1, executortype="gpu").wait(PATIENCE_S).output == 2
    assert (pair.gpu.ran, nonsense) == ([1], [])


def test_an_executor_at_the_edge_is_lost_and_what_the_cloud_gave_is_done_by_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says_nothing(runtime: Runtime) -> None: ...

    monkeypatch.setattr(Runtime, "_beat", says_nothing)
    with LiveColony(tmp_path / "edge", settings=Settings(lease_s=2)) as edge, HttpColony(tmp_path / "cloud") as cloud:
        device = Work(edge, "device")
        with (
            working(device.executor),
            bridged(tmp_path, edge, cloud, cloud_url=cloud.http, down=RULES["down"]),
            cloud.client() as above,
            edge.client() as below,
        ):
            process = above.submit("hold_once", 1, executortype="device", maxretries=5)
            assert process.wait(PATIENCE_S).output == 1
            (done,) = below.run(below.asynchronous.get_processes(State.SUCCESS))
            assert (process.refresh().model.retries, done.retries) == (0, 1)


def test_a_connection_that_is_repeated_changes_nothing(pair: Pair) -> None:
    pair.proxy.recording = True
    with pair.bridge(), pair.edge.client() as edge, pair.cloud.client() as cloud:
        up = [edge.submit("double", number, executortype="gpu") for number in range(3)]
        down = [cloud.submit("double", number, executortype="device") for number in range(3)]
        assert outputs(up) == outputs(down) == [0, 2, 4]
        assert pair.proxy.repeat() > 0
        assert edge.submit("double", 3, executortype="gpu").wait(PATIENCE_S).output == 6
        assert cloud.submit("double", 3, executortype="device").wait(PATIENCE_S).output == 6
    pair.ran_once(4)


def test_more_than_the_bound_waits_at_its_source(pair: Pair) -> None:
    with (
        pair.bridge(
            down=(Down(cloud="device", edge="device", waiting=2),), up=(Up(edge="gpu", cloud="gpu", waiting=3),)
        ) as bridge,
        pair.edge.client() as edge,
        pair.cloud.client() as cloud,
    ):
        down = [cloud.submit("until", number, executortype="device") for number in range(5)]
        on_its_way(bridge, Kind.DOWN, 2)
        pair.proxy.down()
        up = [edge.submit("double", number, executortype="gpu") for number in range(9)]
        on_its_way(bridge, Kind.UP, 3)
        assert edge.run(edge.asynchronous.get_colony_stats()).runningprocesses == 3 + 2
        pair.device.release.set()
        pair.proxy.up()
        assert outputs(up) == [2 * number for number in range(9)]
        assert outputs(down) == list(range(5))
    assert sorted(pair.device.ran) == list(range(5))


def test_both_coordinators_restart_while_work_is_on_its_way(pair: Pair) -> None:
    with pair.bridge(), pair.edge.client() as edge, pair.cloud.client() as cloud:
        down = cloud.submit("until", 1, executortype="device")
        up = edge.submit("until", 2, executortype="gpu")
        pair.device.holding.acquire()
        pair.gpu.holding.acquire()
        for colony in (pair.edge, pair.cloud):
            colony.stop()
            colony.start()
        pair.device.release.set()
        pair.gpu.release.set()
        assert outputs([down, up]) == [1, 2]
    assert (pair.device.ran, pair.gpu.ran) == ([1], [2])


def test_the_folder_of_the_bridge_is_lost_and_what_goes_on_is_found_again(pair: Pair) -> None:
    rules = {**RULES, "history": (History(executortype="device"),)}

    def records() -> list[Process]:
        return cloud.run(cloud.asynchronous.get_processes(State.SUCCESS, executortype="bridge.site"))

    with pair.edge.client() as edge, pair.cloud.client() as cloud:
        assert edge.submit("double", 3, executortype="device").wait(PATIENCE_S).output == 6
        with pair.bridge(**rules):
            down = cloud.submit("until", 1, executortype="device")
            up = edge.submit("until", 2, executortype="gpu")
            pair.device.holding.acquire()
            pair.gpu.holding.acquire()
            until(lambda: len(records()) == 1)
        shutil.rmtree(pair.folder / "bridge")
        with pair.bridge(**rules) as bridge:
            on_its_way(bridge, Kind.DOWN, 1)
            on_its_way(bridge, Kind.UP, 1)
            pair.device.release.set()
            pair.gpu.release.set()
            assert outputs([down, up]) == [1, 2]
            assert bridge.bridge is not None
            carrier = bridge.bridge.carrier
            until(lambda: bool(carrier.store.note(CURSOR)) and len(carrier.table) == 0)
            assert len(records()) == 1
    assert (pair.device.ran, pair.gpu.ran) == ([3, 1], [2])
