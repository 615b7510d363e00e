"""How waiting for a process or for a workflow ends when it was not successful."""

from __future__ import annotations

from collections.abc import Sequence

from colonies_edge.protocol.model import Process, ProcessGraph

_SHOWN_MAX = 3  # failed nodes in one message; all are in `failed`


class ProcessEnded(Exception):
    """The process came to an end without success."""

    def __init__(self, text: str, process: Process) -> None:
        super().__init__(text)
        self.process = process


class ProcessFailed(ProcessEnded):
    """The process failed."""

    def __init__(self, process: Process) -> None:
        reasons = "; ".join(process.errors) or "no reason was given"
        super().__init__(f"process {process.processid} failed: {reasons}", process)

    @property
    def errors(self) -> tuple[str, ...]:
        return self.process.errors


class ProcessCancelled(ProcessEnded):
    """The process was cancelled."""

    def __init__(self, process: Process) -> None:
        super().__init__(f"process {process.processid} was cancelled", process)


class WorkflowEnded(Exception):
    """The workflow came to an end without success."""

    def __init__(self, text: str, graph: ProcessGraph) -> None:
        super().__init__(text)
        self.graph = graph


class WorkflowFailed(WorkflowEnded):
    """A process of the workflow failed; `failed` holds those that failed by themselves, not with others."""

    def __init__(self, graph: ProcessGraph, failed: Sequence[Process]) -> None:
        shown = [f"{node.spec.nodename or node.processid}: {'; '.join(node.errors) or 'no reason'}" for node in failed]
        reasons = ", ".join(shown[:_SHOWN_MAX]) + (f" and {len(shown) - _SHOWN_MAX} more" if shown[_SHOWN_MAX:] else "")
        super().__init__(f"workflow {graph.processgraphid} failed: {reasons or 'no reason was given'}", graph)
        self.failed = tuple(failed)


class WorkflowCancelled(WorkflowEnded):
    """The workflow was cancelled."""

    def __init__(self, graph: ProcessGraph) -> None:
        super().__init__(f"workflow {graph.processgraphid} was cancelled", graph)
