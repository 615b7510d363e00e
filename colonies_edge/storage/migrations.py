"""Old files in a newer program: a step per format version, applied row by row while reading, never to the files."""

from collections.abc import Callable, Mapping
from typing import Any

from colonies_edge.storage.errors import UnknownFormat

FORMAT = 1  # what this program writes; every file says which one it was written in

# Takes the packed fields of a row of a table from one version to the next. The fields may be all of a row or, from a
# PATCH, only some: a step must not expect any to be there.
Step = Callable[[str, dict[str, Any]], dict[str, Any]]

# STEPS[n] leads from format n to n + 1. A step stays for ever: the ledger keeps lines of every format.
STEPS: Mapping[int, Step] = {}


class Migration:
    """From the format of one file to the current one; `needed` is False when there is nothing to do."""

    __slots__ = ("_steps", "needed")

    def __init__(self, version: object, file: str, current: int = FORMAT, steps: Mapping[int, Step] = STEPS) -> None:
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise UnknownFormat(f"{file} says nothing about its format version; it is not a file of this program")
        if version > current:
            raise UnknownFormat(
                f"{file} has format version {version}, this program knows up to {current}: "
                "start the newer program that wrote it, or restore the backup made before the update"
            )
        self._steps = tuple(steps[number] for number in range(version, current))
        self.needed = bool(self._steps)

    def apply(self, table: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields in the current format."""
        for step in self._steps:
            fields = step(table, fields)
        return fields
