"""What the wire's objects have in common: times, states, and the marks that the codec reads."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, TypeAlias

# Marks of the codec: how a field differs from what its Python type says.
TIME = "time"
OMIT: dict[str, Any] = {"omit": True}  # metadata of fields that are left out of the JSON when they are empty

# Nanoseconds since the Unix epoch; 0 is "not set", which Go writes as the first second of year 1.
Time: TypeAlias = Annotated[int, TIME]

PRIORITY_NS = 86_400_000_000_000  # one point of priority is worth a day of queue age


class State(IntEnum):
    """Where a process is."""

    WAITING = 0
    RUNNING = 1
    SUCCESS = 2
    FAILED = 3
    CANCELLED = 4


class ExecutorState(IntEnum):
    """What the colony owner thinks of an executor."""

    PENDING = 0
    APPROVED = 1
    REJECTED = 2
    UNREGISTERED = 3


class AttributeType(IntEnum):
    """What an attribute is for; the coordinator gives a meaning to ENV only."""

    IN = 0
    OUT = 1
    ERR = 2
    ENV = 3


ANY_STATE = -1  # in messages that remove or list: every state


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """GPUs that a process asks for or a machine has."""

    name: str = ""
    mem: str = ""
    count: int = 0
    nodecount: int = 0


NO_GPU = Gpu()
