"""`doctor`: looks at everything a command needs, says of each what is wrong and what to do, and mends what is safe."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncIterator
from dataclasses import replace

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.config import shown
from colonies_edge.apps.cli.doctor_finding import (
    COORDINATOR,
    FIXED,
    OK,
    PROBLEM,
    Check,
    Finding,
    as_json,
    show_findings,
)
from colonies_edge.apps.cli.exits import FAILED, NO_CONNECTION, SUCCESS
from colonies_edge.apps.cli.progress import Waiting
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.table import Column
from colonies_edge.apps.config import VARIABLES
from colonies_edge.protocol.errors import UsageError

# In this order: module, check. What is not in a file for executors is skipped there.
CHECKS: tuple[tuple[str, str], ...] = (
    ("doctor_here", "program"),
    ("doctor_here", "signatures"),
    ("doctor_here", "settings"),
    ("doctor_here", "secrets"),
    ("doctor_services", "services"),
    ("doctor_data", "data"),
    ("doctor_broker", "way"),
    ("doctor_coordinator", "connection"),
)
# These only when the coordinator has answered: what they would say otherwise has been said.
TALKING: tuple[tuple[str, str], ...] = (
    ("doctor_coordinator", "clock"),
    ("doctor_broker", "round_trip"),
    ("doctor_broker", "version"),
    ("doctor_broker", "confinement"),
    ("doctor_coordinator", "membership"),
)


async def examine(session: Session) -> int:
    findings = [mended(finding) if session.args.fix else finding async for finding in _all(session)]
    if session.console.as_json:
        session.console.value({"settings": _settings(session), "findings": [as_json(finding) for finding in findings]})
    else:
        _show(session, findings)
    if any(finding.no_connection for finding in findings):
        return NO_CONNECTION
    return FAILED if any(finding.verdict == PROBLEM for finding in findings) else SUCCESS


async def _all(session: Session) -> AsyncIterator[Finding]:
    answered = False
    for module, name in CHECKS:
        for finding in await _found(session, module, name):
            answered = answered or (finding.about == COORDINATOR and finding.verdict == OK)
            yield finding
    for module, name in TALKING if answered else ():
        for finding in await _found(session, module, name):
            yield finding


async def _found(session: Session, module: str, name: str) -> list[Finding]:
    """What one check says; a terminal sees that it lasts. The check of the data shows by itself how far it is."""
    with contextlib.nullcontext() if name == "data" else Waiting(session.console):
        return [finding async for finding in _check(module, name)(session)]


def _check(module: str, name: str) -> Check:
    try:
        check: Check = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    except ModuleNotFoundError:
        return _left_out
    return check


async def _left_out(_session: Session) -> AsyncIterator[Finding]:
    return
    yield


def mended(finding: Finding) -> Finding:
    """The finding, with what was done about it when something safe could be done."""
    if finding.fix is None:
        return finding
    try:
        return replace(finding, verdict=FIXED, sentence=finding.fix(), remedy="", fix=None)
    except OSError as error:
        return replace(finding, remedy=f"{finding.remedy} (--fix could not: {error.strerror})", fix=None)


def _settings(session: Session) -> dict[str, dict[str, str]]:
    try:
        config = session.config
    except UsageError:
        return {}
    return {
        variable: {"value": shown(config, name), "source": config.source(name)} for name, variable in VARIABLES.items()
    }


def _show(session: Session, findings: list[Finding]) -> None:
    console = session.console
    rows = [(variable, entry["value"], entry["source"]) for variable, entry in _settings(session).items()]
    if rows:
        console.grid(
            [Column("Setting", keep=True), Column("Value"), Column("From", keep=True, drop=1)], rows, "Settings"
        )
    show_findings(console, findings)
    if not session.args.fix and any(finding.fix is not None for finding in findings):
        console.info("`doctor --fix` mends what is safe to mend")


GROUP = Group(
    name="doctor",
    help="find out why something does not work",
    itself=Command(
        name="doctor",
        help="find out why something does not work",
        run=examine,
        key="any",
        colony=True,
        flags=(
            flag("--data", metavar="DIR", help="the coordinator's data folder, if it is here"),
            switch("--fix", help="put right what is safe: modes of key files, a missing data folder"),
        ),
    ),
)
