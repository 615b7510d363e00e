"""Reading records back: from live segments, and from the ledger when the checkpoint that replaced it is lost."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from colonies_edge.storage.chain import body_of
from colonies_edge.storage.errors import telling
from colonies_edge.storage.journal import Journal, Position, Walk
from colonies_edge.storage.migrations import Migration
from colonies_edge.storage.sealed import Sealed
from colonies_edge.storage.stored_json import parse_object


def ledger_end(sealed: Sealed, journal: Journal) -> tuple[Position, list[int], str]:
    """(where the sealed segments end, which of them lead there from the beginning, why that is not possible)."""
    live = min(journal.segments(), default=0)
    segments = [segment for segment in sealed.segments() if not live or segment < live]
    position = Position()
    for segment in segments:
        if segment != position.segment + 1:
            return position, [], f"the ledger has no segment {position.segment + 1} to replay: nothing could be loaded"
        path = sealed.path(segment)
        try:
            with gzip.open(path, "rb") as stream:
                walk = Walk(cast(BinaryIO, stream), position, path.name)
                for _ in walk.bodies():
                    pass
                problem = walk.problem
        except (OSError, EOFError, zlib.error) as error:
            problem = str(error)
        if problem:
            return position, [], f"{path} is damaged at {problem}: nothing could be loaded"
        position = walk.position
    if live and live != position.segment + 1:
        return position, [], f"the ledger has no segment {position.segment + 1} to replay: nothing could be loaded"
    return position, segments, ""


def bodies_of(
    sealed: Sealed, segments: Sequence[int], live: Sequence[tuple[Path, int]]
) -> Iterator[tuple[bytes, Migration]]:
    """The bodies of records in order, each with the way from its format: of sealed segments, then of the sound part of
    live ones that `Journal.load` has checked."""
    for segment in segments:
        path = sealed.path(segment)
        with telling(path, "read"), gzip.open(path, "rb") as stream:
            yield from _bodies(cast(BinaryIO, stream), path.name, -1)
    for path, end in live:
        with telling(path, "read"), path.open("rb") as stream:
            yield from _bodies(stream, path.name, end)


def _bodies(stream: BinaryIO, name: str, end: int) -> Iterator[tuple[bytes, Migration]]:
    header = stream.readline()
    if not header or end == 0:
        return
    migration = Migration(parse_object(header).get("format"), name)
    at = len(header)
    for line in stream:
        at += len(line)
        if 0 <= end < at:
            return
        yield body_of(line), migration
