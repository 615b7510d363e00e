"""The client against a real coordinator: submitting, waiting, interruptions, threads, and whom it believes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.blocking import BlockingClient
from colonies_edge.client.client import AsyncClient, Endpoint
from colonies_edge.client.ended import ProcessCancelled, ProcessFailed
from colonies_edge.crypto.identity import Signer, identity_of, new_private_key
from colonies_edge.protocol.errors import BadRequest, Forbidden, NoConnection, NotFound, UsageError, WaitTimeout
from colonies_edge.protocol.limits import SUBSCRIPTIONS_PER_CONN_MAX
from colonies_edge.protocol.model import FunctionSpec, State
from colonies_edge.transports.ports import NotAdmitted
from colonies_edge.transports.system import entropy
from tests.support.brokers import Mosquitto, free_port
from tests.support.live_colony import LiveColony, working


@pytest.fixture(scope="module")
def colony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveColony]:
    """One colony with one executor for all tests here that do not disturb it."""
    with LiveColony(tmp_path_factory.mktemp("colony")) as running:
        worker = running.executor(capacity=8)
        worker.function(name="echo")(lambda *args, **kwargs: [*args, *([kwargs] if kwargs else [])])
        worker.function(name="fail")(_fail)
        with working(worker):
            yield running


def _fail(text: str) -> None:
    raise RuntimeError(text)


# Submitting


def test_known_names_are_fields_of_the_spec_and_the_rest_goes_to_the_function(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit(
            "echo", 1, executortype="test", priority=3, label="x", env={"N": 5}, cpu="500m", size=3, maxretries=2
        ).wait(30)
        assert process.output == [1, {"size": 3}]
        spec = process.model.spec
        assert (spec.priority, spec.label, spec.env, spec.maxretries) == (3, "x", {"N": "5"}, 2)
        assert (spec.conditions.cpu, spec.conditions.colonyname) == ("500m", "lab")


def test_names_that_mean_something_in_a_spec_can_be_given_to_the_function(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("echo", executortype="test", kwargs={"label": "mine"}, args=[1])
        assert process.wait(30).output == [1, {"label": "mine"}]


@pytest.mark.parametrize(
    "spec",
    [
        {"funcname": "echo", "args": ["x"], "conditions": {"executortype": "test"}},
        FunctionSpec(funcname="echo", args=("x",)),
    ],
)
def test_a_whole_spec_can_be_submitted(colony: LiveColony, spec: Any) -> None:
    with colony.client() as client:
        process = client.submit(spec=spec)
        assert process.model.spec.args == ("x",)
        assert process.model.spec.conditions.colonyname == "lab"
        with pytest.raises(UsageError, match="not both"):
            client.submit("echo", spec=spec)


def test_a_wrong_spec_is_refused_with_the_name_of_the_field(colony: LiveColony) -> None:
    with colony.client() as client, pytest.raises(UsageError, match="maxexectime must be"):
        client.submit("echo", executortype="test", maxexectime="soon")


# Waiting


def test_waiting_ends_as_the_process_does(colony: LiveColony) -> None:
    with colony.client() as client:
        with pytest.raises(ProcessFailed, match="RuntimeError: too hot") as failed:
            client.submit("fail", "too hot", executortype="test").wait(30)
        assert failed.value.process.state is State.FAILED
        cancelled = client.submit("echo", executortype="nobody")
        cancelled.cancel()
        with pytest.raises(ProcessCancelled):
            cancelled.wait(30)
        with pytest.raises(WaitTimeout, match=r"has not ended within 0\.2 s"):
            client.submit("echo", executortype="nobody").wait(0.2)


def test_a_process_that_ended_long_ago_is_not_waited_for(colony: LiveColony) -> None:
    with colony.client() as client:
        process = client.submit("echo", 1, executortype="test")
        process.wait(30)
    with colony.client() as client:
        assert client.process(process.id).wait(5).output == 1
        waited = client.run(client.asynchronous.wait(process.id, 5))
        assert waited.out == (1,)


def test_more_processes_than_subscriptions_can_be_waited_for(colony: LiveColony) -> None:
    count = SUBSCRIPTIONS_PER_CONN_MAX + 50

    async def all_of_them() -> list[Any]:
        async with AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as client:
            processes = [await client.submit("echo", number, executortype="test") for number in range(count)]
            ended = [await client.wait(process.processid, 60) for process in processes[:SUBSCRIPTIONS_PER_CONN_MAX]]
            ended += await asyncio.gather(
                *(client.wait(process, 60) for process in processes[SUBSCRIPTIONS_PER_CONN_MAX:])
            )
            return [process.out[0] for process in ended]

    assert asyncio.run(all_of_them()) == list(range(count))


def test_many_at_once_are_all_heard_of(colony: LiveColony) -> None:
    async def run() -> list[Any]:
        async with AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as client:

            async def one(number: int) -> Any:
                process = await client.submit("echo", number, executortype="test")
                return (await client.wait(process, 60)).out[0]

            return await asyncio.gather(*map(one, range(300)))

    assert asyncio.run(run()) == list(range(300))


def test_waiting_survives_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    with LiveColony(tmp_path) as colony, colony.client() as client:
        process = client.submit("echo", 5, executortype="test")
        waited: list[Any] = []
        waiting = threading.Thread(target=lambda: waited.append(process.wait(60).output))
        waiting.start()
        colony.stop()
        colony.start()
        worker = colony.executor()
        worker.function(name="echo")(lambda value: value)
        with working(worker):
            waiting.join()
        assert waited == [5]


def test_waiting_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    with Mosquitto() as broker, LiveColony(tmp_path, mqtt=broker.url) as colony, colony.client() as client:
        worker = colony.executor()
        go = threading.Event()
        worker.function(name="held")(lambda: go.wait(30) and "there")
        with working(worker):
            process = client.submit("held", executortype="test")
            waited: list[Any] = []
            waiting = threading.Thread(target=lambda: waited.append(process.wait(60).output))
            waiting.start()
            broker.stop()
            go.set()
            broker.start()
            waiting.join()
        assert waited == ["there"]


# Asking


def test_every_method_is_there_without_asyncio(colony: LiveColony) -> None:
    with colony.client() as client:
        assert [user.name for user in client.get_users()] == ["me"]
        assert client.get_colony().name == "lab"
        assert client.get_colony_stats().activeexecutors == 1
        assert client.get_pause_status() is False
        assert client.get_server_info().backends[0].type == "mqtt"
        assert client.get_processes(State.WAITING, 1, executortype="no such type") == []
        with pytest.raises(AttributeError):
            client.get_nonsense()
        with pytest.raises(AttributeError):
            client.caller()


def test_refusals_are_errors_with_their_status(colony: LiveColony) -> None:
    with colony.client() as client:
        with pytest.raises(NotFound) as missing:
            client.process("0" * 64)
        assert missing.value.status == 404
        with pytest.raises(Forbidden, match="not colony owner"):
            client.remove_user("me")
        with pytest.raises(BadRequest):
            client.get_processes(State.WAITING, initiator="nobody")


def test_several_threads_may_use_one_client(colony: LiveColony) -> None:
    client = colony.client()
    outputs: list[Any] = []

    def run(number: int) -> None:
        outputs.append(client.submit("echo", number, executortype="test").wait(30).output)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert sorted(outputs) == list(range(12))


def test_a_closed_client_says_so(colony: LiveColony) -> None:
    client = colony.client()
    client.open()
    client.close()
    client.close()
    with pytest.raises(NoConnection, match="is closed"):
        client.get_users()


def test_closing_ends_what_waits_in_another_thread(colony: LiveColony) -> None:
    client = colony.client()
    process = client.submit("echo", executortype="nobody")
    said: list[str] = []

    def wait() -> None:
        try:
            process.wait(60)
        except NoConnection as error:
            said.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.close()
    waiting.join()
    assert len(said) == 1


# Whom it believes


def test_no_broker_is_said_in_one_line() -> None:
    client = BlockingClient(
        Endpoint(mqtt=f"mqtt://127.0.0.1:{free_port()}", patience_s=0.3), new_private_key(entropy(32)), "lab"
    )
    with pytest.raises(NoConnection, match="no connection to mqtt:"):
        client.open()
    client.close()


def test_a_broker_without_a_coordinator_is_said_in_one_line() -> None:
    with Mosquitto() as broker:
        client = BlockingClient(Endpoint(mqtt=broker.url, patience_s=0.3), new_private_key(entropy(32)), "lab")
        with pytest.raises(NoConnection, match="no coordinator has said so below the topic root 'colonies'"):
            client.open()
        client.close()


def test_a_stranger_is_not_admitted(colony: LiveColony) -> None:
    client = BlockingClient(colony.endpoint, new_private_key(entropy(32)), "lab")
    with pytest.raises(NotAdmitted):
        client.open()
    client.close()


def test_the_coordinator_is_learnt_once_and_another_one_is_refused(tmp_path: Path) -> None:
    with Mosquitto() as broker:
        pins = tmp_path / "pins"
        with LiveColony(tmp_path / "one", mqtt=broker.url) as first:
            endpoint = Endpoint(mqtt=broker.url, pins=pins, patience_s=2)
            with BlockingClient(endpoint, first.prvkey, "lab") as client:
                assert client.asynchronous.serverid == first.serverid
            files = [path for path in pins.rglob("*") if path.is_file()]
            assert len(files) == 1
            assert files[0].stat().st_mode & 0o777 == 0o600
        with LiveColony(tmp_path / "two", mqtt=broker.url) as second:
            client = BlockingClient(endpoint, second.prvkey, "lab")
            with pytest.raises(NoConnection, match=f"is now {second.serverid}, and was {first.serverid}"):
                client.open()
            client.close()
            files[0].unlink()
            with BlockingClient(endpoint, second.prvkey, "lab") as client:
                assert client.get_colony().colonyid == identity_of(second.colony_prvkey)


def test_a_configured_coordinator_is_the_only_one(colony: LiveColony) -> None:
    with Mosquitto() as broker:
        stranger = "0" * 64
        client = BlockingClient(Endpoint(mqtt=broker.url, serverid=stranger, patience_s=0.3), colony.prvkey, "lab")
        with pytest.raises(NoConnection):
            client.open()
        client.close()
