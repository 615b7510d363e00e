"""The rows of crons, generators and their arguments; locations are kept as they are on the wire."""

from dataclasses import dataclass

from colonies_edge.protocol.model import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class CronRow:
    """A cron as kept. `runs` counts the workflows that it started; the ids of the next one are made from it.

    There is no mark for a cron that is due and waits for its previous workflow: then `nextrun` has passed, and whoever
    looks again, after the end of that workflow or after a restart, finds it due.
    """

    cronid: str
    colonyname: str
    name: str
    initiatorid: str
    initiatorname: str
    workflowspec: str
    cronexpression: str = ""
    interval: int = -1
    random: bool = False
    waitforprevprocessgraph: bool = False
    nextrun: Time = 0
    lastrun: Time = 0
    prevprocessgraphid: str = ""
    runs: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorRow:
    """A generator as kept; its queue is the table `generatorargs`. `runs` as with crons."""

    generatorid: str
    colonyname: str
    name: str
    initiatorid: str
    initiatorname: str
    workflowspec: str
    trigger: int
    timeout: int = 0
    firstpack: Time = 0
    lastrun: Time = 0
    runs: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgRow:
    """One argument in the queue of a generator, a row of its own so that packing writes no more than it.

    `since` is when it was packed; a step of the wall clock moves it, for how long it has waited did not change.
    """

    generatorid: str
    arg: str
    since: Time
