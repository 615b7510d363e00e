"""The objects of the wire: attribute names are the JSON keys, in the order in which they are emitted."""

from dataclasses import dataclass, field
from typing import Any

from colonies_edge.protocol.model_base import (
    ANY_STATE,
    NO_GPU,
    OMIT,
    PRIORITY_NS,
    AttributeType,
    ExecutorState,
    Gpu,
    State,
    Time,
)
from colonies_edge.protocol.model_blueprint import (
    Blueprint,
    BlueprintDefinition,
    BlueprintDefinitionSpec,
    BlueprintHandler,
    BlueprintHistory,
    BlueprintMetadata,
    BlueprintNames,
)
from colonies_edge.protocol.model_channel import ChannelEntry
from colonies_edge.protocol.model_enrolment import Enrolment
from colonies_edge.protocol.model_executor import (
    Allocations,
    Backend,
    Capabilities,
    Cluster,
    ClusterNode,
    Executor,
    Function,
    FunctionArg,
    Hardware,
    Project,
    ServerInfo,
    Software,
)
from colonies_edge.protocol.model_schedule import Cron, Generator, Location

__all__ = [
    "ANY_STATE", "NO_GPU", "OMIT", "PRIORITY_NS", "Allocations", "Attribute", "AttributeType", "Backend", "Blueprint",
    "BlueprintDefinition", "BlueprintDefinitionSpec", "BlueprintHandler", "BlueprintHistory", "BlueprintMetadata",
    "BlueprintNames", "Capabilities", "ChannelEntry", "Cluster", "ClusterNode", "Colony", "Conditions", "Cron",
    "DirMount", "Edge", "Enrolment", "Executor", "ExecutorState", "Filesystem", "Function", "FunctionArg",
    "FunctionSpec", "Generator", "Gpu", "Hardware", "Location", "LogEntry", "Node", "NodeData", "NodeStyle",
    "OnClose", "OnConflicts", "OnStart", "Position", "Process", "ProcessGraph", "Project", "ServerInfo",
    "SnapshotMount", "Software", "State", "Statistics", "Time", "User", "WorkflowSpec",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which executor may run a process."""

    colonyname: str = ""
    executornames: tuple[str, ...] = ()
    executortype: str = ""
    locationname: str = field(default="", metadata=OMIT)
    dependencies: tuple[str, ...] = ()
    nodes: int = 0
    cpu: str = ""
    processes: int = 0
    processespernode: int = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = NO_GPU
    walltime: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotMount:
    """A snapshot of files that the executor puts into the process's directory."""

    snapshotid: str = ""
    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    keepsnapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnStart:
    """Whose file wins when the process starts."""

    keeplocal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnClose:
    """Whose file wins when the process is closed."""

    keeplocal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnConflicts:
    """Whose file wins, at both ends of a process."""

    onstart: OnStart = OnStart()
    onclose: OnClose = OnClose()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirMount:
    """A directory that the executor keeps in step with a label of the file store."""

    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    onconflicts: OnConflicts = OnConflicts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """Files of a process; passed through, executors act on it."""

    mount: str = ""
    snapshots: tuple[SnapshotMount, ...] = ()
    dirs: tuple[DirMount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """What to run, and under which conditions."""

    nodename: str = ""
    funcname: str = ""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    maxwaittime: int = 0
    maxexectime: int = 0
    maxretries: int = 0
    conditions: Conditions = Conditions()
    label: str = ""
    fs: Filesystem = Filesystem()
    env: dict[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A key and a value kept with a process."""

    attributeid: str = ""
    targetid: str = ""
    targetcolonyname: str = ""
    targetprocessgraphid: str = ""
    state: int = 0
    attributetype: int = 0
    key: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process as replies show it: always these 22 keys."""

    processid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    assignedexecutorid: str = ""
    isassigned: bool = False
    state: State = State.WAITING
    prioritytime: int = 0
    submissiontime: Time = 0
    starttime: Time = 0
    endtime: Time = 0
    waitdeadline: Time = 0
    execdeadline: Time = 0
    retries: int = 0
    attributes: tuple[Attribute, ...] = ()
    spec: FunctionSpec = field(default_factory=FunctionSpec)
    waitforparents: bool = False
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    processgraphid: str = ""
    in_: tuple[Any, ...] = ()
    out: tuple[Any, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    """What to run in which order: each function spec is a node, named, that may depend on others by their names."""

    colonyname: str = ""
    functionspecs: tuple[FunctionSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeData:
    """What is written on a node."""

    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a node is drawn."""

    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStyle:
    """How a node is drawn; the background tells the state."""

    color: str = ""
    background: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A process of a graph, for dashboards that draw it."""

    id: str = ""
    data: NodeData = NodeData()
    position: Position = Position()
    type: str = ""
    style: NodeStyle = NodeStyle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From a process of a graph to one that waits for it."""

    id: str = ""
    source: str = ""
    target: str = ""
    animated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGraph:
    """A workflow that was submitted."""

    processgraphid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    rootprocessids: tuple[str, ...] = ()
    state: State = State.WAITING
    submissiontime: Time = 0
    starttime: Time = 0
    endtime: Time = 0
    processids: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Colony:
    """A colony; the name is what messages use, the id is its owner's identity."""

    colonyid: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may submit to a colony."""

    colonyname: str = ""
    userid: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a log; the time stamp is a number on the wire, in nanoseconds."""

    processid: str = ""
    colonyname: str = ""
    executorname: str = ""
    message: str = ""
    timestamp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts of a colony, or of the whole server.

    The last two are ours, and there when they were asked for: processes that ended, and those of them that failed, in
    each of the latest minutes; the last number is the minute that has just begun.
    """

    colonies: int = 0
    executors: int = 0
    activeexecutors: int = 0
    unregisteredexecutors: int = 0
    waitingprocesses: int = 0
    runningprocesses: int = 0
    successfulprocesses: int = 0
    failedprocesses: int = 0
    cancelledprocesses: int = 0
    waitingworkflows: int = 0
    runningworkflows: int = 0
    successfulworkflows: int = 0
    failedworkflows: int = 0
    cancelledworkflows: int = 0
    endedperminute: tuple[int, ...] = field(default=(), metadata=OMIT)
    failedperminute: tuple[int, ...] = field(default=(), metadata=OMIT)
