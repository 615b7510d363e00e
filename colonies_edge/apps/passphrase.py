"""Where the passphrase of private keys comes from: a variable, a file, a credential of systemd, or the person there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from colonies_edge.protocol.errors import UsageError

VARIABLE = "COLONIES_KEY_PASSPHRASE"
FILE_VARIABLE = "COLONIES_KEY_PASSPHRASE_FILE"
CREDENTIAL = "colonies-key-passphrase"
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"  # systemd's, for LoadCredential= and LoadCredentialEncrypted=
WAYS = f"set {VARIABLE}, or {FILE_VARIABLE}, or the systemd credential {CREDENTIAL}"

_asked: list[str] = []  # what the person there said, once per run


def given(environ: Mapping[str, str] | None = None) -> str:
    """The passphrase that this machine has without asking anybody, "" when there is none. Raises UsageError."""
    environment = os.environ if environ is None else environ
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    path = environment.get(FILE_VARIABLE, "")
    if path:
        return _read(Path(path), FILE_VARIABLE)
    return credential(CREDENTIAL, environment)


def credential(name: str, environ: Mapping[str, str]) -> str:
    """What systemd gave this service under that name, or ""."""
    folder = environ.get(CREDENTIALS_VARIABLE, "")
    path = Path(folder) / name
    return _read(path, f"credential {name}") if folder and path.is_file() else ""


def known() -> str:
    """The one that is given, or that was asked for already: new keys are sealed with it."""
    return given() or "".join(_asked)


def needed(path: Path) -> str:
    """To open that file; on a terminal it is asked for. Raises UsageError."""
    found = known()
    if found:
        return found
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{path} is encrypted: {WAYS}")
    _asked[:] = [ask(f"Passphrase of {path}: ")]
    return _asked[0]


def ask(question: str) -> str:
    import getpass

    return getpass.getpass(question, stream=sys.stderr)


def _read(path: Path, what: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what}: {path} cannot be read: {getattr(error, 'strerror', '') or error}") from error
    if not text:
        raise UsageError(f"{what}: {path} is empty")
    return text
