"""`security`: private keys and the identities that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session


def generate(session: Session) -> int:
    from colonies_edge.crypto.identity import identity_of, new_private_key
    from colonies_edge.transports.system import entropy

    private_key = new_private_key(entropy(32))
    return _show(session, {"id": identity_of(private_key), "prvkey": private_key})


def show_id(session: Session) -> int:
    from colonies_edge.crypto.identity import identity_of

    return _show(session, {"id": identity_of(session.config.need("prvkey"))})


def _show(session: Session, values: dict[str, str]) -> int:
    if not session.shown_as_json(values):
        session.console.pairs(
            [({"id": "Id", "prvkey": "PrvKey"}[key], value) for key, value in values.items()], "Identity"
        )
    return 0


GROUP = Group(
    name="security",
    help="private keys and identities",
    commands=(
        Command(name="generate", help="make a new private key", run=generate, connects=False),
        Command(name="id", help="show the identity of a private key", run=show_id, key="prvkey", connects=False),
    ),
)
