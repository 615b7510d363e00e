"""What belongs to this program among somebody's files: no sync sends it, puts something in its place, or removes it."""

from __future__ import annotations

import os
import re
import stat

FOLDER = ".colonies-edge"  # keys, settings and data of a colony or a device
# A coordinator, an executor and a bridge may work in a folder of any name: this is what they have in it.
_WORKING: tuple[frozenset[str], ...] = (
    frozenset(("lock", "journal", "ledger")),
    frozenset(("outbox.lock",)),
    frozenset(("bridge.lock",)),
)
_SECRET_BYTES_MAX = 65_536  # nothing of ours with a private key in it is as large: a devenv, a bridge.toml, a key
_SETTING = re.compile(rb"prvkey\W{1,6}[0-9a-f]{64}\b", re.IGNORECASE)  # as a devenv and a bridge.toml have it
_BARE = re.compile(rb"[0-9a-fA-F]{64}\s*")
_KEY_NAMES = re.compile(r"(?:.*\.)?key(?:\.next|\.new)?")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def is_our_name(name: str) -> bool:
    return name.casefold() == FOLDER  # a stick with FAT does not tell `.Colonies-Edge` from it


def is_our_folder(names: set[str]) -> bool:
    """By what is in it."""
    return any(marks <= names for marks in _WORKING)


def is_secret(name: str, file: int) -> bool:
    """Whether a regular file, by its descriptor, holds a private key of ours."""
    found = os.fstat(file)
    if not 0 < found.st_size <= _SECRET_BYTES_MAX:
        return False
    text = os.pread(file, _SECRET_BYTES_MAX, 0)
    if text.startswith(b"colonies-edge-key-") or _SETTING.search(text):
        return True
    # 64 digits may be a checksum and a PEM anybody's: ours are readable by their owner only, or named as keys are.
    private = not found.st_mode & _OTHERS or _KEY_NAMES.fullmatch(name) is not None
    return private and (_BARE.fullmatch(text) is not None or b"PRIVATE KEY-----" in text)
