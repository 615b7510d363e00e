"""Random objects of every class that the codec knows, made from the same type hints that the codec reads."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from colonies_edge.protocol.codec_shape import Keyed, Leaf, Many, Maybe, Nested, Shape, slots_of
from colonies_edge.protocol.messages import MESSAGES, Held, Stamp, Withdraw
from colonies_edge.protocol.model import (
    Attribute,
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    ChannelEntry,
    Cluster,
    Colony,
    Cron,
    Executor,
    Function,
    FunctionSpec,
    Generator,
    Location,
    LogEntry,
    Process,
    ProcessGraph,
    ServerInfo,
    Statistics,
    User,
    WorkflowSpec,
)
from colonies_edge.protocol.model_base import TIME
from colonies_edge.protocol.replies import HeartbeatReply, PauseStatus, ReadyReply

# Time limits would fail on a busy machine; `few` is for tests that are repeated for every class.
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(max_examples=150, deadline=None)

# No half characters: those are replaced on arrival, which is tested by itself.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
whole = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=False, allow_infinity=False)
free: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | doubles | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
# Microseconds: the wire keeps no more. Year 2 to 9999.
times = st.integers(-62_104_000_000_000_000, 253_402_300_799_000_000).map(lambda micros: micros * 1000)

OBJECTS: list[type[Any]] = [
    Attribute, Blueprint, BlueprintDefinition, BlueprintHistory, ChannelEntry, Cluster, Colony, Cron, Executor,
    Function, FunctionSpec, Generator, HeartbeatReply, Held, Location, LogEntry, PauseStatus, Process, ProcessGraph,
    ReadyReply, ServerInfo, Statistics, User, Withdraw, WorkflowSpec,
]  # fmt: skip
MESSAGE_CLASSES: list[type[Stamp]] = list(dict.fromkeys(row.cls for row in MESSAGES.values()))


def values(shape: Shape) -> st.SearchStrategy[Any]:
    match shape:
        case Nested(cls):
            return objects(cls)
        case Many(item):
            return st.lists(values(item), max_size=3).map(tuple)
        case Keyed(item):
            return st.dictionaries(texts, values(item), max_size=3)
        case Maybe(item):
            return st.none() | values(item)
        case Leaf(kind) if kind == TIME:
            return st.just(0) | times
    simple: dict[Any, st.SearchStrategy[Any]] = {str: texts, int: whole, bool: st.booleans(), float: doubles, Any: free}
    return simple[shape.kind] if shape.kind in simple else st.sampled_from(shape.kind)


def objects(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Some fields drawn, the others left at their defaults, as real messages are."""
    fields = {slot.name: values(slot.shape) for slot in slots_of(cls)}
    needed = {slot.name: fields.pop(slot.name) for slot in slots_of(cls) if slot.required}
    return st.fixed_dictionaries(needed, optional=fields).map(lambda given: cls(**given))
