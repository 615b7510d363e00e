"""What follows from the rows of crons, generators and locations: names, what is in a colony, queues in their order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from colonies_edge.engine.rows_schedule import ArgRow, CronRow, GeneratorRow
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.model import Location

Ids = dict[str, None]  # an ordered set


def following(ids: Ids, after: str) -> Iterator[str]:
    """The ids behind that one, all of them without one. Raises BadRequest when it is not among them."""
    rest = iter(ids)
    if after and all(key != after for key in rest):  # else it goes on where that stopped
        raise BadRequest(f"{after} is not there any more: begin with the first page")
    return rest


class ScheduleIndex:
    """The tables themselves and their indices, kept by `Tables.apply`."""

    def __init__(self) -> None:
        self.crons: dict[str, CronRow] = {}
        self.generators: dict[str, GeneratorRow] = {}
        self.args: dict[str, ArgRow] = {}
        self.locations: dict[str, Location] = {}
        self.by_name: dict[str, dict[str, Any]] = {
            "crons": self.crons,
            "generators": self.generators,
            "generatorargs": self.args,
            "locations": self.locations,
        }
        self.crons_in: dict[str, Ids] = {}  # colony -> cron ids
        self.cron_names: dict[tuple[str, str], str] = {}  # (colony, name) -> cron id
        self.crons_after: dict[str, Ids] = {}  # id of a workflow -> ids of the crons whose latest it is
        self.generators_in: dict[str, Ids] = {}
        self.generator_names: dict[tuple[str, str], str] = {}
        self.queues: dict[str, Ids] = {}  # generator id -> keys of its arguments, oldest first
        self._bytes: dict[str, int] = {}  # generator id -> bytes of the arguments in its queue
        self.locations_in: dict[str, Ids] = {}  # colony -> keys

    def queue(self, generatorid: str) -> list[tuple[str, ArgRow]]:
        """The arguments that wait, oldest first."""
        return [(key, self.args[key]) for key in self.queues.get(generatorid, ())]

    def oldest(self, generatorid: str) -> ArgRow | None:
        """The argument that waits longest."""
        key = next(iter(self.queues.get(generatorid, ())), None)
        return self.args[key] if key is not None else None

    def bytes_queued(self, generatorid: str) -> int:
        """What the arguments that wait take, as JSON with their commas."""
        return self._bytes.get(generatorid, 0)

    def see_cron(self, key: str, before: CronRow | None, after: CronRow | None) -> None:
        """A row of a cron changed."""
        _see_named(self.crons_in, self.cron_names, key, before, after)
        was = before.prevprocessgraphid if before is not None else ""
        now = after.prevprocessgraphid if after is not None else ""
        if was != now:
            _discard(self.crons_after, was, key)
            if now:
                _add(self.crons_after, now, key)

    def see_generator(self, key: str, before: GeneratorRow | None, after: GeneratorRow | None) -> None:
        """A row of a generator changed."""
        _see_named(self.generators_in, self.generator_names, key, before, after)

    def see_arg(self, key: str, before: ArgRow | None, after: ArgRow | None) -> None:
        """An argument came or went."""
        row = after if after is not None else before
        if row is None:
            return
        if after is not None:
            _add(self.queues, row.generatorid, key)
        else:
            _discard(self.queues, row.generatorid, key)
        left = self.bytes_queued(row.generatorid) + _size(after) - _size(before)
        if left:
            self._bytes[row.generatorid] = left
        else:
            self._bytes.pop(row.generatorid, None)

    def see_location(self, key: str, before: Location | None, after: Location | None) -> None:
        """A row of a location changed."""
        if before is not None:
            _discard(self.locations_in, before.colonyname, key)
        if after is not None:
            _add(self.locations_in, after.colonyname, key)

    def put_in_order(self) -> None:
        """After the rows of a checkpoint: keys of arguments count up, so they say who came first."""
        for keys in self.queues.values():
            ordered = sorted(keys)
            keys.clear()
            keys.update(dict.fromkeys(ordered))

    def step_clock(self, by_ns: int) -> None:
        """The wall clock jumped: what is a length of time is as long as before, what is a time of day stays it."""
        for key, cron in self.crons.items():
            if cron.nextrun and counts_time(cron):
                self.crons[key] = replace(cron, nextrun=cron.nextrun + by_ns)
        for key, arg in self.args.items():
            self.args[key] = replace(arg, since=arg.since + by_ns)


def counts_time(cron: CronRow) -> bool:
    """Due after a length of time, not at times of day. No other expression that was let in contains the word."""
    return cron.interval > 0 or "@every" in cron.cronexpression


def arg_bytes(arg: str) -> int:
    """What an argument takes in the JSON of a process, with its comma."""
    return len(dump_json(arg).encode()) + 1


def _size(row: ArgRow | None) -> int:
    return arg_bytes(row.arg) if row is not None else 0


def location_key(colony: str, name: str) -> str:
    """Key of the table `locations`; neither part may contain a slash (`names.require_name`)."""
    return f"{colony}/{name}"


def _see_named(ids: dict[str, Ids], names: dict[tuple[str, str], str], key: str, before: Any, after: Any) -> None:
    if before is None and after is not None:
        _add(ids, after.colonyname, key)
        names[after.colonyname, after.name] = key
    elif before is not None and after is None:
        _discard(ids, before.colonyname, key)
        names.pop((before.colonyname, before.name), None)


def _add(index: dict[str, Ids], at: str, key: str) -> None:
    index.setdefault(at, {})[key] = None


def _discard(index: dict[str, Ids], at: str, key: str) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.pop(key, None)
        if not keys:
            del index[at]
