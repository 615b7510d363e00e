"""`config`: the settings, and where each came from; private keys are shown as the identities they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.config import NAMES, SECRETS, VARIABLES, Config

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session


def show(session: Session) -> int:
    config = session.config
    found = [(VARIABLES[name], shown(config, name), config.source(name)) for name in NAMES]
    if session.console.as_json:
        session.console.value({variable: {"value": value, "source": source} for variable, value, source in found})
        return 0
    from colonies_edge.apps.cli.table import Column

    columns = [Column("Setting", keep=True), Column("Value"), Column("From", keep=True, drop=1)]
    session.console.grid(columns, [(variable, value, source) for variable, value, source in found])
    return 0


def shown(config: Config, name: str) -> str:
    value: str = getattr(config, name)
    if name == "mqtt":
        return without_password(value)
    if not value or name not in SECRETS:
        return value
    from colonies_edge.crypto.identity import InvalidKey, identity_of

    try:
        return f"key of {identity_of(value)}"
    except InvalidKey:
        return "not a private key: that would be 64 hex digits"


def without_password(url: str) -> str:
    head, at, rest = url.rpartition("@")
    if not at:
        return url
    scheme, _, login = head.partition("://")
    return f"{scheme}://{login.partition(':')[0]}@{rest}"


GROUP = Group(
    name="config",
    help="settings, and where each came from",
    itself=Command(name="config", help="settings, and where each came from", run=show, connects=False),
)
