"""Generators: arguments are collected, and so many of them start a workflow (`protocol-rest.md` 2)."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from colonies_edge.engine import spawning
from colonies_edge.engine.lifecycle import SECOND
from colonies_edge.engine.membership import initiator_name
from colonies_edge.engine.names import require_text
from colonies_edge.engine.rows_schedule import ArgRow, GeneratorRow
from colonies_edge.engine.schedule_index import arg_bytes, following
from colonies_edge.engine.schedule_owners import drop_generator
from colonies_edge.engine.step import Handler, Step
from colonies_edge.engine.timers import Timer
from colonies_edge.protocol.errors import BadRequest, ColoniesError, NotFound, TooLarge, TooManyRequests
from colonies_edge.protocol.limits import (
    COLUMN_INT_MAX,
    GENERATOR_ARGS_BYTES_MAX,
    GENERATOR_ARGS_MAX,
    GENERATORS_PER_COLONY_MAX,
)
from colonies_edge.protocol.messages import (
    AddGenerator,
    GetGenerator,
    GetGenerators,
    PackGenerator,
    RemoveGenerator,
    ResolveGenerator,
)
from colonies_edge.protocol.model import Generator


def add_generator(step: Step, message: AddGenerator) -> Generator:
    """A new generator, its queue empty."""
    generator = message.generator
    assert generator is not None  # access control refused it
    failure = "Failed to add generator"
    require_text(failure, "generator name", generator.name)
    spawning.require_workflow(failure, generator.workflowspec, step.colony)
    if not 1 <= generator.trigger <= COLUMN_INT_MAX:
        raise BadRequest(f"{failure}, the trigger must be 1 or more arguments, at most {COLUMN_INT_MAX}")
    if generator.timeout > COLUMN_INT_MAX:
        raise BadRequest(f"{failure}, the timeout must not be larger than {COLUMN_INT_MAX} seconds")
    schedule = step.tables.schedule
    if (step.colony, generator.name) in schedule.generator_names:
        raise BadRequest(f"Generator with name <{generator.name}> in Colony <{step.colony}> already exists")
    if len(schedule.generators_in.get(step.colony, ())) >= GENERATORS_PER_COLONY_MAX:
        raise TooManyRequests(f"{failure}, Colony <{step.colony}> has {GENERATORS_PER_COLONY_MAX} generators already")
    row = GeneratorRow(
        generatorid=step.new_id("generator"),
        colonyname=step.colony,
        name=generator.name,
        initiatorid=step.caller,
        initiatorname=initiator_name(step.tables, step.colony, step.caller),
        workflowspec=generator.workflowspec,
        trigger=generator.trigger,
        timeout=generator.timeout,
    )
    step.draft.put("generators", row.generatorid, row)
    return shown(row)


def shown(row: GeneratorRow, *, queue: int = 0, period_ms: int = 0) -> Generator:
    """As on the wire."""
    return Generator(
        generatorid=row.generatorid,
        initiatorid=row.initiatorid,
        initiatorname=row.initiatorname,
        colonyname=row.colonyname,
        name=row.name,
        workflowspec=row.workflowspec,
        trigger=row.trigger,
        timeout=row.timeout,
        firstpack=row.firstpack,
        lastrun=row.lastrun,
        queuesize=queue,
        checkerperiod=period_ms,
        error=row.error,
    )


def get_generator(step: Step, message: GetGenerator) -> Generator:
    """One generator; only here its queue is counted, as upstream does it."""
    schedule = step.tables.schedule
    queue = len(schedule.queues.get(message.generatorid, ()))
    return shown(schedule.generators[message.generatorid], queue=queue, period_ms=spawning.CHECKER_PERIOD_MS)


def resolve_generator(step: Step, message: ResolveGenerator) -> Generator:
    """One by its name."""
    schedule = step.tables.schedule
    key = schedule.generator_names.get((step.colony, message.generatorname))
    if key is None:
        raise NotFound("Failed to resolve generator, generator is nil")
    return shown(schedule.generators[key])


def get_generators(step: Step, message: GetGenerators) -> list[Generator]:
    """As many of the colony's as are asked for."""
    if message.count < 0:
        raise BadRequest("Count must not be negative")
    schedule = step.tables.schedule
    ids = islice(following(schedule.generators_in.get(step.colony, {}), message.after), message.count)
    return [shown(schedule.generators[key]) for key in ids]


