"""All messages: the table from type to class, and the way from a parsed payload to an object."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from colonies_edge.protocol.codec import decode, encode
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.messages_base import Stamp, is_msgid
from colonies_edge.protocol.messages_blueprint import (
    AddBlueprint,
    AddBlueprintDefinition,
    GetBlueprint,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    GetBlueprintHistory,
    GetBlueprints,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveBlueprintDefinition,
    UpdateBlueprint,
    UpdateBlueprintStatus,
)
from colonies_edge.protocol.messages_channel import ChannelAppend, ChannelRead, SubscribeChannel
from colonies_edge.protocol.messages_enrolment import Enrol, GetEnrolments, RevokeEnrolment
from colonies_edge.protocol.messages_files import (
    AddFile,
    BeginBlob,
    CreateSnapshot,
    GetBlob,
    GetFile,
    GetFileLabels,
    GetFiles,
    GetSnapshot,
    GetSnapshots,
    PutBlob,
    RemoveAllSnapshots,
    RemoveFile,
    RemoveSnapshot,
)
from colonies_edge.protocol.messages_members import (
    AddColony,
    AddExecutor,
    AddFunction,
    AddUser,
    ApproveExecutor,
    ChangeColonyId,
    ChangeExecutorId,
    ChangeServerId,
    ChangeUserId,
    GetCluster,
    GetColonies,
    GetColony,
    GetColonyStats,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    GetFunctions,
    GetServerInfo,
    GetStatistics,
    GetUser,
    GetUserById,
    GetUsers,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
    RemoveFunction,
    RemoveUser,
    ReportAllocation,
    UpdateExecutor,
    Version,
)
from colonies_edge.protocol.messages_process import (
    AddAttribute,
    AddExecutorLog,
    AddLog,
    AssignProcess,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    GetAttribute,
    GetLogs,
    GetPauseStatus,
    GetProcess,
    GetProcesses,
    GetProcessHist,
    Heartbeat,
    Held,
    PauseAssignments,
    Ready,
    ReleaseProcess,
    RemoveAllProcesses,
    RemoveProcess,
    ResumeAssignments,
    SearchLogs,
    SetOutput,
    SubmitFuncSpec,
    SubscribeProcess,
    SubscribeProcesses,
    Withdraw,
)
from colonies_edge.protocol.messages_schedule import (
    AddCron,
    AddGenerator,
    AddLocation,
    GetCron,
    GetCrons,
    GetGenerator,
    GetGenerators,
    GetLocation,
    GetLocations,
    PackGenerator,
    RemoveCron,
    RemoveGenerator,
    RemoveLocation,
    ResolveGenerator,
    RunCron,
)
from colonies_edge.protocol.messages_workflow import (
    AddChild,
    CancelProcessGraph,
    GetProcessGraph,
    GetProcessGraphs,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflowSpec,
    SubscribeProcessGraph,
)

__all__ = [
    "MESSAGES", "AddAttribute", "AddBlueprint", "AddBlueprintDefinition", "AddChild", "AddColony", "AddCron",
    "AddExecutor", "AddExecutorLog", "AddFile", "AddFunction", "AddGenerator", "AddLocation", "AddLog", "AddUser",
    "ApproveExecutor", "AssignProcess", "BeginBlob", "CancelProcess", "CancelProcessGraph", "ChangeColonyId",
    "ChangeExecutorId", "ChangeServerId", "ChangeUserId", "ChannelAppend", "ChannelRead", "CloseFailed",
    "CloseSuccessful", "CreateSnapshot", "Enrol", "GetAttribute", "GetBlob", "GetBlueprint", "GetBlueprintDefinition",
    "GetBlueprintDefinitions", "GetBlueprintHistory", "GetBlueprints", "GetCluster", "GetColonies", "GetColony",
    "GetColonyStats", "GetCron", "GetCrons", "GetEnrolments", "GetExecutor", "GetExecutorById", "GetExecutors",
    "GetFile", "GetFileLabels", "GetFiles", "GetFunctions", "GetGenerator", "GetGenerators", "GetLocation",
    "GetLocations", "GetLogs", "GetPauseStatus", "GetProcess", "GetProcessGraph", "GetProcessGraphs",
    "GetProcessHist", "GetProcesses", "GetServerInfo", "GetSnapshot", "GetSnapshots", "GetStatistics", "GetUser",
    "GetUserById", "GetUsers", "Heartbeat", "Held", "Message", "MessageType", "PackGenerator", "PauseAssignments",
    "PutBlob", "Ready", "ReconcileBlueprint", "RejectExecutor", "ReleaseProcess", "RemoveAllProcessGraphs",
    "RemoveAllProcesses", "RemoveAllSnapshots", "RemoveBlueprint", "RemoveBlueprintDefinition", "RemoveColony",
    "RemoveCron", "RemoveExecutor", "RemoveFile", "RemoveFunction", "RemoveGenerator", "RemoveLocation",
    "RemoveProcess", "RemoveProcessGraph", "RemoveSnapshot", "RemoveUser", "ReportAllocation", "ResolveGenerator",
    "ResumeAssignments", "RevokeEnrolment", "RunCron", "SearchLogs", "SetOutput", "Stamp", "SubmitFuncSpec",
    "SubmitWorkflowSpec", "SubscribeChannel", "SubscribeProcess", "SubscribeProcessGraph", "SubscribeProcesses",
    "UpdateBlueprint", "UpdateBlueprintStatus", "UpdateExecutor", "Version", "Withdraw", "decode_message",
    "encode_message", "is_msgid", "message_type", "stamped",
]  # fmt: skip

Message: TypeAlias = Stamp

_CLASSES: tuple[type[Stamp], ...] = (
    Version, GetServerInfo, GetStatistics, GetCluster, ChangeServerId,
    AddColony, RemoveColony, GetColonies, GetColony, GetColonyStats, ChangeColonyId,
    AddExecutor, ApproveExecutor, RejectExecutor, RemoveExecutor, GetExecutors, GetExecutor, GetExecutorById,
    ReportAllocation, UpdateExecutor, ChangeExecutorId,
    Enrol, GetEnrolments, RevokeEnrolment,
    AddUser, GetUsers, GetUser, GetUserById, RemoveUser, ChangeUserId,
    AddFunction, GetFunctions, RemoveFunction,
    SubmitFuncSpec, AssignProcess, GetProcess, GetProcesses, GetProcessHist, RemoveProcess, RemoveAllProcesses,
    SetOutput, CloseSuccessful, CloseFailed, CancelProcess, PauseAssignments, ResumeAssignments, GetPauseStatus,
    AddAttribute, GetAttribute, AddLog, AddExecutorLog, GetLogs, SearchLogs, SubscribeProcess, SubscribeProcesses,
    Ready, Heartbeat, ReleaseProcess,
    SubmitWorkflowSpec, GetProcessGraph, GetProcessGraphs, RemoveProcessGraph, RemoveAllProcessGraphs,
    CancelProcessGraph, AddChild, SubscribeProcessGraph,
    AddCron, GetCron, GetCrons, RunCron, RemoveCron,
    AddGenerator, GetGenerator, ResolveGenerator, GetGenerators, PackGenerator, RemoveGenerator,
    AddLocation, GetLocations, GetLocation, RemoveLocation,
    ChannelAppend, ChannelRead, SubscribeChannel,
    AddBlueprintDefinition, GetBlueprintDefinition, GetBlueprintDefinitions, RemoveBlueprintDefinition,
    AddBlueprint, GetBlueprint, GetBlueprints, UpdateBlueprint, UpdateBlueprintStatus, ReconcileBlueprint,
    RemoveBlueprint, GetBlueprintHistory,
    AddFile, GetFile, GetFiles, GetFileLabels, RemoveFile,
    CreateSnapshot, GetSnapshot, GetSnapshots, RemoveSnapshot, RemoveAllSnapshots,
    BeginBlob, PutBlob, GetBlob,
)  # fmt: skip

# Names that old clients still send, harmless to understand.
_ALIASES: dict[str, type[Stamp]] = {
    "deleteexecutormsg": RemoveExecutor,
    "deleteprocessmsg": RemoveProcess,
    "getfunctionsbyexecutormsg": GetFunctions,
}
_UNSIGNED: tuple[type[Stamp], ...] = (Version, GetServerInfo)
_SHOWN_CHARS_MAX = 100  # of what a stranger sent, in an error text


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """One row of the table; the two texts are those of the 400s that every message can get."""

    msgtype: str
    cls: type[Stamp]
    json_failure: str
    type_mismatch: str
    unsigned: bool


def _row(msgtype: str, cls: type[Stamp]) -> MessageType:
    suffix = (
        "msg.msgType does not match payloadType" if cls is AssignProcess else "msg.MsgType does not match payloadType"
    )
    return MessageType(
        msgtype=msgtype,
        cls=cls,
        json_failure=f"{cls.failure}, invalid JSON",
        type_mismatch=f"{cls.mismatch or cls.failure}, {suffix}",
        unsigned=cls in _UNSIGNED,
    )


MESSAGES: dict[str, MessageType] = {
    msgtype: _row(msgtype, cls) for msgtype, cls in [*((cls.msgtype, cls) for cls in _CLASSES), *_ALIASES.items()]
}


def message_type(payloadtype: str) -> MessageType:
    """The row of the table. Raises Forbidden for what nobody serves, as upstream does."""
    row = MESSAGES.get(payloadtype)
    if row is not None:
        return row
    if payloadtype:
        raise Forbidden(f"invalid rpcMsg.PayloadType: {payloadtype[:_SHOWN_CHARS_MAX]}")
    raise Forbidden(
        "invalid rpcMsg.PayloadType: empty (this usually means the client is misconfigured - check that "
        "COLONIES_PRVKEY and other environment variables are set correctly)"
    )


def decode_message(payloadtype: str, value: Any) -> Message:
    """The message in a parsed payload. Raises Forbidden for unknown types and BadRequest for what does not fit."""
    row = message_type(payloadtype)
    if row.cls is GetServerInfo:  # upstream does not look at its payload at all
        value = {**value, "msgtype": payloadtype} if isinstance(value, dict) else {"msgtype": payloadtype}
    try:
        message = decode(row.cls, value)
    except BadRequest as error:
        raise BadRequest(f"{row.json_failure}: {error.message}") from None
    if _msgtype_in(value) != payloadtype:
        raise BadRequest(row.type_mismatch)
    return message


def encode_message(message: Message | Withdraw) -> dict[str, Any]:
    """The JSON object to seal, `msgtype` first."""
    return {"msgtype": message.msgtype, **encode(message)}


def stamped(message: dict[str, Any], *, msgid: str, ts: int, serverid: str = "") -> dict[str, Any]:
    """A copy of a message stamped (`PROTOCOL.md` 2), the server under the key that is free in this message."""
    result = {**message, "msgid": msgid, "ts": ts}
    if serverid:
        result["forserverid" if message.get("msgtype") == ChangeServerId.msgtype else "serverid"] = serverid
    return result


def _msgtype_in(value: dict[str, Any]) -> Any:
    found = ""
    for key, raw in value.items():
        if key.lower() == "msgtype" and raw is not None:
            found = raw
    return found
