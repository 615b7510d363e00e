"""Those who want work done, and the owner of the colony, who changes everything while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulation.loop import SECOND
from tests.simulation.party import COLONY, PATIENCE_S, Done, Party
from tests.simulation.workers import Worker

if TYPE_CHECKING:
    from tests.simulation.world import World


class Submitter(Party):
    """Submits, asks again what it asked before, cancels, removes, subscribes."""

    def __init__(self, world: World, name: str, kinds: list[str]) -> None:
        super().__init__(world, name)
        self.kinds = kinds
        self.mine: list[str] = []
        self.said: list[tuple[int, str, dict[str, Any]]] = []

    def act(self) -> None:
        """One of the things that people do."""
        if not self.running:
            return
        chance = self.world.rng.random()
        if chance < 0.62 or not self.mine:
            self._submit()
        elif chance < 0.72 and self.said:
            self._say_again()
        else:
            self._about_one(self.world.rng.choice(self.mine), chance)

    def _about_one(self, processid: str, chance: float) -> None:
        if chance < 0.77:
            self._say(self.words_for(processid))
        elif chance < 0.80:
            self._say({"msgtype": "cancelprocessmsg", "processid": processid})
        elif chance < 0.85:
            self._say({"msgtype": "removeprocessmsg", "processid": processid})
        elif chance < 0.90:
            self.call({"msgtype": "getprocessmsg", "processid": processid})
        elif chance < 0.95:
            state = self.world.rng.randrange(5)
            self.call({"msgtype": "getprocessesmsg", "colonyname": COLONY, "state": state, "count": 20})
        elif chance < 0.98:
            message = {"msgtype": "subscribeprocessmsg", "processid": processid, "states": [2, 3, 4], "timeout": 900}
            self.call({**message, "colonyname": COLONY, "state": 2})
        else:
            message = {"msgtype": "subscribeprocessesmsg", "executortype": self.kinds[0], "states": [0, 1, 2, 3, 4]}
            self.call({**message, "colonyname": COLONY, "state": 0, "timeout": 600})

    def _say_again(self) -> None:
        """What was answered, perhaps; whoever asks again does so before the coordinator may have forgotten it."""
        at, msgid, message = self.world.rng.choice(self.said)
        if self.world.loop.now - at < int(PATIENCE_S / 2 * SECOND):
            self._call(message, msgid, PATIENCE_S / 2)

    def _say(self, message: dict[str, Any]) -> str:
        msgid = self.new_msgid()
        self.said.append((self.world.loop.now, msgid, message))
        return self._call(message, msgid, PATIENCE_S)

    def _call(self, message: dict[str, Any], msgid: str, patience_s: float, done: Done | None = None) -> str:
        self.after(patience_s, lambda: self.give_up(msgid))
        return self.call(message, done, msgid=msgid)

    def lose_patience(self) -> None:
        """The coordinator's clock was set while it was off: it may have forgotten everything."""
        self.said.clear()
        for msgid in tuple(self.pending):
            self.give_up(msgid)

    def _submit(self) -> None:
        msgid = self.new_msgid()
        message = {"msgtype": "submitfuncspecmsg", "spec": self._spec()}
        self.said.append((self.world.loop.now, msgid, message))

        def submitted(error: bool, value: Any) -> None:
            if not error and value:
                self.mine.append(value["processid"])

        self._call(message, msgid, PATIENCE_S, submitted)

    def _spec(self) -> dict[str, Any]:
        world, rng = self.world, self.world.rng
        kind = rng.choice(self.kinds)
        conditions: dict[str, Any] = {"colonyname": COLONY, "executortype": kind, "executornames": []}
        workers = [worker for worker in world.workers if worker.kind == kind]
        if workers and rng.random() < 0.1:
            conditions["executornames"] = [worker.name for worker in workers[: rng.randint(1, 2)]]
        elif workers and rng.random() < 0.1:
            conditions["locationname"] = rng.choice(workers).location.upper()
        if rng.random() < 0.15:
            conditions.update(cpu=rng.choice(("500m", "2000m")), mem=rng.choice(("512Mi", "2Gi")))
        # Work that may be pulled needs a limit: without a lease nothing else brings it back from who died.
        limits = (5, 20, 60, 120) if kind in world.pulled_kinds else (-1, 0, 5, 60, 120)
        return {
            "funcname": "work",
            "channels": ["ctl"] if rng.random() < 0.4 else [],
            "priority": rng.choice((0, 0, 0, 1, 5, -2)),
            "maxwaittime": rng.choice((-1, -1, 0, 30, 120, 600)),
            "maxexectime": rng.choice(limits),
            "maxretries": rng.choice((0, 1, 3, -1)),
            "conditions": conditions,
        }


class Owner(Party):
    """The colony's owner."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.paused = False
        self.removed: dict[str, Worker] = {}

    def act(self) -> None:
        """One of the things that owners do."""
        rng = self.world.rng
        chance = rng.random()
        if chance < 0.3:
            self._pause(not self.paused)
        elif chance < 0.75:
            self._remove_or_return(rng.choice(self.world.workers))
        elif chance < 0.97 or not self.world.plan.sweeping_removals:
            self.call({"msgtype": "getcolonystatsmsg", "colonyname": COLONY})
        else:
            msgtype = rng.choice(("removeallprocessesmsg", "removeallprocessgraphsmsg"))
            self.call({"msgtype": msgtype, "colonyname": COLONY, "state": rng.choice((-1, 0, 2, 3, 4))})

    def _pause(self, paused: bool) -> None:
        self.paused = paused
        msgtype = "pauseassignmentsmsg" if paused else "resumeassignmentsmsg"
        self.call({"msgtype": msgtype, "colonyname": COLONY})

    def _remove_or_return(self, worker: Worker) -> None:
        if worker.name in self.removed:
            self._return(worker)
        else:
            self.removed[worker.name] = worker
            msgtype = self.world.rng.choice(("removeexecutormsg", "rejectexecutormsg"))
            self.call({"msgtype": msgtype, "colonyname": COLONY, "executorname": worker.name})
            self.after(self.world.rng.uniform(5, 90), lambda: self._return(worker))

    def _return(self, worker: Worker) -> None:
        """Back by a new registration or by approval alone; one call after the other, as a person would."""
        if self.removed.pop(worker.name, None) is None:
            return
        approve = {"msgtype": "approveexecutormsg", "colonyname": COLONY, "executorname": worker.name}
        if self.world.rng.random() < 0.5:
            self.call(approve)
        else:
            add = {"msgtype": "addexecutormsg", "executor": worker.row()}
            self.call(add, lambda error, value: self.approve(worker))

    def approve(self, worker: Worker) -> None:
        self.call({"msgtype": "approveexecutormsg", "colonyname": COLONY, "executorname": worker.name})

    def set_right(self) -> None:
        """The faults are over: everybody is back and assignments go on."""
        self.removed.clear()
        self._pause(False)
        for worker in self.world.workers:
            self.approve(worker)
