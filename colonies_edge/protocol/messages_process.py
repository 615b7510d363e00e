"""Messages about processes, their attributes, logs, subscriptions (`protocol-core.md` 4, 6, `protocol-rest.md` 5), and
those between coordinator and executors (`PROTOCOL.md` 4); `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import OMIT, Attribute, FunctionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFuncSpec(Stamp):
    """Run this. `in` is what a parent would have given it: a bridge brings the inputs of a workflow elsewhere."""

    msgtype: ClassVar[str] = "submitfuncspecmsg"
    failure: ClassVar[str] = "Failed to submit process"
    mismatch: ClassVar[str] = "Failed to submit process spec"
    spec: FunctionSpec | None = None
    in_: tuple[Any, ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignProcess(Stamp):
    """Give me work; a positive `timeout` waits for it so many seconds, a negative one does not wait."""

    msgtype: ClassVar[str] = "assignprocessmsg"
    failure: ClassVar[str] = "Failed to assign process"
    colonyname: str = ""
    timeout: int = 0
    availablecpu: str = ""
    availablemem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProcess(Stamp):
    """One process."""

    msgtype: ClassVar[str] = "getprocessmsg"
    failure: ClassVar[str] = "Failed to get process"
    processid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProcesses(Stamp):
    """Processes in one state; `after` (ours), a process's id, asks for the page that follows it. With `endedafter`
    (ours; "0:", later the end in ns, a colon and the id of the last one) those that have ended, by their end, oldest
    first; a state of -1 means every end."""

    msgtype: ClassVar[str] = "getprocessesmsg"
    failure: ClassVar[str] = "Failed to get processes"
    colonyname: str = ""
    count: int = 0
    state: int = 0
    executortype: str = ""
    label: str = ""
    initiator: str = ""
    processgraphid: str = field(default="", metadata=OMIT)
    after: str = field(default="", metadata=OMIT)
    endedafter: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProcessHist(Stamp):
    """Processes submitted within the last `seconds`."""

    msgtype: ClassVar[str] = "getprocesshistmsg"
    failure: ClassVar[str] = "Failed to get process hist"
    mismatch: ClassVar[str] = "Failed to get process history"
    colonyname: str = ""
    executorid: str = ""
    seconds: int = 0
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveProcess(Stamp):
    """A process that does not run is forgotten."""

    msgtype: ClassVar[str] = "removeprocessmsg"
    failure: ClassVar[str] = "Failed to remove process"
    processid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAllProcesses(Stamp):
    """All processes in a state are forgotten."""

    msgtype: ClassVar[str] = "removeallprocessesmsg"
    failure: ClassVar[str] = "Failed to remove all processes"
    colonyname: str = ""
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutput(Stamp):
    """Output of a process that goes on."""

    msgtype: ClassVar[str] = "setoutputmsg"
    failure: ClassVar[str] = "Failed to set output"
    processid: str = ""
    out: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSuccessful(Stamp):
    """Done. `attempt` 0 is a close without one, as SDKs of upstream send it."""

    msgtype: ClassVar[str] = "closesuccessfulmsg"
    failure: ClassVar[str] = "Failed to close successful"
    mismatch: ClassVar[str] = "Failed to close process as successful"
    processid: str = ""
    out: tuple[Any, ...] = ()
    attempt: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFailed(Stamp):
    """It did not work. `attempt` as above."""

    msgtype: ClassVar[str] = "closefailedmsg"
    failure: ClassVar[str] = "Failed to close failed"
    mismatch: ClassVar[str] = "Failed to close process as failed"
    processid: str = ""
    errors: tuple[str, ...] = ()
    attempt: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelProcess(Stamp):
    """No longer wanted."""

    msgtype: ClassVar[str] = "cancelprocessmsg"
    failure: ClassVar[str] = "Failed to cancel process"
    processid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAssignments(Stamp):
    """Nothing is assigned in this colony for now."""

    msgtype: ClassVar[str] = "pauseassignmentsmsg"
    failure: ClassVar[str] = "Failed to pause assignments"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAssignments(Stamp):
    """Assignments go on."""

    msgtype: ClassVar[str] = "resumeassignmentsmsg"
    failure: ClassVar[str] = "Failed to resume assignments"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPauseStatus(Stamp):
    """Is this colony paused?"""

    msgtype: ClassVar[str] = "getpausestatusmsg"
    failure: ClassVar[str] = "Failed to get pause status"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAttribute(Stamp):
    """The executor notes something with its process."""

    msgtype: ClassVar[str] = "addattributemsg"
    failure: ClassVar[str] = "Failed to add attribute"
    attribute: Attribute = field(default_factory=Attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAttribute(Stamp):
    """One attribute."""

    msgtype: ClassVar[str] = "getattributemsg"
    failure: ClassVar[str] = "Failed to get attribute"
    attributeid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLog(Stamp):
    """A line for the log of a running process."""

    msgtype: ClassVar[str] = "addlogmsg"
    failure: ClassVar[str] = "Failed to add log"
    processid: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExecutorLog(Stamp):
    """A line about the executor itself."""

    msgtype: ClassVar[str] = "addexecutorlogmsg"
    failure: ClassVar[str] = "Failed to add executor log"
    colonyname: str = ""
    executorname: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLogs(Stamp):
    """Lines of a process or of an executor; `since` in nanoseconds."""

    msgtype: ClassVar[str] = "getlogsmsg"
    failure: ClassVar[str] = "Failed to get logs"
    colonyname: str = ""
    processid: str = ""
    executorname: str = ""
    count: int = 0
    since: int = 0
    latest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLogs(Stamp):
    """Lines of a colony that contain a text."""

    msgtype: ClassVar[str] = "searchlogsmsg"
    failure: ClassVar[str] = "Failed to search logs"
    mismatch: ClassVar[str] = "Failed to get logs"
    colonyname: str = ""
    text: str = ""
    days: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeProcess(Stamp):
    """Tell me when this process enters `state`, or one of `states`, for `timeout` seconds."""

    msgtype: ClassVar[str] = "subscribeprocessmsg"
    failure: ClassVar[str] = "Failed to subscribe to process"
    colonyname: str = ""
    processid: str = ""
    executortype: str = ""
    state: int = 0
    timeout: int = 0
    states: tuple[int, ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeProcesses(Stamp):
    """Tell me when any process of an executor type does; an empty one, or a workflow (ours), means any of those."""

    msgtype: ClassVar[str] = "subscribeprocessesmsg"
    failure: ClassVar[str] = "Failed to subscribe to processes"
    colonyname: str = ""
    executortype: str = ""
    state: int = 0
    timeout: int = 0
    states: tuple[int, ...] = field(default=(), metadata=OMIT)
    processgraphid: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One assignment that an executor holds: the process and which attempt at it."""

    processid: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Stamp):
    """Sent at every connect: so much I can run, this I hold. `capacity` 0 drains."""

    msgtype: ClassVar[str] = "readymsg"
    failure: ClassVar[str] = "Failed to get ready"
    colonyname: str = ""
    capacity: int = 0
    holding: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Stamp):
    """Still at it: extends the leases of these processes, of all when `processids` is absent."""

    msgtype: ClassVar[str] = "heartbeatmsg"
    failure: ClassVar[str] = "Failed to extend leases"
    colonyname: str = ""
    processids: tuple[str, ...] | None = field(default=None, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseProcess(Stamp):
    """Not me, not now."""

    msgtype: ClassVar[str] = "releaseprocessmsg"
    failure: ClassVar[str] = "Failed to release process"
    processid: str = ""
    attempt: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Pushed to an executor: stop this attempt and forget it. Never accepted from anybody, so not in MESSAGES."""

    msgtype: ClassVar[str] = "withdrawmsg"
    processid: str = ""
    attempt: int = 0
    reason: str = ""
