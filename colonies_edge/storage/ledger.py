"""Proof from nothing but the files: who asked for what, in which order, and that nothing was removed or rolled back."""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.storage.atomic_json import CheckedJson, Damaged
from colonies_edge.storage.chain import GENESIS, body_of, bytes_of, check, digest_of, text_of
from colonies_edge.storage.errors import UnknownFormat
from colonies_edge.storage.heads import hash_of_line, parse_head
from colonies_edge.storage.journal import number_of
from colonies_edge.storage.migrations import Migration
from colonies_edge.storage.reading import Progress, nothing, reading
from colonies_edge.storage.records import Line, Unreadable
from colonies_edge.storage.stored_json import parse_object

Recover = Callable[[bytes, str], str]  # (text, signature) -> identity; raises ValueError

FINDINGS_MAX = 1000  # a ledger of noise need not be described line by line
# What gzip writes first, with neither time nor name in it: those ten bytes are under no checksum of its own.
_GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(slots=True)
class Report:
    """What `verify` saw. `findings` are sentences; without any, the ledger is what the coordinator wrote."""

    findings: list[str] = field(default_factory=list)
    segments: int = 0
    heads: int = 0
    records: int = 0
    requests: int = 0  # records that a signed request caused
    first_record: int = 0
    last_record: int = 0
    last_hash: str = ""  # in hex; note it elsewhere: with it as `expected_head` the next proof reaches back to here
    signed_up_to: int = 0  # the last record under a signed head; a removed end is only provable up to there
    first_ns: int = 0
    last_ns: int = 0
    callers: dict[str, Counter[str]] = field(default_factory=dict)  # identity -> message types it sent
    signers: set[str] = field(default_factory=set)  # of the heads

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def find(self, sentence: str) -> None:
        """Note something that should not be."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(sentence)


@dataclass(slots=True)
class _Head:
    line: int
    kind: str
    segment: int
    number: int
    hash: str
    time_ns: int
    signer: str


def verify(
    folder: Path | str,
    server_id: str | None = None,
    expected_head: tuple[int, str] | None = None,
    *,
    recover: Recover,
    progress: Progress = nothing,
) -> Report:
    """Check the whole ledger of a data folder that no coordinator is using, reading it once.

    `server_id` is whose signature the heads must bear; without it the ledger has to say so itself, which a forger can
    arrange. `expected_head` is (last_record, last_hash) of an earlier report. Raises OSError when files cannot be read.
    """
    proof = _Proof(Path(folder), recover, progress)
    proof.read_heads()
    if expected_head is not None:
        number, digest = expected_head
        proof.expect(number, text_of(bytes.fromhex(digest)), "the head you noted earlier")
    proof.read_checkpoint()
    proof.read_segments()
    proof.judge_heads(server_id)
    proof.judge_expected()
    return proof.report


class _Proof:
    def __init__(self, folder: Path, recover: Recover, progress: Progress) -> None:
        self.report = Report()
        self._folder = folder
        self._recover = recover
        self._progress = progress
        self._heads: list[_Head] = []
        self._head_hashes: set[str] = {""}
        self._digest: bytes | None = None  # of the line before; None: not known, take the next line's word for it
        self._owners: list[tuple[int, str]] = []  # (record, identity) of whose coordinator this is
        self._points: dict[int, set[str]] = {}  # record -> hashes met there, for what was signed or expected
        self._expected: list[tuple[int, str, str]] = []  # (record, hash, who says so)

    # The heads.

    def read_heads(self) -> None:
        path = self._folder / "ledger" / "heads.jsonl"
        if not path.exists():
            return
        previous = ""
        with path.open("rb") as stream:
            for count, line in enumerate(stream, 1):
                try:
                    self._read_head(count, line, previous)
                except (ValueError, KeyError, TypeError, UnknownFormat) as error:
                    self.report.find(f"heads.jsonl, line {count}, is not a signed head: {error}")
                previous = hash_of_line(line)
                self._head_hashes.add(previous)

    def _read_head(self, count: int, line: bytes, previous: str) -> None:
        fields, signed, signature = parse_head(line)
        if not line.endswith(b"}\n") or line != _line_again(signed, signature):
            raise ValueError("it is not as it was written")
        if fields["previous"] != previous:
            self.report.find(f"heads.jsonl, line {count}, does not follow the line before: one was removed or changed")
        head = _Head(
            line=count,
            kind=str(fields["kind"]),
            segment=int(fields["segment"]),
            number=int(fields["number"]),
            hash=str(fields["hash"]),
            time_ns=int(fields["time"]),
            signer=self._recover(signed, signature) if signature else "",
        )
        self._heads.append(head)
        self._points.setdefault(head.number, set())

    # The chain.

    def read_segments(self) -> None:
        live = {int(path.stem): path for path in (self._folder / "journal").glob("*.jsonl") if path.stem.isdigit()}
        sealed = {
            int(path.name.partition(".")[0]): path
            for path in (self._folder / "ledger").glob("*.jsonl.gz")
            if path.name.partition(".")[0].isdigit()
        }
        numbers = sorted(live.keys() | sealed.keys())
        self._begin(numbers[0] if numbers else 1)
        expected = numbers[0] if numbers else 1
        for number in numbers:
            if number != expected:
                self.report.find(f"segments {expected} to {number - 1} are missing")
                self._digest = None
            expected = number + 1
            if number in live and number in sealed and not _same(live[number], sealed[number]):
                self.report.find(f"{live[number].name} and {sealed[number].name} differ")
            self._read_segment(number, sealed.get(number) or live[number])

    def _begin(self, first: int) -> None:
        if first == 1:
            self._digest = GENESIS
            self._pass(0)
            return
        for head in self._heads:
            if head.kind == "forgotten" and head.segment == first - 1:
                self._digest = bytes_of(head.hash)
                self.report.last_record, self.report.last_ns = head.number, head.time_ns
                self._points[head.number].add(head.hash)
                return
        self.report.find(f"segments 1 to {first - 1} are missing, and no signed note says that they were removed")

    def _read_segment(self, number: int, path: Path) -> None:
        self.report.segments += 1
        try:
            with reading(path, self._progress) as raw:
                if path.suffix != ".gz":
                    self._read_lines(number, path.name, raw)
                    return
                if raw.read(len(_GZIP_START)) != _GZIP_START:
                    self.report.find(f"{path.name}: its first bytes were changed")
                raw.seek(0)
                self._read_lines(number, path.name, cast(BinaryIO, gzip.GzipFile(fileobj=raw)))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.report.find(f"{path.name} is truncated or damaged after record {self.report.last_record}: {error}")

    def _read_lines(self, segment: int, name: str, stream: BinaryIO) -> None:
        header = stream.readline()
        self._follow(name, "its first line", header)
        self._read_header(segment, name, header)
        for line in stream:
            if not line.endswith(b"\n"):
                self.report.find(
                    f"{name} ends in {len(line)} bytes of a torn line: a crash left it and the next start cuts it off, "
                    "or the file was cut"
                )
                return
            self._follow(name, f"the line after record {self.report.last_record}", line)
            self._read_record(name, line)

    def _follow(self, name: str, where: str, line: bytes) -> None:
        try:
            stated = digest_of(line)
        except ValueError:
            stated = None
        if self._digest is not None and check(self._digest, line) is None:
            self.report.find(
                f"{name}: {where} does not continue the chain: it was changed, or lines were removed, added or moved"
            )
        self._digest = stated

    def _read_header(self, segment: int, name: str, line: bytes) -> None:
        try:
            fields = parse_object(line)
            Migration(fields.get("format"), name)
            stated, number, heads = fields["segment"], fields["number"], fields["heads"]
        except (ValueError, KeyError, UnknownFormat) as error:
            self.report.find(f"{name}: its first line says not what it should: {error}")
            return
        if stated != segment:
            self.report.find(f"{name} is segment {stated} under another name")
        if not self.report.last_record and not self.report.records:
            self.report.last_record = number
        elif number != self.report.last_record:
            self.report.find(f"{name} follows record {number}, not record {self.report.last_record}")
        if heads not in self._head_hashes:
            self.report.find(
                f"{name} names a signed head that heads.jsonl does not have: heads were removed or replaced"
            )
        self._pass(number)

    def _pass(self, number: int) -> None:
        if number in self._points and self._digest is not None:
            self._points[number].add(text_of(self._digest))

    # The records.

    def _read_record(self, name: str, raw: bytes) -> None:
        report, body = self.report, body_of(raw)
        number = number_of(body)
        try:
            line = Line(body)
            time_ns = line.time_ns
        except (Unreadable, KeyError, ValueError, TypeError) as error:
            report.find(f"{name}: the line after record {report.last_record} cannot be read: {error}")
            return
        if number != report.last_record + 1:
            report.find(f"{name}: record {report.last_record} is followed by record {number}")
        if time_ns < report.last_ns:
            report.find(f"{name}: record {number} is older than the one before it")
        report.last_record, report.last_ns = number, max(time_ns, report.last_ns)
        report.first_record = report.first_record or number
        report.first_ns = report.first_ns or time_ns
        report.records += 1
        self._pass(number)
        try:
            self._check_request(name, number, line)
            self._note_owner(number, line)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, BadRequest) as error:
            report.find(f"{name}: record {number} says not what a record says: {error}")

    def _check_request(self, name: str, number: int, line: Line) -> None:
        envelope, caller = line.envelope(), line.caller
        if envelope is None:
            if caller and any(write[0] != "files" for write in line.fields["w"]):
                # Of a request that held keys of an object store nothing is kept but what it did to the files.
                self.report.find(f"{name}: record {number} names a caller but holds no signed request")
            return
        try:
            signer = self._recover(envelope.signed_text(), envelope.signature)
        except ValueError as error:
            signer = str(error)
        if signer != caller:
            self.report.find(f"{name}: record {number} names {caller} as caller, its request was not signed by it")
        message = {key.lower(): value for key, value in envelope.message().items()}
        if message.get("msgtype") != envelope.payloadtype or message.get("msgid", "") != line.msgid:
            self.report.find(f"{name}: record {number} says something else than its signed request")
        self.report.requests += 1
        self.report.callers.setdefault(caller, Counter())[envelope.payloadtype] += 1

    def _note_owner(self, number: int, line: Line) -> None:
        for packed in line.fields["w"]:
            if packed[0] == "server" and len(packed) > 3:
                found = (packed[3].get("identity"), packed[3].get("serverid"))
                self._owners += [(number, identity) for identity in found if identity]

    # The verdict.

    def judge_heads(self, server_id: str | None) -> None:
        report = self.report
        for head in self._heads:
            report.heads += 1
            report.signers.add(head.signer)
            known = {identity for number, identity in self._owners if number <= max(head.number, 1)}
            if not head.signer:
                report.find(f"heads.jsonl, line {head.line}, bears no signature")
            elif server_id is not None and head.signer != server_id:
                report.find(f"heads.jsonl, line {head.line}, was not signed by {server_id}")
            elif server_id is None and known and head.signer not in known:
                report.find(f"heads.jsonl, line {head.line}, was not signed by the coordinator that the ledger names")
            if head.number > report.last_record:
                report.find(
                    f"rolled back: record {head.number} was signed (heads.jsonl, line {head.line}), "
                    f"the ledger ends at record {report.last_record}"
                )
            elif head.number >= (report.first_record or 1) - 1 and head.hash not in self._points[head.number]:
                report.find(f"record {head.number} is not the one that was signed (heads.jsonl, line {head.line})")
            else:
                report.signed_up_to = max(report.signed_up_to, head.number)
        if server_id is None and len(report.signers) > 1 and not self._owners:
            report.find("the heads were signed by different identities, and the ledger does not say why")

    def judge_expected(self) -> None:
        report = self.report
        report.last_hash = self._digest.hex() if self._digest is not None else ""
        for number, expected, source in self._expected:
            if number > report.last_record:
                report.find(f"rolled back: {source} is record {number}, the ledger ends at record {report.last_record}")
            elif number >= (report.first_record or 1) - 1 and expected not in self._points[number]:
                report.find(f"record {number} is not the one of {source}")

    def expect(self, number: int, expected: str, source: str) -> None:
        """Somebody else's word about a point of the chain."""
        self._points.setdefault(number, set())
        self._expected.append((number, expected, source))

    def read_checkpoint(self) -> None:
        path = self._folder / "colony.json"
        if not path.exists():
            return
        try:
            about: dict[str, Any] = CheckedJson(path).about
        except Damaged as damaged:
            self.report.find(f"colony.json is damaged: {damaged}")
            return
        self.expect(about["number"], about["hash"], "the end of colony.json")


def _line_again(signed: bytes, signature: str) -> bytes:
    return signed + (b',"signature":"%s"' % signature.encode() if signature else b"") + b"}\n"


def _same(live: Path, sealed: Path) -> bool:
    with live.open("rb") as one, gzip.open(sealed, "rb") as other:
        while data := one.read(1 << 16):
            if other.read(len(data)) != data:
                return False
        return not other.read(1)
