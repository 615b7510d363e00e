"""A bridge to a server that knows no request ids, as a Go server, and that loses answers: it looks before it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.bridge.settings import Down, Files, History, Up
from colonies_edge.apps.sdk import Client
from colonies_edge.client.files import Filer
from colonies_edge.client.place import Place
from colonies_edge.client.plan import Planner
from colonies_edge.client.s3 import S3Depot, S3Settings
from colonies_edge.client.sync import apply_sync
from colonies_edge.protocol.model import State
from colonies_edge.protocol.model_files import S3
from tests.support.bridged import Work, bridged, two_colonies
from tests.support.filing import contents, some_bytes, tree
from tests.support.forgetful import Forgetful
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.object_store import object_store
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


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Settings]:
    """An object store, in the bridge's environment too."""
    pytest.importorskip("boto3", reason="install the extra s3")
    pytest.importorskip("moto", reason="install the extra test")
    with object_store() as settings:
        monkeypatch.setenv("AWS_S3_ENDPOINT", settings.endpoint)
        monkeypatch.setenv("AWS_S3_BUCKET", settings.bucket)
        monkeypatch.setenv("AWS_S3_ACCESSKEY", settings.accesskey)
        monkeypatch.setenv("AWS_S3_SECRETKEY", settings.secretkey)
        monkeypatch.setenv("AWS_S3_TLS", "false")
        yield settings


def synced(client: Client, folder: Path, label: str, depot: S3Depot | None = None) -> dict[str, bytes]:
    """A folder kept in step with a label: what is in it then."""

    async def run() -> None:
        plan = await Planner(client.asynchronous, Place(folder), label).sync()
        report = await apply_sync(Filer(client.asynchronous, depot), Place(folder), plan)
        assert report.failures == []

    folder.mkdir(exist_ok=True)
    client.run(run())
    return contents(folder)


def test_bytes_of_files_are_in_the_object_store_above_and_in_the_coordinator_below(
    world: tuple[LiveColony, HttpColony, Forgetful], store: S3Settings, tmp_path: Path
) -> None:
    edge, cloud, server = world
    server.lost = 0
    depot = S3Depot(store)
    models = tree(tmp_path / "models", {"small": b"1", "deep/large": some_bytes(3_000_000)})
    results = tree(tmp_path / "results", {"three": b"3", "large": some_bytes(3_000_000)})
    rules = {"files": (Files(label="/models", down=True, every_s=1), Files(label="/results", down=False, every_s=1))}
    with edge.client() as below, cloud.client() as above, bridged(tmp_path, edge, cloud, cloud_url=server.url, **rules):
        synced(above, models, "/models", depot)
        synced(below, results, "/results")
        until(lambda: synced(below, tmp_path / "below", "/models") == contents(models))
        until(lambda: synced(above, tmp_path / "above", "/results", depot) == contents(results))
        file = above.run(above.asynchronous.get_latest_file("/results", "large"))
    assert file.ref.protocol == S3 and not (cloud.folder / "coordinator" / "blobs").exists()
