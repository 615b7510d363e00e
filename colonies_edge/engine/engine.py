"""The one door of the engine: requests and time in, decisions out (`docs/ARCHITECTURE.md`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from colonies_edge.engine import (
    attributes,
    blueprints,
    channels,
    crons,
    enrolment,
    executing,
    executors,
    files,
    functions,
    generators,
    lifecycle,
    locations,
    logs,
    membership,
    pause,
    processes,
    retention,
    schedule_timers,
    server,
    snapshots,
    tokens,
    watching,
    workflows,
)
from colonies_edge.engine.access import RULES, Memory, Role, Rule, authorise, memory_of
from colonies_edge.engine.carrying import Carrier, Saying, answer_of
from colonies_edge.engine.figures import Figures, figures
from colonies_edge.engine.live import SECOND
from colonies_edge.engine.outcome import Aside, Kind, Outcome, Push, Record, Request, Route, Write
from colonies_edge.engine.retiring import retire
from colonies_edge.engine.rows import ClockStep, PresenceRow, ProcessRow, ServerRow
from colonies_edge.engine.step import ASIDE, Handler, Step
from colonies_edge.engine.timers import Due, Timer
from colonies_edge.protocol.errors import BadRequest, ClockSkew, ColoniesError, Forbidden, Internal, TooManyRequests
from colonies_edge.protocol.limits import (
    ANSWERS_PER_CALLER_MAX,
    FRESHNESS_S,
    MSGID_MAX,
    MSGID_MIN,
    REFUSALS_PER_OUTSIDER_MAX,
)
from colonies_edge.protocol.messages import decode_message, is_msgid
from colonies_edge.protocol.messages_base import msgid_in
from colonies_edge.protocol.model import Backend, State

TIMERS_PER_TICK_MAX = 256  # one tick stays short, and its journal record small, when a thousand deadlines fall together
NO_BRIDGE: Mapping[str, Any] = MappingProxyType({})
WRITES_PER_TICK_MAX = 2_000  # a cron can start ten thousand processes at a time: then the next one has its own tick
SWEEPS_PER_STALE_TIME = 10  # silent executors are looked for so often: upstream's 60 s of 600 s

HANDLERS: Mapping[str, Handler] = {
    **server.HANDLERS,
    **membership.HANDLERS,
    **enrolment.HANDLERS,
    **functions.HANDLERS,
    **processes.HANDLERS,
    **executing.HANDLERS,
    **attributes.HANDLERS,
    **logs.HANDLERS,
    **pause.HANDLERS,
    **watching.HANDLERS,
    **workflows.HANDLERS,
    **crons.HANDLERS,
    **generators.HANDLERS,
    **locations.HANDLERS,
    **channels.HANDLERS,
    **blueprints.HANDLERS,
    **files.HANDLERS,
    **snapshots.HANDLERS,
}


class Engine(Carrier):
    """All colonies of one coordinator. Not thread safe, does no I/O; `now` is in ns and never decreases."""

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
            if record.answer is not None and record.msgid:
                self._answers.forget_old(record.time_ns)  # as it was then: the same msgid may have come back much later
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
        live.graph_moves.clear()
        live.dirty_processes.clear()
        schedule_timers.start(live)
        live.timers.set(live.after(self.settings.stale_executor_s / SWEEPS_PER_STALE_TIME), Timer.SWEEP, "")
        retention.start(live)

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
        return self._carry_out(step, Saying())

    def reachable_at(self, *backends: Backend) -> None:
        """What `getserverinfomsg` says about where this coordinator is found."""
        self.settings = self._live.settings = replace(self.settings, backends=backends)

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

    def figures(self, now: int) -> Figures:
        """What those who watch want to know."""
        return figures(self._live, self._answers.count, self.events, now)

    # Requests

    def knows(self, identity: str) -> bool:
        """Has this identity any role here?"""
        return self.tables.knows(identity)

    def refusal_of(self, token: str, now: int, *, signed: bool = False) -> str:
        """Why a stranger with this token is not let in, or "". Without `signed` only its words are looked at."""
        return tokens.refusal(self.tables, token, now, signed=signed)

    def handle(self, request: Request, now: int) -> Outcome:
        """Decide one request."""
        live = self._live
        live.begin(now)
        self._answers.forget_old(live.steady)
        saying = Saying()
        if request.caller in self.tables.executors:
            live.alive_at[request.caller] = live.steady
        msgid = msgid_in(request.value) if request.stamped else request.msgid
        try:
            message = decode_message(request.payloadtype, request.value)
            if message.confidential:
                request = replace(request, envelope=None)  # the journal would keep what nobody should know
            rule = RULES.get(message.msgtype)  # of the class: some types have an old name, too
            handler = HANDLERS.get(message.msgtype)
            if rule is None or handler is None:
                raise Forbidden(f"invalid rpcMsg.PayloadType: {request.payloadtype}")
            if rule.role is not Role.ANYBODY:
                self._check_stamp(request, rule, message, now)
                if request.caller in self.tables.away:
                    saying = self._welcome_back(request.caller, now)
                msgid = message.msgid if request.stamped else msgid
                if rule.memory is not Memory.NONE and request.stamped and self._repeat(request, msgid, saying):
                    return saying.outcome()
        except ColoniesError as error:
            self._refuse(request, msgid, error, saying)
            return saying.outcome()
        return self._decide(request, msgid, rule, handler, message, saying, now)

    def _welcome_back(self, executorid: str, now: int) -> Saying:
        """A silent executor is heard again, with a fresh message of its own: first it is what it was."""
        step, saying = Step(self._live, self._history, now), Saying()
        executors.welcome_back(step, executorid)
        self._carry_out(step, saying)
        return saying

    def _check_stamp(self, request: Request, rule: Rule, message: Any, now: int) -> None:
        if message.serverid and message.serverid != self.tables.identity:
            raise Forbidden(f"This message is for the coordinator {message.serverid}, not {self.tables.identity}")
        if not request.stamped:
            return
        if not is_msgid(message.msgid):
            raise BadRequest(f"msgid must have {MSGID_MIN} to {MSGID_MAX} visible characters")
        sent = message.ts * 1_000_000
        if abs(sent - now) > FRESHNESS_S * SECOND:
            self.events["stale stamps refused"] += 1
            raise ClockSkew(f"ts is more than {FRESHNESS_S} s away from the coordinator's time", ts=now // 1_000_000)
        if rule.memory is Memory.VOLATILE and sent < self._live.started_ns:
            # What a volatile message did before the restart is forgotten, its answer too: only a fresh one counts.
            raise ClockSkew("The coordinator restarted since this was sent", ts=now // 1_000_000)

    def _repeat(self, request: Request, msgid: str, saying: Saying) -> bool:
        answer = self._answers.get(request.caller, msgid)
        if answer is not None:
            self.events["calls repeated"] += 1
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
        self, request: Request, msgid: str, rule: Rule, handler: Handler, message: Any, saying: Saying, now: int
    ) -> Outcome:
        step = Step(self._live, self._history, now, request)
        step.msgid = msgid
        memory = memory_of(rule, message, now)
        try:
            authorise(step, rule, message)
            result = handler(step, message)
        except ColoniesError as error:
            self._refuse_for_good(request, msgid, error, saying, memory)
            return saying.outcome()
        except Exception as fault:  # our defect, found by somebody's message: the draft is dropped, nothing changed
            saying.faults.append(fault)
            self._refuse(request, msgid, Internal(), saying)
            return saying.outcome()
        if result is ASIDE:
            saying.asides.append(Aside(request=request, message=message, msgid=msgid))
            return saying.outcome()
        answer = answer_of(request.payloadtype, result)
        return self._carry_out(step, saying, memory, answer)

    def _refuse_for_good(
        self, request: Request, msgid: str, error: ColoniesError, saying: Saying, memory: Memory
    ) -> None:
        """A refusal is remembered as long as anybody may ask again, and costs those little disk who have no say here.

        Whom nobody ever knew leaves nothing; over MQTT the rim sees to that. An executor that waits for approval or was
        removed may be approved one day, and what was refused to it stays refused: a few words of that are kept, and
        beyond some it hears that it is too early to ask."""
        caller = request.caller
        if not self.tables.is_member(caller):
            if caller not in self.tables.executors:
                memory = Memory.NONE
            elif memory is not Memory.NONE and self._answers.count_of(caller) >= REFUSALS_PER_OUTSIDER_MAX:
                error = TooManyRequests(f"Access denied {REFUSALS_PER_OUTSIDER_MAX} times within ten minutes")
            request = replace(request, envelope=None)
        if error.status == TooManyRequests.status:
            memory = Memory.NONE
        self._refuse(request, msgid, error, saying, memory)

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
        saying = Saying()
        step = Step(live, self._history, now)
        for number, due in enumerate(live.timers.due(live.steady), 1):
            self._go_off(step, due, saying)
            if number == TIMERS_PER_TICK_MAX or len(step.draft.writes) >= WRITES_PER_TICK_MAX:
                break
        return self._carry_out(step, saying)

    def _go_off(self, step: Step, due: Due, saying: Saying) -> None:
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
                self.events["leases lost"] += 1
                lifecycle.run_out(step, row, lifecycle.LEASE_LOST, "reassigned")
        elif due.timer is Timer.POLL:
            poll = live.offers.poll(key)
            if poll is not None:
                self._end_poll(key, executing.nothing_in_time(poll.seeker.colony in self.tables.pauses), saying)
        elif due.timer is Timer.SUBSCRIPTION:
            channels.time_out(step, key)
        elif due.timer is Timer.PASS_OVER:
            live.wake_executor(key)
        elif due.timer is Timer.SWEEP:
            self._sweep(step)
        elif due.timer is Timer.CRON:
            crons.go_off(step, key)
        elif due.timer is Timer.GENERATOR:
            generators.go_off(step, key)
        elif due.timer is Timer.RETENTION:
            retention.go_off(step)

    def _sweep(self, step: Step) -> None:
        for executor in tuple(self.tables.executors.values()):
            if not executing.is_alive(step, executor):
                executors.sweep(step, executor)
        every = self.settings.stale_executor_s / SWEEPS_PER_STALE_TIME
        self._live.timers.set(self._live.after(every), Timer.SWEEP, "")

    def presence(
        self, executorid: str, conn: str, online: bool, now: int, bridge: Mapping[str, Any] = NO_BRIDGE
    ) -> Outcome:
        """An executor's status, or its last will: a broken connection shortens the leases that are bound to it. What a
        bridge says of itself is shown with the executor until that is gone."""
        live = self._live
        live.begin(now)
        live.bridges.pop(executorid, None)
        if online and bridge and executorid in self.tables.executors:
            live.bridges[executorid] = dict(bridge)
        offer = live.offers.get(executorid)
        if online or offer is None or offer.conn != conn:
            return Outcome()
        for processid in self.tables.held_by.get(executorid, ()):
            live.leases.shorten(processid, conn, live.after(self.settings.grace_s))
        live.leave(executorid, now)
        return Outcome()

    def hung_up(self, route: Route, msgid: str, now: int) -> Outcome:
        """Who called on this connection went away: its long poll `msgid` and its subscriptions end unanswered."""
        live = self._live
        live.begin(now)
        key = f"{route.party}/{msgid}"
        poll = live.offers.poll(key)
        if poll is not None and poll.request.route.conn == route.conn:  # else it was sent again on another connection
            live.offers.end(key)
        live.subscriptions.end_all(route)
        live.subscriptions.take_ended()
        return Outcome()

    def unheard(self, processid: str, executorid: str, now: int) -> Outcome:
        """A pulled assignment reached nobody, as the caller had left: back to the queue, no retry counted (4.7.6)."""
        self._live.begin(now)
        step = Step(self._live, self._history, now)
        row = self.tables.processes.get(processid)
        if row is not None and row.state is State.RUNNING and row.assignedexecutorid == executorid:
            lifecycle.give_back(step, row)
        return self._carry_out(step, Saying())

    def undeliverable(self, push: Push, text: str, now: int) -> Outcome:
        """An assignment cannot be sent to anybody: the process fails instead of going round for ever."""
        self._live.begin(now)
        step = Step(self._live, self._history, now)
        row = self.tables.processes.get(push.value["processid"])
        if row is not None and row.state is State.RUNNING and row.attempt == push.value.get("attempt"):
            lifecycle.fail(step, row, (text,))
        return self._carry_out(step, Saying())

    def clock_stepped(self, by_ns: int, now: int) -> Outcome:
        """The wall clock jumped forward by `by_ns` to `now`: every deadline moves with it, no lease ends by it."""
        live = self._live
        live.begin(now - by_ns)
        step = Step(live, self._history, now)
        step.draft.instruct("clock", "", ClockStep(by_ns=by_ns))
        return self._carry_out(step, Saying())

    # Archive

    def retire(self, now: int) -> Outcome:
        """Move finished processes to the archive that ended long ago, or that are too many to keep in memory."""
        live = self._live
        live.begin(now)
        step = Step(live, self._history, now)
        retire(step)
        return self._carry_out(step, Saying()) if step.draft.writes else Outcome()
