"""Workflows written as Python, crons, generators and places, against a real coordinator and a real executor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor import Context
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.ended import WorkflowCancelled, WorkflowFailed
from colonies_edge.client.watching_graphs import SINGLE_MAX
from colonies_edge.client.workflow import CAUSES_MAX, Workflow
from colonies_edge.crypto.identity import Signer
from colonies_edge.protocol.errors import BadRequest, ColoniesError, UsageError, WaitTimeout
from colonies_edge.protocol.model import FunctionSpec, State, WorkflowSpec
from tests.support.live_colony import LiveColony, working

PATIENCE_S = 60.0  # of a test: what is waited for comes in a moment, or something is broken


@pytest.fixture(scope="module")
def ran() -> dict[str, list[Any]]:
    """What `note` was called with, by its first argument."""
    return {}


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """`held` returns when it is open."""
    return threading.Event()


@pytest.fixture(scope="module")
def colony(
    tmp_path_factory: pytest.TempPathFactory, ran: dict[str, list[Any]], gate: threading.Event
) -> Iterator[LiveColony]:
    with LiveColony(tmp_path_factory.mktemp("colony")) as running:
        worker = running.executor("net", capacity=8)

        @worker.function
        def give(value: Any) -> Any:
            return value

        @worker.function
        def join(ctx: Context) -> Any:
            return "+".join(map(str, ctx.input))

        @worker.function
        def held(ctx: Context) -> None:
            while not gate.is_set() and not ctx.wait_cancelled(0.05):
                pass

        @worker.function
        def fail(text: str) -> None:
            raise RuntimeError(text)

        @worker.function
        def note(key: str, *values: Any) -> None:
            ran.setdefault(key, []).append(values)

        with working(worker):
            yield running
            gate.set()


def happens(what: Callable[[], Any]) -> None:
    """Wait until it is true; PATIENCE_S bounds it."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if what():
            return
        waiting.wait(0.05)
    raise AssertionError(f"did not happen within {PATIENCE_S:g} s")


# Writing


def test_nodes_become_a_spec_with_their_dependencies_in_the_order_given() -> None:
    flow = Workflow(executortype="net", priority=2)
    one = flow.node("one", "give", 1)
    two = flow.node("two", "give", 2, executortype="other", size=3)
    flow.node("three", "join", after=[two, one, two], location="home")
    spec = flow.spec()
    assert [node.nodename for node in spec.functionspecs] == ["one", "two", "three"]
    assert [node.conditions.executortype for node in spec.functionspecs] == ["net", "other", "net"]
    assert {node.priority for node in spec.functionspecs} == {2}
    assert spec.functionspecs[1].kwargs == {"size": 3}
    assert spec.functionspecs[2].conditions.dependencies == ("two", "one")
    assert spec.functionspecs[2].conditions.locationname == "home"


def test_what_cannot_be_a_workflow_is_refused_before_anything_is_sent() -> None:
    flow = Workflow()
    flow.node("one", "give", after="two")
    with pytest.raises(UsageError, match="already"):
        flow.node("one", "give")
    with pytest.raises(UsageError, match="needs a name"):
        flow.node("", "give")
    with pytest.raises(UsageError, match="another workflow"):
        flow.node("x", "give", after=[Workflow().node("y", "give")])
    with pytest.raises(UsageError, match="'one' comes after 'two', which is not there"):
        flow.spec()
    flow.node("two", "give")
    assert len(flow.spec().functionspecs) == 2


# Running


def test_the_snippet_of_the_readme_works(colony: LiveColony) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        left = flow.node("left", "give", "a")
        right = flow.node("right", "give", "b")
        flow.node("merge", "join", after=[left, right])
        run = flow.submit()
        assert run.state is State.WAITING
        assert run.wait(timeout_s=PATIENCE_S) is run
        assert run.state is State.SUCCESS
        assert run["merge"].output == "a+b"
        assert run["merge"].model.in_ == ("a", "b")
        assert run.outputs() == {"left": "a", "right": "b", "merge": "a+b"}
        assert sorted(run) == ["left", "merge", "right"]
        with pytest.raises(KeyError):
            run["nothing"]
        again = flow.submit()
        assert again.id != run.id
        again.wait(PATIENCE_S)


def test_a_workflow_of_before_is_found_by_its_id(colony: LiveColony) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        flow.node("one", "give", 1)
        graphid = flow.submit().id
    with colony.client() as client:
        assert client.workflow_run(graphid).wait(PATIENCE_S)["one"].output == 1
        with pytest.raises(ColoniesError, match="graph is nil"):
            client.workflow_run("0" * 64)


