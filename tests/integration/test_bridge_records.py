"""History and files over a bridge: what ended at the edge is recorded once, and labels are kept in step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.bridge.origins import ORIGIN
from colonies_edge.apps.bridge.settings import Down, Files, History, Up
from colonies_edge.protocol.model import Process, State
from tests.support.bridged import Work, bridged, two_colonies
from tests.support.filing import has, put
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.proxy import Proxy
from tests.support.until import until


@pytest.fixture
def colonies(tmp_path: Path) -> Iterator[tuple[LiveColony, HttpColony]]:
    with two_colonies(tmp_path) as both:
        yield both


def records(cloud: LiveColony, state: State = State.SUCCESS) -> list[Process]:
    """What the bridge has recorded, newest first."""
    with cloud.client() as client:
        return client.run(client.asynchronous.get_processes(state, executortype="bridge.site"))


@pytest.mark.parametrize("way", ["mqtt", "http"])
@pytest.mark.long
def test_what_ended_while_nobody_looked_is_recorded_once(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path, way: str
) -> None:
    edge, cloud = colonies
    device, url = Work(edge, "device"), cloud.http if way == "http" else ""
    rules = {"history": (History(executortype="device", label="keep"),)}
    with edge.client() as below, working(device.executor):
        kept = [below.submit("double", number, executortype="device", label="keep") for number in range(120)]
        other = below.submit("double", 1, executortype="device", label="other")
        failed = below.submit("fail", "broken", executortype="device", label="keep")
        for process in (*kept, other):
            process.wait(60)
        with bridged(tmp_path, edge, cloud, cloud_url=url, **rules) as bridge:
            until(lambda: bridge.bridge is not None and bridge.bridge.carrier.delivered >= 40)
        with bridged(tmp_path, edge, cloud, cloud_url=url, **rules):
            until(lambda: len(records(cloud, State.FAILED)) == 1)
            later = below.submit("double", 500, executortype="device", label="keep").wait(60)
            until(lambda: any(later.id in process.spec.label for process in records(cloud)))
    with cloud.client() as above:
        assert above.run(above.asynchronous.get_colony_stats()).successfulprocesses == 121
    found = records(cloud, State.FAILED)[0]
    assert failed.id in found.spec.label
    assert any("broken" in error for error in found.errors)
    newest = records(cloud)[0]
    assert (newest.spec.funcname, newest.spec.args, newest.out) == ("double", (500,), (1000,))
    assert newest.spec.env["COLONIES_EDGE_EXECUTORTYPE"] == "device"
    assert newest.spec.env["COLONIES_LABEL"] == "keep"
    assert later.id in newest.spec.env[ORIGIN]


def test_what_the_cloud_has_seen_already_is_no_history(colonies: tuple[LiveColony, HttpColony], tmp_path: Path) -> None:
    edge, cloud = colonies
    device, gpu = Work(edge, "device"), Work(cloud, "gpu")
    rules = {"up": (Up(edge="gpu", cloud="gpu"),), "down": (Down(cloud="device", edge="device"),)}
    with (
        bridged(tmp_path, edge, cloud, history=(History(),), **rules),
        working(device.executor),
        working(gpu.executor),
        edge.client() as below,
        cloud.client() as above,
    ):
        below.submit("double", 1, executortype="gpu").wait(60)
        above.submit("double", 2, executortype="device").wait(60)
        below.submit("double", 3, executortype="device").wait(60)
        until(lambda: bool(records(cloud)))
        assert [process.spec.args for process in records(cloud)] == [(3,)]


@pytest.mark.long
def test_records_wait_for_the_line_in_the_archive_of_the_edge(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    device = Work(edge, "device")
    with Proxy(cloud.url) as proxy, working(device.executor), edge.client() as below:
        proxy.down()
        with bridged(tmp_path, edge, cloud, cloud_url=proxy.url, history=(History(),)) as bridge:
            for number in range(100):
                below.submit("double", number, executortype="device")
            until(lambda: bridge.bridge is not None and len(bridge.bridge.carrier.table) == 64)
            until(lambda: len(device.ran) == 100)
            assert bridge.bridge is not None and len(bridge.bridge.carrier.table) == 64
            proxy.up()
            until(lambda: len(records(cloud)) == 100)


def test_files_of_a_label_go_where_the_rule_says(colonies: tuple[LiveColony, HttpColony], tmp_path: Path) -> None:
    edge, cloud = colonies
    put(cloud, tmp_path / "a", "/models", "one", "1")
    put(cloud, tmp_path / "a", "/models/deep", "two", "2")
    put(edge, tmp_path / "b", "/models", "local", "mine")
    put(edge, tmp_path / "b", "/results", "three", "3")
    put(cloud, tmp_path / "a", "/other", "four", "4")
    rules = {"files": (Files(label="/models", down=True, every_s=1), Files(label="/results", down=False, every_s=1))}
    with bridged(tmp_path, edge, cloud, **rules):
        until(lambda: has(edge, "/models", "one", "1") and has(edge, "/models/deep", "two", "2"))
        until(lambda: has(cloud, "/results", "three", "3"))
        put(cloud, tmp_path / "a", "/models", "one", "changed above")
        until(lambda: has(edge, "/models", "one", "changed above"))
        put(edge, tmp_path / "b", "/models", "one", "changed below")
        until(lambda: has(edge, "/models", "one", "changed above"))
    assert not has(cloud, "/models", "local", "mine")
    assert not has(edge, "/other", "four", "4")


def test_what_was_removed_on_both_sides_does_not_come_back(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    for name, text in (("one", "1"), ("two", "2"), ("deep", "3")):
        put(cloud, tmp_path / "a", "/models/deep" if name == "deep" else "/models", name, text)
    with bridged(tmp_path, edge, cloud, files=(Files(label="/models", down=True, every_s=1),)):
        until(lambda: has(edge, "/models", "two", "2") and has(edge, "/models/deep", "deep", "3"))
        for label, name in (("/models", "two"), ("/models/deep", "deep")):
            for colony in (cloud, edge):
                with colony.client() as client:
                    client.run(client.asynchronous.remove_file(label, name))
        put(cloud, tmp_path / "a", "/models", "deep", "a file where a folder was")
        until(lambda: has(edge, "/models", "deep", "a file where a folder was"))
        assert not has(edge, "/models", "two", "2") and has(edge, "/models", "one", "1")
        with cloud.client() as client:
            for name in ("one", "deep"):
                client.run(client.asynchronous.remove_file("/models", name))
        folder = tmp_path / "bridge" / "files"
        until(lambda: not any(path.is_file() and path.name != ".cfs" for path in folder.rglob("*")))
        assert has(edge, "/models", "one", "1")
