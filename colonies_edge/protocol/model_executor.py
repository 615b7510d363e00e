"""The objects of the wire that describe executors and servers; `model.py` is the door to all of them."""

from dataclasses import dataclass, field
from typing import Any

from colonies_edge.protocol.model_base import NO_GPU, OMIT, Gpu, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One kind of machine of an executor; its quantities are for people and are not parsed."""

    model: str = ""
    nodes: int = 0
    cpu: str = ""
    cores: int = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = NO_GPU
    platform: str = ""
    architecture: str = ""
    network: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """One program of an executor."""

    name: str = ""
    type: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an executor has."""

    hardware: tuple[Hardware, ...] = ()
    software: tuple[Software, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project may use of an executor, and uses."""

    allocatedcpu: int = 0
    usedcpu: int = 0
    allocatedgpu: int = 0
    usedgpu: int = 0
    allocatedstorage: int = 0
    usedstorage: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """The projects of an executor, by name."""

    projects: dict[str, Project] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """An executor as registered. `state` is a plain number: requests may carry any, and theirs is ignored.

    `online` is ours: it is connected and ready for work, or waits for some in a long poll. So are `left`: it said that
    it goes, or its connection broke, and nothing was heard of it since; and `bridge`: what a bridge says of its lines
    and of what waits for them, while it is there.
    """

    executorid: str = ""
    executortype: str = ""
    executorname: str = ""
    colonyname: str = ""
    state: int = 0
    requirefuncreg: bool = False
    commissiontime: Time = 0
    lastheardfromtime: Time = 0
    locationname: str = field(default="", metadata=OMIT)
    capabilities: Capabilities = Capabilities()
    allocations: Allocations = field(default_factory=Allocations)
    blueprintid: str = field(default="", metadata=OMIT)
    blueprintgen: int = field(default=0, metadata=OMIT)
    online: bool = field(default=False, metadata=OMIT)
    left: bool = field(default=False, metadata=OMIT)
    bridge: dict[str, Any] = field(default_factory=dict, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionArg:
    """One argument of a registered function."""

    name: str = ""
    type: str = ""
    description: str = field(default="", metadata=OMIT)
    required: bool = field(default=False, metadata=OMIT)
    enum: tuple[str, ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that an executor registered, with how long it waited and ran, in seconds."""

    functionid: str = ""
    executorname: str = ""
    executortype: str = ""
    colonyname: str = ""
    funcname: str = ""
    description: str = field(default="", metadata=OMIT)
    args: tuple[FunctionArg, ...] = field(default=(), metadata=OMIT)
    counter: int = 0
    minwaittime: float = 0.0
    maxwaittime: float = 0.0
    minexectime: float = 0.0
    maxexectime: float = 0.0
    avgwaittime: float = 0.0
    avgexectime: float = 0.0
    locationname: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to reach a server."""

    type: str = ""
    port: int = 0
    host: str = field(default="", metadata=OMIT)
    tls: bool = field(default=False, metadata=OMIT)
    insecure: bool = field(default=False, metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What a server tells everybody about itself."""

    buildversion: str = ""
    buildtime: str = ""
    backends: tuple[Backend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """One server of a cluster; ours is a cluster of one."""

    name: str = ""
    host: str = ""
    port: int = 0
    peerport: int = 0
    relayport: int = 0
    apiport: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The servers of a cluster and which of them leads."""

    nodes: tuple[ClusterNode, ...] = ()
    leader: ClusterNode = ClusterNode()
