"""One method per message about processes, attributes, logs and subscriptions, and those of executors at work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from colonies_edge.client.calls_base import Calls
from colonies_edge.client.specs import complete, spec_of
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.messages import (
    AddAttribute,
    AddExecutorLog,
    AddLog,
    AssignProcess,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    GetAttribute,
    GetLogs,
    GetPauseStatus,
    GetProcess,
    GetProcesses,
    GetProcessHist,
    Heartbeat,
    Held,
    PauseAssignments,
    Ready,
    ReleaseProcess,
    RemoveAllProcesses,
    RemoveProcess,
    ResumeAssignments,
    SearchLogs,
    SetOutput,
    SubmitFuncSpec,
    SubscribeProcess,
    SubscribeProcesses,
)
from colonies_edge.protocol.model import ANY_STATE, Attribute, AttributeType, FunctionSpec, LogEntry, Process, State
from colonies_edge.protocol.replies import HeartbeatReply, PauseStatus, ReadyReply

LONG_POLL_MARGIN_S = 10.0  # the coordinator answers at the timeout; the answer may take a resend or two


class ProcessCalls(Calls):
    """Work: what is submitted, what runs, what came of it."""

    # Submitting

    async def submit(
        self, funcname: str = "", *args: Any, spec: FunctionSpec | Mapping[str, Any] | None = None, **options: Any
    ) -> Process:
        """`submit("resize", "in.png", executortype="img", maxexectime=60, quality=80)`: fields of a function spec by
        their names, everything else goes to the function. Or `submit(spec=...)` with a whole spec."""
        if spec is None:
            return await self.submit_func_spec(spec_of(funcname, args, options, colonyname=self.colonyname))
        if funcname or args or options:
            raise UsageError("submit takes a whole spec or a function with its arguments, not both")
        return await self.submit_func_spec(spec)

    async def submit_func_spec(
        self, spec: FunctionSpec | Mapping[str, Any], *, inputs: Sequence[Any] = (), msgid: str = ""
    ) -> Process:
        """`inputs` is what parents would have given it: only this kind of coordinator takes them."""
        message = SubmitFuncSpec(spec=complete(spec, self.colonyname), in_=tuple(inputs))
        return self.made(Process, await self.call(message, msgid=msgid))

    # Reading and removing

    async def get_process(self, processid: str) -> Process:
        return decode(Process, await self.call(GetProcess(processid=processid)))

    async def get_processes(
        self, state: State, count: int = 100, *, executortype: str = "", label: str = "", initiator: str = ""
    ) -> list[Process]:
        """The first `count`: those that wait in the order of their turn, others the latest first."""
        message = GetProcesses(
            colonyname=self.colonyname,
            state=state,
            executortype=executortype,
            label=label,
            initiator=initiator,
        )
        return self.many(Process, await self.first_of(message, "processid", count))

    async def get_processes_ended(self, after: str, count: int = 100, *, state: int = ANY_STATE) -> list[Process]:
        """What ended after the process that the cursor names (`"0:"`, then `end in ns:process id`), oldest end first.
        Only this kind of coordinator knows it."""
        message = GetProcesses(colonyname=self.colonyname, count=count, state=state, endedafter=after)
        return self.many(Process, await self.call(message))

    async def get_process_hist(self, state: State, seconds: int, *, executorid: str = "") -> list[Process]:
        message = GetProcessHist(colonyname=self.colonyname, executorid=executorid, seconds=seconds, state=state)
        return self.many(Process, await self.call(message))

    async def cancel_process(self, processid: str) -> None:
        await self.call(CancelProcess(processid=processid))

    async def remove_process(self, processid: str) -> None:
        await self.call(RemoveProcess(processid=processid))

    async def remove_all_processes(self, state: int = ANY_STATE) -> None:
        await self.call(RemoveAllProcesses(colonyname=self.colonyname, state=state))

    # Pausing

    async def pause_assignments(self) -> None:
        await self.call(PauseAssignments(colonyname=self.colonyname))

    async def resume_assignments(self) -> None:
        await self.call(ResumeAssignments(colonyname=self.colonyname))

    async def get_pause_status(self) -> bool:
        reply = await self.call(GetPauseStatus(colonyname=self.colonyname))
        return decode(PauseStatus, reply).ispaused

    # Running a process: the pull of other SDKs, and what belongs to a process that runs

    async def assign_process(self, timeout: int, *, availablecpu: str = "", availablemem: str = "") -> Process:
        """Raises NotFound when there was nothing to do in `timeout` seconds (negative: at once)."""
        message = AssignProcess(
            colonyname=self.colonyname, timeout=timeout, availablecpu=availablecpu, availablemem=availablemem
        )
        patience_s = max(0, timeout) + LONG_POLL_MARGIN_S
        return decode(Process, await self.call(message, timeout_s=patience_s))

    async def set_output(self, processid: str, out: Sequence[Any]) -> None:
        await self.call(SetOutput(processid=processid, out=tuple(out)))

    async def close_successful(self, processid: str, out: Sequence[Any] = (), *, attempt: int = 0) -> None:
        await self.call(CloseSuccessful(processid=processid, out=tuple(out), attempt=attempt))

    async def close_failed(self, processid: str, errors: Sequence[str] = (), *, attempt: int = 0) -> None:
        await self.call(CloseFailed(processid=processid, errors=tuple(errors), attempt=attempt))

    async def add_attribute(
        self, processid: str, key: str, value: str, *, attributetype: int = AttributeType.OUT
    ) -> Attribute:
        attribute = Attribute(
            targetid=processid, targetcolonyname=self.colonyname, attributetype=attributetype, key=key, value=value
        )
        return decode(Attribute, await self.call(AddAttribute(attribute=attribute)))

    async def get_attribute(self, attributeid: str) -> Attribute:
        return decode(Attribute, await self.call(GetAttribute(attributeid=attributeid)))

    # Logs

    async def add_log(self, processid: str, message: str) -> None:
        await self.call(AddLog(processid=processid, message=message))

    async def add_executor_log(self, executorname: str, message: str) -> None:
        await self.call(AddExecutorLog(colonyname=self.colonyname, executorname=executorname, message=message))

    async def get_logs(
        self, processid: str = "", *, executorname: str = "", count: int = 100, since: int = 0, latest: bool = False
    ) -> list[LogEntry]:
        """Lines of a process or of an executor; `since` in nanoseconds."""
        message = GetLogs(
            colonyname=self.colonyname,
            processid=processid,
            executorname=executorname,
            count=count,
            since=since,
            latest=latest,
        )
        return self.many(LogEntry, await self.call(message))

    async def search_logs(self, text: str, *, days: int = 1, count: int = 100) -> list[LogEntry]:
        message = SearchLogs(colonyname=self.colonyname, text=text, days=days, count=count)
        return self.many(LogEntry, await self.call(message))

    # Subscriptions: events come to the handler that was registered for this msgid (see AsyncClient.on_event)

    async def subscribe_process(
        self, processid: str, states: Iterable[int], timeout: int, *, executortype: str = "", msgid: str = ""
    ) -> None:
        wanted = tuple(states)
        message = SubscribeProcess(
            colonyname=self.colonyname,
            processid=processid,
            executortype=executortype,
            state=wanted[0],
            states=wanted,
            timeout=timeout,
        )
        await self.call(message, msgid=msgid)

    async def subscribe_processes(
        self, executortype: str, states: Iterable[int], timeout: int, *, msgid: str = ""
    ) -> None:
        wanted = tuple(states)
        message = SubscribeProcesses(
            colonyname=self.colonyname, executortype=executortype, state=wanted[0], states=wanted, timeout=timeout
        )
        await self.call(message, msgid=msgid)

    # Executors at work (`PROTOCOL.md` 4)

    async def ready(self, capacity: int, holding: Iterable[Held], *, timeout_s: float | None = None) -> ReadyReply:
        message = Ready(colonyname=self.colonyname, capacity=capacity, holding=tuple(holding))
        return decode(ReadyReply, await self.call(message, timeout_s=timeout_s))

    async def heartbeat(self, processids: Iterable[str], *, timeout_s: float | None = None) -> tuple[str, ...]:
        """The processes of these that are not, or no longer, the caller's."""
        # Not encoded from the class: there an empty list is left out, which means "all that I hold".
        message = {"msgtype": Heartbeat.msgtype, "colonyname": self.colonyname, "processids": list(processids)}
        return decode(HeartbeatReply, await self.call(message, timeout_s=timeout_s)).drop

    async def release_process(
        self, processid: str, attempt: int, reason: str, *, timeout_s: float | None = None
    ) -> None:
        message = ReleaseProcess(processid=processid, attempt=attempt, reason=reason)
        await self.call(message, timeout_s=timeout_s)
