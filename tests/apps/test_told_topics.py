"""What a person sees who looks at the topics of a real broker, and what Home Assistant finds there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.bridge.settings import Down
from colonies_edge.apps.coordinator import coordinator, teller
from colonies_edge.crypto.identity import identity_of, new_private_key
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.status import ColonyStatus, Presence, open_status
from colonies_edge.protocol.topics import Topics
from colonies_edge.transports.mqtt import MqttLink
from colonies_edge.transports.system import entropy
from tests.support.bridged import bridged
from tests.support.brokers import Mosquitto
from tests.support.http_colony import HttpColony
from tests.support.live_colony import LiveColony, working

TOPICS = Topics()
Until = Callable[[dict[str, bytes]], bool]


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with Mosquitto() as running:
        yield running


@pytest.fixture
def colony(broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveColony]:
    monkeypatch.setattr(teller, "COLONY_STATUS_S", 0.05)
    with LiveColony(tmp_path, mqtt=broker.url, settings=Settings(), home_assistant_prefix="homeassistant") as running:
        yield running


def seen(broker: Mosquitto, until: Until) -> dict[str, bytes]:
    """Look at everything until it is as wanted: topic -> what is retained there."""

    async def look() -> dict[str, bytes]:
        link, topics = MqttLink(broker.url), {}
        await link.open()
        try:
            await link.subscribe("#")
            while not until(topics):
                delivery = await asyncio.wait_for(link.deliveries.get(), 30)
                topics[delivery.topic] = delivery.payload
                if not delivery.payload:
                    del topics[delivery.topic]
        finally:
            await link.close()
        return topics

    return asyncio.run(look())


def shown(topics: dict[str, bytes], topic: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(topics.get(topic, b"{}"))
    return found


def test_the_status_of_a_colony_reads_well_and_is_signed(colony: LiveColony, broker: Mosquitto) -> None:
    topic = "colonies/v1/lab/coordinator/status"
    topics = seen(broker, lambda topics: topic in topics)
    assert shown(topics, topic)["processes"] == {
        "waiting": 0,
        "running": 0,
        "successful": 0,
        "failed": 0,
        "cancelled": 0,
    }
    executor = colony.executor("sensor", executorname="thermo")
    executor.function(lambda: 7, name="read")
    with working(executor), colony.client() as client:
        assert client.submit("read", executortype="sensor").wait(timeout_s=30).output == 7
        topics = seen(broker, lambda topics: shown(topics, topic).get("processes", {}).get("successful") == 1)
        status = open_status(ColonyStatus, topics[topic], TOPICS.unrooted(topic))
        assert (status.serverid, status.executorsready, status.executorsapproved) == (colony.serverid, 1, 1)
        mine = next(name for name in topics if name.startswith("colonies/v1/lab/") and "coordinator" not in name)
        presence = open_status(Presence, topics[mine], TOPICS.unrooted(mine))
        assert (presence.executorname, presence.executortype, presence.state) == ("thermo", "sensor", "online")


def test_how_long_the_coordinator_runs_does_not_begin_again_when_it_shows_itself_again(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "STATUS_EVERY_S", 0.3)
    topic = "colonies/v1/_/coordinator/status"
    with LiveColony(tmp_path, mqtt=broker.url):
        first = shown(seen(broker, lambda topics: topic in topics), topic)
        later = shown(seen(broker, lambda topics: shown(topics, topic).get("ts", 0) > first["ts"] + 500), topic)
    assert abs(later["since"] - first["since"]) < 100 and first["since"] <= first["ts"]


def test_the_status_of_a_colony_tells_of_its_bridges_while_they_are_there(
    colony: LiveColony, broker: Mosquitto, tmp_path: Path
) -> None:
    topic = "colonies/v1/lab/coordinator/status"

    def line(topics: dict[str, bytes]) -> str:
        found: str = shown(topics, topic).get("bridges", {}).get("site", {}).get("cloud", {}).get("line", "")
        return found

    with HttpColony(tmp_path / "cloud") as cloud:
        with bridged(tmp_path, colony, cloud, down=(Down(cloud="device", edge="device"),)):
            topics = seen(broker, lambda topics: line(topics) == "up")
            assert (
                open_status(ColonyStatus, topics[topic], TOPICS.unrooted(topic)).bridges["site"]["waiting"]["up"] == 0
            )
            cloud.stop()
            seen(broker, lambda topics: line(topics) == "down")
            cloud.start()
        seen(broker, lambda topics: topic in topics and "bridges" not in shown(topics, topic))


def test_a_removed_colony_leaves_nothing_retained(colony: LiveColony, broker: Mosquitto) -> None:
    key = new_private_key(entropy(32))
    colony.as_server(lambda client: client.add_colony("short-lived", identity_of(key)))
    topic = "colonies/v1/short-lived/coordinator/status"
    found = "homeassistant/sensor/colony_short-2dlived/executors/config"
    seen(broker, lambda topics: topic in topics and found in topics)
    colony.as_server(lambda client: client.remove_colony("short-lived"))
    seen(broker, lambda topics: "colonies/v1/lab/coordinator/status" in topics)

    def forgotten() -> bool:
        topics = seen(broker, lambda topics: "colonies/v1/lab/coordinator/status" in topics)
        return topic not in topics and found not in topics

    while not forgotten():
        pass


def test_home_assistant_finds_colonies_and_executors_and_where_their_state_is(
    colony: LiveColony, broker: Mosquitto
) -> None:
    executor = colony.executor("sensor", executorname="thermo")
    executor.function(lambda: 7, name="read")

    def discovered(topics: dict[str, bytes]) -> list[dict[str, Any]]:
        return [json.loads(body) for name, body in topics.items() if name.startswith("homeassistant/binary_sensor/")]

    def sensors_in(topics: dict[str, bytes]) -> list[dict[str, Any]]:
        return [json.loads(body) for name, body in topics.items() if name.startswith("homeassistant/sensor/")]

    with working(executor):
        topics = seen(broker, lambda topics: bool(discovered(topics)))
        (config,) = discovered(topics)
        assert config["device"]["name"] == "thermo (lab)"
        assert "sensor" in config["device"]["model"]
        topics = seen(broker, lambda topics: config["state_topic"] in topics and len(sensors_in(topics)) == 5)
        assert shown(topics, config["state_topic"])["state"] == config["payload_on"] == "online"
        sensors = sensors_in(topics)
        assert len({sensor["unique_id"] for sensor in sensors}) == len(sensors) == 5
        assert {sensor["state_topic"] for sensor in sensors} == {"colonies/v1/lab/coordinator/status"}
        assert config["device"]["via_device"] == sensors[0]["device"]["identifiers"][0]
    colony.as_owner(lambda client: client.remove_executor("thermo"))

    def gone() -> bool:
        return not discovered(seen(broker, lambda topics: "colonies/v1/lab/coordinator/status" in topics))

    while not gone():
        pass


@pytest.mark.long
def test_without_being_asked_nothing_is_said_to_home_assistant(broker: Mosquitto, tmp_path: Path) -> None:
    with LiveColony(tmp_path, mqtt=broker.url):
        topics = seen(broker, lambda topics: "colonies/v1/lab/coordinator/status" in topics)
    assert not [name for name in topics if name.startswith("homeassistant")]


def test_a_broker_that_forgot_is_told_again(colony: LiveColony, broker: Mosquitto) -> None:
    topic = "colonies/v1/lab/coordinator/status"
    seen(broker, lambda topics: topic in topics)
    broker.stop()
    broker.start()
    seen(broker, lambda topics: topic in topics)
