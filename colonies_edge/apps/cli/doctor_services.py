"""Checks of installed services: whether systemd has them running, and how often it had to help."""

from __future__ import annotations

from collections.abc import AsyncIterator

from colonies_edge.apps.cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.install.installing import installed
from colonies_edge.apps.install.layout import Layout, unit_name
from colonies_edge.apps.install.managers import Systemd, systemd_runs
from colonies_edge.apps.install.steps import StepFailed

STARTS_WARNING = 3


async def services(_session: Session) -> AsyncIterator[Finding]:
    if not systemd_runs():
        return
    manager = Systemd()
    for role in installed(Layout()):
        unit = unit_name(role.name)
        try:
            state = manager.state(unit)
        except StepFailed:
            continue
        often = state.starts >= STARTS_WARNING
        well = state.active and not often
        again = f"; started again {state.starts} times" if state.starts else ""
        yield Finding(
            about=unit,
            verdict=OK if well else WARNING if state.active else PROBLEM,
            sentence=f"is {state.state}{f': {state.detail}' if state.detail else ''}{again}",
            remedy="" if well else f"journalctl -u {unit} says why",
        )
