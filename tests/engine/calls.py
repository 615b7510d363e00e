"""Callers as over MQTT: every call has a `msgid` and a time stamp, and may be sent again byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colonies_edge.engine.outcome import Push, Reply, Request, Route
from tests.support.engine_bench import LAB, SECOND, Bench, add_executor, add_user, found_colony, identity, spec


class Calls(Bench):
    """A bench whose callers stamp their messages."""

    def call(
        self,
        key: str,
        msgtype: str,
        *,
        msgid: str = "",
        ts_ms: int | None = None,
        conn: str = "conn0001",
        **fields: Any,
    ) -> list[Reply]:
        """Send as `key`; the replies that came at once, to whomever."""
        self._asked += 1
        message = {
            "msgtype": msgtype,
            "msgid": msgid or f"call-{self._asked:012d}",
            "ts": self.now_ms if ts_ms is None else ts_ms,
            **fields,
        }
        caller = identity(key)
        route = Route(colony=LAB, party=caller, conn=conn)
        self._take(
            self.engine.handle(Request(caller=caller, payloadtype=msgtype, value=message, route=route), self.now)
        )
        return list(self.outcome.replies)

    def answer(self, key: str, msgtype: str, **options: Any) -> tuple[int, Any]:
        """Status and value of the reply to this call, which must come at once; others may get theirs with it."""
        reply = self.call(key, msgtype, **options)[0]
        assert reply.route.party == identity(key)
        return (reply.value["status"] if reply.error else 200), reply.value

    @property
    def now_ms(self) -> int:
        return self.now // 1_000_000

    def pass_time(self, nanoseconds: int) -> None:
        """Exactly so long, with what falls due."""
        until = self.now + nanoseconds
        while (deadline := self.engine.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self._take(self.engine.tick(self.now))
        self.now = until

    def jump(self, seconds: int) -> None:
        """The wall clock is set forward."""
        self.now += seconds * SECOND
        self._take(self.engine.clock_stepped(seconds * SECOND, self.now))

    def lose(self, key: str, conn: str = "conn0001") -> None:
        """The broker publishes the last will of a connection."""
        self._take(self.engine.presence(identity(key), conn, False, self.now))

    # Shorthands; each must succeed.

    def submit(self, **fields: Any) -> str:
        """The id of a process that `ann` submits now; no time passes."""
        status, value = self.answer("ann", "submitfuncspecmsg", spec=spec(**fields))
        assert status == 200, value
        return str(value["processid"])

    def ready(
        self, key: str = "worker", *, capacity: int = 1, conn: str = "conn0001", held: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        """`readymsg`; `held` are attempts by process id."""
        holding = [{"processid": processid, "attempt": attempt} for processid, attempt in (held or {}).items()]
        status, value = self.answer(key, "readymsg", colonyname=LAB, capacity=capacity, holding=holding, conn=conn)
        assert status == 200, value
        return dict(value)

    def pull(self, key: str = "worker", **fields: Any) -> str:
        """The id of the process that `key` gets at once, or ""."""
        status, value = self.answer(key, "assignprocessmsg", colonyname=LAB, timeout=-1, **fields)
        return str(value["processid"]) if status == 200 else ""

    def row(self, processid: str) -> Any:
        """The process as the engine has it."""
        return self.engine.tables.processes[processid]

    def pushed(self) -> list[tuple[str, str, int]]:
        """(executor, process, attempt) of the assignments pushed since the last look."""
        return [
            (push.executorid, push.value["processid"], push.value["attempt"])
            for push in self.taken()
            if push.payloadtype == "assignprocessmsg"
        ]

    def withdrawn(self) -> list[tuple[str, str, int, str]]:
        """(executor, process, attempt, reason) of what was withdrawn since the last look."""
        return [
            (push.executorid, push.value["processid"], push.value["attempt"], push.value["reason"])
            for push in self.taken()
            if push.payloadtype == "withdrawmsg"
        ]

    def taken(self) -> list[Push]:
        pushes, self.pushes = self.pushes, []
        return pushes


def lab(**settings: Any) -> Calls:
    """The colony `lab` of `owner`, with the executor `worker` and the user `ann`."""
    calls = Calls(**settings)
    found_colony(calls)
    add_executor(calls, "worker")
    add_user(calls, "ann")
    return calls
