"""Who may say what: one row per message type (`protocol-core.md` 2.3), and the check that reads it."""

from collections.abc import Callable
from typing import Any

from colonies_edge.engine import access_blueprints, access_files
from colonies_edge.engine.access_rule import Memory, Role, Rule, Target, memory_of
from colonies_edge.engine.step import Step
from colonies_edge.engine.tables import Tables
from colonies_edge.engine.tokens import require_bearer
from colonies_edge.protocol.errors import BadRequest, Forbidden, error_of
from colonies_edge.protocol.model import ExecutorState

__all__ = [
    "RULES", "Memory", "Role", "Rule", "Target", "authorise", "is_member", "memory_of", "process_of_attribute",
    "require_member", "require_owner", "subject_of_logs",
]  # fmt: skip

# How to find the object behind an id: kind -> (step, id or message) -> object with a `colonyname`, or None.
FINDERS: dict[str, Callable[[Step, Any], Any]] = {
    "process": lambda step, key: step.process(key),
    "graph": lambda step, key: step.graph(key),
    "cron": lambda step, key: step.tables.schedule.crons.get(key),
    "generator": lambda step, key: step.tables.schedule.generators.get(key),
    "blueprint": lambda step, key: metadata_of_blueprint(step, key),
    "executor by id": lambda step, key: step.tables.executors.get(key),
    "function": lambda step, key: step.tables.functions.get(key),
    "attribute": lambda step, key: process_of_attribute(step, key),
    "graph or all": lambda step, message: step.graph(message.processgraphid) if message.processgraphid else message,
    "subject of logs": lambda step, message: subject_of_logs(step, message),
}


def process_of_attribute(step: Step, attributeid: str) -> Any:
    """The process that has this attribute, in memory or in the archive, or None."""
    processid = step.tables.attribute_targets.get(attributeid)
    return step.process(processid) if processid is not None else step.history.process_of_attribute(attributeid)


def metadata_of_blueprint(step: Step, blueprintid: str) -> Any:
    """Where a blueprint says which colony it is in, or None."""
    blueprint = step.tables.blueprints.with_id(blueprintid)
    return blueprint.metadata if blueprint is not None else None


def subject_of_logs(step: Step, message: Any) -> Any:
    """The executor or the process whose logs are asked for (`protocol-rest.md` 5). Raises ColoniesError 500."""
    subject: Any
    if message.executorname:
        subject = step.tables.executor_named(message.colonyname, message.executorname)
    else:
        subject = step.process(message.processid)
    if subject is None:
        kind = "executor" if message.executorname else "process"
        raise error_of(500, f"Failed to get logs, {kind} does not exist")
    return subject


def authorise(step: Step, rule: Rule, message: Any) -> None:
    """Refuse, or set `step.colony` to the colony that the message concerns. Raises ColoniesError."""
    step.colony = _colony_of(step, rule.target, message) if rule.target is not None else ""
    if rule.unknown_colony and step.colony not in step.tables.colonies:
        raise BadRequest(rule.unknown_colony.format(step.colony))
    if rule.role is Role.SERVER_OWNER:
        if not step.caller or step.caller != step.tables.serverid:
            raise Forbidden("Access denied, not server owner")
    elif rule.role is Role.COLONY_OWNER:
        require_owner(step.tables, step.colony, step.caller)
    elif rule.role is Role.MEMBER_OR_OWNER:
        if not is_member(step.tables, step.colony, step.caller):
            require_owner(step.tables, step.colony, step.caller)
    elif rule.role is Role.BEARER:
        require_bearer(step, message)
    elif rule.role is not Role.ANYBODY:
        require_member(step.tables, step.colony, step.caller, pending=rule.role is Role.MEMBER_OR_PENDING)
    _check_topic(step, rule)


def _check_topic(step: Step, rule: Rule) -> None:
    """A colony named in the payload must be the one of the topic (`PROTOCOL.md` 1); `_` and plain HTTP name none."""
    route = step.request.route if step.request is not None else None
    if route is None or route.colony in ("", "_") or rule.target is None or rule.target.of:
        return
    if step.colony != route.colony:
        raise BadRequest(f"The message concerns colony <{step.colony}> but was sent to the topics of <{route.colony}>")


