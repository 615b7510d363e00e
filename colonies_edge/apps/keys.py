"""Private keys in files: made once, readable by their owner only."""

import os
from pathlib import Path

from colonies_edge.crypto.identity import InvalidKey, Signer, new_private_key
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.system import entropy


def keep_key(path: Path) -> str:
    """The private key in that file, made and written (mode 0600, synced) when there is none. Raises UsageError for a
    file that holds something else, OSError when it cannot be read or written."""
    try:
        return read_key(path)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_private_key(entropy(32))
    # Beside and renamed: a power cut must not leave an empty file that looks like a key.
    beside = path.with_name(path.name + ".new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    return key


def read_key(path: Path) -> str:
    """The private key in a file. Raises UsageError for something else, OSError when it cannot be read."""
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        return Signer(text).private_key
    except InvalidKey as error:
        raise UsageError(f"{path} does not hold a private key of 64 hex digits ({error}); move it away") from None
