"""Work that goes over a bridge: down to the edge, up to the cloud, over MQTT and over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.bridge.down import DownDesk
from colonies_edge.apps.bridge.origins import ORIGIN
from colonies_edge.apps.bridge.settings import Down, Up
from colonies_edge.apps.bridge.side import BridgeClient
from colonies_edge.apps.bridge.specs import LATER_S
from colonies_edge.client.ended import ProcessFailed
from colonies_edge.client.specs_workflow import workflow_spec
from colonies_edge.protocol.model import State
from colonies_edge.protocol.status import Presence, open_status
from colonies_edge.protocol.topics import STATUS, Topic, Topics
from tests.support.bridged import BridgeThread, Work, bridged, two_colonies
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.until import until

PATIENCE_S = 30


class Pair:
    """The edge with an executor of type `device`, the cloud with one of type `gpu`, and a bridge."""

    def __init__(self, folder: Path, edge: LiveColony, cloud: HttpColony, way: str) -> None:
        self.folder, self.edge, self.cloud = folder, edge, cloud
        self.cloud_url = cloud.http if way == "http" else ""
        self.device, self.gpu = Work(edge, "device"), Work(cloud, "gpu")

    @contextlib.contextmanager
    def bridge(self, **rules: Any) -> Iterator[BridgeThread]:
        wanted = {"down": (Down(cloud="device", edge="device"),), "up": (Up(edge="gpu", cloud="gpu"),)}
        with bridged(self.folder, self.edge, self.cloud, cloud_url=self.cloud_url, **(rules or wanted)) as bridge:
            yield bridge


@pytest.fixture(params=[pytest.param("mqtt", marks=pytest.mark.long), "http"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    with two_colonies(tmp_path) as (edge, cloud):
        pair = Pair(tmp_path, edge, cloud, request.param)
        with working(pair.device.executor), working(pair.gpu.executor):
            yield pair


def test_work_goes_down_and_its_result_its_log_and_its_attributes_come_up(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud:
        process = cloud.submit("double", 21, executortype="device", label="mine", env={"A": "1"}).wait(PATIENCE_S)
        assert process.output == 42
        assert [entry.message for entry in process.logs()] == ["double 21\n"]
        attributes = {attribute.key: attribute.value for attribute in process.refresh().model.attributes}
        assert attributes == {"A": "1", "note": "21"}
    assert pair.device.ran == [21]
    with pair.edge.client() as edge:
        below = edge.run(edge.asynchronous.get_processes(State.SUCCESS))
    assert [below[0].spec.env[key] for key in ("A", "COLONIES_LABEL")] == ["1", "mine"]
    assert process.id in below[0].spec.env[ORIGIN]


def test_work_goes_up_and_its_result_its_log_and_its_attributes_come_down(pair: Pair) -> None:
    with pair.bridge(), pair.edge.client() as edge:
        process = edge.submit("double", 4, executortype="gpu").wait(PATIENCE_S)
        assert process.output == 8
        assert [entry.message for entry in process.logs()] == ["double 4\n"]
        attributes = {attribute.key: attribute.value for attribute in process.refresh().model.attributes}
        assert attributes == {"note": "4"}
    assert pair.gpu.ran == [4]


def test_a_failure_goes_back_with_its_errors(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud, pair.edge.client() as edge:
        for colony, executortype in ((cloud, "device"), (edge, "gpu")):
            with pytest.raises(ProcessFailed) as failed:
                colony.submit("fail", "broken", executortype=executortype).wait(PATIENCE_S)
            assert any("broken" in error for error in failed.value.process.errors)


def test_a_workflow_goes_from_the_edge_through_the_cloud_and_back(pair: Pair) -> None:
    with pair.bridge(), pair.edge.client() as edge:
        workflow = edge.workflow()
        workflow.node("first", "double", 1, executortype="device")
        workflow.node("second", "add_up", 10, executortype="gpu", after="first")
        workflow.node("third", "add_up", 100, executortype="device", after="second")
        run = workflow.submit().wait(PATIENCE_S)
        assert run.outputs() == {"first": 2, "second": 12, "third": 112}
    assert pair.gpu.ran == [10]


def test_a_workflow_goes_from_the_cloud_through_the_edge_and_back(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud:
        workflow = cloud.workflow()
        workflow.node("first", "double", 1, executortype="gpu")
        workflow.node("second", "add_up", 10, executortype="device", after="first")
        workflow.node("third", "add_up", 100, executortype="gpu", after="second")
        run = workflow.submit().wait(PATIENCE_S)
        assert run.outputs() == {"first": 2, "second": 12, "third": 112}


def test_one_process_above_is_a_workflow_below(pair: Pair) -> None:
    nodes = [
        {"nodename": "read", "funcname": "double", "conditions": {"executortype": "device"}},
        {
            "nodename": "judge",
            "funcname": "add_up",
            "args": [100],
            "conditions": {"executortype": "device", "dependencies": ["read"]},
        },
    ]
    template = workflow_spec(nodes, "").functionspecs
    with pair.bridge(down=(Down(cloud="survey", workflow=template),)), pair.cloud.client() as cloud:
        process = cloud.submit("survey", 5, executortype="survey").wait(PATIENCE_S)
        assert process.output == 110
        assert {entry.message for entry in process.logs()} == {"[read] double 5\n", "[judge] add_up 100\n"}
    assert pair.device.ran == [5, 100]


def test_a_node_with_inputs_above_is_a_workflow_below_whose_roots_get_them(pair: Pair) -> None:
    nodes = [{"nodename": "judge", "funcname": "add_up", "conditions": {"executortype": "device"}}]
    template = workflow_spec(nodes, "").functionspecs
    with pair.bridge(down=(Down(cloud="survey", workflow=template),)), pair.cloud.client() as cloud:
        workflow = cloud.workflow()
        workflow.node("first", "double", 1, executortype="gpu")
        workflow.node("second", "add_up", 10, executortype="survey", after="first", label="mine")
        assert workflow.submit().wait(PATIENCE_S).outputs() == {"first": 2, "second": 12}
    with pair.edge.client() as edge:
        below = edge.run(edge.asynchronous.get_processes(State.SUCCESS))
    assert (below[0].in_, below[0].spec.env["COLONIES_LABEL"]) == ((2,), "mine")


def test_a_workflow_below_that_fails_says_which_node(pair: Pair) -> None:
    nodes = [{"nodename": "read", "funcname": "fail", "args": ["x"], "conditions": {"executortype": "device"}}]
    template = workflow_spec(nodes, "").functionspecs
    with pair.bridge(down=(Down(cloud="survey", workflow=template),)), pair.cloud.client() as cloud:
        with pytest.raises(ProcessFailed) as failed:
            cloud.submit("survey", "broken", executortype="survey").wait(PATIENCE_S)
        assert failed.value.process.errors[0].startswith("read: ")


def test_cancel_above_cancels_below(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud, pair.edge.client() as edge:
        process = cloud.submit("hold", 1, executortype="device")
        pair.device.holding.acquire()
        process.cancel()
        below = pair.device.stopped.get(timeout=PATIENCE_S)
        assert edge.run(edge.asynchronous.get_process(below)).state is State.CANCELLED
        assert process.refresh().state is State.CANCELLED


def test_cancel_at_the_edge_cancels_above(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud, pair.edge.client() as edge:
        process = edge.submit("hold", 1, executortype="gpu")
        pair.gpu.holding.acquire()
        process.cancel()
        above = pair.gpu.stopped.get(timeout=PATIENCE_S)
        assert cloud.run(cloud.asynchronous.get_process(above)).state is State.CANCELLED


def test_a_cancelled_workflow_node_is_cancelled_above(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud, pair.edge.client() as edge:
        workflow = edge.workflow()
        workflow.node("first", "double", 1, executortype="device")
        workflow.node("second", "hold", 1, executortype="gpu", after="first")
        run = workflow.submit()
        pair.gpu.holding.acquire()
        run.cancel()
        above = pair.gpu.stopped.get(timeout=PATIENCE_S)
        assert cloud.run(cloud.asynchronous.get_process(above)).state is State.CANCELLED


def test_the_time_to_run_above_is_honoured_below(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud, pair.edge.client() as edge:
        process = cloud.submit("hold", 1, executortype="device", maxexectime=2)
        with pytest.raises(ProcessFailed):
            process.wait(PATIENCE_S)
        below = pair.device.stopped.get(timeout=PATIENCE_S)
        found = edge.run(edge.asynchronous.get_process(below))
        assert 2 <= found.spec.maxexectime <= 2 + LATER_S
        assert found.state is State.CANCELLED


def test_the_retries_above_are_honoured_below(pair: Pair) -> None:
    with pair.bridge(), pair.cloud.client() as cloud:
        process = cloud.submit("hold_once", 1, executortype="device", maxexectime=4, maxretries=3)
        assert process.wait(PATIENCE_S).output == 1
        assert process.refresh().model.retries >= 1
    assert pair.device.ran == [1]


def test_what_the_edge_cannot_run_is_refused_there_and_said_above(pair: Pair) -> None:
    nodes = [{"nodename": "a", "funcname": "f", "conditions": {"executortype": "device", "dependencies": ["b"]}}]
    template = workflow_spec(nodes, "").functionspecs
    with pair.bridge(down=(Down(cloud="survey", workflow=template),)), pair.cloud.client() as cloud:
        with pytest.raises(ProcessFailed) as failed:
            cloud.submit("survey", executortype="survey").wait(PATIENCE_S)
        assert failed.value.process.errors[0].startswith("the edge refused it: ")


def test_nothing_echoes(pair: Pair) -> None:
    circle = {"down": (Down(cloud="ball", edge="ball"),), "up": (Up(edge="ball", cloud="ball", returning=True),)}
    with pair.bridge(**circle), pair.cloud.client() as cloud, pair.edge.client() as edge:
        for colony in (cloud, edge):
            with pytest.raises(ProcessFailed) as failed:
                colony.submit("throw", executortype="ball").wait(PATIENCE_S)
            assert "circle" in failed.value.process.errors[0]


def test_what_a_bridge_brought_goes_no_further_without_a_rule(pair: Pair) -> None:
    onward = {"down": (Down(cloud="ball", edge="gpu"),), "up": (Up(edge="gpu", cloud="gpu"),)}
    with pair.bridge(**onward), pair.cloud.client() as cloud:
        with pytest.raises(ProcessFailed) as failed:
            cloud.submit("throw", executortype="ball").wait(PATIENCE_S)
        assert "returning" in failed.value.process.errors[0]
    assert pair.gpu.ran == []


def test_sites_can_be_stacked(tmp_path: Path) -> None:
    with two_colonies(tmp_path) as (edge, middle), HttpColony(tmp_path / "top") as top:
        device, gpu = Work(edge, "device"), Work(top, "gpu")
        rules: dict[str, Any] = {"down": (Down(cloud="device", edge="device"),)}
        rules["up"] = (Up(edge="gpu", cloud="gpu", returning=True),)
        with (
            bridged(tmp_path / "low", edge, middle, **rules),
            bridged(tmp_path / "high", middle, top, cloud_url=top.http, name="high", **rules),
            working(device.executor),
            working(gpu.executor),
            top.client() as above,
            edge.client() as below,
        ):
            assert above.submit("double", 1, executortype="device").wait(PATIENCE_S).output == 2
            assert below.submit("double", 2, executortype="gpu").wait(PATIENCE_S).output == 4
            found = below.run(below.asynchronous.get_processes(State.SUCCESS, executortype="device"))
            assert len(found[0].spec.env[ORIGIN].split()) == 2
        assert (device.ran, gpu.ran) == ([1], [2])


def test_a_sign_of_life_takes_no_work(pair: Pair) -> None:
    waiting = {"down": (Down(cloud="device", edge="device", waiting=1),)}
    with pair.bridge(**waiting) as bridge, pair.cloud.client() as cloud:
        first = cloud.submit("until", 1, executortype="device")
        pair.device.holding.acquire()
        second = cloud.submit("double", 2, executortype="device")
        assert bridge.bridge is not None
        desk = next(desk for desk in bridge.bridge._desks if isinstance(desk, DownDesk))
        asyncio.run_coroutine_threadsafe(desk._polls.say_alive(), bridge.loop).result()
        assert second.refresh().state is State.WAITING
        pair.device.release.set()
        assert first.wait(PATIENCE_S).output == 1
        assert second.wait(PATIENCE_S).output == 4


def test_the_bridge_shows_how_it_is_in_its_presence(tmp_path: Path) -> None:
    """Retained and signed: whoever may read its topic sees it, the coordinator at least."""
    with (
        two_colonies(tmp_path) as (edge, cloud),
        bridged(tmp_path, edge, cloud, up=(Up(edge="gpu", cloud="gpu"),)) as bridge,
    ):
        assert bridge.bridge is not None
        reader = bridge.bridge.reader

        async def presence() -> dict[str, Any]:
            async with BridgeClient(edge.endpoint, reader.signer, "lab") as client:
                topic = Topic(colony="lab", party=reader.identity, channel=STATUS)
                topics, found = Topics(), asyncio.get_running_loop().create_future()
                client.caller._channels[STATUS] = lambda unrooted, delivery: found.set_result(  # type: ignore[attr-defined]
                    open_status(Presence, delivery.payload, unrooted)
                )
                await client.link.subscribe(topics.format(topic))
                return dict((await asyncio.wait_for(found, PATIENCE_S)).bridge)

        until(lambda: bridge.bridge is not None and bridge.bridge.cloud.line.up)
        until(lambda: asyncio.run(presence()).get("cloud", {}).get("line") == "up")


def test_two_bridges_of_one_name_do_not_take_it_in_turns(tmp_path: Path) -> None:
    rules = {"up": (Up(edge="gpu", cloud="gpu"),)}
    with two_colonies(tmp_path) as (edge, cloud), bridged(tmp_path / "a", edge, cloud, **rules) as first:
        until(lambda: first.bridge is not None and first.bridge.own.member.is_ready)
        with bridged(tmp_path / "b", edge, cloud, **rules) as second, edge.client() as below:
            assert first.bridge is not None and second.bridge is not None
            until(lambda: second.bridge is not None and second.bridge.own.member.is_ready)
            until(lambda: first.bridge is not None and not first.bridge.own.member.is_ready)
            gpu = Work(cloud, "gpu")
            with working(gpu.executor):
                assert below.submit("double", 1, executortype="gpu").wait(PATIENCE_S).output == 2
            assert second.bridge.own.member.is_ready
