"""Executors: those that are pushed to, with leases and an outbox, and those that ask, as existing SDKs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.loop import SECOND
from tests.simulation.network import Down, Presence
from tests.simulation.party import COLONY, Party

if TYPE_CHECKING:
    from tests.simulation.world import World

READY_AGAIN_S = 90.0  # an idle executor says now and then that it is there: what was forgotten is agreed on again
OLD_PUSH_MS = 300_000  # an assignment that is older was played again by somebody


@dataclass(slots=True)
class Job:
    """A process that runs here."""

    attempt: int
    lease_until: int  # true time, which is what a monotonic clock counts


@dataclass(slots=True)
class Result:
    """A line of the outbox."""

    attempt: int
    msgid: str
    message: dict[str, Any]


class Worker(Party):
    """What both kinds have in common."""

    def __init__(self, world: World, name: str, kind: str, location: str, capacity: int) -> None:
        super().__init__(world, name)
        self.kind = kind
        self.location = location
        self.capacity = capacity

    def row(self) -> dict[str, Any]:
        """What its owner registers."""
        return {
            "executorid": self.identity,
            "executorname": self.name,
            "executortype": self.kind,
            "colonyname": COLONY,
            "locationname": self.location,
        }

    def work_s(self) -> float:
        """How long the next job takes; during the faults now and then longer than it may."""
        rng = self.world.rng
        if self.world.calm:
            return rng.uniform(0.5, 4)
        return rng.choice((0.2, 3.0, rng.uniform(1, 30), rng.uniform(1, 30), rng.uniform(30, 200)))

    def at_work(self, process: dict[str, Any]) -> None:
        """It talks to whoever submitted it, and a node may find that there is more to do."""
        rng = self.world.rng
        if process["spec"].get("channels"):
            for _ in range(rng.randint(0, 3)):
                self.after(rng.uniform(0.05, 3), lambda: self.call(self.words_for(process["processid"])) and None)
        if self.world.calm or not process.get("processgraphid") or rng.random() >= 0.15:
            return
        spec = {
            "nodename": f"child {self.world.number()}",
            "funcname": "work",
            "maxwaittime": -1,
            "maxexectime": 60,
            "maxretries": 2,
            "conditions": {"colonyname": COLONY, "executortype": self.kind},
        }
        message = {
            "msgtype": "addchildmsg",
            "processgraphid": process["processgraphid"],
            "parentprocessid": process["processid"],
            "spec": spec,
            "insert": rng.random() < 0.5,
        }
        self.after(rng.uniform(0.05, 2), lambda: self.call(message) and None)

    def verdict(self, processid: str) -> dict[str, Any]:
        if self.world.rng.random() < 0.85:
            return {
                "msgtype": "closesuccessfulmsg",
                "processid": processid,
                "out": [f"{self.name} {self.world.number()}"],
            }
        return {"msgtype": "closefailedmsg", "processid": processid, "errors": [f"{self.name} {self.world.number()}"]}


class Pushed(Worker):
    """An executor of `PROTOCOL.md` 4. A zombie stops nothing that it should stop, and says so later."""

    def __init__(self, world: World, name: str, kind: str, location: str, capacity: int) -> None:
        super().__init__(world, name, kind, location, capacity)
        self.jobs: dict[str, Job] = {}
        self.outbox: dict[str, Result] = {}  # on disk
        self.seen: dict[str, int] = {}
        self.lease_s = 60.0
        self.draining = False
        self.zombie = world.rng.random() < 0.15
        self.names_work = world.rng.random() < 0.8  # in heartbeats; else "all that you think I have"
        self._ready_msgid = ""
        self._beating = False

    def on_connect(self) -> None:
        self.world.broker.publish(self, Presence(executorid=self.identity, conn=self.conn, online=True))
        self.say_ready()

    def will(self, conn: str) -> Presence:
        return Presence(executorid=self.identity, conn=conn, online=False)

    def on_new_epoch(self) -> None:
        if self.connected:
            self.say_ready()

    def crash(self, away_s: float) -> None:
        super().crash(away_s)
        self.jobs.clear()
        self.seen.clear()
        self._beating = False
        if self.world.rng.random() < 0.25:
            self.outbox.clear()  # the disk was swapped

    def on_boot(self) -> None:
        for result in self.outbox.values():
            self._send_result(result)

    # Agreeing with the coordinator

    def say_ready(self) -> None:
        """What can be taken, what is held. The latest one counts, so an unanswered earlier one is not repeated."""
        self.give_up(self._ready_msgid)
        held = {**{key: job.attempt for key, job in self.jobs.items()}}
        held.update((key, result.attempt) for key, result in self.outbox.items())
        message = {
            "msgtype": "readymsg",
            "colonyname": COLONY,
            "capacity": 0 if self.draining else self.capacity,
            "holding": [{"processid": key, "attempt": attempt} for key, attempt in held.items()],
        }
        said = self.world.loop.now
        self._ready_msgid = self.call(message, lambda error, value: self._agreed(error, value, said))

    def _agreed(self, error: bool, value: Any, said: int) -> None:
        if error:
            self.after(30, self._ready_again)
            return
        self.lease_s = value["leasems"] / 1000
        for held in value["drop"]:
            self._stop(held["processid"], held["attempt"])
        for held in value["keep"]:
            self._extend(held["processid"], said)
        self._beat_on()
        self.after(READY_AGAIN_S, self._ready_again)

    def _ready_again(self) -> None:
        if self.connected and self._ready_msgid not in self.pending:
            self.say_ready()

    def _extend(self, processid: str, said: int) -> None:
        job = self.jobs.get(processid)
        if job is not None:
            job.lease_until = max(job.lease_until, said + int(self.lease_s * SECOND))

    def _beat_on(self) -> None:
        if not self._beating:
            self._beating = True
            self.after(self.lease_s / 3, self._beat)

    def _beat(self) -> None:
        self._beating = False
        self._check_leases()
        held = [*self.jobs, *(key for key in self.outbox if key not in self.jobs)]
        if not held:
            return
        self._beat_on()
        if self.connected:
            said = self.world.loop.now
            message: dict[str, Any] = {"msgtype": "heartbeatmsg", "colonyname": COLONY}
            if self.names_work:
                message["processids"] = held
            msgid = self.call(message, lambda error, value: self._beaten(error, value, held, said))
            self.after(self.lease_s / 3, lambda: self.give_up(msgid))

    def _beaten(self, error: bool, value: Any, held: list[str], said: int) -> None:
        if error:
            return
        dropped = value["drop"]
        for processid in held:
            job = self.jobs.get(processid)
            if job is None:
                continue
            if processid in dropped:
                self._stop(processid, job.attempt)
            else:
                self._extend(processid, said)

    def _check_leases(self) -> None:
        for processid, job in tuple(self.jobs.items()):
            if job.lease_until <= self.world.loop.now:
                self._stop(processid, job.attempt)

    def _stop(self, processid: str, attempt: int) -> None:
        job = self.jobs.get(processid)
        if job is not None and job.attempt == attempt and not self.zombie:
            del self.jobs[processid]

    # Working

    def pushed(self, down: Down) -> None:
        """An assignment or its withdrawal."""
        processid, attempt = down.value["processid"], down.value["attempt"]
        if down.payloadtype == "withdrawmsg":
            self._stop(processid, attempt)
            return
        if attempt <= self.seen.get(processid, 0) or self.clock.now_ms() - down.ts > OLD_PUSH_MS:
            return
        self.seen[processid] = attempt
        if self.world.rng.random() < 0.06 and not self.world.calm:
            message = {"msgtype": "releaseprocessmsg", "processid": processid, "attempt": attempt, "reason": "busy"}
            self.call(message)
            return
        lease_until = self.world.loop.now + int(down.value["leasems"]) * (SECOND // 1000)
        self.jobs[processid] = Job(attempt=attempt, lease_until=lease_until)
        self._beat_on()
        self.at_work(down.value)
        self.after(self.work_s(), lambda: self._finish(processid, attempt))

    def _finish(self, processid: str, attempt: int) -> None:
        if not self.zombie:
            self._check_leases()
        job = self.jobs.get(processid)
        if job is None or job.attempt != attempt:
            return
        del self.jobs[processid]
        message = {**self.verdict(processid), "attempt": attempt}
        result = Result(attempt=attempt, msgid=self.new_msgid(), message=message)
        self.outbox[processid] = result
        self._send_result(result)

    def _send_result(self, result: Result) -> None:
        def answered(error: bool, value: Any) -> None:
            if self.outbox.get(result.message["processid"]) is result:
                del self.outbox[result.message["processid"]]

        self.call(result.message, answered, msgid=result.msgid)


class Pulling(Worker):
    """An executor of an existing SDK: asks, works, closes; it knows no leases and no attempts."""

    def on_connect(self) -> None:
        if not self.pending:
            for _ in range(self.capacity):
                self._ask()

    def on_boot(self) -> None:
        """It asks again once it is connected."""

    def _ask(self) -> None:
        timeout = self.world.rng.choice((-1, 1, 10, 40))
        message: dict[str, Any] = {"msgtype": "assignprocessmsg", "colonyname": COLONY, "timeout": timeout}
        if self.world.rng.random() < 0.3:
            message.update(availablecpu="1000m", availablemem="1Gi")
        self.call(message, self._given)

    def _given(self, error: bool, value: Any) -> None:
        if error or not value:
            self.after(30 if error and value["status"] == 403 else self.world.rng.uniform(0.5, 5), self._ask)
            return
        processid = value["processid"]
        self.world.auditor.given(self.identity, processid)
        if self.world.rng.random() < 0.2:
            self.call({"msgtype": "setoutputmsg", "processid": processid, "out": ["half"]})
        if self.world.rng.random() < 0.1:
            self.call({"msgtype": "addlogmsg", "processid": processid, "message": "at work"})
        self.at_work(value)
        self.after(self.work_s(), lambda: self._close(processid))

    def _close(self, processid: str) -> None:
        self.call(self.verdict(processid))
        self._ask()
