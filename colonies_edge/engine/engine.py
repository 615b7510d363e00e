"""The one door of the engine: requests and time in, decisions out (`architecture.md` 2)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from colonies_edge.engine import (
    assigning,
    attributes,
    executing,
    functions,
    lifecycle,
    logs,
    membership,
    pause,
    processes,
    server,
    watching,
)
from colonies_edge.engine.access import RULES, Memory, Role, Rule, authorise, is_member
from colonies_edge.engine.answers import Answers
from colonies_edge.engine.live import SECOND, Live
from colonies_edge.engine.offers import Poll
from colonies_edge.engine.outcome import Answer, Event, Kind, Outcome, Push, Record, Reply, Request, Write
from colonies_edge.engine.ports import History, Settings
from colonies_edge.engine.retiring import retire
from colonies_edge.engine.rows import ClockStep, PresenceRow, ProcessRow, ServerRow
from colonies_edge.engine.step import Handler, Later, ProcessView, Retyped, Step
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.timers import Due, Timer
from colonies_edge.engine.views import process_value
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import BadRequest, ClockSkew, ColoniesError, Forbidden, Internal, TooManyRequests
from colonies_edge.protocol.limits import ANSWERS_PER_CALLER_MAX, FRESHNESS_S, MSGID_MAX, MSGID_MIN
from colonies_edge.protocol.messages import decode_message
from colonies_edge.protocol.model import Executor, State

TIMERS_PER_TICK_MAX = 256  # one tick stays short, and its journal record small, when a thousand deadlines fall together
SWEEPS_PER_STALE_TIME = 10  # silent executors are looked for so often: upstream's 60 s of 600 s

HANDLERS: Mapping[str, Handler] = {
    **server.HANDLERS,
    **membership.HANDLERS,
    **functions.HANDLERS,
    **processes.HANDLERS,
    **executing.HANDLERS,
    **attributes.HANDLERS,
    **logs.HANDLERS,
    **pause.HANDLERS,
    **watching.HANDLERS,
}


class _Saying:
    """What a step says, collected while it is decided."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.replies: list[Reply] = []
        self.pushes: list[Push] = []
        self.events: list[Event] = []
        self.faults: list[Exception] = []

    def outcome(self) -> Outcome:
        return Outcome(
            records=tuple(self.records),
            replies=tuple(self.replies),
            pushes=tuple(self.pushes),
            events=tuple(self.events),
            faults=tuple(self.faults),
        )


