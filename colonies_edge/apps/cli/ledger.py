"""`ledger verify`: proves offline, from the files alone, who asked for what and that nothing is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.apps.cli.coordinator import data_folder
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.numbers import identity
from colonies_edge.apps.cli.progress import Bar
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import at
from colonies_edge.apps.cli.table import Cell, Column
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.storage.ledger import Report

_HEAD = re.compile(r"([0-9]+):([0-9a-f]{64})")


def verify(session: Session) -> int:
    from colonies_edge.crypto.identity import recover
    from colonies_edge.storage import ledger
    from colonies_edge.storage.reading import bytes_to_read

    args = session.args
    folder = data_folder(session)
    serverid = args.serverid or session.config.serverid or None
    with Bar(session.console, bytes_to_read(folder)) as bar:
        report = ledger.verify(folder, serverid, _head(args.head), recover=recover, progress=bar)
    if not session.shown_as_json(as_json(report, serverid)):
        _show(session, report, serverid)
    if not report.ok:
        raise Failed(
            f"the ledger in {folder} is not what the coordinator wrote: {report.findings[0]}; see the findings"
        )
    return 0


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    match = _HEAD.fullmatch(text)
    if match is None:
        raise UsageError("--head is NUMBER:HASH, as an earlier `ledger verify` printed it")
    return int(match[1]), match[2]


def as_json(report: Report, serverid: str | None) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "findings": report.findings,
        "serverid": serverid or "",
        "signers": sorted(report.signers),
        "records": report.records,
        "requests": report.requests,
        "firstrecord": report.first_record,
        "lastrecord": report.last_record,
        "signedupto": report.signed_up_to,
        "head": f"{report.last_record}:{report.last_hash}",
        "segments": report.segments,
        "callers": {caller: dict(sorted(counts.items())) for caller, counts in sorted(report.callers.items())},
    }


def _show(session: Session, report: Report, serverid: str | None) -> None:
    console = session.console
    signed_by = " ".join(sorted(report.signers)) or "nobody yet"
    console.pairs(
        [
            ("Verdict", Cell("complete and unchanged", "green") if report.ok else Cell("NOT AS WRITTEN", "red")),
            ("Signed by", signed_by + ("" if serverid else " (pin it with --serverid: a forger signs too)")),
            ("Records", f"{report.records}, {report.first_record} to {report.last_record}"),
            ("Signed up to", f"record {report.signed_up_to}"),
            ("Requests", f"{report.requests} signed by their callers"),
            ("From", at(report.first_ns)),
            ("To", at(report.last_ns)),
            ("Segments", str(report.segments)),
            ("Head", f"{report.last_record}:{report.last_hash}"),
        ],
        "Ledger",
    )
    if report.callers:
        rows = [
            (caller, " ".join(f"{kind}={count}" for kind, count in sorted(counts.items())))
            for caller, counts in sorted(report.callers.items())
        ]
        console.grid([Column("Caller", keep=True), Column("Messages")], rows, "Who asked for what")
    if report.findings:
        console.pairs([(str(number), text) for number, text in enumerate(report.findings, 1)], "Findings", "red")
    console.info(f"Keep the head; `ledger verify --head {report.last_record}:…` then proves that nothing was cut off.")


GROUP = Group(
    name="ledger",
    help="prove offline what was done",
    commands=(
        Command(
            name="verify",
            help="check the chain, the signatures and the order of everything the coordinator wrote",
            run=verify,
            connects=False,
            flags=(
                flag("--data", metavar="DIR", help="the coordinator's data folder; no coordinator may be using it"),
                flag("--serverid", type=identity, metavar="ID", help="the coordinator whose ledger it must be"),
                flag("--head", metavar="NUMBER:HASH", help="the head that an earlier run printed"),
            ),
        ),
    ),
)
