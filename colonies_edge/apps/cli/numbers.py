"""Values on the command line: checked where they are typed, with a message that says what would be right."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from colonies_edge.protocol.errors import BadRequest
from colonies_edge.protocol.quantities import bytes_of

_LEVEL = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDENTITY = re.compile(r"[0-9a-fA-F]{64}")


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def count(most: int, least: int = 1) -> Callable[[str], int]:
    """A whole number between bounds; the coordinator would refuse more."""

    def read(text: str) -> int:
        value = number(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return read


def byte_size(text: str) -> int:
    """`500M`, `4GiB`, or plain bytes."""
    try:
        found = number(text) if text.isdigit() else bytes_of(text)
    except BadRequest:
        raise argparse.ArgumentTypeError(f"{text!r} is no size like 500M or 4GiB") from None
    if found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size")
    return found


def port(text: str) -> int:
    """0 lets the system choose."""
    return count(65535, least=0)(text)


def listen_address(text: str) -> tuple[str, int]:
    """HOST:PORT or [v6 address]:PORT."""
    host, colon, number_text = text.rpartition(":")
    if not colon or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), port(number_text)


def identity(text: str) -> str:
    """64 hex digits."""
    if not _IDENTITY.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{len(text)} characters are no identity; it has 64 hex digits")
    return text.lower()


def topic_level(text: str) -> str:
    """One level of a topic."""
    if not _LEVEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no level of a topic: letters, digits, '.', '_', '-'")
    return text
