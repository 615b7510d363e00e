"""The chain of journal lines: each carries the SHA3-256 of itself and of the line before, so none can change alone."""

import hashlib
from base64 import b64decode, b64encode

GENESIS = bytes(32)  # what the first line of the first segment is chained to
_OPENING = b'{"h":"'
_CLOSING = b"}\n"
_HASH_CHARS = 43  # 32 bytes in base64 without its padding
_BODY_AT = len(_OPENING) + _HASH_CHARS + 2  # after `",`


def text_of(digest: bytes) -> str:
    """A digest as it stands in the files."""
    return b64encode(digest)[:_HASH_CHARS].decode("ascii")


def bytes_of(text: str) -> bytes:
    """The digest that `text_of` wrote. Raises ValueError."""
    digest = b64decode(text + "=", validate=True)
    if text_of(digest) != text:
        raise ValueError("not a digest")
    return digest


def digest_of(line: bytes) -> bytes:
    """The digest that a line states for itself. Raises ValueError."""
    return bytes_of(line[len(_OPENING) : len(_OPENING) + _HASH_CHARS].decode("ascii"))


def frame(previous: bytes, body: bytes) -> tuple[bytes, bytes]:
    """(line, its digest) for a body: the inside of a JSON object, which must not contain a line feed."""
    digest = hashlib.sha3_256(previous + body).digest()
    return b"".join((_OPENING, b64encode(digest)[:_HASH_CHARS], b'",', body, _CLOSING)), digest


def body_of(line: bytes) -> bytes:
    """The body of a line that is known to be sound."""
    return line[_BODY_AT:-2]


def check(previous: bytes, line: bytes) -> tuple[bytes, bytes] | None:
    """(body, digest) of a line that follows `previous`, or None when a single bit of it is not as it was written."""
    if not line.endswith(_CLOSING):
        return None
    body = line[_BODY_AT:-2]
    expected, digest = frame(previous, body)
    return (body, digest) if line == expected else None