def _colony_of(step: Step, target: Target, message: Any) -> str:
    value = message
    for depth, part in enumerate(target.path.split(".") if target.path else ()):
        value = getattr(value, part)
        if value is None and depth == 0:
            raise BadRequest(target.absent)
        if value is None:
            return ""
    if not target.of:
        return str(value)
    if value == "" and target.absent:
        raise BadRequest(target.absent)
    found = FINDERS[target.of](step, value)
    if found is None:
        raise error_of(target.missing[0], target.missing[1].format(value))
    return str(found.colonyname)


def require_owner(tables: Tables, colony: str, caller: str) -> None:
    """Raises Forbidden unless the caller's identity is the colony's."""
    if not colony:
        raise Forbidden("Empty Colony name")
    found = tables.colonies.get(colony)
    if found is None:
        raise Forbidden(f"Colony with name <{colony}> does not exists")
    if found.colonyid != caller:
        raise Forbidden("Access denied, not colony owner")


def is_member(tables: Tables, colony: str, caller: str, *, pending: bool = False) -> bool:
    """An approved executor of that colony (with `pending` also one that waits for approval) or one of its users.

    Upstream's "any state" lets rejected and removed executors in as well; there is nothing that they should still see.
    """
    executor = tables.executors.get(caller)
    states = (ExecutorState.APPROVED, ExecutorState.PENDING) if pending else (ExecutorState.APPROVED,)
    if executor is not None and executor.colonyname == colony and executor.state in states:
        return True
    return tables.user_with_id(colony, caller) is not None


def require_member(tables: Tables, colony: str, caller: str, *, pending: bool = False) -> None:
    """Raises Forbidden unless `is_member`; that an executor is not approved is never said (`protocol-core.md` 2.2)."""
    if is_member(tables, colony, caller, pending=pending):
        return
    if colony not in tables.colonies:
        raise Forbidden(f"Colony with name <{colony}> does not exists")
    raise Forbidden(f"Access denied, not a member of Colony with name <{colony}>")


def _process(missing_status: int, missing: str) -> Target:
    return Target(of="process", path="processid", missing=(missing_status, missing))


def _graph(verb: str) -> Target:
    return Target(of="graph", path="processgraphid", missing=(500, f"Failed to {verb} processgraph, graph is nil"))


def _colony(path: str = "colonyname", absent: str = "") -> Target:
    return Target(path=path, absent=absent)


def _cron(missing: str) -> Target:
    return Target(of="cron", path="cronid", missing=(404, missing))


def _generator(verb: str) -> Target:
    return Target(of="generator", path="generatorid", missing=(404, f"Failed to {verb} generator, generator is nil"))


_UNKNOWN = "Colony with name <{}> does not exists"
_DURABLE, _VOLATILE = Memory.DURABLE, Memory.VOLATILE

