"""Messages about servers, colonies, executors, users, functions (`protocol-core.md` 3); `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import OMIT, Allocations, Capabilities, Colony, Executor, Function, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Stamp):
    """Which build is this? Unsigned; what the caller says of itself is ignored."""

    msgtype: ClassVar[str] = "versionmsg"
    failure: ClassVar[str] = "Failed to get server version"
    buildversion: str = ""
    buildtime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetServerInfo(Stamp):
    """How can this server be reached? Unsigned."""

    msgtype: ClassVar[str] = "getserverinfomsg"
    failure: ClassVar[str] = "Failed to get server info"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatistics(Stamp):
    """Counts over all colonies."""

    msgtype: ClassVar[str] = "getstatisticsmsg"
    failure: ClassVar[str] = "Failed to get statistics"
    mismatch: ClassVar[str] = "Failed to get server version"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCluster(Stamp):
    """The servers behind this one."""

    msgtype: ClassVar[str] = "getclustermsg"
    failure: ClassVar[str] = "Failed to get cluster info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeServerId(Stamp):
    """Another key owns the server. Upstream calls the new identity `serverid`, so the stamp's field of that name, the
    coordinator that the message is meant for, travels under another key here."""

    msgtype: ClassVar[str] = "changeserveridmsg"
    failure: ClassVar[str] = "Failed to change colony Id"
    serverid: str = field(default="", metadata={**OMIT, "key": "forserverid"})
    newserverid: str = field(default="", metadata={"key": "serverid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColony(Stamp):
    """A new colony and its owner."""

    msgtype: ClassVar[str] = "addcolonymsg"
    failure: ClassVar[str] = "Failed to add colony"
    colony: Colony | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveColony(Stamp):
    """A colony goes, with all it has."""

    msgtype: ClassVar[str] = "removecolonymsg"
    failure: ClassVar[str] = "Failed to remove colony"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetColonies(Stamp):
    """All colonies."""

    msgtype: ClassVar[str] = "getcoloniesmsg"
    failure: ClassVar[str] = "Failed to get colonies"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetColony(Stamp):
    """One colony."""

    msgtype: ClassVar[str] = "getcolonymsg"
    failure: ClassVar[str] = "Failed to get colony"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetColonyStats(Stamp):
    """Counts of one colony; with `minutes` (ours) also how many processes ended in each of the last so many."""

    msgtype: ClassVar[str] = "getcolonystatsmsg"
    failure: ClassVar[str] = "Failed to get colony statistics"
    colonyname: str = ""
    minutes: int = field(default=0, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeColonyId(Stamp):
    """A colony gets another owner key."""

    msgtype: ClassVar[str] = "changecolonyidmsg"
    failure: ClassVar[str] = "Failed to change colony Id"
    colonyname: str = ""
    colonyid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExecutor(Stamp):
    """An executor is registered, pending."""

    msgtype: ClassVar[str] = "addexecutormsg"
    failure: ClassVar[str] = "Failed to add executor"
    executor: Executor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveExecutor(Stamp):
    """An executor may work."""

    msgtype: ClassVar[str] = "approveexecutormsg"
    failure: ClassVar[str] = "Failed to approve executor"
    colonyname: str = ""
    executorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectExecutor(Stamp):
    """An executor may not work."""

    msgtype: ClassVar[str] = "rejectexecutormsg"
    failure: ClassVar[str] = "Failed to reject executor"
    colonyname: str = ""
    executorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExecutor(Stamp):
    """An executor is unregistered; its work goes back to the queue."""

    msgtype: ClassVar[str] = "removeexecutormsg"
    failure: ClassVar[str] = "Failed to remove executor"
    colonyname: str = ""
    executorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetExecutors(Stamp):
    """All executors of a colony."""

    msgtype: ClassVar[str] = "getexecutorsmsg"
    failure: ClassVar[str] = "Failed to get executors"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetExecutor(Stamp):
    """One executor by name."""

    msgtype: ClassVar[str] = "getexecutormsg"
    failure: ClassVar[str] = "Failed to get executor"
    colonyname: str = ""
    executorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetExecutorById(Stamp):
    """One executor by identity."""

    msgtype: ClassVar[str] = "getexecutorbyidmsg"
    failure: ClassVar[str] = "Failed to get executor by ID"
    colonyname: str = ""
    executorid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAllocation(Stamp):
    """What projects use of the calling executor."""

    msgtype: ClassVar[str] = "reportallocationmsg"
    failure: ClassVar[str] = "Failed to report allocation"
    colonyname: str = ""
    executorname: str = ""
    allocations: Allocations = field(default_factory=Allocations)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateExecutor(Stamp):
    """What the calling executor has."""

    msgtype: ClassVar[str] = "updateexecutormsg"
    failure: ClassVar[str] = "Failed to update executor"
    colonyname: str = ""
    executorname: str = ""
    capabilities: Capabilities = field(default_factory=Capabilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeExecutorId(Stamp):
    """The calling executor gets another key."""

    msgtype: ClassVar[str] = "changeexecutoridmsg"
    failure: ClassVar[str] = "Failed to change executor Id"
    colonyname: str = ""
    executorid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUser(Stamp):
    """A person may submit."""

    msgtype: ClassVar[str] = "addusermsg"
    failure: ClassVar[str] = "Failed to add user"
    user: User | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUsers(Stamp):
    """All users of a colony."""

    msgtype: ClassVar[str] = "getusersmsg"
    failure: ClassVar[str] = "Failed to get users"
    colonyname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser(Stamp):
    """One user by name."""

    msgtype: ClassVar[str] = "getusermsg"
    failure: ClassVar[str] = "Failed to get user"
    colonyname: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserById(Stamp):
    """One user by identity."""

    msgtype: ClassVar[str] = "getuserbyidmsg"
    failure: ClassVar[str] = "Failed to get user by ID"
    colonyname: str = ""
    userid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveUser(Stamp):
    """A person may no longer submit."""

    msgtype: ClassVar[str] = "removeusermsg"
    failure: ClassVar[str] = "Failed to remove user"
    colonyname: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeUserId(Stamp):
    """The calling user gets another key."""

    msgtype: ClassVar[str] = "changeuseridmsg"
    failure: ClassVar[str] = "Failed to add log"
    mismatch: ClassVar[str] = "Failed to change user Id"
    colonyname: str = ""
    userid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFunction(Stamp):
    """The calling executor says what it can do. Upstream calls the field `fun`; SDK authors expect `function`."""

    msgtype: ClassVar[str] = "addfunctionmsg"
    failure: ClassVar[str] = "Failed to add function"
    fun: Function | None = field(default=None, metadata={"aliases": ("function",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFunctions(Stamp):
    """Functions of one executor, or of the colony."""

    msgtype: ClassVar[str] = "getfunctionsmsg"
    failure: ClassVar[str] = "Failed to get function"
    colonyname: str = ""
    executorname: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFunction(Stamp):
    """The calling executor no longer does this."""

    msgtype: ClassVar[str] = "removefunctionmsg"
    failure: ClassVar[str] = "Failed to remove function"
    functionid: str = ""