@pytest.mark.parametrize(
    "workflow",
    [
        [{"nodename": "one", "funcname": "give", "args": [5], "conditions": {"executortype": "net"}}],
        {
            "functionspecs": [
                {"nodename": "one", "funcname": "give", "args": [5], "conditions": {"executortype": "net"}}
            ]
        },
    ],
)
def test_workflows_as_json_can_be_submitted(colony: LiveColony, workflow: Any) -> None:
    with colony.client() as client:
        assert client.submit_workflow(workflow).wait(PATIENCE_S)["one"].output == 5


def test_a_wrong_workflow_is_refused_with_a_sentence(colony: LiveColony) -> None:
    with colony.client() as client:
        with pytest.raises(UsageError, match="list of function specs"):
            client.submit_workflow(5)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="functionspecs"):
            client.submit_workflow({"colonyname": "lab"})
        with pytest.raises(UsageError, match="node 2 of the workflow"):
            client.submit_workflow([FunctionSpec(nodename="one"), "two"])  # type: ignore[list-item]
        with pytest.raises(UsageError, match=r"node 1 .*maxexectime"):
            client.submit_workflow([{"nodename": "one", "maxexectime": "soon"}])
        flow = client.workflow(executortype="net")
        flow.node("one", "give", after="two")
        flow.node("two", "give", after="one")
        with pytest.raises(BadRequest, match="circle"):
            flow.submit()


def test_waiting_for_a_workflow_ends_as_it_does(colony: LiveColony, gate: threading.Event) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        flow.node("child", "join", after=[flow.node("bad", "fail", "too hot")])
        run = flow.submit()
        with pytest.raises(WorkflowFailed, match="bad: RuntimeError: too hot") as failed:
            run.wait(PATIENCE_S)
        assert [node.spec.nodename for node in failed.value.failed] == ["bad"]
        assert run["child"].state is State.FAILED
        held = client.workflow(executortype="net")
        held.node("held", "held")
        run = held.submit()
        with pytest.raises(WaitTimeout, match=r"workflow .* has not ended within 0\.2 s"):
            run.wait(0.2)
        run.cancel()
        with pytest.raises(WorkflowCancelled):
            run.wait(PATIENCE_S)
        assert run.wait_ended(PATIENCE_S).state is State.CANCELLED


def test_of_many_that_failed_with_it_the_one_that_failed_is_named(colony: LiveColony) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        for number in range(CAUSES_MAX + 10):
            flow.node(f"waits-{number}", "give", executortype="nobody")
        flow.node("child", "join", after=flow.node("bad", "fail", "too cold"))
        with pytest.raises(WorkflowFailed, match="failed: bad: RuntimeError: too cold") as failed:
            flow.submit().wait(PATIENCE_S)
        assert [node.spec.nodename for node in failed.value.failed] == ["bad"]


def test_more_workflows_than_subscriptions_are_waited_for(colony: LiveColony) -> None:
    count = SINGLE_MAX + 20
    flow = Workflow(executortype="net")
    flow.node("one", "give", 1)

    async def all_of_them() -> list[State]:
        async with AsyncClient(colony.endpoint, Signer(colony.prvkey), "lab") as client:
            runs = [await client.submit_workflow(flow) for _ in range(count)]
            return [run.state for run in await asyncio.gather(*(run.wait(PATIENCE_S) for run in runs))]

    assert asyncio.run(all_of_them()) == [State.SUCCESS] * count


def test_a_workflow_is_waited_for_over_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    done = threading.Event()
    with LiveColony(tmp_path) as colony:
        worker = colony.executor("net")
        worker.function(name="held")(lambda: done.wait(PATIENCE_S))
        with working(worker), colony.client() as client:
            flow = client.workflow(executortype="net")
            flow.node("one", "held")
            run = flow.submit()
            waiting = threading.Thread(target=lambda: run.wait(PATIENCE_S), daemon=True)
            waiting.start()
            happens(lambda: client.process(run["one"].id).state is State.RUNNING)
            colony.stop()
            colony.start()
            done.set()
            waiting.join()
            assert run.state is State.SUCCESS


# Every message


def test_workflows_are_listed_and_removed(colony: LiveColony, gate: threading.Event) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="nobody")
        flow.node("one", "give", 1)
        run = flow.submit()
        assert run.id in {graph.processgraphid for graph in client.get_process_graphs(State.WAITING)}
        graph = client.get_process_graph(run.id)
        assert [node.data.label for node in graph.nodes] == ["one"]
        assert [node.spec.nodename for node in client.get_processes_of_graph(run.id)] == ["one"]
        client.remove_process_graph(run.id)
        with pytest.raises(ColoniesError, match="graph is nil"):
            client.get_process_graph(run.id)
        other = flow.submit()
        colony.as_owner(lambda owner: owner.remove_all_process_graphs(State.WAITING))
        with pytest.raises(ColoniesError, match="graph is nil"):
            other.refresh()


