"""From a process at the source to what is submitted at the target, and back from what became of it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from colonies_edge.apps.bridge.items import Verdict
from colonies_edge.apps.bridge.origins import LABEL, ORIGIN, Origin, chain_of, parse_label
from colonies_edge.protocol.codec import decode, encode
from colonies_edge.protocol.model import Conditions, FunctionSpec, Process, State, WorkflowSpec

LATER_S = 2  # a Go server looks for deadlines once a second, and its verdict has to come here
INPUT_NODE = "input"
WORK_NODE = "work"


def work_of(process: Process) -> dict[str, Any]:
    """What an item keeps of its source: enough to submit it at any time later."""
    work: dict[str, Any] = {"spec": encode(process.spec)}
    if process.in_:
        work["in"] = list(process.in_)
    return work


def inputs_of(work: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(work.get("in") or ())


def limit_s(spec: FunctionSpec) -> int:
    """How long it may run at the target: as long as at the source, and a little more; -1 without a limit.

    The source's own deadline comes first: it counts from when we were given the work, knows of retries, and has what
    runs here cancelled. This one is for when the line is down, or when what hangs was adopted. Counted from when it
    begins at the target, as retries there need the whole of it; and no point in time, as clocks differ and step.
    """
    return spec.maxexectime + LATER_S if spec.maxexectime > 0 else -1


def spec_for(work: Mapping[str, Any], origin: Origin, *, colonyname: str, executortype: str) -> FunctionSpec:
    """The same function with its arguments, for another executor type in another colony.

    Names of executors and places of the source mean nothing at the target. Time to wait is the source's to count. An
    executor that dies at the target costs a retry there, and is none at the source.
    """
    spec = decode(FunctionSpec, work["spec"])
    return replace(
        spec,
        nodename="",
        label=origin.label,
        env=env_of(spec, origin),
        maxwaittime=-1,
        maxexectime=limit_s(spec),
        channels=(),
        conditions=replace(
            spec.conditions,
            colonyname=colonyname,
            executortype=executortype,
            executornames=(),
            locationname="",
            dependencies=(),
        ),
    )


def env_of(spec: FunctionSpec, origin: Origin) -> dict[str, str]:
    """The label that people gave moves here, if no bridge put it there before."""
    label = {LABEL: spec.label} if spec.label and parse_label(spec.label) is None else {}
    return {**spec.env, **label, ORIGIN: " ".join((*chain_of(spec.env), origin.label))}


def with_inputs(spec: FunctionSpec, origin: Origin, *, ownname: str, owntype: str) -> WorkflowSpec:
    """A submit cannot carry inputs: a node that we run ourselves brings them as its output, on any Colonies server."""
    colonyname = spec.conditions.colonyname
    first = FunctionSpec(
        nodename=INPUT_NODE,
        funcname=INPUT_NODE,
        label=origin.input_label,
        env={ORIGIN: origin.label},
        maxwaittime=-1,
        maxexectime=-1,
        maxretries=-1,
        conditions=Conditions(colonyname=colonyname, executortype=owntype, executornames=(ownname,)),
    )
    second = replace(spec, nodename=WORK_NODE, conditions=replace(spec.conditions, dependencies=(INPUT_NODE,)))
    return WorkflowSpec(colonyname=colonyname, functionspecs=(first, second))


def from_template(
    template: Sequence[FunctionSpec], work: Mapping[str, Any], origin: Origin, *, colonyname: str
) -> WorkflowSpec:
    """A workflow of the rule, whose roots get the arguments. Every node carries the origin."""
    given = decode(FunctionSpec, work["spec"])
    nodes = []
    for node in template:
        root = not node.conditions.dependencies
        nodes.append(
            replace(
                node,
                args=given.args if root else node.args,
                kwargs={**node.kwargs, **given.kwargs} if root else node.kwargs,
                env=env_of(replace(node, env={**node.env, **given.env}, label=given.label or node.label), origin),
                label=origin.label,
                priority=given.priority,
                maxexectime=_shorter(limit_s(given), node.maxexectime),
                conditions=replace(node.conditions, colonyname=colonyname),
            )
        )
    return WorkflowSpec(colonyname=colonyname, functionspecs=tuple(nodes))


def _shorter(one_s: int, other_s: int) -> int:
    """Of two limits, of which there may be none."""
    limits = [limit for limit in (one_s, other_s) if limit > 0]
    return min(limits) if limits else -1


def record_spec(process: Process, origin: Origin, *, colonyname: str, ownname: str, owntype: str) -> FunctionSpec:
    """A process that has ended, as a record that only the bridge itself takes and closes."""
    spec = process.spec
    told = {
        "COLONIES_EDGE_EXECUTORTYPE": spec.conditions.executortype,
        "COLONIES_EDGE_EXECUTOR": process.assignedexecutorid,
        "COLONIES_EDGE_START_NS": str(process.starttime),
        "COLONIES_EDGE_END_NS": str(process.endtime),
    }
    return replace(
        spec,
        nodename="",
        label=origin.label,
        env={**env_of(spec, origin), **told},
        maxwaittime=-1,
        maxexectime=-1,
        maxretries=-1,
        channels=(),
        conditions=Conditions(colonyname=colonyname, executortype=owntype, executornames=(ownname,)),
    )


def verdict_of(process: Process, where: str) -> Verdict:
    """What became of a process that has ended `where`."""
    if process.state is State.SUCCESS:
        return Verdict(ok=True, out=process.out)
    if process.state is State.CANCELLED:
        return Verdict(ok=False, errors=(f"process {process.processid} was cancelled {where}",))
    return Verdict(ok=False, errors=process.errors or (f"process {process.processid} failed {where}",))


def verdict_of_graph(nodes: Sequence[Process], where: str) -> Verdict:
    """The outputs of the leaves, in the order of the template; or what went wrong, by node."""
    if all(node.state is State.SUCCESS for node in nodes):
        leaves = [node for node in nodes if not node.children]
        return Verdict(ok=True, out=tuple(value for leaf in leaves for value in leaf.out))
    errors = [f"{node.spec.nodename}: {error}" for node in nodes if node.state is State.FAILED for error in node.errors]
    return Verdict(ok=False, errors=tuple(errors) or (f"the workflow was cancelled {where}",))
