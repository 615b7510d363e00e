"""Carrying a decision out: apply its writes, reply, and follow up with assignments, answered polls and events."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from colonies_edge.engine import assigning, channels, lifecycle, schedule_timers
from colonies_edge.engine.access import Memory, is_member
from colonies_edge.engine.answers import Answers
from colonies_edge.engine.live import Live
from colonies_edge.engine.offers import Poll
from colonies_edge.engine.outcome import Answer, Aside, Event, Kind, Outcome, Push, Record, Reply, Request, Route, Write
from colonies_edge.engine.ports import NO_SHELF, History, Settings, Shelf
from colonies_edge.engine.step import GraphView, Later, ProcessView, Retyped, Step
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.views import process_value
from colonies_edge.engine.workflows_resolving import settle
from colonies_edge.engine.workflows_views import submitted
from colonies_edge.engine.workflows_watching import news_of_graphs
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.errors import ColoniesError, Forbidden
from colonies_edge.protocol.model import Executor


class Saying:
    """What a step says, collected while it is decided."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.replies: list[Reply] = []
        self.pushes: list[Push] = []
        self.events: list[Event] = []
        self.faults: list[Exception] = []
        self.asides: list[Aside] = []
        self.ended: list[Route] = []

    def outcome(self) -> Outcome:
        return Outcome(
            records=tuple(self.records),
            replies=tuple(self.replies),
            pushes=tuple(self.pushes),
            events=tuple(self.events),
            faults=tuple(self.faults),
            asides=tuple(self.asides),
            ended=tuple(self.ended),
        )


class Carrier:
    """The tables and the volatile side of one coordinator, and the one way in which a step changes both."""

    def __init__(self, settings: Settings, history: History, shelf: Shelf = NO_SHELF) -> None:
        self.tables = Tables()
        self.settings = settings
        self._history = history
        self._answers = Answers()
        self._live = Live(self.tables, settings, shelf)
        self.events: Counter[str] = Counter()  # what those who watch want to have counted, since the start

    def _carry_out(
        self, step: Step, saying: Saying, memory: Memory = Memory.NONE, answer: Answer | None = None
    ) -> Outcome:
        """Apply the step's writes, reply, and follow up: assignments, answered polls, events."""
        live, request = self._live, step.request
        for write in step.draft.writes:
            self.tables.apply(write)
        for action in step.then:
            action()
        if request is not None and answer is not None:
            self._reply(request, step.msgid, answer, saying)
            if memory is not Memory.NONE and request.stamped:
                self._answers.remember(request.caller, step.msgid, answer, live.steady)
        self._follow(step, saying)
        settle(step)
        assigning.push_all(step, live)
        settle(step)
        schedule_timers.follow(live, step.draft.writes, step.now)
        self._add_record(step, saying, memory, answer)
        self._answer_polls(saying, step.now)
        saying.pushes = step.pushes + saying.pushes
        saying.events += step.events
        self._make_events(saying)
        return saying.outcome()

    def _add_record(self, step: Step, saying: Saying, memory: Memory, answer: Answer | None) -> None:
        writes = step.draft.writes
        if not writes and memory is not Memory.DURABLE:
            return
        if step.request is not None and answer is not None:
            saying.records.append(self._record(step.now, writes, step.request, step.msgid, answer))
        elif writes:
            saying.records.append(Record(time_ns=step.now, writes=tuple(writes)))

    def _follow(self, step: Step, saying: Saying) -> None:
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

    def _check_offer(self, executorid: str, saying: Saying) -> None:
        executor: Executor | None = self.tables.executors.get(executorid)
        offers = self._live.offers
        if offers.unfit(executor, executorid):
            offers.withdraw(executorid)
        for key in offers.polls_of_executor(executorid):
            poll = offers.poll(key)
            if poll is not None and not is_member(self.tables, poll.seeker.colony, executorid):
                self._end_poll(key, Forbidden("The executor was removed or is not approved any more"), saying)

    def _answer_polls(self, saying: Saying, now: int) -> None:
        while (found := assigning.next_poll(self._live)) is not None:
            key, poll, row = found
            step = Step(self._live, self._history, now, poll.request)
            step.msgid = key.partition("/")[2]
            lifecycle.assign(step, row, poll.seeker.executorid, leased=False)
            for write in step.draft.writes:
                self.tables.apply(write)
            settle(step)
            self._live.offers.end(key)
            self.tables.heard[poll.seeker.executorid] = now
            answer = Answer(payloadtype=poll.request.payloadtype, error=False, processid=row.processid)
            self._reply(poll.request, step.msgid, answer, saying)
            if poll.request.stamped:
                self._answers.remember(poll.request.caller, step.msgid, answer, self._live.steady)
            saying.records.append(self._record(now, step.draft.writes, poll.request, step.msgid, answer))

    def _end_poll(self, key: str, error: ColoniesError, saying: Saying) -> None:
        poll: Poll | None = self._live.offers.end(key)
        if poll is not None:
            self._refuse(poll.request, key.partition("/")[2], error, saying, poll.memory)

    def _make_events(self, saying: Saying) -> None:
        live = self._live
        for row in live.changed:
            value: Any = None
            for subscription in tuple(live.subscriptions.concerning(row)):
                if not is_member(live.tables, row.colonyname, subscription.route.party):
                    live.subscriptions.end(live.subscriptions.key(subscription.route, subscription.msgid))
                    continue  # was one when it subscribed
                value = value if value is not None else process_value(live.tables, row)
                saying.events.append(Event(route=subscription.route, msgid=subscription.next_msgid(), value=value))
        live.changed.clear()
        saying.events += news_of_graphs(live, saying.records)
        saying.events += channels.farewells(live)
        saying.ended += live.subscriptions.take_ended()

    def _refuse(
        self, request: Request, msgid: str, error: ColoniesError, saying: Saying, memory: Memory = Memory.NONE
    ) -> None:
        answer = Answer(payloadtype="error", error=True, value=error.body())
        self._reply(request, msgid, answer, saying)
        if memory is Memory.NONE or not request.stamped:  # nobody can ask again: nothing to remember, on disk or off
            return
        if memory is Memory.DURABLE:
            saying.records.append(self._record(self._now(), (), request, msgid, answer))
        self._answers.remember(request.caller, msgid, answer, self._live.steady)

    def _now(self) -> int:
        return self._live.steady + self._live.stepped

    @staticmethod
    def _record(now: int, writes: Iterable[Write], request: Request, msgid: str, answer: Answer) -> Record:
        return Record(
            time_ns=now,
            writes=tuple(writes),
            caller=request.caller,
            msgid=msgid if request.stamped else "",  # as in the envelope: the proof compares them
            envelope=request.envelope,
            answer=answer,
        )

    def _reply(self, request: Request, msgid: str, answer: Answer, saying: Saying) -> None:
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
        if answer.graphid:
            graph = self.tables.graphs.get(answer.graphid) or self._history.graph(answer.graphid)
            return encode(submitted(self.tables, graph)) if graph is not None else {}
        if not answer.processid:
            return answer.value
        row = self.tables.processes.get(answer.processid) or self._history.process(answer.processid)
        return process_value(self.tables, row) if row is not None else {}


def answer_of(payloadtype: str, result: Any) -> Answer | None:
    """What to reply and to remember for a handler's result; None when the reply comes later."""
    if isinstance(result, Later):
        return None
    if isinstance(result, ProcessView):
        return Answer(payloadtype=payloadtype, error=False, processid=result.processid)
    if isinstance(result, GraphView):
        return Answer(payloadtype=payloadtype, error=False, graphid=result.graphid)
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
