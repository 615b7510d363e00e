"""Random histories of crons and generators, with crashes and leaping clocks: arguments arrive once, runs count."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.schedule_index import arg_bytes
from tests.engine.calls import Calls
from tests.support.engine_bench import LAB, SECOND, add_executor, add_user, found_colony
from tests.support.schedules import add_cron, add_generator, pack

TIMES = ({"interval": 3}, {"interval": 8, "random": True}, {"cronexpression": "*/7 * * * * *"}, {"interval": 5})


class History:
    """One colony, its crons and generators, and what was packed into each."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.bench = Calls()
        found_colony(self.bench)
        add_executor(self.bench, "worker")
        add_user(self.bench, "ann")
        self.packed: dict[str, list[str]] = {}
        self.crons = [
            add_cron(self.bench, name=str(number), waitforprevprocessgraph=self.luck.random() < 0.5, **times)
            for number, times in enumerate(TIMES)
        ]
        for number in range(3):
            trigger, timeout = self.luck.randint(1, 5), self.luck.choice([-1, 3, 10])
            self.packed[add_generator(self.bench, name=str(number), trigger=trigger, timeout=timeout)] = []

    def go_on(self) -> None:
        """Something happens."""
        often: list[Callable[[], None]] = [self.pack] * 8 + [self.work] * 3 + [self.wait] * 3
        self.luck.choice([*often, self.crash, self.be_away, self.leap, self.run_now, self.bench.retire])()

    def pack(self) -> None:
        generatorid, args = self.luck.choice(list(self.packed.items()))
        args.append(f"{generatorid[:6]} {len(args)}")
        pack(self.bench, generatorid, args[-1])

    def work(self) -> None:
        status, process = self.bench.ask("worker", {"msgtype": "assignprocessmsg", "colonyname": LAB, "timeout": -1})
        if status == 200:
            end = self.luck.choice(["closesuccessfulmsg", "closefailedmsg"])
            self.bench.do("worker", end, processid=process["processid"])

    def wait(self) -> None:
        self.bench.sleep(self.luck.random() * 5)

    def crash(self) -> None:
        self.bench.restart(checkpoint=self.luck.random() < 0.5)

    def be_away(self) -> None:
        self.bench.now += self.luck.randint(1, 30) * SECOND
        self.crash()

    def leap(self) -> None:
        self.bench.jump(self.luck.randint(1, 100))

    def run_now(self) -> None:
        self.bench.do("ann", "runcronmsg", cronid=self.luck.choice(self.crons))

    def processes(self) -> list[ProcessRow]:
        """All that were ever started, in their order."""
        rows = [*self.bench.engine.tables.processes.values(), *self.bench.store.history.processes.values()]
        return sorted(rows, key=lambda row: row.submissiontime)

    def check_queues(self) -> None:
        schedule = self.bench.engine.tables.schedule
        for generatorid, queue in schedule.queues.items():
            assert list(queue) == sorted(queue) and len(queue) < schedule.generators[generatorid].trigger
            sizes = [arg_bytes(schedule.args[key].arg) for key in queue]
            assert schedule.bytes_queued(generatorid) == sum(sizes)

    def check_arguments(self) -> None:
        schedule = self.bench.engine.tables.schedule
        for generatorid, packed in self.packed.items():
            started = [arg for row in self.processes() for arg in row.spec.args if arg[:6] == generatorid[:6]]
            assert started + [arg.arg for _, arg in schedule.queue(generatorid)] == packed

    def check_runs(self) -> None:
        crons = self.bench.engine.tables.schedule.crons.values()
        assert sum(cron.runs for cron in crons) == sum(1 for row in self.processes() if not row.spec.args)
        for cron in crons:
            assert cron.nextrun > self.bench.now or cron.waitforprevprocessgraph


@pytest.mark.parametrize("seed", range(12))
def test_every_argument_is_started_once_in_its_order_and_every_run_is_counted(seed: int) -> None:
    history = History(seed)
    for _ in range(150):
        history.go_on()
        history.check_queues()
    history.bench.sleep(11)
    history.check_queues()
    history.check_arguments()
    history.check_runs()
