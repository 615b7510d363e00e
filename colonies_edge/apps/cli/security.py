"""`security`: private keys and the identities that belong to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import Command, Group, flag
from colonies_edge.protocol.errors import UsageError

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


def encrypt(session: Session) -> int:
    """The new passphrase is asked for twice, or given; keys that are sealed already stay as they are."""
    from colonies_edge.apps import passphrase
    from colonies_edge.apps.keys import is_sealed

    paths = [path for path in _paths(session) if not is_sealed(path)]
    words = (passphrase.given() or _new_passphrase()) if paths else ""
    return _rewritten(session, paths, words, "encrypted")


def decrypt(session: Session) -> int:
    from colonies_edge.apps.keys import is_sealed

    return _rewritten(session, [path for path in _paths(session) if is_sealed(path)], "", "not encrypted any more")


def _rewritten(session: Session, paths: list[Path], words: str, verdict: str) -> int:
    from colonies_edge.apps.keys import read_key, write_key

    for path in paths:
        write_key(path, read_key(path), words)
    told = {"files": [str(path) for path in paths]}
    said = f"{', '.join(told['files'])}: {verdict}" if paths else "There is nothing to do: all are so already"
    return session.done(told, said)


def _paths(session: Session) -> list[Path]:
    """The named ones, else all key files below the data folder; certificates have keys of their own kind."""
    named = [Path(path) for path in session.args.files]
    for path in named:
        if not path.is_file():
            raise UsageError(f"{path} is no file")
    data = Path(session.config.data_dir)
    found = named or sorted([*data.glob("*.key"), *data.glob("coordinator/server.key"), *data.glob("executors/*/key")])
    if not found:
        raise UsageError(f"there are no keys below {data}; name the files")
    return found


def _new_passphrase() -> str:
    import sys

    from colonies_edge.apps import passphrase

    if not sys.stdin.isatty():
        raise UsageError(f"nobody is there to ask for a passphrase: {passphrase.WAYS}")
    words = passphrase.ask("New passphrase: ")
    if not words or words != passphrase.ask("Once more: "):
        raise UsageError("it was empty, or not twice the same; nothing was changed")
    return words


_FILES = flag("files", nargs="*", metavar="FILE", help="key files; without any, all below the data folder")

GROUP = Group(
    name="security",
    help="private keys and identities",
    commands=(
        Command(name="generate", help="make a new private key", run=generate, connects=False),
        Command(
            name="encrypt",
            help="put key files under a passphrase",
            run=encrypt,
            connects=False,
            words=(_FILES,),
            settings=("data_dir",),
        ),
        Command(
            name="decrypt",
            help="take key files from under their passphrase",
            run=decrypt,
            connects=False,
            words=(_FILES,),
            settings=("data_dir",),
        ),
        Command(name="id", help="show the identity of a private key", run=show_id, key="prvkey", connects=False),
    ),
)