class Engine:
    """All colonies of one coordinator. Not thread safe, does no I/O; `now` is in ns and never decreases."""

    def __init__(self, settings: Settings, history: History) -> None:
        self.tables = Tables()
        self.settings = settings
        self._history = history
        self._answers = Answers()
        self._live = Live(self.tables, settings)

    # Recovery

    def restore(self, rows: Iterable[Write], records: Iterable[Record], now: int) -> None:
        """Take over what a store has: checkpoint rows, then journal records, through the same `apply` as ever.

        Answers and presence come back; leases start anew in full, since nobody can have been heard meanwhile.
        """
        live = self._live
        self.tables.observers.remove(live.observe)
        for write in rows:
            if write.table == "answers":
                self._answers.restore(write, 0)
            else:
                self.tables.apply(write)
        self.tables.put_in_order()
        for record in records:
            for write in record.writes:
                self.tables.apply(write)
                if write.table == "clock":
                    self._answers.shift(write.row.by_ns)
            if record.answer is not None:
                self._answers.remember(record.caller, record.msgid, record.answer, record.time_ns)
        self.tables.observers.append(live.observe)
        self._start(now)

    def _start(self, now: int) -> None:
        live = self._live
        live.begin(now)
        live.started_ns = now
        live.alive_at = dict.fromkeys(self.tables.executors, live.steady)  # nobody could be heard while we were away
        for row in self.tables.processes.values():
            live.observe(None, row)
            if row.state is State.RUNNING and row.leased:
                live.leases.start(row.processid, "", live.after(self.settings.lease_s))
        live.changed.clear()
        live.dirty_processes.clear()
        live.timers.set(live.after(self.settings.stale_executor_s / SWEEPS_PER_STALE_TIME), Timer.SWEEP, "")

    def found(self, identity: str, now: int) -> Outcome:
        """Tell a new coordinator who it is: it is the server owner, too. A known one may take on its present owner's
        identity; anybody else's is refused with Forbidden, for the data belong to another coordinator."""
        self._live.begin(now)
        owner, present = self.tables.serverid, self.tables.identity
        if identity == present:
            return Outcome()
        if present and identity != owner:
            raise Forbidden(f"This data belongs to the coordinator {present}, the key given is that of {identity}")
        step = Step(self._live, self._history, now)
        step.draft.put("server", "server", ServerRow(serverid=owner or identity, identity=identity))
        return self._carry_out(step, _Saying())

    def snapshot(self) -> Iterator[Write]:
        """All rows as of now. Rows are immutable, so holding them costs a list of references per table."""
        cut = [(table, tuple(rows.items())) for table, rows in self.tables.by_name.items()]
        cut.append(("presence", tuple((k, PresenceRow(heard_ns=v)) for k, v in self.tables.heard.items())))
        answers = tuple(self._answers.rows(self._live.stepped))

        def rows() -> Iterator[Write]:
            for table, items in cut:
                for key, row in items:
                    yield Write(table=table, key=key, kind=Kind.PUT, row=row)
            yield from answers

        return rows()

    # Requests

    def knows(self, identity: str) -> bool:
        """Has this identity any role here?"""
        return self.tables.knows(identity)

    def handle(self, request: Request, now: int) -> Outcome:
        """Decide one request."""
        live = self._live
        live.begin(now)
        self._answers.forget_old(live.steady)
        saying = _Saying()
        if request.caller in self.tables.executors:
            live.alive_at[request.caller] = live.steady
        msgid = _msgid_of(request)
        try:
            message = decode_message(request.payloadtype, request.value)
            msgid = message.msgid if request.stamped else request.msgid
            rule = RULES.get(request.payloadtype)
            handler = HANDLERS.get(request.payloadtype)
            if rule is None or handler is None:
                raise Forbidden(f"invalid rpcMsg.PayloadType: {request.payloadtype}")
            if rule.role is not Role.ANYBODY:
                self._check_stamp(request, rule, message, now)
                if rule.memory is not Memory.NONE and self._repeat(request, msgid, saying):
                    return saying.outcome()
        except ColoniesError as error:
            self._refuse(request, msgid, error, saying)
            return saying.outcome()
        return self._decide(request, msgid, rule, handler, message, saying, now)

    def _check_stamp(self, request: Request, rule: Rule, message: Any, now: int) -> None:
        if message.serverid and message.serverid != self.tables.identity:
            raise Forbidden(f"This message is for the coordinator {message.serverid}, not {self.tables.identity}")
        if not request.stamped:
            return
        if not MSGID_MIN <= len(message.msgid) <= MSGID_MAX or "/" in message.msgid:
            raise BadRequest(f"msgid must have {MSGID_MIN} to {MSGID_MAX} characters and no slash")
        sent = message.ts * 1_000_000
        if abs(sent - now) > FRESHNESS_S * SECOND:
            raise ClockSkew(f"ts is more than {FRESHNESS_S} s away from the coordinator's time", ts=now // 1_000_000)
        if rule.memory is Memory.VOLATILE and sent < self._live.started_ns:
            # What a volatile message did before the restart is forgotten, its answer too: only a fresh one counts.
            raise ClockSkew("The coordinator restarted since this was sent", ts=now // 1_000_000)

    def _repeat(self, request: Request, msgid: str, saying: _Saying) -> bool:
        answer = self._answers.get(request.caller, msgid)
        if answer is not None:
            self._reply(request, msgid, answer, saying)
            return True
        key = f"{request.caller}/{msgid}"
        if self._live.offers.poll(key) is not None:
            self._live.offers.reroute(key, request)
            return True
        if self._answers.full(request.caller):
            raise TooManyRequests(
                f"More than {ANSWERS_PER_CALLER_MAX} changes by one identity within ten minutes: slow down and resend"
            )
        return False

    def _decide(
        self, request: Request, msgid: str, rule: Rule, handler: Handler, message: Any, saying: _Saying, now: int
    ) -> Outcome:
        step = Step(self._live, self._history, now, request)
        step.msgid = msgid
        try:
            authorise(step, rule, message)
            result = handler(step, message)
        except ColoniesError as error:
            remembered = rule.memory if error.status != TooManyRequests.status else Memory.NONE
            self._refuse(request, msgid, error, saying, remembered)
            return saying.outcome()
        except Exception as fault:  # our defect, found by somebody's message: the draft is dropped, nothing changed
            saying.faults.append(fault)
            self._refuse(request, msgid, Internal(), saying)
            return saying.outcome()
        answer = _answer(request.payloadtype, result)
        return self._carry_out(step, saying, rule.memory, answer)

    def _refuse(
        self, request: Request, msgid: str, error: ColoniesError, saying: _Saying, memory: Memory = Memory.NONE
    ) -> None:
        answer = Answer(payloadtype="error", error=True, value=error.body())
        self._reply(request, msgid, answer, saying)
        if memory is Memory.DURABLE:
            saying.records.append(self._record(self._now(), (), request, msgid, answer))
        if memory is not Memory.NONE:
            self._answers.remember(request.caller, msgid, answer, self._live.steady)

    def _now(self) -> int:
        return self._live.steady + self._live.stepped

    @staticmethod
    def _record(now: int, writes: Iterable[Write], request: Request, msgid: str, answer: Answer) -> Record:
        return Record(
            time_ns=now,
            writes=tuple(writes),
            caller=request.caller,
            msgid=msgid,
            envelope=request.envelope,
            answer=answer,
        )

    def _reply(self, request: Request, msgid: str, answer: Answer, saying: _Saying) -> None:
        saying.replies.append(
            Reply(
                route=request.route,
                payloadtype=answer.payloadtype,
                value=self._shown(answer),
                error=answer.error,
                msgid=msgid,
            )
        )

    def _shown(self, answer: Answer) -> Any:
        if not answer.processid:
            return answer.value
        row = self.tables.processes.get(answer.processid) or self._history.process(answer.processid)
        return process_value(row) if row is not None else {}

    # Carrying out

    def _carry_out(
        self, step: Step, saying: _Saying, memory: Memory = Memory.NONE, answer: Answer | None = None
    ) -> Outcome:
        """Apply the step's writes, reply, and follow up: assignments, answered polls, events."""
        live, request = self._live, step.request
        for write in step.draft.writes:
            self.tables.apply(write)
        for action in step.then:
            action()
        if request is not None and answer is not None:
            self._reply(request, step.msgid, answer, saying)
            if memory is not Memory.NONE:
                self._answers.remember(request.caller, step.msgid, answer, live.steady)
        self._follow(step, saying)
        assigning.push_all(step, live)
        self._add_record(step, saying, memory, answer)
        self._answer_polls(saying, step.now)
        saying.pushes = step.pushes + saying.pushes
        saying.events += step.events
        self._make_events(saying)
        return saying.outcome()

    def _add_record(self, step: Step, saying: _Saying, memory: Memory, answer: Answer | None) -> None:
        writes = step.draft.writes
        if not writes and memory is not Memory.DURABLE:
            return
        if step.request is not None and answer is not None:
            saying.records.append(self._record(step.now, writes, step.request, step.msgid, answer))
        elif writes:
            saying.records.append(Record(time_ns=step.now, writes=tuple(writes)))

    def _follow(self, step: Step, saying: _Saying) -> None:
        """What changed rows mean for the volatile side."""
        live = self._live
        for write in step.draft.writes:
            if write.table == "pauses" and write.kind is Kind.DROP:
                live.wake(write.key)
            elif write.table == "executors":
                self._check_offer(write.key, saying)
            elif write.table == "clock":
                live.stepped += write.row.by_ns
                live.begin(step.now)

    def _check_offer(self, executorid: str, saying: _Saying) -> None:
        executor: Executor | None = self.tables.executors.get(executorid)
        offers = self._live.offers
        if offers.unfit(executor, executorid):
            offers.withdraw(executorid)
        for key in offers.polls_of_executor(executorid):
            poll = offers.poll(key)
            if poll is not None and not is_member(self.tables, poll.seeker.colony, executorid):
                self._end_poll(key, Forbidden("The executor was removed or is not approved any more"), saying)

    def _answer_polls(self, saying: _Saying, now: int) -> None:
        while (found := assigning.next_poll(self._live)) is not None:
            key, poll, row = found
            step = Step(self._live, self._history, now, poll.request)
            step.msgid = key.partition("/")[2]
            lifecycle.assign(step, row, poll.seeker.executorid, leased=False)
            for write in step.draft.writes:
                self.tables.apply(write)
            self._live.offers.end(key)
            self.tables.heard[poll.seeker.executorid] = now
            answer = Answer(payloadtype=poll.request.payloadtype, error=False, processid=row.processid)
            self._reply(poll.request, step.msgid, answer, saying)
            self._answers.remember(poll.request.caller, step.msgid, answer, self._live.steady)
            saying.records.append(self._record(now, step.draft.writes, poll.request, step.msgid, answer))

    def _end_poll(self, key: str, error: ColoniesError, saying: _Saying) -> None:
        poll: Poll | None = self._live.offers.end(key)
        if poll is not None:
            self._refuse(poll.request, key.partition("/")[2], error, saying, Memory.VOLATILE)

    def _make_events(self, saying: _Saying) -> None:
        live = self._live
        for row in live.changed:
            value: Any = None
            for subscription in tuple(live.subscriptions.concerning(row)):
                value = value if value is not None else process_value(row)
                saying.events.append(Event(route=subscription.route, msgid=subscription.next_msgid(), value=value))
        live.changed.clear()

    # Time

    def next_deadline(self) -> int | None:
        """When `tick` has something to do though nobody speaks; it may turn out to be nothing."""
        steady = self._live.timers.next()
        return steady + self._live.stepped if steady is not None else None

    def tick(self, now: int) -> Outcome:
        """Carry out what is due, a bounded number at a time: call again while `next_deadline` has passed."""
        live = self._live
        live.begin(now)
        self._answers.forget_old(live.steady)
        saying = _Saying()
        step = Step(live, self._history, now)
        for number, due in enumerate(live.timers.due(live.steady), 1):
            self._go_off(step, due, saying)
            if number == TIMERS_PER_TICK_MAX:
                break
        return self._carry_out(step, saying)

    def _go_off(self, step: Step, due: Due, saying: _Saying) -> None:
        live, key = self._live, due.key
        row: ProcessRow | None = step.draft.get("processes", key)
        if due.timer is Timer.EXEC:
            if row is not None and row.state is State.RUNNING and 0 < row.execdeadline <= step.now:
                lifecycle.run_out(step, row, lifecycle.EXEC_TIMEOUT, "timeout")
        elif due.timer is Timer.WAIT:
            if row is not None and row.state is State.WAITING and 0 < row.waitdeadline <= step.now:
                lifecycle.fail(step, row, (lifecycle.WAIT_TIMEOUT,))
        elif due.timer is Timer.LEASE:
            if row is not None and row.state is State.RUNNING and live.leases.over(key, live.steady):
                lifecycle.run_out(step, row, lifecycle.LEASE_LOST, "reassigned")
        elif due.timer is Timer.POLL:
            poll = live.offers.poll(key)
            if poll is not None:
                self._end_poll(key, executing.nothing_in_time(poll.seeker.colony in self.tables.pauses), saying)
        elif due.timer is Timer.SUBSCRIPTION:
            live.subscriptions.end(key)
        elif due.timer is Timer.PASS_OVER:
            live.wake_executor(key)
        elif due.timer is Timer.SWEEP:
            self._sweep(step)

    def _sweep(self, step: Step) -> None:
        for executor in tuple(self.tables.executors.values()):
            if not executing.is_alive(step, executor):
                membership.unregister(step, executor)
        every = self.settings.stale_executor_s / SWEEPS_PER_STALE_TIME
        self._live.timers.set(self._live.after(every), Timer.SWEEP, "")

    def presence(self, executorid: str, conn: str, online: bool, now: int) -> Outcome:
        """An executor's status, or its last will: a broken connection shortens the leases that are bound to it."""
        live = self._live
        live.begin(now)
        offer = live.offers.get(executorid)
        if online or offer is None or offer.conn != conn:
            return Outcome()
        for processid in self.tables.held_by.get(executorid, ()):
            live.leases.shorten(processid, conn, live.after(self.settings.grace_s))
        live.offers.withdraw(executorid)
        return Outcome()

    def clock_stepped(self, by_ns: int, now: int) -> Outcome:
        """The wall clock jumped forward by `by_ns` to `now`: every deadline moves with it, no lease ends by it."""
        live = self._live
        live.begin(now - by_ns)
        step = Step(live, self._history, now)
        step.draft.instruct("clock", "", ClockStep(by_ns=by_ns))
        return self._carry_out(step, _Saying())

    # Archive

    def retire(self, now: int) -> Outcome:
        """Move finished processes to the archive that ended long ago, or that are too many to keep in memory."""
        live = self._live
        live.begin(now)
        step = Step(live, self._history, now)
        retire(step)
        return self._carry_out(step, _Saying()) if step.draft.writes else Outcome()


def _msgid_of(request: Request) -> str:
    """What a refusal refers to when the message is too broken to be decoded."""
    if not request.stamped:
        return request.msgid
    msgid = request.value.get("msgid") if isinstance(request.value, dict) else None
    return msgid if isinstance(msgid, str) and len(msgid) <= MSGID_MAX and msgid.isprintable() else ""


def _answer(payloadtype: str, result: Any) -> Answer | None:
    if isinstance(result, Later):
        return None
    if isinstance(result, ProcessView):
        return Answer(payloadtype=payloadtype, error=False, processid=result.processid)
    if isinstance(result, Retyped):
        return Answer(payloadtype=result.payloadtype, error=False, value=_wire(result.value))
    return Answer(payloadtype=payloadtype, error=False, value=_wire(result))


def _wire(result: Any) -> Any:
    """The JSON of what a handler returned: plain JSON, a wire object, or several of them."""
    if isinstance(result, dict):
        return result
    if isinstance(result, list | tuple):
        return [_wire(one) for one in result]
    return encode(result)
