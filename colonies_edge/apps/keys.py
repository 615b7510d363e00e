"""Private keys in files: made once, readable by their owner only, under a passphrase where there is one."""

from pathlib import Path

from colonies_edge.apps import passphrase
from colonies_edge.client.whole_file import make_private, write_whole
from colonies_edge.crypto.identity import InvalidKey, Signer, new_private_key
from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.system import entropy


def keep_key(path: Path) -> str:
    """The private key in that file, made and written (mode 0600, synced) when there is none. Raises UsageError for a
    file that holds something else, OSError when it cannot be read or written."""
    try:
        return read_key(path)
    except FileNotFoundError:
        make_private(path.parent)
    key = new_private_key(entropy(32))
    write_key(path, key, passphrase.known())
    return key


def read_key(path: Path) -> str:
    """The private key in a file, opened where it is sealed. Raises UsageError for something else, OSError."""
    text = _text(path)
    if sealed(text):
        from colonies_edge.apps.key_encryption import open_key

        try:
            text = open_key(text, passphrase.needed(path))
        except UsageError as error:
            raise UsageError(_about(path, error)) from None
    try:
        return Signer(text).private_key
    except InvalidKey as error:
        raise UsageError(f"{path} does not hold a private key of 64 hex digits ({error}); move it away") from None


def write_key(path: Path, key: str, words: str) -> None:
    """In one step, readable by the owner only; sealed with `words`, if there are any."""
    text = key
    if words:
        from colonies_edge.apps.key_encryption import seal_key

        try:
            text = seal_key(key, words)
        except UsageError as error:
            raise UsageError(_about(path, error)) from None
    write_whole(path, f"{text}\n".encode("ascii"))  # a power cut must not leave an empty file that looks like a key


def is_sealed(path: Path) -> bool:
    return sealed(_text(path))


def sealed(text: str) -> bool:
    # As in key_encryption, which loads what most programs never need.
    return text.startswith("colonies-edge-key-")


def _about(path: Path, error: UsageError) -> str:
    return str(error) if str(error).startswith(str(path)) else f"{path} {error}"


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()
