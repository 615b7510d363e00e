"""A private key under a passphrase: scrypt makes the passphrase slow to guess, AES-256-GCM seals."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports.system import entropy

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = "colonies-edge-key-1"
# 32 MiB and a tenth of a second on a PC, a second or two on a Pi Zero, once at a start: and for each guess.
_LOG_N, _R, _P = 15, 8, 1
_LOG_N_MAX = 20  # of a file that somebody else wrote: a gigabyte
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32


class WrongPassphrase(UsageError):
    """The passphrase is another one, or the file was changed."""


def is_sealed(text: str) -> bool:
    return text.startswith(HEADER)


def seal_key(private_key: str, passphrase: str) -> str:
    """One line of text. Raises UsageError without the package for it."""
    salt, nonce = entropy(_SALT_BYTES), entropy(_NONCE_BYTES)
    header = f"{HEADER} {_LOG_N} {_text(salt)}"
    sealed = _cipher(passphrase, salt, _LOG_N).encrypt(nonce, bytes.fromhex(private_key), header.encode())
    return f"{header} {_text(nonce + sealed)}"


def open_key(text: str, passphrase: str) -> str:
    """The private key in a line of `seal_key`. Raises WrongPassphrase, and UsageError for what is no such line."""
    try:
        header, log_n_text, salt_text, sealed_text = text.split(" ")
        salt, sealed, log_n = _bytes(salt_text), _bytes(sealed_text), int(log_n_text)
    except ValueError:
        raise UsageError("is damaged: restore it from a backup, or enrol the device again") from None
    if not 1 <= log_n <= _LOG_N_MAX:
        raise UsageError(
            f"asks for more than this program spends on a passphrase (2^{log_n}): it was not written by it"
        )
    cipher = _cipher(passphrase, salt, log_n)
    from cryptography.exceptions import InvalidTag

    said = f"{header} {log_n_text} {salt_text}".encode()
    try:
        opened: bytes = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], said)
    except (InvalidTag, ValueError):
        raise WrongPassphrase("is not opened by this passphrase") from None
    return opened.hex()


def _cipher(passphrase: str, salt: bytes, log_n: int) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as missing:
        raise UsageError("needs the Python package `cryptography`: apt install python3-cryptography") from missing
    n = 1 << log_n
    memory = 2 * 128 * n * _R  # what OpenSSL needs, and as much again: it refuses just above its own estimate
    key = hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=_R, p=_P, maxmem=memory, dklen=_KEY_BYTES)
    return AESGCM(key)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
