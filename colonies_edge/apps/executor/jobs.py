"""Words between the part of an executor that talks and the part that works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from colonies_edge.apps.executor.functions import RegisteredFunction
from colonies_edge.apps.executor.notes import ProcessNotes
from colonies_edge.apps.executor.talk import ProcessTalk
from colonies_edge.protocol.model import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The work succeeded with this output."""

    out: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The work failed, for these reasons."""

    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Not here, not now: another executor may take it."""

    reason: str


Result: TypeAlias = Done | Failed | Returned


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One assignment that this executor holds."""

    process: Process
    attempt: int
    lease_until: float  # in the loop's monotonic time
    notes: ProcessNotes
    talk: ProcessTalk
    cancelled: threading.Event
    shown: bool = False  # the coordinator knows that it arrived
    reporting: bool = False  # it is over; its result is on the way
    handle: Any = None  # whatever the worker needs to stop it

    @property
    def processid(self) -> str:
        return self.process.processid

    @property
    def unwanted(self) -> bool:
        return self.cancelled.is_set()


class Worker(Protocol):
    """Does the work. All methods are called from the loop and must not wait."""

    @property
    def functions(self) -> Sequence[RegisteredFunction]:
        """What is told to the colony; empty when anything may be asked."""
        ...

    def start(self, job: Job, done: Callable[[Result], None]) -> None:
        """Begin. `done` is called once, from the loop, at once or later."""
        ...

    def stop(self, job: Job) -> None:
        """Nobody wants it any more (`job.cancelled` is set): end it. `done` may be called or not."""
        ...

    async def close(self) -> None:
        """Everything that runs was stopped: return when it has ended, if it ever does."""
        ...
