"""Holds the coordinator to its word: a model of what was asked and what was said, which nothing may contradict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonies_edge.engine.access import RULES, Memory
from colonies_edge.engine.outcome import Event, Outcome, Push, Reply
from colonies_edge.protocol.limits import REMEMBER_S
from colonies_edge.protocol.model import ExecutorState, State
from tests.simulation.loop import SECOND
from tests.simulation.network import Down
from tests.simulation.party import COLONY, Party
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.shell import Shell
    from tests.simulation.world import World

CLOSES = {"closesuccessfulmsg": State.SUCCESS, "closefailedmsg": State.FAILED}
NOT_REMEMBERED = (425, 429)
IDS = ("processid", "processgraphid")  # what is shown as it is: the rest of it may have changed


@dataclass(slots=True)
class Verdict:
    """What a call was answered with the first time."""

    status: int
    digest: str
    at: int
    epoch: int
    doubtful: bool = False  # the coordinator may have forgotten it, through no fault of its own


@dataclass(slots=True)
class Known:
    """What was said of one process."""

    processid: str
    acknowledged: bool = False
    attempts: dict[int, str] = field(default_factory=dict)  # pushed attempt -> executor
    closed: tuple[State, int, str] | None = None  # verdict, attempt (0: none named), executor
    cancelled: bool = False
    removed: bool = False
    removal_asked: bool = False

    @property
    def ended(self) -> State | None:
        return State.CANCELLED if self.cancelled else self.closed[0] if self.closed else None


class Auditor:
    """Everything that was asked and said in one history."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._messages: dict[tuple[str, str], dict[str, Any]] = {}
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._decided: dict[tuple[str, str], int] = {}
        self._fresh: set[tuple[str, str]] = set()  # decided by this coordinator, and not said yet
        self._signed: dict[tuple[str, str], int] = {}
        self._started = 0
        self._received: set[tuple[str, str]] = set()
        self._events: Counter[tuple[str, str, str]] = Counter()
        self.known: dict[str, Known] = {}
        self.counts: Counter[str] = Counter()
        self.all_removal_asked = False
        self._paused: bool | None = None

    # What was asked

    def asked(self, caller: str, msgid: str, message: dict[str, Any]) -> None:
        """A party begins a call, or repeats one."""
        self._messages.setdefault((caller, msgid), message)
        if message["msgtype"] == "removeprocessmsg":
            self._of(message["processid"]).removal_asked = True
        elif message["msgtype"] == "removeallprocessesmsg":
            self.all_removal_asked = True

    def signed(self, caller: str, msgid: str) -> None:
        """A call is signed, with the time that the caller believes it is."""
        self._signed[caller, msgid] = self._world.loop.now

    def message(self, caller: str, msgid: str) -> dict[str, Any]:
        return self._messages[caller, msgid]

    def name(self, caller: str, msgid: str) -> str:
        message = self._messages.get((caller, msgid), {})
        return f"{message.get('msgtype', '?')} {msgid}"

    def _of(self, processid: str) -> Known:
        known = self.known.get(processid)
        if known is None:
            known = self.known[processid] = Known(processid)
        return known

    def is_gone(self, processid: str) -> bool:
        """It was removed, and that was said."""
        return processid in self.known and self.known[processid].removed

    def first_time(self, caller: str, msgid: str) -> bool:
        """This coordinator did not decide about this call before (`decided` comes after the judges)."""
        at = self._decided.get((caller, msgid))
        return at is None or self._world.loop.now - at > REMEMBER_S * SECOND

    def decided(self, outcome: Outcome) -> None:
        for reply in outcome.replies:
            forgotten = reply.error and reply.value["status"] in NOT_REMEMBERED
            if not forgotten and self.first_time(reply.route.party, reply.msgid):
                self._decided[reply.route.party, reply.msgid] = self._world.loop.now
                self._fresh.add((reply.route.party, reply.msgid))

    # What was said

    def said(self, outcome: Outcome, shell: Shell) -> None:
        """The coordinator speaks, to whoever may hear it."""
        for reply in outcome.replies:
            key = reply.route.party, reply.msgid
            self._said_reply(reply, shell.epoch, key in self._fresh)
            self._fresh.discard(key)
        for push in outcome.pushes:
            self._said_push(push)
        for event in outcome.events:
            self._said_event(event)

    def _said_reply(self, reply: Reply, epoch: int, fresh: bool) -> None:
        key = reply.route.party, reply.msgid
        message = self._messages[key]
        msgtype = message["msgtype"]
        status = reply.value["status"] if reply.error else 0
        self.counts[f"{msgtype} {status or 'ok'}"] += 1
        if self._world.tracing:
            self._world.trace(
                f"says {self.name(*key)}: {status or 'ok'} {reply.value.get('message') if status else ''}"
            )
        self._world.mark(f"{msgtype} {reply.msgid} {status}")
        if status in NOT_REMEMBERED or RULES[msgtype].memory is Memory.NONE:
            return
        first = self._judge_repeat(key, message, reply, status, epoch)
        if first and not status:
            self._world.inspector.planning.learn(message, reply.value)
            self._world.inspector.chatting.learn(key[0], message)
            self._learn(reply, message, fresh)

    def _judge_repeat(
        self, key: tuple[str, str], message: dict[str, Any], reply: Reply, status: int, epoch: int
    ) -> bool:
        digest = str(next((reply.value[name] for name in IDS if name in reply.value), reply.value))
        earlier = self._verdicts.get(key)
        now = self._world.loop.now
        if earlier is not None and (status, digest) == (earlier.status, earlier.digest):
            return False
        if earlier is None or earlier.doubtful or now - earlier.at > REMEMBER_S * SECOND:
            self._verdicts[key] = Verdict(status, digest, now, epoch)
            return True
        volatile = RULES[message["msgtype"]].memory is Memory.VOLATILE and earlier.status
        if volatile and earlier.epoch != epoch and (key not in self._received or self._signed[key] >= self._started):
            self._verdicts[key] = Verdict(status, digest, now, epoch)
            return True  # its caller still waited, and asked this coordinator once more
        removed = reply.value == {} and not status  # a whole process is shown as it is, and this one is gone
        if not (removed and earlier.status == 0):
            if RULES[message["msgtype"]].memory is Memory.VOLATILE and (
                status or message["msgtype"] != "assignprocessmsg"
            ):
                return False  # what the coordinator forgot when it died; nobody hears it, and it changed nothing
            text = f"{earlier.status or 'ok'} {earlier.digest}, and then {status or 'ok'} {digest}"
            raise Violation(f"{self.name(*key)} was answered {text}")
        return False

    def _learn(self, reply: Reply, message: dict[str, Any], fresh: bool) -> None:
        msgtype, caller = message["msgtype"], reply.route.party
        if msgtype == "submitfuncspecmsg" and reply.value:
            self._of(reply.value["processid"]).acknowledged = True
        elif msgtype in CLOSES:
            self._learn_close(self._of(message["processid"]), CLOSES[msgtype], message.get("attempt", 0), caller)
        elif msgtype == "cancelprocessmsg":
            known = self._of(message["processid"])
            if known.ended is not None:
                raise Violation(f"process {known.processid[:8]} was cancelled, and it was {known.ended.name} already")
            known.cancelled = True
        elif msgtype == "removeprocessmsg":
            self._of(message["processid"]).removed = True
        elif msgtype == "readymsg" and fresh:
            self._learn_ready(reply, caller)
        elif msgtype in ("pauseassignmentsmsg", "resumeassignmentsmsg"):
            self._paused = msgtype == "pauseassignmentsmsg"
        elif msgtype == "assignprocessmsg" and reply.value and fresh:  # else it was decided before a crash
            self._require_open(self._of(reply.value["processid"]), "given away")

    def _learn_close(self, known: Known, verdict: State, attempt: int, caller: str) -> None:
        where = f"process {known.processid[:8]}"
        latest = max(known.attempts, default=0)
        if attempt and (attempt < latest or known.attempts.get(attempt, caller) != caller):
            raise Violation(f"{where}: a result of attempt {attempt} was accepted, and {latest} was given away")
        if known.cancelled:
            raise Violation(f"{where}: a result was accepted, and it was cancelled before")
        if known.closed is not None and known.closed != (verdict, attempt, caller):
            raise Violation(f"{where}: two results were accepted: {known.closed}, {(verdict, attempt, caller)}")
        known.closed = verdict, attempt, caller

    def _learn_ready(self, reply: Reply, caller: str) -> None:
        for held in reply.value["keep"]:
            known = self._of(held["processid"])
            latest = max(known.attempts, default=0)
            if held["attempt"] < latest or known.attempts.get(latest, caller) != caller:
                text = f"attempt {held['attempt']}, and attempt {latest} was given away"
                raise Violation(f"process {known.processid[:8]}: {self._world.who(caller)} may keep {text}")

    def _said_push(self, push: Push) -> None:
        known, attempt = self._of(push.value["processid"]), push.value["attempt"]
        if self._world.tracing:
            text = f"{known.processid[:8]} {attempt} {push.value.get('reason', '')}"
            self._world.trace(f"pushes {push.payloadtype} {text} to {self._world.who(push.executorid)}")
        self._world.mark(f"{push.payloadtype} {known.processid} {attempt}")
        self.counts[push.payloadtype] += 1
        if push.payloadtype == "withdrawmsg":
            return
        self._require_open(known, f"pushed as attempt {attempt}")
        if attempt <= max(known.attempts, default=0):
            raise Violation(f"process {known.processid[:8]}: attempt {attempt} was pushed after {known.attempts}")
        known.attempts[attempt] = push.executorid

    @staticmethod
    def _require_open(known: Known, what: str) -> None:
        if known.ended is not None or known.removed:
            raise Violation(f"process {known.processid[:8]} was {what} after it was {known.ended or 'removed'}")

    def _said_event(self, event: Event) -> None:
        subscription, _, number = event.msgid.rpartition(".")
        key = event.route.party, event.route.conn, subscription
        self._events[key] += 1
        self.counts["events"] += 1
        if int(number) != self._events[key]:
            raise Violation(f"event {event.msgid} came as number {self._events[key]}")
        known, state = self._of(event.value["processid"]), event.value["state"]
        if known.ended is not None and state != known.ended:
            raise Violation(
                f"an event says that process {known.processid[:8]} is {State(state).name} after {known.ended.name}"
            )

    def shifted(self, by_ns: int) -> None:
        """The coordinator was away, and its time went on by so much more than true time, or less.

        Less: its machine's clock was behind, it goes on from its last record, and nothing got older meanwhile. What it
        refused after that record and did not write down is fresh once more, which nobody can help. More: its clock was
        set while it was off, and for all it knows it was away for so long that every answer is too old.
        """
        if by_ns < 0:
            self._decided = {key: at - by_ns for key, at in self._decided.items()}
            for verdict in self._verdicts.values():
                verdict.at -= by_ns
        for key, verdict in self._verdicts.items():
            durable = RULES[self._messages[key]["msgtype"]].memory is Memory.DURABLE
            verdict.doubtful = verdict.doubtful or by_ns > 0 or (by_ns < 0 and not durable)

    def restarted(self, shell: Shell) -> None:
        """Subscriptions and what was decided in memory only are forgotten."""
        self._events.clear()
        self._started = self._world.loop.now
        self._fresh.clear()
        answers = shell.engine._answers
        answers.forget_old(shell.engine._live.steady)
        self._decided = {key: at for key, at in self._decided.items() if answers.get(*key) is not None}
        self.counts["restarts"] += 1

    # What devices notice

    def given(self, executorid: str, processid: str) -> None:
        self.counts["pulled"] += 1

    def received(self, party: Party, msgid: str) -> None:
        """An answer reached its caller, who does not wait for another one."""
        self._received.add((party.identity, msgid))

    def event_received(self, party: Party, down: Down) -> None:
        self.counts["events received"] += 1

    # Comparing

    def compare(self, shell: Shell) -> None:
        """Nothing that was said is contradicted by what the engine knows."""
        self._world.inspector.planning.compare(shell)
        self._world.inspector.chatting.compare(shell)
        tables, history = shell.engine.tables, shell.history
        for processid, known in self.known.items():
            row = tables.processes.get(processid) or history.process(processid)
            where = f"process {processid[:8]}"
            if row is None:
                gone = known.removal_asked or self.all_removal_asked or processid in self._world.inspector.leaving.gone
                if known.acknowledged and not gone:
                    raise Violation(f"{where} was acknowledged, and is lost")
                continue
            if known.removed:
                raise Violation(f"{where} was removed, and is back")
            if row.attempt < max(known.attempts, default=0):
                raise Violation(f"{where} is at attempt {row.attempt}, and {known.attempts} were pushed")
            if known.ended is not None and row.state is not known.ended:
                raise Violation(f"{where} is {row.state.name}, and it was said that it is {known.ended.name}")
            if known.closed is not None and row.lastexecutorid != known.closed[2]:
                raise Violation(f"{where} is closed by another one")

    def require_end(self, shell: Shell) -> None:
        """The faults are over and time was given: everything that can end has ended."""
        self.compare(shell)
        rows = shell.engine.tables.executors.values()
        there = [row.executorname for row in rows if row.state == ExecutorState.APPROVED]
        for processid in self.open_work(shell):
            row = shell.engine.tables.processes[processid]
            raise Violation(f"process {processid[:8]} is {row.state.name} for ever: {row}; executors: {there}")
        for plan in self._world.inspector.planning.open_plans(shell):
            raise Violation(f"{plan} is not done, ever")

    def open_work(self, shell: Shell) -> list[str]:
        """Processes that are not done."""
        tables = shell.engine.tables
        return [
            key for state in (State.WAITING, State.RUNNING) for key in tables.ids_in_state(COLONY, state)
        ]  # fmt: skip
