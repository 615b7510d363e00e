"""The websocket on a real coordinator: events, subscriptions, refusals, and how it ends (protocol-core.md 6)."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from colonies_edge.apps.coordinator import front_desk
from colonies_edge.apps.coordinator.front_desk import FrontDesk, HungUp, Visit
from colonies_edge.crypto.identity import Signer, new_private_key
from colonies_edge.transports.ports import Delivery
from colonies_edge.transports.system import entropy
from tests.support.http import envelope
from tests.support.http_colony import HttpColony

PATIENCE_S = 60
STRANGER = Signer(new_private_key(entropy(32)))


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[HttpColony]:
    with HttpColony(tmp_path) as running:
        yield running


class Socket:
    """A client as SDKs have it."""

    def __init__(self, colony: HttpColony) -> None:
        url = f"ws://127.0.0.1:{colony.port}/pubsub"
        self.connection: ClientConnection = connect(url, proxy=None)

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def subscribe(self, who: Signer, msgtype: str, *, binary: bool = False, **fields: Any) -> None:
        frame = envelope({"msgtype": msgtype, **fields}, who)
        self.connection.send(frame if binary else frame.decode())

    def process(self, who: Signer, processid: str, state: int, timeout: int = PATIENCE_S, **fields: Any) -> None:
        fields = {"colonyname": "lab", "processid": processid, "executortype": "", "state": state, **fields}
        self.subscribe(who, "subscribeprocessmsg", timeout=timeout, **fields)

    def frame(self) -> tuple[dict[str, Any], Any]:
        text = self.connection.recv(PATIENCE_S)
        found = json.loads(text)
        assert set(found) == {"payloadtype", "payload", "error"}
        return found, json.loads(base64.b64decode(found["payload"]))

    def event(self) -> Any:
        found, value = self.frame()
        assert (found["payloadtype"], found["error"]) == ("subscribeprocessmsg", False)
        return value

    def ended(self) -> int | None:
        """The close code, once everything that was said was heard."""
        with pytest.raises(ConnectionClosed) as closed:
            self.connection.recv(PATIENCE_S)
        return closed.value.rcvd.code if closed.value.rcvd is not None else None


def test_who_asks_for_it_is_told_when_a_subscription_has_begun(colony: HttpColony) -> None:
    stamp = {"msgid": "a-msgid-of-mine-1", "ts": time.time_ns() // 1_000_000}
    fields = {"colonyname": "lab", "executortype": "cli", "states": [0], "timeout": PATIENCE_S}
    with Socket(colony) as socket:
        socket.subscribe(colony.me, "subscribeprocessesmsg", **fields, **stamp, confirm=True)
        found, value = socket.frame()
        assert (found["payloadtype"], found["error"], value) == (
            "subscribeprocessesmsg",
            False,
            {"msgid": stamp["msgid"]},
        )
        submitted = colony.submit()
        assert socket.event()["processid"] == submitted["processid"]


def test_what_is_refused_is_not_confirmed(colony: HttpColony) -> None:
    stamp = {"msgid": "a-msgid-of-mine-2", "ts": time.time_ns() // 1_000_000}
    with Socket(colony) as socket:
        socket.process(STRANGER, colony.submit()["processid"], 0, **stamp, confirm=True)
        found, value = socket.frame()
        assert (found["error"], value["status"]) == (True, 403)


def test_the_life_of_a_process_is_told_as_it_is_stored(colony: HttpColony) -> None:
    worker = colony.worker()
    process = colony.submit()
    with Socket(colony) as socket:
        for state in (1, 2):
            socket.process(colony.me, process["processid"], state)
        socket.process(colony.me, process["processid"], 0)  # as it is already: told at once
        assert socket.event()["state"] == 0
        colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)
        assert (
            socket.event()["assignedexecutorid"],
            colony.do(worker, "closesuccessfulmsg", out=[7], **of(process)),
        ) == (
            worker.identity,
            {},
        )
        ended = socket.event()
        assert (ended["state"], ended["out"]) == (2, [7])
        assert not ended["endtime"].startswith("0001")


def of(process: dict[str, Any]) -> dict[str, Any]:
    return {"processid": process["processid"]}


def test_every_subscriber_of_a_type_hears_of_every_process_and_of_no_other_type(colony: HttpColony) -> None:
    with Socket(colony) as first, Socket(colony) as second:
        for socket in (first, second):
            socket.subscribe(
                colony.me, "subscribeprocessesmsg", colonyname="lab", executortype="cli", state=0, timeout=PATIENCE_S
            )
            barrier(colony, socket)
        colony.submit(executortype="cli1")
        wanted = [colony.submit()["processid"] for _ in range(3)]
        for socket in (first, second):
            assert [socket.event()["processid"] for _ in wanted] == wanted


def barrier(colony: HttpColony, socket: Socket) -> None:
    """Everything sent before was decided: a subscription to what is already so is told at once."""
    process = colony.submit(executortype="barrier")
    socket.process(colony.me, process["processid"], 0)
    assert socket.event()["processid"] == process["processid"]


def test_several_people_may_share_a_socket(colony: HttpColony) -> None:
    worker = colony.worker()
    process = colony.submit()
    with Socket(colony) as socket:
        socket.process(colony.me, process["processid"], 2)
        socket.process(worker, process["processid"], 1)
        barrier(colony, socket)
        colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)
        colony.do(worker, "closesuccessfulmsg", **of(process))
        assert [socket.event()["state"] for _ in range(2)] == [1, 2]


def test_frames_are_of_the_kind_that_the_client_uses(colony: HttpColony) -> None:
    process = colony.submit()
    with Socket(colony) as socket:
        fields = {"colonyname": "lab", **of(process), "state": 0, "timeout": PATIENCE_S}
        socket.subscribe(colony.me, "subscribeprocessmsg", binary=True, **fields)
        assert isinstance(socket.connection.recv(PATIENCE_S), bytes)
        socket.subscribe(colony.me, "subscribeprocessmsg", **fields)
        assert isinstance(socket.connection.recv(PATIENCE_S), str)


def test_when_the_last_subscription_is_over_the_socket_is_closed_properly(colony: HttpColony) -> None:
    process = colony.submit()
    with Socket(colony) as socket:
        socket.process(colony.me, process["processid"], 0, timeout=1)
        socket.process(colony.me, process["processid"], 2, timeout=2)
        assert socket.event()["state"] == 0
        assert socket.ended() == 1000


def test_a_request_may_come_in_parts_some_of_them_empty(colony: HttpColony) -> None:
    process = colony.submit()
    fields = {"colonyname": "lab", **of(process), "state": 0, "timeout": PATIENCE_S}
    frame = envelope({"msgtype": "subscribeprocessmsg", **fields}, colony.me).decode()
    with Socket(colony) as socket:
        socket.connection.send(["", *[""] * 20, frame[:50], "", frame[50:], ""])
        assert socket.event()["processid"] == process["processid"]


@pytest.mark.parametrize("timeout", [0, -1, None])
def test_without_time_a_subscription_ends_at_once(colony: HttpColony, timeout: int | None) -> None:
    process = colony.submit()
    with Socket(colony) as socket:
        fields: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        socket.subscribe(colony.me, "subscribeprocessmsg", colonyname="lab", state=0, **of(process), **fields)
        assert socket.ended() == 1000


@pytest.mark.parametrize(
    "frame", ["", "null", "{}", "nonsense", '{"payloadtype":"subscribeprocessmsg","payload":"e30=","signature":"00"}']
)
def test_what_is_no_signed_request_ends_the_connection(colony: HttpColony, frame: str) -> None:
    with Socket(colony) as socket:
        socket.connection.send(frame)
        assert socket.ended() == 1008
    assert colony.ask(None, "versionmsg")[0] == 200


def test_refusals_are_frames_with_403_and_the_connection_stays(colony: HttpColony) -> None:
    process = colony.submit()
    with Socket(colony) as socket:
        socket.process(colony.me, "0" * 64, 2)
        socket.process(STRANGER, process["processid"], 0)
        socket.subscribe(STRANGER, "subscribeprocessesmsg", colonyname="lab", executortype="cli", state=0, timeout=5)
        socket.subscribe(colony.me, "subscribeprocessmsg", colonyname="lab", state="x", timeout=5, **of(process))
        for _ in range(4):
            found, value = socket.frame()
            assert (found["payloadtype"], found["error"], value["status"]) == ("error", True, 403), value
        socket.process(colony.me, process["processid"], 0)
        assert socket.event()["state"] == 0


@pytest.mark.parametrize("kind", ["subscribechannelmsg", "subscribeprocessgraphmsg"])
@pytest.mark.parametrize("value", [[], "x", None, 7], ids=repr)
def test_what_is_no_message_is_refused_like_any_other(
    colony: HttpColony, caplog: pytest.LogCaptureFixture, kind: str, value: Any
) -> None:
    with Socket(colony) as socket:
        payload = base64.b64encode(json.dumps(value).encode()).decode()
        signature = STRANGER.sign(payload.encode())
        socket.connection.send(json.dumps({"payloadtype": kind, "payload": payload, "signature": signature}))
        assert socket.frame()[1]["status"] == 403
    assert caplog.records == []


def test_other_requests_on_the_socket_are_not_looked_at(colony: HttpColony) -> None:
    with Socket(colony) as socket:
        socket.subscribe(colony.me, "submitfuncspecmsg", spec={"conditions": {"colonyname": "lab"}})
        socket.subscribe(colony.me, "nosuchmsg")
        barrier(colony, socket)
    assert len(colony.do(colony.me, "getprocessesmsg", colonyname="lab", count=10)) == 1


def test_a_socket_without_subscription_is_ended(colony: HttpColony, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_desk, "WEBSOCKET_SILENT_S", 0.1)
    with Socket(colony) as socket:
        assert socket.ended() == 1000


def test_refusals_keep_no_socket_open(colony: HttpColony, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_desk, "WEBSOCKET_SILENT_S", 0.5)
    with Socket(colony) as socket, pytest.raises(ConnectionClosed):
        while True:
            stranger = Signer(new_private_key(entropy(32)))
            socket.process(stranger, "0" * 64, 0)
            assert socket.frame()[0]["error"]


def test_who_is_refused_is_not_remembered(colony: HttpColony) -> None:
    assert colony.running is not None
    with Socket(colony) as socket:
        for _ in range(10):
            socket.process(Signer(new_private_key(entropy(32))), "0" * 64, 0)
            socket.frame()
        barrier(colony, socket)
        (listener,) = colony.running.coordinator.desk._sockets.values()
        assert (listener._subscribers, listener._asking) == ({colony.me.identity}, {})


def test_who_leaves_before_the_answer_leaves_no_subscription_behind() -> None:
    queue: list[Delivery] = []

    async def run() -> None:
        listener = FrontDesk(queue.append, str).listen(lambda frame: None, lambda: None)
        fields = {"colonyname": "lab", "processid": "0" * 64, "state": 0, "timeout": 5}
        assert listener.hear(envelope({"msgtype": "subscribeprocessmsg", **fields}, STRANGER))
        listener.gone()

    asyncio.run(run())
    asked, left = queue
    assert isinstance(asked, Visit) and isinstance(left, HungUp)
    assert left.route == asked.request.route


def test_a_channel_is_followed_to_its_end(colony: HttpColony) -> None:
    worker = colony.worker()
    process = colony.submit(channels=["ctl"])
    channel = {**of(process), "name": "ctl"}
    colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)
    colony.do(colony.me, "channelappendmsg", sequence=1, payload=[104, 105], **channel)
    with Socket(colony) as socket:
        socket.subscribe(colony.me, "subscribechannelmsg", afterseq=0, timeout=PATIENCE_S, **channel)
        found, entries = socket.frame()
        assert (found["payloadtype"], [entry["payload"] for entry in entries]) == ("subscribechannelmsg", ["aGk="])
        colony.do(worker, "channelappendmsg", sequence=1, payload="eW8=", inreplyto=1, **channel)
        assert [(entry["payload"], entry["inreplyto"]) for entry in socket.frame()[1]] == [("eW8=", 1)]
        colony.do(worker, "closesuccessfulmsg", **of(process))
        assert socket.frame()[1] == []
        assert socket.ended() == 1000


def test_who_goes_takes_the_subscriptions_along(colony: HttpColony) -> None:
    assert colony.running is not None
    subscriptions = colony.running.coordinator.engine._live.subscriptions
    with Socket(colony) as socket:
        barrier(colony, socket)
        assert subscriptions.total == 1
    while subscriptions.total:
        colony.ask(None, "versionmsg")


def test_a_coordinator_that_stops_ends_its_sockets(colony: HttpColony) -> None:
    with Socket(colony) as socket:
        barrier(colony, socket)
        colony.stop()
        assert socket.ended() in (1000, 1012)  # an ordinary end, or "the service restarts"
    colony.start()
