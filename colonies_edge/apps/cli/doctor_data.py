"""Checks of a coordinator's data folder, where there is one here; it may be at work in it, and nothing is changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from colonies_edge.apps.cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from colonies_edge.apps.cli.progress import Bar
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.config import COORDINATOR_FOLDER, display
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import BLOB_DISK_RESERVE_BYTES
from colonies_edge.storage.errors import StoreFailed
from colonies_edge.storage.file_store import JOURNAL_BYTES_MIN
from colonies_edge.storage.look import look
from colonies_edge.storage.reading import Progress, bytes_to_read
from colonies_edge.transports.system import SystemClock

INSTALLED = Path("/var/lib/colonies-edge/coordinator")
NEEDS_BYTES = 4 * JOURNAL_BYTES_MIN  # the journal, the checkpoint written beside the last one, and some air
SYNCS = 5
SYNC_BYTES = 4096  # about what a commit writes
SLOW_SYNC_MS = 100.0  # each reply waits for one
_MB = 1_000_000


async def data(session: Session) -> AsyncIterator[Finding]:
    folder = _folder(session)
    if folder is None:
        return
    if not folder.exists():
        yield _missing(folder)
        return
    for check in (_readable, _space, _sync_time):
        for finding in check(folder):
            yield finding
            if finding.verdict == PROBLEM and check is _readable:
                return
    with Bar(session.console, bytes_to_read(folder)) as bar:
        sound = list(_soundness(folder, bar))
    for finding in sound:
        yield finding


def _folder(session: Session) -> Path | None:
    """The one that was named, else the one of this folder's colony, else the installed service's."""
    named = getattr(session.args, "data", None)
    if named:
        return Path(named)
    try:
        own = Path(session.config.data_dir) / COORDINATOR_FOLDER
    except UsageError:
        return None
    return next((path for path in (own, INSTALLED) if os.access(path.parent, os.X_OK) and path.exists()), None)


def _missing(folder: Path) -> Finding:
    def fix() -> str:
        folder.mkdir(mode=0o700, parents=True)
        return "was not there; it is now, empty, mode 0700"

    return Finding(
        about=display(folder),
        verdict=PROBLEM,
        sentence="is not there",
        remedy="correct --data; the coordinator makes it at its first start, and --fix does now",
        fix=fix,
    )


def _readable(folder: Path) -> Iterator[Finding]:
    try:
        next(folder.iterdir(), None)
        next((folder / "journal").iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding(
            about=display(folder),
            verdict=PROBLEM,
            sentence=f"cannot be read: {error.strerror}",
            remedy="look as the coordinator's user, or with sudo",
        )


def _space(folder: Path) -> Iterator[Finding]:
    usage = shutil.disk_usage(folder)
    verdict, remedy = OK, ""
    if usage.free < NEEDS_BYTES:
        verdict, remedy = PROBLEM, "free some: the coordinator ends when it cannot write"
    elif usage.free < BLOB_DISK_RESERVE_BYTES:
        verdict, remedy = WARNING, "free some: uploads of files are refused already, so that the journal fits"
    sentence = f"{usage.free // _MB} MB free of {usage.total // _MB} MB at {display(folder)}"
    yield Finding(about="disk space", verdict=verdict, sentence=sentence, remedy=remedy)


def _sync_time(folder: Path) -> Iterator[Finding]:
    clock, times_ms = SystemClock(), []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(SYNCS):
                file.write(bytes(SYNC_BYTES))
                file.flush()
                before_ns = clock.monotonic_ns()
                os.fsync(file.fileno())
                times_ms.append((clock.monotonic_ns() - before_ns) / 1e6)
    except OSError as error:
        yield Finding(
            about="disk sync",
            verdict=PROBLEM,
            sentence=f"{display(folder)} cannot be written: {error.strerror}",
            remedy="free some space, or let the coordinator's user write there",
        )
        return
    middle_ms = sorted(times_ms)[SYNCS // 2]
    slow = middle_ms > SLOW_SYNC_MS
    yield Finding(
        about="disk sync",
        verdict=WARNING if slow else OK,
        sentence=f"takes {middle_ms:.1f} ms ({min(times_ms):.1f} to {max(times_ms):.1f}); each change waits for one",
        remedy="a better card or an SSD, or --sync-ms where work can be submitted again" if slow else "",
    )


def _soundness(folder: Path, progress: Progress) -> Iterator[Finding]:
    try:
        seen = look(folder, progress)
    except StoreFailed as error:
        yield Finding(about="journal and ledger", verdict=PROBLEM, sentence=str(error))
        return
    for problem in seen.problems:
        yield Finding(
            about="journal and ledger",
            verdict=PROBLEM,
            sentence=problem,
            remedy="docs/OPERATIONS.md, bad days: restore a backup, keep the folder",
        )
    if seen.ok:
        torn = f"; {seen.torn_bytes} bytes at the end are torn or just being written" if seen.torn_bytes else ""
        yield Finding(
            about="journal and ledger",
            verdict=OK,
            sentence=f"{seen.records} records in {seen.segments} segments follow each other{torn};"
            " `ledger verify` proves the signatures too",
        )
