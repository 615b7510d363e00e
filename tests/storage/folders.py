"""Opening, loading and filling a data folder, as the tests of bad days and of damage do it over and over."""

from pathlib import Path

from colonies_edge.engine.outcome import Record
from colonies_edge.storage.file_store import FileStore, open_store
from tests.storage.samples import SERVER, Author


def opened(folder: Path, **settings: object) -> FileStore:
    return open_store(folder, sign_head=SERVER.sign, **settings)  # type: ignore[arg-type]


def loaded(folder: Path) -> tuple[FileStore, list[Record], str, tuple[str, ...]]:
    store = opened(folder)
    found = store.load()
    list(found.rows)
    return store, list(found.records), found.damage, found.notes


def write_some(folder: Path, jobs: int = 6) -> list[Record]:
    author, store = Author(), opened(folder)
    list(store.load().records)
    records = [author.founding(), *(record for number in range(jobs) for record in author.job(number))]
    for record in records:
        store.commit([record])
    store.close()
    return records