def test_lists_are_as_long_as_they_are_wanted(colony: LiveColony) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="nowhere")
        for number in range(150):
            flow.node(f"n{number:03}", "give")
        run = flow.submit()
        waiting = client.get_processes(State.WAITING, 1000, executortype="nowhere")
        assert len({process.processid for process in waiting}) == 150
        names = [node.spec.nodename for node in client.get_processes_of_graph(run.id, count=120)]
        assert names == [f"n{number:03}" for number in range(120)]
        client.remove_process_graph(run.id)
        for number in range(103):
            client.add_generator(f"g{number:03}", flow, trigger=10)
        found = client.get_generators(1000)
        assert sorted(generator.name for generator in found) == [f"g{number:03}" for number in range(103)]
        for generator in found:
            client.remove_generator(generator.generatorid)


def test_a_cron_fires(colony: LiveColony, ran: dict[str, list[Any]]) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        flow.node("tick", "note", "tick")
        cron = client.add_cron("every second", flow, cron="* * * * * *")
        assert (cron.name, cron.interval, cron.colonyname) == ("every second", -1, "lab")
        happens(lambda: len(ran.get("tick", ())) >= 2)
        assert client.get_cron(cron.cronid).prevprocessgraphid
        assert [other.cronid for other in client.get_crons()] == [cron.cronid]
        client.remove_cron(cron.cronid)
        assert client.get_crons() == []


def test_a_cron_is_run_by_hand(colony: LiveColony, ran: dict[str, list[Any]]) -> None:
    with colony.client() as client:
        spec = WorkflowSpec(functionspecs=(client.workflow(executortype="net").node("n", "note", "hand").spec,))
        cron = client.add_cron("by hand", spec, interval=3600, random=True, wait=True)
        client.run_cron(cron.cronid)
        happens(lambda: ran.get("hand") == [()])
        client.remove_cron(cron.cronid)


def test_a_generator_packs_arguments_into_workflows(colony: LiveColony, ran: dict[str, list[Any]]) -> None:
    with colony.client() as client:
        flow = client.workflow(executortype="net")
        flow.node("batch", "note")
        generator = client.add_generator("batch", flow, trigger=3, timeout=2)
        for number in range(7):
            client.pack_generator(generator.generatorid, f"batch{number}")
        happens(lambda: ran.get("batch0") and ran.get("batch3") and ran.get("batch6"))
        assert ran["batch0"] == [("batch1", "batch2")]
        assert ran["batch3"] == [("batch4", "batch5")]
        assert ran["batch6"] == [()]  # after the timeout
        assert client.resolve_generator("batch").generatorid == generator.generatorid
        assert client.get_generator(generator.generatorid).queuesize == 0
        assert [other.name for other in client.get_generators()] == ["batch"]
        client.remove_generator(generator.generatorid)
        assert client.get_generators() == []


def test_places_are_added_and_removed(colony: LiveColony) -> None:
    colony.as_owner(lambda owner: owner.add_location("home", description="here", long=22.1, lat=65.5))
    with colony.client() as client:
        place = client.get_location("home")
        assert (place.name, place.description, place.long, place.lat) == ("home", "here", 22.1, 65.5)
        assert [other.name for other in client.get_locations()] == ["home"]
    colony.as_owner(lambda owner: owner.remove_location("home"))
    with colony.client() as client:
        assert client.get_locations() == []


def test_blueprints_are_added_changed_and_removed(colony: LiveColony) -> None:
    definition = {"metadata": {"name": "lamp"}, "kind": "BlueprintDefinition", "spec": {"names": {"kind": "Lamp"}}}
    added = colony.as_owner(lambda owner: owner.add_blueprint_definition(definition))
    assert added.metadata.colonyname == "lab"
    with colony.client() as client:
        assert [kind.metadata.name for kind in client.get_blueprint_definitions()] == ["lamp"]
        assert client.get_blueprint_definition("lamp").spec.names.kind == "Lamp"
        hall = client.add_blueprint({"kind": "Lamp", "metadata": {"name": "hall"}, "spec": {"level": 4}})
        assert [print.metadata.name for print in client.get_blueprints("Lamp")] == ["hall"]
        changed = client.update_blueprint({"kind": "Lamp", "metadata": {"name": "hall"}, "spec": {"level": 5}})
        assert changed.metadata.generation > hall.metadata.generation
        client.update_blueprint_status("hall", {"level": 5})
        assert client.get_blueprint("hall").status == {"level": 5}
        history = client.get_blueprint_history(hall.blueprintid)
        assert [entry.spec["level"] for entry in history] == [5, 4]
        with pytest.raises(BadRequest, match="handler"):
            client.reconcile_blueprint("hall")
        client.remove_blueprint("hall")
        with pytest.raises(UsageError, match="not a Blueprint: "):
            client.add_blueprint({"kind": 5})
    colony.as_owner(lambda owner: owner.remove_blueprint_definition("lamp"))
