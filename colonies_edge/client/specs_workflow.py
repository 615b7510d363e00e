"""From a workflow as people and files write it to the object of the wire, and to the text that crons keep of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from colonies_edge.client.specs import complete
from colonies_edge.protocol.codec import dump_json, encode
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import FunctionSpec, WorkflowSpec


class HasSpec(Protocol):
    """A workflow that is being written."""

    def spec(self) -> WorkflowSpec: ...


AnyWorkflow: TypeAlias = "HasSpec | WorkflowSpec | Mapping[str, Any] | Sequence[FunctionSpec | Mapping[str, Any]]"


def workflow_spec(workflow: AnyWorkflow, colonyname: str) -> WorkflowSpec:
    """In the client's colony where none is named; nodes are in that of their workflow.

    Raises UsageError for what is no workflow at all.
    """
    if isinstance(workflow, WorkflowSpec):
        whole = workflow
    elif isinstance(workflow, Mapping):
        whole = _from_json(workflow)
    elif isinstance(workflow, Sequence) and not isinstance(workflow, str):
        whole = WorkflowSpec(functionspecs=tuple(_node(number, node) for number, node in enumerate(workflow, 1)))
    elif hasattr(workflow, "spec"):
        whole = workflow.spec()
    else:
        raise UsageError(f"a workflow is a list of function specs, not {type(workflow).__name__}")
    return whole if whole.colonyname else replace(whole, colonyname=colonyname)


def workflow_text(workflow: AnyWorkflow, colonyname: str) -> str:
    """JSON text, as crons and generators carry it."""
    return dump_json(encode(workflow_spec(workflow, colonyname)))


def _from_json(workflow: Mapping[str, Any]) -> WorkflowSpec:
    given = {key.lower(): value for key, value in workflow.items()}
    nodes = given.get("functionspecs")
    if not isinstance(nodes, Sequence) or isinstance(nodes, str):
        raise UsageError('a workflow has its nodes in a list named "functionspecs"')
    return WorkflowSpec(
        colonyname=str(given.get("colonyname") or ""),
        functionspecs=tuple(_node(number, node) for number, node in enumerate(nodes, 1)),
    )


def _node(number: int, node: FunctionSpec | Mapping[str, Any]) -> FunctionSpec:
    if not isinstance(node, (FunctionSpec, Mapping)):
        raise UsageError(f"node {number} of the workflow is not a function spec, but {type(node).__name__}")
    try:
        return complete(node, "")
    except UsageError as error:
        raise UsageError(f"node {number} of the workflow: {error}") from error
