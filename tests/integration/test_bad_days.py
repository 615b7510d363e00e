"""Plugs are pulled, brokers vanish, disks are full: what was acknowledged is there, and nothing succeeds twice."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colonies_edge.client.client import AsyncClient
from colonies_edge.crypto.identity import recover
from colonies_edge.protocol.errors import ColoniesError, NoConnection, Unavailable
from colonies_edge.protocol.messages import Held
from colonies_edge.protocol.model import State
from colonies_edge.storage.ledger import verify
from tests.support.brokers import Mosquitto
from tests.support.site import Site


@pytest.fixture(params=["embedded", "mosquitto"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    broker = Mosquitto().start() if request.param == "mosquitto" else None
    running = Site(tmp_path, broker)
    running.start()
    yield running
    running.close()
    if broker is not None:
        broker.close()


class Worker:
    """An executor that echoes its arguments and remembers what it ran; it closes again until it is answered."""

    def __init__(self, client: AsyncClient, capacity: int = 20) -> None:
        self.client = client
        self.capacity = capacity
        self.runs: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self._open: dict[tuple[str, int], asyncio.Task[None]] = {}
        client.caller.on_push.append(self._on_push)
        client.link.on_connect.append(self._enter)
        client.caller.on_epoch.append(lambda _: self._enter())
        self._entering: asyncio.Task[None] | None = None

    def _enter(self) -> None:
        if self._entering is not None:
            self._entering.cancel()
        self._entering = asyncio.get_running_loop().create_task(self.be_ready())

    async def be_ready(self) -> None:
        while True:
            try:
                await self.client.ready(self.capacity, [Held(processid=p, attempt=a) for p, a in self._open])
                return
            except NoConnection:
                continue

    def _on_push(self, payloadtype: str, msgid: str, value: Any) -> None:
        key = (value["processid"], value["attempt"])
        if payloadtype == "assignprocessmsg" and key not in self._open:
            self.runs[key[0]] += 1
            self._open[key] = asyncio.get_running_loop().create_task(self._work(key, value["spec"]["args"]))

    async def _work(self, key: tuple[str, int], args: list[Any]) -> None:
        msgid = f"close-{key[0][:32]}-{key[1]}"
        message = {"msgtype": "closesuccessfulmsg", "processid": key[0], "out": args, "attempt": key[1]}
        while True:
            try:
                await self.client.call(message, msgid=msgid)
                self.accepted[key[0]] += 1
            except NoConnection:
                continue
            except ColoniesError as refusal:
                assert refusal.status == 409, refusal  # another attempt counts
            del self._open[key]
            return

    async def settle(self) -> None:
        while self._open:
            await asyncio.gather(*self._open.values())


async def submit_many(client: AsyncClient, count: int, acknowledged: dict[int, str], window: int = 20) -> None:
    """Submit jobs numbered from 0; those whose signed reply came are in `acknowledged`."""
    slots = asyncio.Semaphore(window)

    async def one(number: int) -> None:
        async with slots:
            while True:
                try:
                    msgid = f"submit-number-{number:08d}"
                    spec = {
                        "funcname": "echo",
                        "args": [number],
                        "maxretries": 5,
                        "conditions": {"colonyname": "lab", "executortype": "cli"},
                    }
                    reply = await client.call({"msgtype": "submitfuncspecmsg", "spec": spec}, msgid=msgid)
                except NoConnection:
                    continue
                acknowledged[number] = reply["processid"]
                return

    await asyncio.gather(*(one(number) for number in range(count)))


async def all_ended(client: AsyncClient, ids: dict[int, str]) -> list[Any]:
    return [await client.wait_ended(processid) for processid in ids.values()]


async def load_with(site: Site, trouble: Any, count: int = 300) -> None:
    """Submit and run `count` jobs while `trouble(acknowledged)` happens; then everything must be right."""
    acknowledged: dict[int, str] = {}
    await site.found()
    async with site.client("user") as user, site.client("worker", executor=True) as executor:
        worker = Worker(executor)
        await worker.be_ready()
        troubling = asyncio.create_task(trouble(acknowledged))
        await submit_many(user, count, acknowledged)
        await troubling
        ended = await all_ended(user, acknowledged)
        await worker.settle()
    assert len(set(acknowledged.values())) == count
    assert {process.state for process in ended} == {State.SUCCESS}
    assert sorted(process.out[0] for process in ended) == list(range(count))
    assert set(worker.accepted) == set(acknowledged.values())
    assert set(worker.accepted.values()) == {1}


async def reached(acknowledged: dict[int, str], count: int) -> None:
    while len(acknowledged) < count:
        await asyncio.sleep(0.005)


def test_a_coordinator_killed_in_mid_load_loses_nothing_and_runs_nothing_to_success_twice(site: Site) -> None:
    async def trouble(acknowledged: dict[int, str]) -> None:
        for count in (40, 120, 200):
            await reached(acknowledged, count)
            site.kill()
            site.start()

    asyncio.run(load_with(site, trouble))
    assert site.stop() == 0
    report = verify(site.data, site.keys["server"].identity, None, recover=recover)
    assert report.ok, report.findings


def test_a_broker_that_stops_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    with Mosquitto() as broker:
        site = Site(tmp_path, broker)
        site.start()

        async def trouble(acknowledged: dict[int, str]) -> None:
            for count in (40, 120):
                await reached(acknowledged, count)
                broker.stop()
                await asyncio.sleep(0.2)
                broker.start()

        try:
            asyncio.run(load_with(site, trouble))
        finally:
            site.close()


def test_a_full_disk_ends_the_coordinator_with_one_line_and_costs_nothing_acknowledged(site: Site) -> None:
    asyncio.run(site.found())
    assert site.stop() == 0

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    site.start(before=small_disk)
    acknowledged: dict[int, str] = {}

    async def fill() -> None:
        async with site.client("user") as user:
            filling = asyncio.create_task(submit_many(user, 1000, acknowledged))
            assert site.process is not None
            while site.process.poll() is None:
                await asyncio.sleep(0.02)
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)

    asyncio.run(fill())
    assert site.process is not None and site.process.returncode == 1
    last = site.log.strip().splitlines()[-1]
    assert str(site.data) in last and "start the coordinator again" in last
    assert len(acknowledged) > 10

    async def look() -> None:
        async with site.client("user") as user:
            for processid in acknowledged.values():
                assert (await user.get_process(processid)).state is State.WAITING

    site.start()
    asyncio.run(look())


def test_a_second_coordinator_on_the_same_folder_refuses_and_says_why(site: Site) -> None:
    asyncio.run(site.found())
    second = site.spawn()
    assert second.wait() == 1
    assert site.process is not None and str(site.process.pid) in site.log.strip().splitlines()[-1]
    assert site.process.poll() is None


@pytest.mark.long
def test_two_coordinators_of_one_identity_at_one_broker_do_not_fight_for_ever(tmp_path: Path) -> None:
    with Mosquitto() as broker:
        site = Site(tmp_path, broker)
        site.start()
        try:
            asyncio.run(site.found())
            second = site.spawn(data=tmp_path / "other")
            assert site.process is not None
            ended = None
            while ended is None:
                ended = second.poll() if second.poll() is not None else site.process.poll()
            assert "client id" in site.log
            assert ended != 0
            if second.poll() is None:
                second.kill()
                second.wait()
        finally:
            site.close()


def test_a_damaged_journal_is_served_read_only_and_said(site: Site) -> None:
    acknowledged: dict[int, str] = {}

    async def some() -> None:
        await site.found()
        async with site.client("user") as user:
            await submit_many(user, 20, acknowledged)

    asyncio.run(some())
    site.kill()
    journal = next((site.data / "journal").glob("*.jsonl"))
    data = bytearray(journal.read_bytes())
    middle = data.index(b'"msgid":"submit-number-00000010"')
    data[middle] ^= 1
    journal.write_bytes(bytes(data))
    site.start()

    async def look() -> None:
        async with site.client("user") as user:
            assert (await user.get_process(acknowledged[0])).spec.args == (0,)
            with pytest.raises(Unavailable, match="read-only"):
                await user.submit("echo", executortype="cli")

    asyncio.run(look())
    assert "read-only" in site.log
