"""How waiting for a process ends when it was not successful."""

from __future__ import annotations

from colonies_edge.protocol.model import Process


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
