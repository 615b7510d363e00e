"""An engine with a store in memory and callers with names, driven by hand: every test's own small coordinator."""

from __future__ import annotations

import hashlib
from typing import Any

from colonies_edge.engine.engine import Engine
from colonies_edge.engine.outcome import Event, Outcome, Push, Request, Route
from colonies_edge.engine.ports import Settings
from colonies_edge.storage.memory import MemoryStore

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
STEP = SECOND // 1000  # time that passes with every request
LAB = "lab"


def identity(name: str) -> str:
    """The identity of the caller with that name; nobody signs here."""
    return hashlib.sha3_256(name.encode()).hexdigest()


class Bench:
    """`ask` sends a message as somebody and returns status and reply; what else was said is kept in lists."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.store = MemoryStore()
        self.now = START
        self.engine = self._started()
        self.pushes: list[Push] = []
        self.events: list[Event] = []
        self.outcome = Outcome()
        self._replies: dict[str, tuple[int, Any]] = {}
        self._asked = 0
        self._take(self.engine.found(identity("server"), self.now))

    def identity(self, key: str) -> str:
        return identity(key)

    def ask(self, key: str | None, message: dict[str, Any], **route: str) -> tuple[int, Any]:
        """Status and reply; time passes until there is one. `route` as for `say`."""
        msgid = self.say(key, message, **route)
        while msgid not in self._replies:
            deadline = self.engine.next_deadline()
            assert deadline is not None, "no reply, and nothing will happen any more"
            self.now = max(self.now, deadline)
            self._take(self.engine.tick(self.now))
        return self._replies.pop(msgid)

    def say(self, key: str | None, message: dict[str, Any], conn: str = "conn0001", topic: str = "_") -> str:
        """Send, below the topics of colony `topic`, and return the msgid: the reply, perhaps later, is in `reply`."""
        self.now += STEP
        self._asked += 1
        caller = identity(key) if key is not None else ""
        request = Request(
            caller=caller,
            payloadtype=message["msgtype"],
            value=message,
            route=Route(colony=topic, party=caller, conn=conn),
            stamped=False,
            msgid=f"call-{self._asked:012d}",
        )
        self._take(self.engine.handle(request, self.now))
        return request.msgid

    def reply(self, msgid: str) -> tuple[int, Any] | None:
        """What was answered to a call made with `say`, if anything yet."""
        return self._replies.pop(msgid, None)

    def do(self, key: str, msgtype: str, **fields: Any) -> Any:
        """The reply of a call that must succeed."""
        status, reply = self.ask(key, {"msgtype": msgtype, **fields})
        assert status == 200, f"{msgtype} by {key}: {status} {reply}"
        return reply

    def refused(self, key: str | None, msgtype: str, **fields: Any) -> tuple[int, str]:
        """Status and text of a call that must be refused."""
        status, reply = self.ask(key, {"msgtype": msgtype, **fields})
        assert status != 200, f"{msgtype} by {key} was not refused: {reply}"
        return status, reply["message"]

    def sleep(self, seconds: float) -> None:
        """Let time pass, with everything that falls due meanwhile."""
        until = self.now + int(seconds * SECOND)
        while (deadline := self.engine.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self._take(self.engine.tick(self.now))
        self.now = until

    def retire(self) -> None:
        """Let the engine move finished processes to the archive."""
        self._take(self.engine.retire(self.now))

    def restart(self, *, checkpoint: bool = True) -> None:
        """A new engine with what is in the store; without a checkpoint from the journal alone."""
        if checkpoint:
            self.store.checkpoint(self.engine.snapshot(), self.store.rotate())
        self.store = self.store.reopen()
        self.engine = self._started()

    def _started(self) -> Engine:
        recovered = self.store.load()
        engine = Engine(self.settings, self.store.history)
        engine.restore(recovered.rows, recovered.records, self.now)
        return engine

    def _take(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.store.commit(outcome.records)
        self.pushes += outcome.pushes
        self.events += outcome.events
        for aside in outcome.asides:  # nobody here has a disk
            self._replies[aside.msgid] = (200, {})
        for reply in outcome.replies:
            self._replies[reply.msgid] = (reply.value["status"] if reply.error else 200, reply.value)


# The usual company.


def spec(colony: str = LAB, **fields: Any) -> dict[str, Any]:
    """A function spec for executors of type `cli`; `conditions` are merged."""
    conditions = {"colonyname": colony, "executortype": "cli", **fields.pop("conditions", {})}
    return {"funcname": "work", "maxwaittime": -1, "maxexectime": -1, **fields, "conditions": conditions}


def found_colony(bench: Bench, name: str = LAB, owner: str = "owner") -> None:
    """A new colony."""
    bench.do("server", "addcolonymsg", colony={"name": name, "colonyid": identity(owner)})


def add_executor(bench: Bench, name: str, *, owner: str = "owner", approve: bool = True, **fields: Any) -> None:
    """A new executor whose key has its name."""
    executor = {"colonyname": LAB, "executorid": identity(name), "executorname": name, "executortype": "cli", **fields}
    bench.do(owner, "addexecutormsg", executor=executor)
    if approve:
        bench.do(owner, "approveexecutormsg", colonyname=executor["colonyname"], executorname=name)


def add_user(bench: Bench, name: str, *, owner: str = "owner", colony: str = LAB) -> None:
    """A new user whose key has that name."""
    user = {"colonyname": colony, "userid": identity(name), "name": name, "email": "", "phone": ""}
    bench.do(owner, "addusermsg", user=user)


def colony(**settings: Any) -> Bench:
    """A coordinator with the colony `lab` of `owner`, its executor `worker` and its user `ann`."""
    bench = Bench(**settings)
    found_colony(bench)
    add_executor(bench, "worker")
    add_user(bench, "ann")
    return bench


def running(bench: Bench, worker: str = "worker", **fields: Any) -> dict[str, Any]:
    """A process that `ann` submitted and `worker` runs."""
    submitted = bench.do("ann", "submitfuncspecmsg", spec=spec(**fields))
    process: dict[str, Any] = bench.do(worker, "assignprocessmsg", colonyname=LAB, timeout=-1)
    assert process["processid"] == submitted["processid"]
    return process
