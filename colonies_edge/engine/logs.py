"""Logs of processes and of executors (`protocol-rest.md` 5), from memory and from the archive as if they were one."""

from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any

from colonies_edge.engine.step import Handler, Step
from colonies_edge.protocol.errors import BadRequest, Forbidden, TooLarge
from colonies_edge.protocol.limits import (
    LOG_COUNT_MAX,
    LOG_MESSAGE_BYTES_MAX,
    LOGS_PER_EXECUTOR_MAX,
    LOGS_PER_PROCESS_MAX,
    SEARCH_COUNT_MAX,
    SEARCH_DAYS_MAX,
)
from colonies_edge.protocol.messages import AddExecutorLog, AddLog, GetLogs, SearchLogs
from colonies_edge.protocol.model import Executor, LogEntry, State

DAY = 86_400_000_000_000


def add_log(step: Step, message: AddLog) -> dict[str, Any]:
    """A line of the process that the calling executor runs."""
    row = step.process(message.processid)
    assert row is not None  # access control found it
    if row.state is not State.RUNNING:
        raise Forbidden("Failed to set output, process is not running")  # upstream's words
    if row.assignedexecutorid != step.caller:
        raise Forbidden("Failed to add log, not allowed to add log, only the assigned Executor may att logs")
    if len(step.tables.logs_of_process.get(row.processid, ())) >= LOGS_PER_PROCESS_MAX:
        raise BadRequest(f"Failed to add log, the process has {LOGS_PER_PROCESS_MAX} lines, which is the limit")
    _append(step, step.tables.executors[step.caller], row.processid, message.message)
    return {}


def add_executor_log(step: Step, message: AddExecutorLog) -> dict[str, Any]:
    """A line about the calling executor itself; beyond the limit the oldest ones go."""
    executor = step.tables.executors.get(step.caller)
    if executor is None or executor.colonyname != step.colony:
        raise Forbidden("Failed to add executor log, executor not found")
    if executor.executorname != message.executorname:
        raise Forbidden("Failed to add executor log, executor name mismatch")
    _append(step, executor, "", message.message)
    loose = step.tables.loose_logs.get((executor.colonyname, executor.executorname), {})
    for key in tuple(islice(loose, max(0, len(loose) + 1 - LOGS_PER_EXECUTOR_MAX))):
        step.draft.drop("logs", key)
    return {}


def _append(step: Step, executor: Executor, processid: str, message: str) -> None:
    if len(message.encode()) > LOG_MESSAGE_BYTES_MAX:
        raise TooLarge(f"Failed to add log, a line may have {LOG_MESSAGE_BYTES_MAX} bytes")
    # Readers go on after the last time stamp they saw, so no two lines may share one.
    timestamp = max(step.now, step.tables.newest_log + 1)
    entry = LogEntry(
        processid=processid,
        colonyname=executor.colonyname,
        executorname=executor.executorname,
        message=message,
        timestamp=timestamp,
    )
    step.draft.put("logs", f"{timestamp:020d}", entry)


def get_logs(step: Step, message: GetLogs) -> list[LogEntry]:
    """Lines of an executor, else of a process, oldest first: the last ones, those after a time, or the first ones."""
    if message.count > LOG_COUNT_MAX:
        raise Forbidden(f"Count exceeds max log count ({LOG_COUNT_MAX})")
    _require_not_negative(message.count)
    since = 0 if message.latest else max(0, message.since)
    found = _in_memory(step, message, since)
    if message.executorname or step.in_archive(message.processid):
        found += step.history.logs(
            colony=step.colony,
            processid="" if message.executorname else message.processid,
            executorname=message.executorname,
            since_ns=since,
            latest=message.latest,
            count=message.count,
        )
        found.sort(key=lambda entry: entry.timestamp)
    return found[max(0, len(found) - message.count) :] if message.latest else found[: message.count]


def _in_memory(step: Step, message: GetLogs, since: int) -> list[LogEntry]:
    """Up to as many lines as asked for, oldest first, from the end that was asked for."""
    tables = step.tables
    if message.executorname:
        keys = tables.logs_of_executor.get((step.colony, message.executorname), {})
    else:
        keys = tables.logs_of_process.get(message.processid, {})
    if not since and not message.latest:
        return [tables.logs[key] for key in islice(keys, message.count)]
    # From the newest back: who follows a log asks for little of much.
    newest = (tables.logs[key] for key in reversed(keys))
    if message.latest:
        found = list(islice(newest, message.count))
    else:
        found = list(takewhile(lambda entry: entry.timestamp > since, newest))
    return found[::-1]


def search_logs(step: Step, message: SearchLogs) -> list[LogEntry]:
    """Lines of the colony that contain the text as it is written, newest first."""
    if message.count > SEARCH_COUNT_MAX:
        raise BadRequest(f"Count exceeds max log count ({SEARCH_COUNT_MAX})")
    if message.days > SEARCH_DAYS_MAX:
        raise BadRequest(f"Count exceeds max day count ({SEARCH_DAYS_MAX})")
    _require_not_negative(message.count)
    since = step.now - max(0, message.days) * DAY
    found = list(islice(_matching(step, message.text, since), message.count))
    found += step.history.search_logs(step.colony, message.text, since, message.count)
    found.sort(key=lambda entry: entry.timestamp, reverse=True)
    return found[: message.count]


def _matching(step: Step, text: str, since: int) -> Iterator[LogEntry]:
    for entry in reversed(step.tables.logs.values()):
        if entry.timestamp <= since:
            return
        if entry.colonyname == step.colony and text in entry.message:
            yield entry


def _require_not_negative(count: int) -> None:
    if count < 0:
        raise BadRequest("Count must not be negative")


HANDLERS: Mapping[str, Handler] = {
    "addlogmsg": add_log,
    "addexecutorlogmsg": add_executor_log,
    "getlogsmsg": get_logs,
    "searchlogsmsg": search_logs,
}
