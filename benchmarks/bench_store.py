"""What durability costs: commits, bytes per job, start, checkpoint and archive of the store on a real disk.

    python benchmarks/bench_store.py [--folder DIR] [--processes N] [--json]

`--folder` chooses the disk; a folder of its own is made there and removed. Nothing of the coordinator runs but storage.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from colonies_edge.crypto.identity import Signer  # noqa: E402
from colonies_edge.engine.outcome import Answer, Kind, Record, Write  # noqa: E402
from colonies_edge.engine.ports import Archived  # noqa: E402
from colonies_edge.engine.rows import ProcessRow, ServerRow  # noqa: E402
from colonies_edge.protocol.codec import encode  # noqa: E402
from colonies_edge.protocol.envelope import seal  # noqa: E402
from colonies_edge.protocol.model import Conditions, FunctionSpec, State  # noqa: E402
from colonies_edge.storage.file_store import FileStore, open_store  # noqa: E402

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
USER = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
EXECUTOR = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
NOW = 1_795_197_101_618_641_878
BATCHES = (1, 4, 16, 64, 256)
SECONDS_PER_BATCH_SIZE = 1.5
JOBS_MEASURED = 10_000


def process(number: int, **changes: Any) -> ProcessRow:
    """The echo job of the README, submitted at a time of its own."""
    spec = FunctionSpec(
        funcname="echo",
        args=("sayhello",),
        maxwaittime=-1,
        maxexectime=10,
        maxretries=3,
        conditions=Conditions(colonyname="dev", executortype="cli"),
    )
    at = NOW + number * 1_000_003
    fields: dict[str, Any] = {
        "processid": f"{number * 0x9E3779B97F4A7C15 % (1 << 256):064x}"[::-1],
        "colonyname": "dev",
        "initiatorid": USER.identity,
        "initiatorname": "alice",
        "spec": spec,
        "prioritytime": at,
        "submissiontime": at,
    }
    return ProcessRow(**{**fields, **changes})


def finished(number: int) -> ProcessRow:
    """The same when it is done."""
    end = NOW + number * 1_000_003 + 5_000_000
    return process(
        number,
        state=State.SUCCESS,
        assignedexecutorid=EXECUTOR.identity,
        starttime=end - 3_000_000,
        endtime=end,
        out=("sayhello",),
        attempt=1,
    )


def put(row: ProcessRow) -> Write:
    """A row of the table of processes."""
    return Write(table="processes", key=row.processid, kind=Kind.PUT, row=row)


def asked(number: int, step: int, signer: Signer, message: dict[str, Any], answer: Answer, write: Write) -> Record:
    """One signed request and what it did."""
    now = NOW + number * 1_000_003 + step
    msgid = f"{number:016d}{step:06d}"
    envelope = seal({**message, "msgid": msgid, "ts": now // 1_000_000, "serverid": SERVER.identity}, signer)
    return Record(time_ns=now, writes=(write,), caller=signer.identity, msgid=msgid, envelope=envelope, answer=answer)


def job(number: int) -> Iterator[Record]:
    """Submit, assign and close, each asked for by a signed request, each with its remembered answer."""
    row, done = process(number), finished(number)
    key = row.processid

    def patch(*names: str) -> Write:
        return Write(table="processes", key=key, kind=Kind.PATCH, changes={name: getattr(done, name) for name in names})

    submit = {"msgtype": "submitfuncspecmsg", "spec": encode(row.spec)}
    yield asked(number, 1, USER, submit, Answer(payloadtype="submitfuncspecmsg", error=False, processid=key), put(row))
    assign = {"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10}
    changes = patch("state", "assignedexecutorid", "starttime", "execdeadline", "attempt")
    yield asked(
        number, 2, EXECUTOR, assign, Answer(payloadtype="assignprocessmsg", error=False, processid=key), changes
    )
    close = {"msgtype": "closesuccessfulmsg", "processid": key, "out": ["sayhello"], "attempt": 1}
    answer = Answer(payloadtype="closesuccessfulmsg", error=False, value={})
    yield asked(number, 3, EXECUTOR, close, answer, patch("state", "endtime", "out"))


def opened(folder: Path) -> FileStore:
    """A loaded store."""
    store = open_store(folder, sign_head=SERVER.sign)
    found = store.load()
    for part in (found.rows, found.records):
        for _ in part:
            pass
    return store


def timed(action: Callable[[], object]) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def rss_mib() -> float:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def bench_commits(folder: Path) -> dict[str, Any]:
    """Records and commits per second, synced always, by records per commit."""
    store = opened(folder)
    founding = Write(table="server", key="server", kind=Kind.PUT, row=ServerRow(serverid=SERVER.identity))
    store.commit([Record(time_ns=NOW, writes=(founding,))])
    records = [record for number in range(2000) for record in job(number)]
    figures = {}
    for size in BATCHES:
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS_PER_BATCH_SIZE:
            at = count * size % (len(records) - size)
            store.commit(records[at : at + size])
            count += 1
        figures[f"batch_{size}"] = {
            "commits_per_s": round(count / elapsed),
            "records_per_s": round(count * size / elapsed),
            "jobs_per_s": round(count * size / elapsed / 3),
        }
    store.close()
    return figures


def bench_bytes(folder: Path) -> dict[str, Any]:
    """Bytes written per job: the journal's own, and what checkpoint, ledger and archive add over a long time."""
    store = opened(folder)
    for start in range(0, JOBS_MEASURED, 100):
        store.commit([record for number in range(start, start + 100) for record in job(number)])
    segment = folder / "journal/00000001.jsonl"
    journal = segment.stat().st_size / JOBS_MEASURED
    # Finished processes and answers of the last minutes are what a checkpoint of a busy colony holds.
    store.checkpoint((put(finished(number)) for number in range(5000)), store.rotate())
    jobs_per_checkpoint = 16 * 2**20 / journal
    checkpoint = (folder / "colony.json").stat().st_size / jobs_per_checkpoint
    ledger = (folder / "ledger/00000001.jsonl.gz").stat().st_size / JOBS_MEASURED
    store.close()
    return {
        "journal_bytes_per_job": round(journal),
        "checkpoint_bytes_per_job": round(checkpoint),
        "ledger_bytes_per_job": round(ledger),
        "total_bytes_per_job": round(journal + checkpoint + ledger),
    }


