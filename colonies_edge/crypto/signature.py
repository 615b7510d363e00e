"""From the 130 hex digits of a message to 65 checked bytes; every refusal carries the text the Go server would give."""

import re
from binascii import unhexlify

from colonies_edge.crypto.curve import HALF_N, N, P, lift_x

SIGNATURE_BYTES = 65
RECOVERY_CODE_MAX = 7  # bit 0: y is odd, bit 1: r overflowed, bit 2: "compressed" in Go's compact format, ignored

# Compared as bytes: big-endian numbers of one length sort like the numbers, and most signatures need no more than this.
_ZERO = bytes(32)
_ORDER = N.to_bytes(32, "big")
_HALF_ORDER = HALF_N.to_bytes(32, "big")
_P_MINUS_N = (P - N).to_bytes(32, "big")

_NOT_HEX = re.compile(rb"[^0-9a-fA-F]")
_NOT_RECOVERED = "Failed to recover public key: invalid signature: "


class InvalidKey(ValueError):
    """Invalid private key"""


class BadSignature(ValueError):
    """Invalid signature"""


def from_hex(text: str, error: type[ValueError]) -> bytes:
    try:
        return unhexlify(text)
    except ValueError:
        raise error(_what_is_not_hex(text)) from None


def _what_is_not_hex(text: str) -> str:
    # Go looks at bytes, and at all of them before it minds that their number is odd.
    found = _NOT_HEX.search(text.encode("utf-8", "surrogatepass"))
    if found is None:
        return "encoding/hex: odd length hex string"
    culprit = chr(found[0][0])
    return f"encoding/hex: invalid byte: U+{ord(culprit):04X}" + (f" '{culprit}'" if culprit.isprintable() else "")


def parse_signature(text: str) -> bytes:
    """r, s and recovery code, all within their ranges; whether s is in the lower half is only said after recovery."""
    raw = from_hex(text, BadSignature)
    if len(raw) != SIGNATURE_BYTES:
        raise BadSignature("Invalid signature length")
    r, s, code = raw[:32], raw[32:64], raw[64]
    if code > RECOVERY_CODE_MAX:
        wrapped = (27 + code) % 256
        raise BadSignature(f"{_NOT_RECOVERED}public key recovery code {wrapped} is not in the valid range [27, 34]")
    if not _ZERO < r < _ORDER:
        raise BadSignature(_NOT_RECOVERED + ("R is 0" if r == _ZERO else "R >= group order"))
    if not _ZERO < s < _ORDER:
        raise BadSignature(_NOT_RECOVERED + ("S is 0" if s == _ZERO else "S >= group order"))
    if code & 2 and r >= _P_MINUS_N:
        raise BadSignature(_NOT_RECOVERED + "signature R + N >= P")
    return raw


def is_low_s(raw: bytes) -> bool:
    return raw[32:64] <= _HALF_ORDER


def high_s() -> BadSignature:
    return BadSignature("Failed verify signature: Signature s value is over half the order")


def not_recoverable(raw: bytes) -> BadSignature:
    """Why a signature within its ranges has no public key; native back ends do not tell, and there are two reasons."""
    x = int.from_bytes(raw[:32], "big") + (N if raw[64] & 2 else 0)
    on_curve = lift_x(x, 0) is not None
    reason = "recovered pubkey is the point at infinity" if on_curve else "not for a valid curve point"
    return BadSignature(_NOT_RECOVERED + reason)
