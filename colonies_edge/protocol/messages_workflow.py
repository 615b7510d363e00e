"""Messages about workflows, which the wire calls process graphs (`protocol-core.md` 5); `messages.py` is the door."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import OMIT, FunctionSpec, WorkflowSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitWorkflowSpec(Stamp):
    """Run these, each when those that it depends on succeeded. `in` is what every root gets as its input."""

    msgtype: ClassVar[str] = "submitworkflowspecmsg"
    failure: ClassVar[str] = "Failed to submit workkflow"  # upstream's spelling
    mismatch: ClassVar[str] = "Failed to submit workflow"
    spec: WorkflowSpec | None = None
    in_: tuple[Any, ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProcessGraph(Stamp):
    """One workflow, with what is needed to draw it."""

    msgtype: ClassVar[str] = "getprocessgraphmsg"
    failure: ClassVar[str] = "Failed to get processgraph"
    processgraphid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProcessGraphs(Stamp):
    """Workflows in one state; `after` (ours), a workflow's id, asks for the page that follows it."""

    msgtype: ClassVar[str] = "getprocessgraphsmsg"
    failure: ClassVar[str] = "Failed to get processgraphs"
    colonyname: str = ""
    count: int = 0
    state: int = 0
    after: str = field(default="", metadata=OMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveProcessGraph(Stamp):
    """A workflow that does not run is forgotten, with its processes."""

    msgtype: ClassVar[str] = "removeprocessgraphmsg"
    failure: ClassVar[str] = "Failed to remove processgraph"
    processgraphid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAllProcessGraphs(Stamp):
    """All workflows in a state are forgotten, with their processes."""

    msgtype: ClassVar[str] = "removeallprocessgraphsmsg"
    failure: ClassVar[str] = "Failed to remove all processgraphs"
    colonyname: str = ""
    state: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelProcessGraph(Stamp):
    """No longer wanted: what of it has not ended is cancelled."""

    msgtype: ClassVar[str] = "cancelprocessgraphmsg"
    failure: ClassVar[str] = "Failed to cancel processgraph"
    processgraphid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddChild(Stamp):
    """A running process adds one that waits for it.

    With `childprocessid`, that process waits for the new one, too. With `insert` the new one comes between the parent
    and all its children.
    """

    msgtype: ClassVar[str] = "addchildmsg"
    failure: ClassVar[str] = "Failed to add child to processgraph"
    processgraphid: str = ""
    parentprocessid: str = ""
    childprocessid: str = field(default="", metadata=OMIT)
    spec: FunctionSpec | None = None
    insert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeProcessGraph(Stamp):
    """Tell me when this workflow enters `state`, or one of `states`, for `timeout` seconds; without an id, of each
    workflow of the colony. Ours: upstream has no such message."""

    msgtype: ClassVar[str] = "subscribeprocessgraphmsg"
    failure: ClassVar[str] = "Failed to subscribe to processgraph"
    colonyname: str = ""
    processgraphid: str = ""
    state: int = 0
    timeout: int = 0
    states: tuple[int, ...] = field(default=(), metadata=OMIT)