def bench_start(folder: Path, count: int) -> dict[str, Any]:
    """Half of the processes in the checkpoint, half in the journal; then all of them into a checkpoint."""
    store = opened(folder)
    store.commit(list(job(0)))
    half = count // 2
    half_s = timed(lambda: store.checkpoint((put(process(number)) for number in range(half)), store.rotate()))
    for start in range(half, count, 100):
        store.commit([next(job(number)) for number in range(start, min(start + 100, count))])
    store.close()
    store = open_store(folder, sign_head=SERVER.sign)
    started = time.perf_counter()
    recovered = store.load()
    check_s = time.perf_counter() - started
    total = sum(1 for _ in recovered.rows) + sum(len(record.writes) for record in recovered.records)
    load_s = time.perf_counter() - started
    assert total == count, total
    store.close()
    return {
        "processes": count,
        "load_s": round(load_s, 2),
        "of_that_checking_s": round(check_s, 2),
        "checkpoint_write_s": round(half_s * 2, 2),
        "checkpoint_mib": round((folder / "colony.json").stat().st_size / 2**20 * 2, 1),
    }


def bench_archive(folder: Path, count: int) -> dict[str, Any]:
    """Retire finished processes in batches, then read them back."""
    store = opened(folder)
    before = rss_mib()

    def retire() -> None:
        for start in range(0, count, 500):
            rows = [finished(number) for number in range(start, min(start + 500, count))]
            writes = [
                Write(table="processes", key=row.processid, kind=Kind.RETIRE, row=Archived(process=row)) for row in rows
            ]
            store.commit([Record(time_ns=NOW + start, writes=tuple(writes))])

    seconds = timed(retire)
    ids = [process(number).processid for number in range(0, count, max(1, count // 1000))]
    read_s = timed(lambda: [store.history.process(key) for key in ids]) / len(ids)
    newest_s = timed(lambda: store.history.newest("dev", State.SUCCESS, 100, executortype="cli"))
    after = rss_mib()
    store.close()
    size = (folder / "archive.sqlite").stat().st_size
    return {
        "processes": count,
        "insert_per_s": round(count / seconds),
        "bytes_per_process": round(size / count),
        "read_by_id_us": round(read_s * 1e6),
        "newest_100_ms": round(newest_s * 1e3, 1),
        "rss_mib": round(after, 1),
        "rss_grown_mib": round(after - before, 1),
    }


def in_a_process_of_its_own(name: str, folder: Path, count: int) -> dict[str, Any]:
    """So that the memory of one measurement does not count in another."""
    command = [sys.executable, __file__, "--only", name, "--folder", str(folder), "--processes", str(count), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def one(name: str, folder: Path, count: int) -> dict[str, Any]:
    """One measurement in a new folder."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        match name:
            case "commits":
                return bench_commits(place)
            case "bytes":
                return bench_bytes(place)
            case "start":
                return bench_start(place, count)
            case _:
                return bench_archive(place, count)
    finally:
        shutil.rmtree(place)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", default=None, help="where to write; default: the system's folder for temporary files"
    )
    parser.add_argument("--processes", type=int, default=100_000)
    parser.add_argument("--only", choices=["commits", "bytes", "start", "archive"])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    asked_for = parser.parse_args()
    folder = Path(asked_for.folder or tempfile.gettempdir())
    if asked_for.only:
        figures = one(asked_for.only, folder, asked_for.processes)
    else:
        names = ("commits", "bytes", "start", "archive")
        figures = {name: in_a_process_of_its_own(name, folder, asked_for.processes) for name in names}
    if asked_for.json:
        print(json.dumps(figures))
        return
    for name, group in figures.items():
        print(name)
        for key, value in group.items() if isinstance(group, dict) else {"": group}.items():
            text = (
                "  ".join(f"{label} {number:,}" for label, number in value.items())
                if isinstance(value, dict)
                else value
            )
            print(f"  {key:28} {text}")


if __name__ == "__main__":
    main()