def remove_generator(step: Step, message: RemoveGenerator) -> dict[str, Any]:
    """Any member may; the arguments that wait in it are lost with it."""
    drop_generator(step, message.generatorid)
    return {}


# Packing


def pack(step: Step, message: PackGenerator) -> dict[str, Any]:
    """One more argument; the one that makes them enough starts the workflow in the same record of the journal.

    So nothing is lost and nothing is started twice, wherever a crash falls. An argument is refused while nobody could
    start what it is for.
    """
    schedule = step.tables.schedule
    row = schedule.generators[message.generatorid]
    size = arg_bytes(message.arg)
    if size > GENERATOR_ARGS_BYTES_MAX:
        raise TooLarge(f"Failed to increment generator, the argument has more than {GENERATOR_ARGS_BYTES_MAX} bytes")
    spawning.require_initiator(step, row)
    queue = schedule.queues.get(row.generatorid, {})
    number = int(next(reversed(queue)).rpartition("/")[2]) + 1 if queue else 1
    waiting = len(queue)
    if not row.firstpack:
        row = step.draft.patch("generators", row.generatorid, firstpack=step.now)
    if waiting >= GENERATOR_ARGS_MAX or schedule.bytes_queued(row.generatorid) + size > GENERATOR_ARGS_BYTES_MAX:
        row = _start(step, row)  # no more of them would fit a message: fewer than the trigger, but on their way
        waiting = 0
    if waiting + 1 >= row.trigger:
        _start(step, row, message.arg)
    else:
        arg = ArgRow(generatorid=row.generatorid, arg=message.arg, since=step.now)
        step.draft.put("generatorargs", f"{row.generatorid}/{number:012d}", arg)
    return {}


def _queue(step: Step, generatorid: str) -> list[tuple[str, ArgRow]]:
    """The arguments that wait and were not taken earlier in this step, oldest first."""
    keys = step.tables.schedule.queues.get(generatorid, ())
    return [(key, row) for key in keys if (row := step.draft.get("generatorargs", key)) is not None]


def _start(step: Step, row: GeneratorRow, *more: str) -> GeneratorRow:
    """A workflow with all that wait, and `more`. Raises ColoniesError, and has then changed nothing."""
    queue = _queue(step, row.generatorid)
    args = (*(arg.arg for _, arg in queue), *more)
    spawning.start(step, row, row.generatorid, root_args=args)
    for key, _ in queue:
        step.draft.drop("generatorargs", key)
    started: GeneratorRow = step.draft.patch(
        "generators", row.generatorid, lastrun=step.now, runs=row.runs + 1, error=""
    )
    return started


def go_off(step: Step, generatorid: str) -> None:
    """The oldest argument may have waited long enough: then all go, though they are fewer than the trigger."""
    row: GeneratorRow | None = step.draft.get("generators", generatorid)
    queue = _queue(step, generatorid) if row is not None else []
    if row is None or not queue or row.timeout <= 0 or queue[0][1].since + row.timeout * SECOND > step.now:
        return
    try:
        _start(step, row)
    except ColoniesError as error:  # they stay, and it is tried again as often as arguments may wait
        if error.message != row.error:
            step.draft.patch("generators", generatorid, error=error.message)
        again = step.live.after(row.timeout)
        step.then.append(lambda: step.live.timers.set(again, Timer.GENERATOR, generatorid))


HANDLERS: Mapping[str, Handler] = {
    "addgeneratormsg": add_generator,
    "getgeneratormsg": get_generator,
    "resolvegeneratormsg": resolve_generator,
    "getgeneratorsmsg": get_generators,
    "packgeneratormsg": pack,
    "removegeneratormsg": remove_generator,
}
