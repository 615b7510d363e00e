"""Up: what the edge assigns to the bridge is done in the cloud; its end, logs and attributes come back down."""

from __future__ import annotations

import asyncio
import logging

from colonies_edge.apps.bridge.carrier import Carrier, Happened
from colonies_edge.apps.bridge.holding import Holding
from colonies_edge.apps.bridge.items import Event, Item, Kind, Stage, Verdict
from colonies_edge.apps.bridge.notes import Notes
from colonies_edge.apps.bridge.origins import Origin, call_id, carried, turned_back
from colonies_edge.apps.bridge.own import OwnDesk
from colonies_edge.apps.bridge.settings import EDGE, Up
from colonies_edge.apps.bridge.side import BridgeClient, Member, Side
from colonies_edge.apps.bridge.specs import inputs_of, spec_for, with_inputs, work_of
from colonies_edge.apps.bridge.target import Target, state_of
from colonies_edge.client.tasks import end_tasks
from colonies_edge.client.watching import ENDS
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import (
    BadRequest,
    ColoniesError,
    Conflict,
    Internal,
    NoConnection,
    NotFound,
    TooLarge,
)
from colonies_edge.protocol.messages import CloseFailed, CloseSuccessful, Message
from colonies_edge.protocol.model import FunctionSpec, State
from colonies_edge.protocol.replies import Assignment

_log = logging.getLogger(__name__)

LINGER_S = 60.0


