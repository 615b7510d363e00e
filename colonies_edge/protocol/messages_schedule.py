"""Messages about crons, generators and locations (`protocol-rest.md` 1, 2, 8); `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import OMIT
from colonies_edge.protocol.model_schedule import Cron, Generator, Location


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCron(Stamp):
    """Start a workflow at certain times."""

    msgtype: ClassVar[str] = "addcronmsg"
    failure: ClassVar[str] = "Failed to add cron"
    cron: Cron | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCron(Stamp):
    """One cron."""

    msgtype: ClassVar[str] = "getcronmsg"
    failure: ClassVar[str] = "Failed to get cron"
    cronid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCrons(Stamp):
    """The crons of a colony; `after` (ours), a cron's id, asks for those that follow it."""

    msgtype: ClassVar[str] = "getcronsmsg"
    failure: ClassVar[str] = "Failed to get crons"
    colonyname: str = ""
    count: int = 0
    after: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCron(Stamp):
    """Start it now."""

    msgtype: ClassVar[str] = "runcronmsg"
    failure: ClassVar[str] = "Failed to run cron"
    cronid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCron(Stamp):
    """Do not start it any more."""

    msgtype: ClassVar[str] = "removecronmsg"
    failure: ClassVar[str] = "Failed to remove cron"
    cronid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddGenerator(Stamp):
    """Start a workflow for every so many arguments."""

    msgtype: ClassVar[str] = "addgeneratormsg"
    failure: ClassVar[str] = "Failed to add generator"
    generator: Generator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGenerator(Stamp):
    """One generator, with the length of its queue."""

    msgtype: ClassVar[str] = "getgeneratormsg"
    failure: ClassVar[str] = "Failed to get generator"
    generatorid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveGenerator(Stamp):
    """One generator by its name."""

    msgtype: ClassVar[str] = "resolvegeneratormsg"
    failure: ClassVar[str] = "Failed to resolve generator"
    colonyname: str = ""
    generatorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGenerators(Stamp):
    """The generators of a colony; `after` (ours), a generator's id, asks for those that follow it."""

    msgtype: ClassVar[str] = "getgeneratorsmsg"
    failure: ClassVar[str] = "Failed to get generators"
    colonyname: str = ""
    count: int = 0
    after: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackGenerator(Stamp):
    """One more argument."""

    msgtype: ClassVar[str] = "packgeneratormsg"
    failure: ClassVar[str] = "Failed to inc generator"
    mismatch: ClassVar[str] = "Failed to increment generator"
    generatorid: str = ""
    arg: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGenerator(Stamp):
    """It goes, and the arguments that wait in it."""

    msgtype: ClassVar[str] = "removegeneratormsg"
    failure: ClassVar[str] = "Failed to remove generator"
    generatorid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLocation(Stamp):
    """A new place."""

    msgtype: ClassVar[str] = "addlocationmsg"
    failure: ClassVar[str] = "Failed to add location"
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLocations(Stamp):
    """All places of a colony."""

    msgtype: ClassVar[str] = "getlocationsmsg"
    failure: ClassVar[str] = "Failed to get locations"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLocation(Stamp):
    """One place."""

    msgtype: ClassVar[str] = "getlocationmsg"
    failure: ClassVar[str] = "Failed to get location"
    colonyname: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLocation(Stamp):
    """The place is forgotten; executors keep its name."""

    msgtype: ClassVar[str] = "removelocationmsg"
    failure: ClassVar[str] = "Failed to remove location"
    colonyname: str = ""
    name: str = ""
