"""A bridge to a server that knows no request ids, as a Go server, and that loses answers: it looks before it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.bridge.settings import Down, History, Up
from colonies_edge.protocol.model import State
from tests.support.bridged import Work, bridged, two_colonies
from tests.support.forgetful import Forgetful
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.until import until

COUNT = 40
PATIENCE_S = 120


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[LiveColony, HttpColony, Forgetful]]:
    with two_colonies(tmp_path) as (edge, cloud):
        keys = [cloud.colony_prvkey]
        with Forgetful(cloud.http, keys, tmp_path / "bridge", seed=5, lost=0.15) as server:
            yield edge, cloud, server


def test_answers_get_lost_and_everything_runs_once(
    world: tuple[LiveColony, HttpColony, Forgetful], tmp_path: Path
) -> None:
    edge, cloud, server = world
    device, gpu = Work(edge, "device"), Work(cloud, "gpu")
    rules = {
        "down": (Down(cloud="device", edge="device"),),
        "up": (Up(edge="gpu", cloud="gpu"),),
        "history": (History(executortype="device"),),
    }
    with (
        working(device.executor),
        working(gpu.executor),
        bridged(tmp_path, edge, cloud, cloud_url=server.url, **rules) as bridge,
        edge.client() as below,
        cloud.client() as above,
    ):
        up = [below.submit("double", number, executortype="gpu") for number in range(COUNT)]
        down = [above.submit("double", number, executortype="device") for number in range(COUNT)]
        for processes in (up, down):
            outputs = [process.wait(PATIENCE_S).output for process in processes]
            assert outputs == [2 * number for number in range(COUNT)]
        workflow = below.workflow()
        workflow.node("first", "double", 1000, executortype="device")
        workflow.node("second", "add_up", 2000, executortype="gpu", after="first")
        assert workflow.submit().wait(PATIENCE_S).outputs()["second"] == 4000
        assert bridge.bridge is not None and not bridge.bridge.own.member.client.honours_msgids
        # The node with the inputs, and the record of what ran at the edge by itself; what was brought there has none.
        until(lambda: len(above.run(above.asynchronous.get_processes(State.SUCCESS, executortype="bridge.site"))) == 2)
        table = bridge.bridge.carrier.table
        until(lambda: len(table) == 0)
    assert sorted(gpu.ran) == [*range(COUNT), 2000]
    assert sorted(device.ran) == [*range(COUNT), 1000]
    assert server.asked["submitfuncspecmsg"] > 0
