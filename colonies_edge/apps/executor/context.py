"""What a function may ask of the process it is running for: its input, its log, others to talk to, if it is wanted."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from colonies_edge.apps.executor.talk import JobChannel
from colonies_edge.client.specs import spec_of
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.model import FunctionSpec, Process


class Notes(Protocol):
    """Where the notes of one process go; callable from any thread, never waits."""

    def log(self, text: str) -> None: ...

    def attribute(self, key: str, value: str) -> None: ...


class Talk(Protocol):
    """How the function of one process speaks with others; callable from any thread, waits for the answer."""

    def channel(self, name: str) -> JobChannel: ...

    def add_child(self, spec: FunctionSpec, *, childprocessid: str, insert: bool) -> Process: ...


class Context:
    """Given to a function that has a parameter annotated `Context`, or named `ctx`. Usable from any thread.

    Logs and attributes are sent in the background, in order, and before the process is closed. What is said on channels
    or added to a workflow is there when the call returns; NotWanted is raised when the process is given up meanwhile.
    """

    __slots__ = ("_cancelled", "_children", "_notes", "_talk", "attempt", "process")

    def __init__(self, process: Process, attempt: int, notes: Notes, talk: Talk, cancelled: threading.Event) -> None:
        self.process = process
        self.attempt = attempt
        self._notes = notes
        self._talk = talk
        self._cancelled = cancelled
        self._children = 0  # that were added without a name

    @property
    def input(self) -> list[Any]:
        """The outputs of all parents in the workflow, one after another in the order of its dependencies."""
        return list(self.process.in_)

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

    def channel(self, name: str) -> JobChannel:
        """`for message in ctx.channel("ctl")`, `.send(...)`: what the submitter says, and what is said to it. The loop
        ends when the process does or is cancelled. Raises UsageError for a channel that the spec does not name."""
        return self._talk.channel(name)

    def add_child(
        self,
        funcname: str,
        *args: Any,
        nodename: str = "",
        insert: bool = False,
        before: Process | str = "",
        **options: Any,
    ) -> Process:
        """One more process in this workflow, that runs after this one; options as in `submit`, for the same executor
        type if they name none. With `before` that process waits for the new one, too; with `insert` all that wait for
        this one wait for the new one instead.

        A function that runs a second time gets the child that it added the first time, if it has the same name.
        """
        if not nodename:
            self._children += 1
            nodename = f"{self.process.spec.nodename}.{funcname}.{self._children}"
        own = self.process.spec.conditions
        if not {"executortype", "executornames"} & options.keys():
            options["executortype"] = own.executortype
        spec = spec_of(funcname, args, {**options, "nodename": nodename}, colonyname=own.colonyname)
        child = before if isinstance(before, str) else before.processid
        return self._talk.add_child(spec, childprocessid=child, insert=insert)
