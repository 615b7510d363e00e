"""Who was removed comes back with the owner's key, or says what to type; an answer that makes no sense ends nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colonies_edge.apps.bridge import side as side_module
from colonies_edge.apps.bridge.settings import Files, Up
from colonies_edge.apps.bridge.side import Member
from tests.support.bridged import BridgeThread, Work, bridged, two_colonies
from tests.support.filing import has, put
from tests.support.forgetful import Forgetful
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working
from tests.support.until import until

PATIENCE_S = 60
UP = {"up": (Up(edge="gpu", cloud="gpu"),)}


@pytest.fixture
def colonies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LiveColony, HttpColony]]:
    monkeypatch.setattr(side_module, "STALE_EXECUTOR_S", 0)  # so long a removal is respected
    with two_colonies(tmp_path) as both:
        yield both


def own_of(thread: BridgeThread) -> Member:
    """Who submits in the cloud; it finds out soon that nobody answers."""
    assert thread.bridge is not None
    member = thread.bridge.own.member
    until(lambda: member.is_ready)
    member.client._timeout_s = 2
    return member


@pytest.mark.long
def test_a_broker_that_lets_nobody_in_who_was_removed_does_not_keep_out_the_owners_bridge(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    gpu = Work(cloud, "gpu")
    with working(gpu.executor), edge.client() as below, bridged(tmp_path, edge, cloud, **UP) as thread:
        own_of(thread)
        cloud.as_owner(lambda client: client.remove_executor("site"))
        assert below.submit("double", 2, executortype="gpu").wait(PATIENCE_S).output == 4


@pytest.mark.long
def test_without_the_owners_key_the_status_says_what_to_type(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    with bridged(tmp_path, edge, cloud, **UP) as thread:
        member = own_of(thread)
        member._side.settings = replace(member._side.settings, owner=None)
        cloud.as_owner(lambda client: client.remove_executor("site"))
        bridge = thread.bridge
        assert bridge is not None
        until(lambda: "executor add --name site" in str(bridge.status()["cloud"].get("lasterror")))


def test_a_bridge_with_files_only_notices_that_it_was_removed(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    put(edge, tmp_path / "a", "/r", "one", "1")
    rules = {"files": (Files(label="/r", down=False, every_s=1),)}
    with bridged(tmp_path, edge, cloud, cloud_url=cloud.http, **rules):
        until(lambda: has(cloud, "/r", "one", "1"))
        cloud.as_owner(lambda client: client.remove_executor("site"))
        put(edge, tmp_path / "a", "/r", "two", "2")
        until(lambda: has(cloud, "/r", "two", "2"))


class Senseless(Forgetful):
    """Answers the next so many requests of a kind with a number."""

    def __init__(self, colony: HttpColony, folder: Path) -> None:
        super().__init__(colony.http, [colony.colony_prvkey], folder)
        self.left = {"getexecutorsmsg": 0}

    async def _ask(self, body: bytes) -> bytes:
        msgtype = json.loads(body)["payloadtype"]
        if not self.left.get(msgtype):
            return await super()._ask(body)
        self.left[msgtype] -= 1
        reply = {"payloadtype": msgtype, "payload": base64.b64encode(b"5").decode(), "error": False}
        text = json.dumps(reply).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


def test_an_answer_that_makes_no_sense_is_asked_for_again(
    colonies: tuple[LiveColony, HttpColony], tmp_path: Path
) -> None:
    edge, cloud = colonies
    gpu = Work(cloud, "gpu")
    with (
        Senseless(cloud, tmp_path / "bridge") as server,
        working(gpu.executor),
        edge.client() as below,
        bridged(tmp_path, edge, cloud, cloud_url=server.url, **UP) as thread,
    ):
        member = own_of(thread)
        server.left["getexecutorsmsg"] = 1
        thread.loop.call_soon_threadsafe(member.doubt)
        until(lambda: not server.left["getexecutorsmsg"])
        assert below.submit("double", 3, executortype="gpu").wait(PATIENCE_S).output == 6