RULES: dict[str, Rule] = {
    # Server
    "versionmsg": Rule(role=Role.ANYBODY),
    "getserverinfomsg": Rule(role=Role.ANYBODY),
    "getstatisticsmsg": Rule(role=Role.SERVER_OWNER),
    "getclustermsg": Rule(role=Role.SERVER_OWNER),
    "changeserveridmsg": Rule(role=Role.SERVER_OWNER, memory=_DURABLE),
    # Colonies
    "addcolonymsg": Rule(role=Role.SERVER_OWNER, memory=_DURABLE),
    "removecolonymsg": Rule(role=Role.SERVER_OWNER, memory=_DURABLE),
    "getcoloniesmsg": Rule(role=Role.SERVER_OWNER),
    "getcolonymsg": Rule(role=Role.MEMBER, target=_colony()),
    "getcolonystatsmsg": Rule(role=Role.MEMBER, target=_colony(), unknown_colony="Colony with name <{}> not found"),
    "changecolonyidmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    # Executors
    "addexecutormsg": Rule(
        role=Role.COLONY_OWNER,
        target=_colony("executor.colonyname", "Failed to add executor, executor is nil"),
        memory=_DURABLE,
    ),
    "approveexecutormsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "rejectexecutormsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "removeexecutormsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "getexecutorsmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony()),
    "getexecutormsg": Rule(role=Role.MEMBER, target=_colony()),
    "getexecutorbyidmsg": Rule(
        role=Role.MEMBER,
        target=Target(
            of="executor by id", path="executorid", missing=(404, "Failed to get executor by ID, executor is nil")
        ),
    ),
    "reportallocationmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony(), memory=_DURABLE),
    "updateexecutormsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony(), memory=_DURABLE),
    "changeexecutoridmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony(), memory=_DURABLE),
    # Enrolment
    "enrolmsg": Rule(role=Role.BEARER, target=_colony(), memory=_DURABLE),
    "getenrolmentsmsg": Rule(role=Role.COLONY_OWNER, target=_colony()),
    "revokeenrolmentmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    # Users: addresses and telephone numbers are not for executors that nobody approved yet
    "addusermsg": Rule(
        role=Role.COLONY_OWNER,
        target=_colony("user.colonyname", "Failed to add user, user is nil"),
        memory=_DURABLE,
        unknown_colony=_UNKNOWN,
    ),
    "getusersmsg": Rule(role=Role.MEMBER, target=_colony(), unknown_colony=_UNKNOWN),
    "getusermsg": Rule(role=Role.MEMBER, target=_colony(), unknown_colony=_UNKNOWN),
    "getuserbyidmsg": Rule(role=Role.MEMBER, target=_colony(), unknown_colony=_UNKNOWN),
    "removeusermsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE, unknown_colony=_UNKNOWN),
    "changeuseridmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony(), memory=_DURABLE),
    # Functions
    "addfunctionmsg": Rule(
        role=Role.MEMBER,
        target=_colony("fun.colonyname", "Failed to add function, msg.Function is nil"),
        memory=_DURABLE,
    ),
    "getfunctionsmsg": Rule(role=Role.MEMBER, target=_colony()),
    "removefunctionmsg": Rule(
        role=Role.MEMBER,
        target=Target(
            of="function",
            path="functionid",
            absent="Failed to remove function, msg.FunctionID is empty",
            missing=(404, "Failed to remove function, function does not exist"),
        ),
        memory=_DURABLE,
    ),
    # Processes
    "submitfuncspecmsg": Rule(
        role=Role.MEMBER,
        target=_colony("spec.conditions.colonyname", "Failed to submit process spec, msg.FunctionSpec is nil"),
        memory=_DURABLE,
    ),
    "assignprocessmsg": Rule(role=Role.MEMBER, target=_colony(), memory=_VOLATILE),
    "getprocessmsg": Rule(role=Role.MEMBER, target=_process(404, "Failed to get process, process not found")),
    "getprocessesmsg": Rule(role=Role.MEMBER, target=_colony()),
    "getprocesshistmsg": Rule(role=Role.MEMBER, target=_colony()),
    "closesuccessfulmsg": Rule(
        role=Role.MEMBER,
        target=_process(500, "Failed to close process as successful, process is nil"),
        memory=_DURABLE,
    ),
    "closefailedmsg": Rule(
        role=Role.MEMBER, target=_process(500, "Failed to close process as failed, process is nil"), memory=_DURABLE
    ),
    "setoutputmsg": Rule(
        role=Role.MEMBER, target=_process(500, "Failed to set output, process is nil"), memory=_DURABLE
    ),
    "cancelprocessmsg": Rule(
        role=Role.MEMBER, target=_process(500, "Failed to cancel process, process is nil"), memory=_DURABLE
    ),
    "removeprocessmsg": Rule(
        role=Role.MEMBER, target=_process(500, "Failed to remove process, process is nil"), memory=_DURABLE
    ),
    "removeallprocessesmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "pauseassignmentsmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "resumeassignmentsmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "getpausestatusmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony()),
    # Workflows
    "submitworkflowspecmsg": Rule(
        role=Role.MEMBER,
        target=_colony("spec.colonyname", "Failed to submit workflow, msg.WorkflowSpec is nil"),
        memory=_DURABLE,
    ),
    "getprocessgraphmsg": Rule(role=Role.MEMBER, target=_graph("get")),
    "getprocessgraphsmsg": Rule(role=Role.MEMBER, target=_colony()),
    "removeprocessgraphmsg": Rule(role=Role.MEMBER, target=_graph("remove"), memory=_DURABLE),
    "removeallprocessgraphsmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    "cancelprocessgraphmsg": Rule(role=Role.MEMBER, target=_graph("cancel"), memory=_DURABLE),
    "addchildmsg": Rule(
        role=Role.MEMBER,
        target=Target(of="process", path="parentprocessid", missing=(404, "Process with Id {} not found")),
        memory=_DURABLE,
    ),
    # Executors at work (PROTOCOL.md 4)
    "readymsg": Rule(role=Role.MEMBER, target=_colony(), memory=_VOLATILE),
    "heartbeatmsg": Rule(role=Role.MEMBER, target=_colony(), memory=_VOLATILE),
    "releaseprocessmsg": Rule(
        role=Role.MEMBER, target=_process(404, "Failed to release process, process not found"), memory=_DURABLE
    ),
    # Attributes and logs
    "addattributemsg": Rule(
        role=Role.MEMBER,
        target=Target(
            of="process",
            path="attribute.targetid",
            absent="Failed to add attribute, attribute is nil",
            missing=(404, "Failed to add attribute, process not found"),
        ),
        memory=_DURABLE,
    ),
    "getattributemsg": Rule(
        role=Role.MEMBER, target=Target(of="attribute", path="attributeid", missing=(400, "Attribute does not exists"))
    ),
    "addlogmsg": Rule(role=Role.MEMBER, target=_process(500, "Failed to add log, process is nil"), memory=_DURABLE),
    "addexecutorlogmsg": Rule(role=Role.MEMBER, target=_colony(), memory=_DURABLE),
    "getlogsmsg": Rule(role=Role.MEMBER, target=Target(of="subject of logs", missing=(500, ""))),
    "searchlogsmsg": Rule(role=Role.MEMBER, target=_colony()),
    # Crons and generators
    "addcronmsg": Rule(
        role=Role.MEMBER, target=_colony("cron.colonyname", "Failed to add cron, msg.Cron is nil"), memory=_DURABLE
    ),
    "getcronmsg": Rule(role=Role.MEMBER, target=_cron("Failed to get cron, cron is nil")),
    "getcronsmsg": Rule(role=Role.MEMBER, target=_colony()),
    "runcronmsg": Rule(role=Role.MEMBER, target=_cron("cron not found"), memory=_DURABLE),
    "removecronmsg": Rule(role=Role.MEMBER, target=_cron("Failed to remove cron, cron is nil"), memory=_DURABLE),
    "addgeneratormsg": Rule(
        role=Role.MEMBER,
        target=_colony("generator.colonyname", "Failed to add generator, msg.Generator is nil"),
        memory=_DURABLE,
    ),
    "getgeneratormsg": Rule(role=Role.MEMBER, target=_generator("get")),
    "resolvegeneratormsg": Rule(role=Role.MEMBER, target=_colony()),
    "getgeneratorsmsg": Rule(role=Role.MEMBER, target=_colony()),
    "packgeneratormsg": Rule(role=Role.MEMBER, target=_generator("increment"), memory=_DURABLE),
    "removegeneratormsg": Rule(role=Role.MEMBER, target=_generator("remove"), memory=_DURABLE),
    # Locations
    "addlocationmsg": Rule(
        role=Role.COLONY_OWNER,
        target=_colony("location.colonyname", "Failed to add location, location is nil"),
        memory=_DURABLE,
        unknown_colony=_UNKNOWN,
    ),
    "getlocationsmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony()),
    "getlocationmsg": Rule(role=Role.MEMBER_OR_PENDING, target=_colony()),
    "removelocationmsg": Rule(role=Role.COLONY_OWNER, target=_colony(), memory=_DURABLE),
    **access_blueprints.RULES,
    **access_files.RULES,
    # Channels: who of the members may is looked at there
    "channelappendmsg": Rule(role=Role.MEMBER, target=_process(404, "Process not found"), memory=_DURABLE),
    "channelreadmsg": Rule(role=Role.MEMBER, target=_process(404, "Process not found")),
    "subscribechannelmsg": Rule(role=Role.MEMBER, target=_process(404, "Process not found"), memory=_VOLATILE),
    # Subscriptions
    "subscribeprocessmsg": Rule(role=Role.MEMBER, target=_process(403, "Invalid process with Id {}"), memory=_VOLATILE),
    "subscribeprocessgraphmsg": Rule(
        role=Role.MEMBER,
        target=Target(of="graph or all", missing=(404, "Failed to subscribe to processgraph, graph is nil")),
        memory=_VOLATILE,
    ),
    "subscribeprocessesmsg": Rule(role=Role.MEMBER, target=_colony(), memory=_VOLATILE),
}
