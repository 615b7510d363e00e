"""The coordinator is killed in mid-workflow, while crons fire and generators pack: each node succeeds exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.apps.executor import Context, Executor
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.workflow import AsyncRun, Workflow
from colonies_edge.crypto.identity import recover
from colonies_edge.protocol.errors import NoConnection
from colonies_edge.protocol.messages import PackGenerator
from colonies_edge.protocol.model import State
from colonies_edge.storage.ledger import verify
from tests.support.live_colony import working
from tests.support.site import COLONY, Site

PATIENCE_S = 120.0  # of a test: a restart takes seconds, or something is broken
LAYERS, WIDTH = 20, 10
ARGS, TRIGGER = 120, 6
SECOND_NS = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    running.start()
    yield running
    running.close()


class Ran:
    """What functions were called with; they run in threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: Counter[Any] = Counter()

    def note(self, call: Any) -> None:
        with self.lock:
            self.calls[call] += 1

    @property
    def total(self) -> int:
        with self.lock:
            return len(self.calls)


def executor(site: Site) -> Executor:
    """One that registers itself, with room for eight."""
    return Executor.from_env(
        capacity=8,
        executortype="net",
        executorname="net",
        mqtt=site.url,
        serverid=site.keys["server"].identity,
        colonyname=COLONY,
        colony_prvkey=site.keys["owner"].private_key,
        data_dir=str(site.folder / "executor"),
    )


def layered() -> Workflow:
    """Each node gives its own name and hears of its parents: three of the layer before."""
    flow = Workflow(executortype="net", maxretries=5)
    before: list[Any] = []
    for layer in range(LAYERS):
        row = []
        for place in range(WIDTH):
            parents = [before[(place + step) % WIDTH] for step in (0, 1, 5)] if before else []
            name = f"{layer}.{place}"
            row.append(flow.node(name, "work", name, after=parents))
        before = row
    return flow


async def until(what: Callable[[], Any]) -> None:
    """Bounded by the time of the whole scene."""
    while not what():
        await asyncio.sleep(0.005)


async def kill_at(site: Site, ran: Ran, *counts: int) -> None:
    for count in counts:
        await until(lambda count=count: ran.total >= count)  # type: ignore[misc]
        await asyncio.to_thread(site.kill)
        site.start()


async def answered(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Again and again until there is an answer."""
    while True:
        with contextlib.suppress(NoConnection):
            return await ask()


def verified(site: Site) -> None:
    assert site.stop() == 0
    report = verify(site.data, site.keys["server"].identity, None, recover=recover)
    assert report.ok, report.findings


@pytest.mark.long
def test_two_hundred_nodes_succeed_once_each_though_the_coordinator_is_killed_time_and_again(site: Site) -> None:
    ran, worker = Ran(), executor(site)

    @worker.function
    def work(name: str, ctx: Context) -> str:
        ran.note((name, tuple(ctx.input)))
        return name

    async def scene() -> AsyncRun:
        async with site.client("user") as user:
            run = await user.submit_workflow(layered())
            killing = asyncio.create_task(kill_at(site, ran, 15, 60, 110, 160))
            await run.wait(PATIENCE_S)
            await killing
            processes = await run.processes()
        assert {process.state for process in processes.values()} == {State.SUCCESS}
        assert {name: process.out for name, process in processes.items()} == {name: (name,) for name in processes}
        ids = {process.processid: name for name, process in processes.items()}
        for process in processes.values():
            assert process.in_ == tuple(ids[parent] for parent in process.parents)
        return run

    asyncio.run(site.found())
    with working(worker):
        run = asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))
    assert run.state is State.SUCCESS
    # Not only did each succeed once: with leases that outlast a restart, none even ran twice.
    assert len(ran.calls) == LAYERS * WIDTH
    assert set(ran.calls.values()) == {1}
    verified(site)


def test_arguments_are_packed_once_and_crons_fire_once_though_the_coordinator_is_killed(site: Site) -> None:
    ran, worker = Ran(), executor(site)
    worker.function(name="batch")(lambda *args: [ran.note(arg) for arg in args] and None)
    worker.function(name="tick")(lambda: None)
    flow, ticking = Workflow(executortype="net"), Workflow(executortype="net")
    flow.node("batch", "batch")
    ticking.node("tick", "tick")

    async def pack(user: AsyncClient, generatorid: str) -> None:
        for number in range(ARGS):
            message = PackGenerator(generatorid=generatorid, arg=f"{number}")
            await answered(lambda m=message, n=number: user.call(m, msgid=f"pack-number-{n:08d}"))  # type: ignore[misc]

    async def scene() -> list[int]:
        async with site.client("user") as user:
            cron = await user.add_cron("tick", ticking, cron="* * * * * *")
            generator = await user.add_generator("batch", flow, trigger=TRIGGER)
            killing = asyncio.create_task(kill_at(site, ran, 20, 60))
            await pack(user, generator.generatorid)
            await killing
            await until(lambda: ran.total >= ARGS)
            assert (await user.get_generator(generator.generatorid)).queuesize == 0
            before = (await user.get_cron(cron.cronid)).lastrun
            while (await user.get_cron(cron.cronid)).lastrun == before:
                await asyncio.sleep(0.1)
            await user.remove_cron(cron.cronid)
            for state in (State.WAITING, State.RUNNING):
                for graph in await user.get_process_graphs(state):
                    await user.wait_graph_ended(graph.processgraphid, PATIENCE_S)
            graphs = await user.get_process_graphs(State.SUCCESS)
            assert len(graphs) < 100
            nodes = [(await user.get_processes_of_graph(graph.processgraphid))[0] for graph in graphs]
        seconds = [node.submissiontime // SECOND_NS for node in nodes if node.spec.funcname == "tick"]
        batches = [node.spec.args for node in nodes if node.spec.funcname == "batch"]
        assert sorted(len(batch) for batch in batches) == [TRIGGER] * (ARGS // TRIGGER)
        assert sorted(int(arg) for batch in batches for arg in batch) == list(range(ARGS))
        return seconds

    asyncio.run(site.found())
    with working(worker):
        seconds = asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))
    assert len(seconds) >= 3
    assert max(Counter(seconds).values()) == 1, "a cron fired twice for one second"
    assert set(ran.calls.values()) == {1}
    verified(site)
