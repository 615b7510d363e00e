"""Functions that are nodes of a workflow, that add to it, and that talk while they run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor import Context, NotWanted
from colonies_edge.client.ended import WorkflowFailed
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.model import State
from tests.support.live_colony import LiveColony, working

FAST = Settings(lease_s=1.5, grace_s=1.0, pass_over_s=0.5)
PATIENCE_S = 60.0  # of a test: what is waited for comes in a moment, or something is broken


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path, settings=FAST) as running:
        yield running


def teach(worker: Any) -> None:
    """Functions that most tests here need."""

    @worker.function
    def give(*values: Any) -> Any:
        return list(values)

    @worker.function
    def gather(ctx: Context) -> Any:
        return ctx.input


# Input


def test_the_input_is_the_output_of_all_parents_in_the_order_of_the_dependencies(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    teach(worker)
    with working(worker), colony.client() as client:
        flow = client.workflow(executortype="test")
        one, two = flow.node("one", "give", 1, {"a": None}), flow.node("two", "give", "x")
        flow.node("both", "gather", after=[two, one])
        flow.node("none", "gather")
        run = flow.submit().wait(PATIENCE_S)
        assert run["both"].output == ["x", 1, {"a": None}]
        assert run["none"].output == []


# Children


def test_a_running_function_adds_children_to_its_workflow(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    teach(worker)

    @worker.function
    def split(parts: int, ctx: Context) -> str:
        for part in range(parts):
            child = ctx.add_child("give", part, nodename=f"part-{part}", maxexectime=30)
            assert child.spec.conditions.executortype == "test"
        assert ctx.add_child("gather").spec.nodename == "split.gather.1"
        return "whole"

    with working(worker), colony.client() as client:
        flow = client.workflow(executortype="test")
        flow.node("split", "split", 3)
        run = flow.submit().wait(PATIENCE_S)
        assert run.outputs() == {
            "split": "whole",
            "part-0": 0,
            "part-1": 1,
            "part-2": 2,
            "split.gather.1": "whole",
        }


def test_children_are_put_before_others(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    teach(worker)

    @worker.function
    def insert(ctx: Context) -> str:
        ctx.add_child("give", "inserted", nodename="between", insert=True)
        return "first"

    @worker.function
    def append(ctx: Context) -> str:
        ctx.add_child("give", "added", nodename="between", before=ctx.process.children[0])
        return "first"

    with working(worker), colony.client() as client:
        for function, expected in (("insert", "inserted"), ("append", ["first", "added"])):
            flow = client.workflow(executortype="test")
            flow.node("last", "gather", after=[flow.node("first", function)])
            run = flow.submit().wait(PATIENCE_S)
            assert run["last"].output == expected
            assert run["between"].state is State.SUCCESS


def test_a_function_that_runs_a_second_time_has_its_children_once(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    teach(worker)
    children: list[tuple[str, ...]] = []
    freed = threading.Event()

    @worker.function
    def split(ctx: Context) -> None:
        added = [ctx.add_child("give", 1), ctx.add_child("give", 2), ctx.add_child("gather", nodename="all")]
        children.append(tuple(child.processid for child in added))
        if ctx.attempt == 1:
            ctx.wait_cancelled(PATIENCE_S)  # too long
            freed.set()

    with working(worker), colony.client() as client:
        flow = client.workflow(executortype="test")
        flow.node("split", "split", maxexectime=1, maxretries=3)
        run = flow.submit().wait(PATIENCE_S)
        assert freed.wait(PATIENCE_S)
        assert len(children) == 2
        assert children[0] == children[1]
        assert sorted(run) == ["all", "split", "split.give.1", "split.give.2"]


def test_who_is_in_no_workflow_can_have_no_children(colony: LiveColony) -> None:
    worker = colony.executor()

    @worker.function
    def split(ctx: Context) -> None:
        ctx.add_child("give")

    with working(worker), colony.client() as client:
        process = client.submit("split", executortype="test")
        with pytest.raises(Exception, match="does not belong to a processgraph"):
            process.wait(PATIENCE_S)


# Talk


def test_an_unwanted_function_is_told_wherever_it_waits(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    told: dict[str, Any] = {}
    over = threading.Event()

    @worker.function
    def listen(ctx: Context) -> None:
        ctx.channel("ctl").send("here")
        told["heard"] = list(ctx.channel("ctl"))
        told["cancelled"] = ctx.wait_cancelled(PATIENCE_S)
        told["again"] = ctx.channel("ctl").receive(PATIENCE_S)
        try:
            ctx.channel("ctl").send("too late")
        except NotWanted as reason:
            told["reason"] = str(reason)
        over.set()

    with working(worker), colony.client() as client:
        process = client.submit("listen", executortype="test", channels=["ctl"])
        here = process.channel("ctl").receive(PATIENCE_S)
        assert here is not None and here.text == "here"
        process.cancel()
        assert over.wait(PATIENCE_S)
        assert told == {
            "heard": [],
            "cancelled": True,
            "again": None,
            "reason": "the process is not this executor's any more",
        }
        assert process.channel("ctl").receive(PATIENCE_S) is None


def test_a_function_without_a_coordinator_speaks_when_it_is_back(colony: LiveColony) -> None:
    worker = colony.executor()
    away, back = threading.Event(), threading.Event()

    @worker.function
    def speak(ctx: Context) -> Any:
        ctx.channel("out").send("one")
        away.wait(PATIENCE_S)
        back.set()
        ctx.channel("out").send("two")
        answer = ctx.channel("out").receive(PATIENCE_S)
        return str(answer)

    with working(worker), colony.client() as client:
        process = client.submit("speak", executortype="test", channels=["out"])
        assert str(process.channel("out").receive(PATIENCE_S)) == "one"
        colony.stop()
        away.set()
        assert back.wait(PATIENCE_S)
        colony.start()
        assert str(process.channel("out").receive(PATIENCE_S)) == "two"
        process.channel("out").send("thanks")
        assert process.wait(PATIENCE_S).output == "thanks"


def test_async_functions_listen_without_being_in_each_others_way(colony: LiveColony) -> None:
    worker = colony.executor(capacity=3)

    @worker.function
    async def listen(ctx: Context) -> list[str]:
        heard = []
        async for message in ctx.channel("ctl"):
            heard.append(message.text)
            await asyncio.to_thread(ctx.channel("ctl").send, message.text.upper())
        return heard

    with working(worker), colony.client() as client:
        processes = [client.submit("listen", executortype="test", channels=["ctl"]) for _ in range(3)]
        for process in processes:
            process.channel("ctl").send("a")
            assert str(process.channel("ctl").receive(PATIENCE_S)) == "A"
        for process in processes:
            process.channel("ctl").end("b")
        assert [process.wait(PATIENCE_S).output for process in processes] == [["a", "b"]] * 3


def test_nodes_of_workflows_have_channels_too(colony: LiveColony) -> None:
    worker = colony.executor()

    @worker.function
    def ask(ctx: Context) -> str:
        ctx.channel("ctl").send("go on?")
        answer = str(ctx.channel("ctl").receive(PATIENCE_S))
        if answer != "yes":
            raise ValueError(answer)
        return answer

    with working(worker), colony.client() as client:
        flow = client.workflow(executortype="test", channels=["ctl"])
        flow.node("second", "ask", after=[flow.node("first", "ask")])
        run = flow.submit()
        for node, answer in (("first", "yes"), ("second", "no")):
            channel = run[node].channel("ctl")
            assert str(channel.receive(PATIENCE_S)) == "go on?"
            channel.send(answer)
        with pytest.raises(WorkflowFailed, match="second: ValueError: no"):
            run.wait(PATIENCE_S)
        assert run["first"].output == "yes"
