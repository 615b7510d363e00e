"""Records as the engine makes them, signed for real: a colony is set up, jobs run through it, some are retired."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from colonies_edge.crypto.identity import Signer
from colonies_edge.engine.outcome import Answer, Kind, Record, Write
from colonies_edge.engine.ports import Archived
from colonies_edge.engine.rows import Attr, ProcessRow, Purge, ServerRow
from colonies_edge.protocol.codec import encode
from colonies_edge.protocol.envelope import seal
from colonies_edge.protocol.model import Colony, Conditions, FunctionSpec, LogEntry, State

SERVER = Signer("fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d")
USER = Signer("ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05")
EXECUTOR = Signer("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
START_NS = 1_795_197_101_618_641_878
SECOND_NS = 1_000_000_000


def identity(number: int) -> str:
    return hashlib.sha3_256(str(number).encode()).hexdigest()


def row(number: int, **changes: Any) -> ProcessRow:
    """A waiting process; every number gives another one."""
    at = START_NS + number * SECOND_NS
    spec = FunctionSpec(
        funcname="echo",
        args=(f"job {number}",),
        maxexectime=60,
        maxretries=3,
        conditions=Conditions(colonyname="dev", executortype="cli"),
        label="odd" if number % 2 else "",
        env={"NUMBER": str(number)},
    )
    process = ProcessRow(
        processid=identity(number),
        colonyname="dev",
        initiatorid=USER.identity,
        initiatorname="alice",
        spec=spec,
        prioritytime=at,
        submissiontime=at,
    )
    return replace(process, **changes)


def finished(number: int, **changes: Any) -> ProcessRow:
    """The same, closed as successful 2 s later."""
    at = START_NS + (number + 2) * SECOND_NS
    done = {"state": State.SUCCESS, "endtime": at, "out": ("sayhello",), "assignedexecutorid": EXECUTOR.identity}
    return row(number, **{**done, **changes})


def log(number: int, count: int = 0, message: str = "") -> LogEntry:
    """A line of the log of that process."""
    return LogEntry(
        processid=identity(number),
        colonyname="dev",
        executorname="worker",
        message=message or f"line {count} of {number}",
        timestamp=START_NS + number * SECOND_NS + count,
    )


class Author:
    """Makes records with growing times, as one coordinator would."""

    def __init__(self, now: int = START_NS) -> None:
        self.now = now

    def _record(self, *writes: Write) -> Record:
        self.now += 1_000_003
        return Record(time_ns=self.now, writes=writes)

    def asked(self, signer: Signer, message: dict[str, Any], answer: Answer, *writes: Write) -> Record:
        """A record caused by a signed request."""
        record = self._record(*writes)
        msgid = identity(self.now)[:22]
        stamp = {"msgid": msgid, "ts": self.now // 1_000_000, "serverid": SERVER.identity}
        envelope = seal({**message, **stamp}, signer)
        return replace(record, caller=signer.identity, msgid=msgid, envelope=envelope, answer=answer)

    def founding(self) -> Record:
        """The coordinator's first record, and the colony with it."""
        colony = Colony(colonyid=USER.identity, name="dev")
        server = ServerRow(serverid=SERVER.identity)
        return self._record(put("server", "server", server), put("colonies", "dev", colony))

    def submit(self, number: int) -> Record:
        process = row(number)
        message = {"msgtype": "submitfuncspecmsg", "spec": encode(process.spec)}
        answer = Answer(payloadtype="submitfuncspecmsg", error=False, processid=process.processid)
        return self.asked(USER, message, answer, put("processes", process.processid, process))

    def assign(self, number: int) -> Record:
        key = identity(number)
        changes = {
            "state": State.RUNNING,
            "assignedexecutorid": EXECUTOR.identity,
            "starttime": self.now,
            "execdeadline": self.now + 60 * SECOND_NS,
            "attempt": 1,
        }
        message = {"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10}
        answer = Answer(payloadtype="assignprocessmsg", error=False, processid=key)
        return self.asked(EXECUTOR, message, answer, patch("processes", key, **changes))

    def close(self, number: int) -> Record:
        key = identity(number)
        changes = {"state": State.SUCCESS, "endtime": self.now, "out": ("sayhello",)}
        message = {"msgtype": "closesuccessfulmsg", "processid": key, "out": ["sayhello"], "attempt": 1}
        answer = Answer(payloadtype="closesuccessfulmsg", error=False, value={})
        return self.asked(EXECUTOR, message, answer, patch("processes", key, **changes))

    def refuse(self) -> Record:
        message = {"msgtype": "cancelprocessmsg", "processid": identity(0)}
        body = {"status": 404, "message": "Failed to cancel process, process not found"}
        return self.asked(USER, message, Answer(payloadtype="cancelprocessmsg", error=True, value=body))

    def retire(self, *numbers: int, logs: int = 1) -> Record:
        archived = [
            Archived(process=finished(number), logs=tuple(log(number, count) for count in range(logs)))
            for number in numbers
        ]
        return self._record(
            *(Write(table="processes", key=item.process.processid, kind=Kind.RETIRE, row=item) for item in archived)
        )

    def purge(self, processid: str = "", state: int = -1) -> Record:
        return self._record(put("archive", processid, Purge(colonyname="dev", state=state)))

    def older(self, before_ns: int, count: int = 0, *, logs: bool = False) -> Record:
        """What retention writes: so many successful processes that ended before, or lines that were written before."""
        purge = Purge(colonyname="dev", state=int(State.SUCCESS), nodes=(count,), before_ns=before_ns)
        lines = Purge(colonyname="", state=-1, logs=True, before_ns=before_ns)
        return self._record(put("archive", "", lines if logs else purge))

    def job(self, number: int) -> Iterator[Record]:
        """Submit, assign, close."""
        yield self.submit(number)
        yield self.assign(number)
        yield self.close(number)


def put(table: str, key: str, value: Any) -> Write:
    return Write(table=table, key=key, kind=Kind.PUT, row=value)


def patch(table: str, key: str, **changes: Any) -> Write:
    return Write(table=table, key=key, kind=Kind.PATCH, changes=changes)


def journaled(record: Record) -> Record:
    """The record as it comes back: without the rows that only the archive gets."""
    keep = (Kind.PUT, Kind.DROP)
    return replace(
        record, writes=tuple(write if write.kind in keep else replace(write, row=None) for write in record.writes)
    )


def awkward_rows() -> Iterator[Write]:
    """Rows whose text is hard to write down."""
    hard = ["=key", "=by", "=msg.out", "==", "\u2028\x85\n\r\0", "\ud800", "\U0001f916", '"\\', ""]
    for number, text in enumerate(hard, 1000):
        attr = Attr(attributetype=1, key=text, value=text)
        yield put(
            "processes", identity(number), row(number, initiatorname=text, attributes=(attr,), out=(text, {text: 1.5}))
        )
