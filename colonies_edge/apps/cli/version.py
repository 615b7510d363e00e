"""`version`: of this program, without a connection."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from colonies_edge import __version__
from colonies_edge.apps.cli.command import Command, Group

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session


def show(session: Session) -> int:
    values = {"version": __version__, "python": platform.python_version(), "machine": platform.machine()}
    if not session.shown_as_json(values):
        session.console.pairs([(f"{key.capitalize()}", value) for key, value in values.items()], "colonies-edge")
    return 0


GROUP = Group(
    name="version",
    help="version of this program",
    itself=Command(name="version", help="version of this program", run=show, connects=False),
)