class UpDesk:
    """One rule: its executor at the edge, and the hands of its items."""

    def __init__(self, carrier: Carrier, rule: Up, cloud: Side, edge: Side, member: Member, own: OwnDesk) -> None:
        self._carrier = carrier
        self._rule = rule
        self._cloud = cloud
        self._edge = edge
        self._member = member  # holds and closes, at the edge
        self._own = own  # submits, in the cloud
        self._target = Target(own.member, "in the cloud")
        self._notes = Notes(carrier, member, self._target)
        self._checks: set[asyncio.Task[None]] = set()
        self._holding = Holding(
            member,
            capacity=rule.waiting,
            held=self._held,
            on_work=self._take,
            on_withdraw=self._withdrawn,
            on_doubt=self._doubted,
        )

    def start(self) -> None:
        self._holding.start()

    async def close_desk(self) -> None:
        await self._holding.close()
        await end_tasks(self._checks)

    # -- what the edge gives and takes

    def _key(self, processid: str) -> str:
        return f"{Kind.UP.value}:{self._rule.name}:{processid}"

    def _held(self) -> dict[str, int]:
        return {
            item.source: item.attempt
            for item in self._carrier.table
            if item.kind is Kind.UP
            and item.rule == self._rule.name
            and (item.stage not in (Stage.KEPT, Stage.UNWANTED) or item.again)
        }

    def _take(self, assignment: Assignment) -> None:
        process = assignment.process
        known = self._carrier.table.get(self._key(process.processid))
        if known is not None and known.attempt >= assignment.attempt:
            return  # a repetition
        item = Item(
            key=self._key(process.processid),
            kind=Kind.UP,
            rule=self._rule.name,
            source=process.processid,
            attempt=assignment.attempt,
            round=assignment.attempt,
            work=work_of(process),
            earlier=assignment.attempt > 1 and self._member.is_younger_than(process.submissiontime),
        )
        self._carrier.take(item)

    def _why_not(self, spec: FunctionSpec) -> str:
        if carried(spec.env) and not self._rule.returning:
            return f"a bridge brought it here, and the rule [[up]] for {self._rule.edge} is not marked `returning`"
        if turned_back(spec.env, self._cloud.site):
            return "it came from that cloud colony: two rules of bridges form a circle"
        return ""

    def _withdrawn(self, processid: str, attempt: int, reason: str) -> None:
        item = self._carrier.table.get(self._key(processid))
        if item is not None and item.attempt == attempt:
            _log.info("process %s is not wanted from us any more: %s", processid, reason)
            self._carrier.tell(item.key, Event.WITHDRAWN)

    def _doubted(self, processid: str) -> None:
        task = asyncio.get_running_loop().create_task(self._check(processid))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _check(self, processid: str) -> None:
        """We were away, or the edge was, and a lease ended. As long as the work waits again, our result still counts,
        and it will come back to us as a rule: what runs above goes on."""
        item = self._carrier.table.get(self._key(processid))
        if item is None:
            return
        try:
            process = await state_of(await self._member.ready(), processid)
        except (ColoniesError, NoConnection) as error:
            _log.info("whether process %s is still wanted is not known now: %s", processid, error)
            return
        elsewhere = process is not None and process.assignedexecutorid not in ("", self._member.identity)
        if process is None or process.state in ENDS or elsewhere:
            self._carrier.tell(item.key, Event.WITHDRAWN)

    # -- the hands of an item

    def _origin(self, item: Item, number: int = 0) -> Origin:
        return Origin(side=EDGE, site=self._edge.site, processid=item.source, round=str(number or item.round))

    async def look_up(self, item: Item) -> Happened:
        await self._member.ready()  # the origin is named after the edge
        if item.earlier:
            return await self._target.find_round(lambda number: self._origin(item, number).label, item.round)
        return await self._target.look_up(self._origin(item).label)

    async def submit(self, item: Item) -> Happened:
        await self._member.ready()
        given = decode(FunctionSpec, item.work["spec"])
        if not self._why_not(given):
            await self._own.member.ready()  # before the cloud was heard for the first time, its site is not known
        why_not = self._why_not(given)  # in every round: what is given once more is refused once more
        if why_not:
            return Event.ENDED, {"verdict": Verdict(ok=False, errors=(why_not,))}
        client, origin = await self._own.member.ready(), self._origin(item)
        spec = spec_for(item.work, origin, colonyname=client.colonyname, executortype=self._rule.cloud)
        try:
            if inputs_of(item.work):
                member = self._own.member
                workflow = with_inputs(spec, origin, ownname=member.name, owntype=member.executortype)
                graph = await client.submit_workflow_spec(workflow, msgid=origin.msgid)
                return Event.PLACED, {"target": graph.processids[1], "graph": graph.processgraphid}
            process = await client.submit_func_spec(spec, msgid=origin.msgid)
            self._target.placed(process)
            return Event.PLACED, {"target": process.processid}
        except (BadRequest, TooLarge) as error:
            if self._target.may_take_it_later(client, error, origin.label):
                raise
            return Event.ENDED, {"verdict": Verdict(ok=False, errors=(f"the cloud refused it: {error}",))}

    async def watch(self, item: Item) -> Happened:
        if item.graph:
            await self._feed(item)
        following = asyncio.ensure_future(self._notes.follow(item, whole_graph=False))
        try:
            return Event.ENDED, {"verdict": await self._target.ended(item, whole_graph=False)}
        finally:
            await end_tasks([following])

    async def _feed(self, item: Item) -> None:
        """Run the node that brings the inputs: nothing can happen at the target before it has ended."""
        work = await state_of(await self._own.member.ready(), item.target)
        verdict = Verdict(ok=True, out=inputs_of(item.work))
        for parent in work.parents if work is not None else ():
            await self._own.close_as(parent, verdict)

    async def close(self, item: Item) -> Happened:
        client = await self._member.ready()
        if item.target:
            await self._notes.finish(item, whole_graph=False)
        try:
            await _tell_end(client, item)
            return Event.CLOSED, {}
        except (Conflict, BadRequest):
            return Event.REFUSED, {}
        except (NotFound, Internal):
            if await state_of(client, item.source) is None:
                return Event.CLOSED, {}
            raise

    async def linger(self, item: Item) -> Happened:
        while True:
            process = await state_of(await self._member.ready(), item.source)
            if process is None or process.state in ENDS:
                self._notes.forget(item)
                return Event.FORGOTTEN, {}
            if process.state is State.RUNNING and process.assignedexecutorid != self._member.identity:
                self._notes.forget(item)
                return Event.FORGOTTEN, {}
            await asyncio.sleep(LINGER_S)

    async def cancel(self, item: Item) -> Happened:
        happened = await self._target.cancel(item, self._origin(item).label)
        self._notes.forget(item)
        return happened

    def refused(self, item: Item) -> None:
        del item
        self._member.doubt()
        self._own.member.doubt()


async def _tell_end(client: BridgeClient, item: Item) -> None:
    """What does not fit into a message fails, and says so: tried again, it would not fit either."""
    try:
        await client.call(_closing(item), msgid=call_id("close", item.key, str(item.attempt), str(item.round)))
    except TooLarge as error:
        text = f"the output does not fit into a message of the edge: {error}"
        await client.call(CloseFailed(processid=item.source, errors=(text,), attempt=item.attempt))


def _closing(item: Item) -> Message:
    assert item.verdict is not None
    if item.verdict.ok:
        return CloseSuccessful(processid=item.source, out=item.verdict.out, attempt=item.attempt)
    return CloseFailed(processid=item.source, errors=item.verdict.errors, attempt=item.attempt)
