"""What the blocking client hands out: a process, a workflow that is written, a workflow that runs."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from colonies_edge.client.blocking_channel import Channel, require_channel
from colonies_edge.client.client import AsyncClient
from colonies_edge.client.workflow import AsyncRun, Node, Workflow
from colonies_edge.protocol.model import LogEntry, Process, ProcessGraph, State, WorkflowSpec

T = TypeVar("T")


class HandleClient(Protocol):
    """What handles need of the client."""

    @property
    def asynchronous(self) -> AsyncClient: ...

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class ProcessHandle:
    """A process that was submitted, as it was when it was last looked at."""

    def __init__(self, client: HandleClient, model: Process) -> None:
        self._client = client
        self.model = model
        self._channels: dict[str, Channel] = {}

    def __repr__(self) -> str:
        return f"<process {self.id} {self.state.name.lower()}>"

    @property
    def id(self) -> str:
        return self.model.processid

    @property
    def state(self) -> State:
        return self.model.state

    @property
    def output(self) -> Any:
        """The only element of the output, or the list when there are none or several."""
        out = list(self.model.out)
        return out[0] if len(out) == 1 else out

    @property
    def errors(self) -> tuple[str, ...]:
        return self.model.errors

    def wait(self, timeout_s: float | None = None) -> ProcessHandle:
        """Return when it has succeeded. Raises ProcessFailed, ProcessCancelled or WaitTimeout."""
        self.model = self._client.run(self._client.asynchronous.wait(self.model, timeout_s))
        return self

    def refresh(self) -> ProcessHandle:
        self.model = self._client.run(self._client.asynchronous.get_process(self.id))
        return self

    def cancel(self) -> None:
        self._client.run(self._client.asynchronous.cancel_process(self.id))

    def channel(self, name: str) -> Channel:
        """`for message in process.channel("ctl")`, `.send(...)`: one of the channels that its spec names."""
        require_channel(self.model, name)
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(self._client.run, self._client.asynchronous.channel(self.id, name))
        return channel

    def logs(self, count: int = 100, since: int = 0) -> list[LogEntry]:
        return self._client.run(self._client.asynchronous.get_logs(self.id, count=count, since=since))


class WritableWorkflow:
    """`colony.workflow(executortype="net")`: its nodes, then `submit()`, as often as it shall run."""

    def __init__(self, client: HandleClient, options: dict[str, Any]) -> None:
        self._client = client
        self._workflow = Workflow(**options)

    def node(
        self, name: str, funcname: str, *args: Any, after: Iterable[Node | str] | Node | str = (), **options: Any
    ) -> Node:
        """A function with its arguments, as in `submit`, that runs when those in `after` have succeeded; their outputs,
        in this order, are its input."""
        return self._workflow.node(name, funcname, *args, after=after, **options)

    def __len__(self) -> int:
        return len(self._workflow)

    def spec(self) -> WorkflowSpec:
        """As on the wire, for crons and generators."""
        return self._workflow.spec()

    def submit(self) -> RunHandle:
        """Start it. Raises UsageError for nodes that wait for what is not there, BadRequest for circles."""
        return RunHandle(self._client, self._client.run(self._client.asynchronous.submit_workflow(self._workflow)))


class RunHandle:
    """A workflow that was submitted: `run.wait()`, then `run["merge"].output`."""

    def __init__(self, client: HandleClient, run: AsyncRun) -> None:
        self._client = client
        self._run = run
        self._handles: dict[str, ProcessHandle] = {}  # by process id: a channel goes on where it stopped

    def __repr__(self) -> str:
        return f"<workflow {self.id} {self.state.name.lower()}>"

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def state(self) -> State:
        return self._run.state

    @property
    def graph(self) -> ProcessGraph:
        """As it was when it was last looked at."""
        return self._run.graph

    def wait(self, timeout_s: float | None = None) -> RunHandle:
        """Return when it has succeeded. Raises WorkflowFailed, WorkflowCancelled or WaitTimeout."""
        self._client.run(self._run.wait(timeout_s))
        return self

    def wait_ended(self, timeout_s: float | None = None) -> RunHandle:
        """Return when it has come to an end, whichever. Raises WaitTimeout."""
        self._client.run(self._run.wait_ended(timeout_s))
        return self

    def refresh(self) -> RunHandle:
        self._client.run(self._run.refresh())
        return self

    def cancel(self) -> None:
        self._client.run(self._run.cancel())

    def __getitem__(self, name: str) -> ProcessHandle:
        """The process of a node, as it is now."""
        process = self._client.run(self._run.process(name))
        handle = self._handles.setdefault(process.processid, ProcessHandle(self._client, process))
        handle.model = process
        return handle

    def __iter__(self) -> Iterator[str]:
        """The names of its nodes, those that were added while it ran included."""
        return iter(self._client.run(self._run.names()))

    def outputs(self) -> dict[str, Any]:
        """The output of each node by its name."""
        processes = self._client.run(self._run.processes())
        return {name: ProcessHandle(self._client, process).output for name, process in processes.items()}
