"""Single fields of an object in the form of our own files: what a journal line says of a row that changed."""

from collections.abc import Callable, Mapping
from typing import Any

from colonies_edge.protocol.codec_read import Mismatch, Reader, value_reader
from colonies_edge.protocol.codec_shape import PerClass, slots_of
from colonies_edge.protocol.codec_write import value_writer

_WRITERS: PerClass[dict[str, tuple[str, Callable[[Any], Any]]]] = PerClass(
    lambda cls: {slot.name: (slot.key, value_writer(slot.shape, stored=True)) for slot in slots_of(cls)}
)
_READERS: PerClass[dict[str, tuple[str, Reader]]] = PerClass(
    lambda cls: {slot.key: (slot.name, value_reader(slot.shape, stored=True)) for slot in slots_of(cls)}
)


def pack_fields(cls: type[Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON value of some fields, by their JSON keys; defaults are kept: a field may change back to its default."""
    writers = _WRITERS[cls]
    packed = {}
    for name, value in changes.items():
        key, write = writers[name]
        packed[key] = write(value)
    return packed


def unpack_fields(cls: type[Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """What `pack_fields` was given. Raises ValueError for what it never wrote; a field that is gone is left out."""
    readers = _READERS[cls]
    changes = {}
    for key, raw in value.items():
        entry = readers.get(key)
        if entry is None:
            continue
        try:
            changes[entry[0]] = entry[1](raw)
        except Mismatch as mismatch:
            raise ValueError(f"{cls.__name__}: {key} {mismatch}") from None
    return changes
