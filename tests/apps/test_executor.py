"""The executor SDK against a real coordinator: what a function gets, what becomes of its result, how it ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor import Context
from colonies_edge.client.ended import ProcessCancelled, ProcessFailed
from colonies_edge.client.folder_lock import FolderBusy
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.errors import UsageError
from tests.support.live_colony import LiveColony, working

FAST = Settings(lease_s=1.5, grace_s=1.0, pass_over_s=0.5)


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path, settings=FAST) as running:
        yield running


# What a function gets and gives


def test_the_snippet_of_the_readme_works(colony: LiveColony) -> None:
    worker = colony.executor("sensor")

    @worker.function
    def read_temperature(sensor: int, unit: str = "C") -> float:
        return {"C": 20.0, "F": 68.0}[unit] + sensor

    with working(worker), colony.client() as client:
        process = client.submit("read_temperature", 7, executortype="sensor", unit="F", maxexectime=10)
        assert process.wait(timeout_s=30).output == 75.0
        assert process.model.spec.maxexectime == 10
        assert process.model.spec.kwargs == {"unit": "F"}


@pytest.mark.parametrize(
    ("value", "out"),
    [(None, []), (3, [3]), ("text", ["text"]), ([1, [2]], [1, [2]]), ((1, 2), [1, 2]), ({"a": None}, [{"a": None}])],
)
def test_the_value_of_a_function_becomes_the_output(colony: LiveColony, value: Any, out: list[Any]) -> None:
    worker = colony.executor()
    worker.function(name="value")(lambda: value)
    with working(worker), colony.client() as client:
        assert list(client.submit("value", executortype="test").wait(30).model.out) == out


def test_a_function_may_ask_for_its_context(colony: LiveColony) -> None:
    worker = colony.executor()

    @worker.function
    def by_name(ctx, sensor):  # type: ignore[no-untyped-def]
        ctx.log(f"reading {sensor}")
        ctx.log("and done\n")
        ctx.attribute("unit", "C")
        ctx.attribute("range", [0, 100])
        return [ctx.process.spec.label, ctx.attempt, ctx.cancelled]

    @worker.function
    def by_type(first: int, context: Context, *, last: int = 0) -> list[Any]:
        return [first, context.process.processid, last]

    with working(worker), colony.client() as client:
        process = client.submit("by_name", 7, executortype="test", label="here").wait(30)
        assert process.output == ["here", 1, False]
        assert "".join(line.message for line in process.logs()) == "reading 7\nand done\n"
        assert {a.key: a.value for a in process.model.attributes} == {"unit": "C", "range": "[0,100]"}
        process = client.submit("by_type", 1, executortype="test", last=3).wait(30)
        assert process.output == [1, process.id, 3]


def test_an_async_function_runs_beside_others(colony: LiveColony) -> None:
    worker = colony.executor(capacity=2)
    both = threading.Barrier(2)

    @worker.function
    async def meet() -> str:
        while both.n_waiting == 0:
            await asyncio.sleep(0.01)
        both.wait()
        return "met"

    @worker.function
    def wait_there() -> str:
        both.wait()
        return "there"

    with working(worker), colony.client() as client:
        first, second = client.submit("meet", executortype="test"), client.submit("wait_there", executortype="test")
        assert (first.wait(30).output, second.wait(30).output) == ("met", "there")


def test_a_function_that_raises_fails_its_process(colony: LiveColony) -> None:
    worker = colony.executor()

    @worker.function
    def boom() -> None:
        raise ValueError("no such sensor")

    @worker.function
    async def leave() -> None:
        raise SystemExit(3)

    with working(worker), colony.client() as client:
        with pytest.raises(ProcessFailed) as failed:
            client.submit("boom", executortype="test").wait(30)
        assert failed.value.errors[:2] == ("ValueError: no such sensor", "no such sensor")
        assert "in boom" in failed.value.errors[2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("add", 1), "do not fit add(a: int, b: int) -> int: missing a required argument: 'b'"),
        (("add", 1, 2, 3), "too many positional arguments"),
        (("nothing",), "this executor has no function 'nothing'; it has: add, large, strange"),
        (("strange",), "cannot be sent as output"),
        (("large",), "over the limit"),
    ],
)
def test_what_cannot_be_run_or_sent_fails_with_a_sentence(colony: LiveColony, call: Any, words: str) -> None:
    worker = colony.executor()
    worker.function(name="add")(_add)
    worker.function(name="strange")(object)
    worker.function(name="large")(lambda: "x" * 300_000)
    with working(worker), colony.client() as client:
        with pytest.raises(ProcessFailed) as failed:
            client.submit(call[0], *call[1:], executortype="test").wait(30)
        assert words in failed.value.errors[0]


def _add(a: int, b: int) -> int:
    return a + b


# Cancelling, leases, capacity


def test_a_cancelled_function_hears_of_it_and_its_value_is_thrown_away(colony: LiveColony) -> None:
    worker = colony.executor()
    began, heard = threading.Event(), threading.Event()

    @worker.function
    def wait(ctx: Context) -> str:
        began.set()
        if ctx.wait_cancelled(30):
            heard.set()
        return "too late"

    with working(worker), colony.client() as client:
        process = client.submit("wait", executortype="test")
        assert began.wait(30)
        process.cancel()
        with pytest.raises(ProcessCancelled):
            process.wait(30)
        assert heard.wait(30)
        assert process.refresh().model.out == ()


def test_a_cancelled_async_function_is_cancelled(colony: LiveColony) -> None:
    worker = colony.executor()
    began, heard = threading.Event(), threading.Event()

    @worker.function
    async def wait() -> None:
        began.set()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            heard.set()
            raise

    with working(worker), colony.client() as client:
        process = client.submit("wait", executortype="test")
        assert began.wait(30)
        process.cancel()
        assert heard.wait(30)


def test_a_function_that_does_not_stop_does_not_hold_the_next_one_up(colony: LiveColony) -> None:
    worker = colony.executor()
    began, let_go = threading.Event(), threading.Event()

    @worker.function
    def stuck() -> None:
        began.set()
        let_go.wait(60)

    worker.function(name="quick")(lambda: "done")
    try:
        with working(worker), colony.client() as client:
            process = client.submit("stuck", executortype="test")
            assert began.wait(30)
            process.cancel()
            assert client.submit("quick", executortype="test").wait(30).output == "done"
            let_go.set()
            assert client.submit("quick", executortype="test").wait(30).output == "done"
    finally:
        let_go.set()


def test_a_slow_function_keeps_its_lease(colony: LiveColony) -> None:
    worker = colony.executor()
    wake = threading.Event()
    worker.function(name="slow")(lambda: wake.wait(3 * FAST.lease_s) or "slept")
    with working(worker), colony.client() as client:
        process = client.submit("slow", executortype="test").wait(30)
        assert process.output == "slept"
        assert process.model.retries == 0


def test_a_process_that_takes_too_long_is_stopped_and_tried_again(colony: LiveColony) -> None:
    worker = colony.executor()
    attempts: list[int] = []

    @worker.function
    def sometimes(ctx: Context) -> int:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            ctx.wait_cancelled(30)
        return ctx.attempt

    with working(worker), colony.client() as client:
        process = client.submit("sometimes", executortype="test", maxexectime=1, maxretries=3).wait(30)
        assert process.output == 2
    assert attempts == [1, 2]


def test_as_many_run_at_once_as_the_capacity_says(colony: LiveColony) -> None:
    worker = colony.executor(capacity=3)
    together = threading.Barrier(3)
    worker.function(name="meet")(lambda: together.wait(30) >= 0)
    with working(worker), colony.client() as client:
        processes = [client.submit("meet", executortype="test") for _ in range(6)]
        assert all(process.wait(30).output for process in processes)


# Registering


def test_functions_are_described_and_registered_once(colony: LiveColony) -> None:
    def run() -> list[Any]:
        worker = colony.executor()

        @worker.function(description="Reads a sensor")
        def read(sensor: int, unit: str = "C", *, ctx: Context) -> float:
            return 20.0

        with working(worker), colony.client() as client:
            client.submit("read", 1, executortype="test").wait(30)
            functions: list[Any] = client.get_functions()
            return functions

    first, second = run(), run()
    assert [row.functionid for row in first] == [row.functionid for row in second]
    assert [row.counter for row in (*first, *second)] == [1, 2]
    assert first[0].description == "Reads a sensor"
    shown = [(arg.name, arg.type, arg.required, arg.description) for arg in first[0].args]
    assert shown == [("sensor", "int", True, ""), ("unit", "string", False, "default 'C'")]


def test_a_function_that_is_gone_from_the_program_is_gone_from_the_colony(colony: LiveColony) -> None:
    for names in (("a", "b"), ("b", "c")):
        worker = colony.executor()
        for name in names:
            worker.function(name=name)(lambda: None)
        with working(worker), colony.client() as client:
            client.submit("b", executortype="test").wait(30)
            assert sorted(row.funcname for row in client.get_functions()) == sorted(names)


def test_two_functions_of_one_name_are_refused(colony: LiveColony) -> None:
    worker = colony.executor()
    worker.function(name="a")(lambda: None)
    with pytest.raises(UsageError, match="two functions named 'a'"):
        worker.function(name="a")(lambda: None)


def test_without_the_owners_key_it_waits_to_be_approved(colony: LiveColony) -> None:
    worker = colony.executor(colony_prvkey=None, prvkey=None, executorname="late")
    worker.function(name="hello")(lambda: "hello")
    said = threading.Event()

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "executor add --name late" in record.getMessage():
                said.set()

    handler = Listening()
    logging.getLogger("colonies_edge.apps.executor").addHandler(handler)
    try:
        with working(worker):
            assert said.wait(30)
            colony.as_owner(lambda client: client.add_executor("late", worker.identity, "test"))
            colony.as_owner(lambda client: client.approve_executor("late"))
            with colony.client() as client:
                assert client.submit("hello", executortype="test").wait(30).output == "hello"
    finally:
        logging.getLogger("colonies_edge.apps.executor").removeHandler(handler)


@pytest.mark.long
def test_a_removed_executor_waits_until_it_is_welcome_again(colony: LiveColony) -> None:
    worker = colony.executor(executorname="edge")
    began, stopped = threading.Event(), threading.Event()

    @worker.function
    def work(ctx: Context) -> int:
        began.set()
        if ctx.attempt == 1:
            ctx.wait_cancelled(60)
            stopped.set()
        return ctx.attempt

    with working(worker), colony.client() as client:
        process = client.submit("work", executortype="test")
        assert began.wait(30)
        colony.as_owner(lambda owner: owner.remove_executor("edge"))
        assert stopped.wait(30)
        colony.as_owner(lambda owner: owner.add_executor("edge", worker.identity, "test"))
        colony.as_owner(lambda owner: owner.approve_executor("edge"))
        assert process.wait(60).output == 2


def test_it_keeps_its_own_key_between_starts(colony: LiveColony) -> None:
    first = colony.executor()
    assert colony.executor().identity == first.identity
    assert colony.executor(executorname="other").identity != first.identity
    keys = list((colony.folder / "data" / "executors").rglob("key"))
    assert len(keys) == 2
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys)


def test_two_programs_cannot_be_one_executor(colony: LiveColony) -> None:
    with working(colony.executor()) as _, pytest.raises(FolderBusy, match="in use by process"):
        while True:  # until the first one has the folder
            if list((colony.folder / "data" / "executors").rglob("outbox.lock")):
                with working(colony.executor()):
                    pass
