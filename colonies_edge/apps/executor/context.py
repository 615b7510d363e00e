"""What a function may ask of the process it is running for: log, attributes, and whether it is still wanted."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.model import Process


class Notes(Protocol):
    """Where the notes of one process go; callable from any thread, never waits."""

    def log(self, text: str) -> None: ...

    def attribute(self, key: str, value: str) -> None: ...


class Context:
    """Given to a function that has a parameter annotated `Context`, or named `ctx`. Usable from any thread.

    Logs and attributes are sent in the background, in order, and before the process is closed.
    """

    __slots__ = ("_cancelled", "_notes", "attempt", "process")

    def __init__(self, process: Process, attempt: int, notes: Notes, cancelled: threading.Event) -> None:
        self.process = process
        self.attempt = attempt
        self._notes = notes
        self._cancelled = cancelled

    @property
    def cancelled(self) -> bool:
        """The process was cancelled, took too long or was given to another: whatever is returned now is thrown away."""
        return self._cancelled.is_set()

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Sleep that ends early when the process is not wanted any more; returns `cancelled`."""
        return self._cancelled.wait(timeout_s)

    def log(self, text: str) -> None:
        """A line for the process's log."""
        self._notes.log(text if text.endswith("\n") else f"{text}\n")

    def attribute(self, key: str, value: Any) -> None:
        """A note that stays with the process; each key once. What is no text is written as JSON."""
        self._notes.attribute(key, value if isinstance(value, str) else dump_json(value))
