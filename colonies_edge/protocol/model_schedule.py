"""The wire's objects for work that starts by itself, crons and generators, and for places; `model.py` is the door."""

from dataclasses import dataclass, field

from colonies_edge.protocol.model_base import OMIT, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Start this workflow again and again; `workflowspec` is JSON text. An `interval` of seconds, or the expression.

    `error` is ours and mostly absent: why the latest run that was due did not start.
    """

    cronid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    cronexpression: str = ""
    interval: int = 0
    random: bool = False
    nextrun: Time = 0
    lastrun: Time = 0
    workflowspec: str = ""
    prevprocessgraphid: str = ""
    # The Python SDK forgets the last letter, and its users wonder why their crons overlap.
    waitforprevprocessgraph: bool = field(default=False, metadata={"aliases": ("waitforprevprocessgrap",)})
    checkerperiod: int = 0
    error: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """Collect arguments and start this workflow for every `trigger` of them, or after `timeout` seconds for fewer.

    `error` is ours, as with crons.
    """

    generatorid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    workflowspec: str = ""
    trigger: int = 0
    timeout: int = 0
    firstpack: Time = 0
    lastrun: Time = 0
    queuesize: int = 0
    checkerperiod: int = 0
    error: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place with a name; executors and conditions refer to it by that."""

    locationid: str = ""
    name: str = ""
    colonyname: str = ""
    description: str = ""
    long: float = 0.0
    lat: float = 0.0
