"""The checkpoint as an ordinary TinyDB file, by TinyDB's own extension points: a storage class and a table class.

Anybody can look at it: `TinyDB("colony.json").table("processes").get(doc_id=processid)`. Keys are texts, TinyDB's are
numbers unless told otherwise: `ColonyFile` knows that, and with plain TinyDB `table.document_id_class = str` says it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from colonies_edge.storage.atomic_json import AtomicJson, Rows
from colonies_edge.storage.errors import telling
from colonies_edge.storage.files import DiskFiles, Files
from colonies_edge.storage.migrations import FORMAT
from colonies_edge.storage.stored_json import parse_object

ABOUT_TABLE = "checkpoint"


class CheckpointStorage(Storage):
    """Writes the file whole, beside and renamed, instead of TinyDB's way, which is in place."""

    def __init__(self, path: Path | str, files: Files | None = None) -> None:
        super().__init__()
        self._path = Path(path)
        self._files: Files = files or DiskFiles()

    def read(self) -> dict[str, dict[str, Any]] | None:
        """All tables, or None when there is no file yet."""
        with telling(self._path, "read"):
            try:
                text = self._path.read_bytes()
            except FileNotFoundError:
                return None
        return parse_object(text)

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the file by these tables, keeping its description unless they bring one."""
        about = {"format": FORMAT, **data.get(ABOUT_TABLE, {}).get("about", {})}
        about.pop("digest", None)
        self.write_tables(((name, rows.items()) for name, rows in data.items() if name != ABOUT_TABLE), about)

    def write_tables(self, tables: Iterable[tuple[str, Rows]], about: Mapping[str, Any]) -> int:
        """The same row by row, for tables that do not fit into memory twice; returns the size."""
        return AtomicJson(self._files, self._path).write(tables, about)


class KeyedTable(Table):
    """A table whose document ids are texts: ids, names, and pairs of them."""

    document_id_class = str  # type: ignore[assignment]  # TinyDB's hints know only its default


class ColonyFile(TinyDB):
    """`colony.json` as a TinyDB with text ids."""

    table_class = KeyedTable
    default_storage_class = CheckpointStorage  # type: ignore[assignment]  # likewise
