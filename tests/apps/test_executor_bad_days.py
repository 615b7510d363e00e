"""The executor SDK on bad days: coordinator, broker or executor go away in the middle of work."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.executor import Context, standing
from colonies_edge.engine.ports import Settings
from colonies_edge.protocol.model import State
from tests.support.brokers import Mosquitto
from tests.support.live_colony import LiveColony, ended, working
from tests.support.until import until


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[LiveColony]:
    with LiveColony(tmp_path, settings=Settings(lease_s=1.5, grace_s=1.0, pass_over_s=0.5)) as running:
        yield running


def test_a_result_survives_a_coordinator_that_is_away(colony: LiveColony) -> None:
    worker = colony.executor()
    began, finish = threading.Event(), threading.Event()

    @worker.function
    def work() -> str:
        began.set()
        finish.wait(30)
        return "kept"

    with working(worker):
        with colony.client() as client:
            processid = client.submit("work", executortype="test").id
        assert began.wait(30)
        colony.stop()
        finish.set()
        colony.start()
        with colony.client() as client:
            assert client.process(processid).wait(60).output == "kept"
            assert client.process(processid).model.retries == 0


def test_a_result_survives_a_broker_that_forgets(tmp_path: Path) -> None:
    with Mosquitto() as broker, LiveColony(tmp_path, mqtt=broker.url) as colony:
        worker = colony.executor()
        began, finish = threading.Event(), threading.Event()

        @worker.function
        def work() -> str:
            began.set()
            finish.wait(30)
            return "kept"

        with working(worker), colony.client() as client:
            process = client.submit("work", executortype="test")
            assert began.wait(30)
            broker.stop()
            finish.set()
            broker.start()
            assert process.wait(60).output == "kept"


def test_a_running_executor_says_once_that_it_was_removed_that_it_lost_the_coordinator_and_that_it_is_back(
    colony: LiveColony, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "LOST_SAID_S", 1.0)
    caplog.set_level("INFO", logger="colonies_edge")
    worker = colony.executor(executorname="cam")
    worker.function(lambda: 7, name="read")

    def said(*words: str) -> int:
        lines = [record.getMessage() for record in caplog.records if record.name == standing.__name__]
        return sum(all(word in line for word in words) for line in lines)

    with working(worker), colony.client() as client:
        assert client.submit("read", executortype="test").wait(30).output == 7
        colony.as_owner(lambda owner: owner.remove_executor("cam"))
        until(lambda: said("cam was removed or rejected", "colonies-edge executor approve --name cam") == 1)
        colony.as_owner(lambda owner: owner.approve_executor("cam"))
        until(lambda: said("is back") == 1)
        before = len(caplog.records)
        colony.stop()
        until(lambda: sum("no connection to" in one.getMessage() for one in caplog.records[before:]) >= 2)  # both try
        until(lambda: said("is away", "results are kept") >= 1)
        colony.start()
        until(lambda: said("is back") == 2)
        assert client.submit("read", executortype="test").wait(30).output == 7
    assert (said("was removed"), said("is back")) == (1, 2), "each once, however often it was tried"
    assert said("is away") <= 2, "a slow machine tells of the line that the removal cut, too"


PROGRAM = """
import logging, sys
from colonies_edge import Executor
worker = Executor.from_env()

@worker.function
def work(ctx):
    print("began", flush=True)
    ctx.wait_cancelled(0.5)
    return "done"

worker.run()
"""


def test_sigterm_finishes_what_is_held_and_ends_well(colony: LiveColony) -> None:
    program = colony.program(PROGRAM, executortype="test")
    assert program.stdout is not None
    with colony.client() as client:
        process = client.submit("work", executortype="test")
        assert program.stdout.readline() == "began\n"
        assert ended(program, signal.SIGTERM) == 0
        assert process.wait(30).output == "done"


def test_work_that_is_not_finished_in_time_is_given_back(colony: LiveColony) -> None:
    began = threading.Event()
    first = colony.executor(executorname="first", grace_s=0.1)

    @first.function
    def work(ctx: Context) -> str:
        began.set()
        ctx.wait_cancelled(60)
        return "first"

    with colony.client() as client:
        with working(first):
            process = client.submit("work", executortype="test")
            assert began.wait(30)
        assert process.refresh().state is State.WAITING
        assert process.model.retries == 0
        second = colony.executor(executorname="second")
        second.function(name="work")(lambda: "second")
        with working(second):
            assert process.wait(30).output == "second"


def test_a_killed_executor_brings_its_result_when_it_is_back(colony: LiveColony) -> None:
    """Power goes after the work is done and before anybody has heard of it."""
    program = colony.program(PROGRAM, executortype="test", executorname="edge")
    assert program.stdout is not None
    with colony.client() as client:
        processid = client.submit("work", executortype="test").id
    assert program.stdout.readline() == "began\n"
    colony.stop()
    outbox = next((colony.folder / "data" / "executors").rglob("outbox.jsonl"))
    while processid not in outbox.read_text():
        pass
    ended(program, signal.SIGKILL)
    colony.start()
    worker = colony.executor(executorname="edge")
    worker.function(name="work")(lambda: "run again")
    with working(worker), colony.client() as client:
        process = client.process(processid).wait(60)
        assert process.output == "done"
    assert _puts(outbox) == 0


def _puts(outbox: Path) -> int:
    lines = [json.loads(line[9:]) for line in outbox.read_text().splitlines()]
    return sum("put" in line for line in lines) - sum("done" in line for line in lines)
