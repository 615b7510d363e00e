"""What the coordinator says besides the objects of the model: replies to executors, assignments, the pause flag."""

from dataclasses import dataclass
from typing import Any

from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.messages_process import Held
from colonies_edge.protocol.model import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyReply:
    """To `readymsg`: how long a lease is, what the executor still has and what it has no longer."""

    leasems: int = 0
    keep: tuple[Held, ...] = ()
    drop: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReply:
    """To `heartbeatmsg`: the processes that are not, or no longer, this executor's."""

    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseStatus:
    """To `getpausestatusmsg`; upstream answers it under a payload type of its own."""

    msgtype: str = "pausestatusreplymsg"
    colonyname: str = ""
    ispaused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Pushed work: on the wire `attempt` and `leasems` stand among the fields of the process."""

    process: Process
    attempt: int
    leasems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    attempt: int = 0
    leasems: int = 0


def decode_assignment(value: Any) -> Assignment:
    """Raises BadRequest for what is no assignment."""
    process, lease = decode(Process, value), decode(_Lease, value)
    if not process.processid or lease.attempt < 1 or lease.leasems < 1:
        raise BadRequest("an assignment names a process, an attempt and a lease")
    return Assignment(process=process, attempt=lease.attempt, leasems=lease.leasems)
