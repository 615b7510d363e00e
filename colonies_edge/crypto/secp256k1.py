"""Recoverable ECDSA over secp256k1 in pure Python: the back end that is always there."""

import hmac
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from colonies_edge.crypto.curve import (
    HALF_N,
    Multiples,
    N,
    Point,
    add_up,
    generator_terms,
    lift_x,
    multiples,
    scheduled,
)

KEY_BLOCKS = 3  # tables of a known key: a third of the doublings; a fourth block was measured to save only 6 % more
KEY_TABLES_MAX = 512  # some 8 KiB each; parties beyond that are still verified, at the price of a first contact


class PythonBackend:
    """Keys are 32 bytes, digests 32, signatures 65 (r, s, recovery id) and public keys 65 (uncompressed SEC1)."""

    name = "python"

    def public_key(self, secret: bytes) -> bytes:
        point = add_up([generator_terms(int.from_bytes(secret, "big"))])
        assert point is not None, "a private key is within 1 ... N-1"
        return _serialized(point)

    def signer(self, secret: bytes) -> Callable[[bytes], bytes]:
        return partial(_sign, secret, int.from_bytes(secret, "big"))

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        """The public key, or None if there is none; r, s and the recovery id were checked to be in range."""
        x, r, s, v = _parts(signature)
        nonce_point = lift_x(x, v & 1)
        if nonce_point is None:
            return None
        inverse = pow(r, -1, N)
        schedule = scheduled(s * inverse % N, multiples(nonce_point))
        schedule[0] += generator_terms(-int.from_bytes(digest, "big") * inverse % N)
        key = add_up(schedule)
        return None if key is None else _serialized(key)

    def verify(self, digest: bytes, signature: bytes, public_key: bytes) -> bool:
        """Whether recover() would give this public key; so the recovery id must be right as well."""
        x, r, s, v = _parts(signature)
        inverse = pow(s, -1, N)
        schedule = scheduled(r * inverse % N, _tables(public_key))
        schedule[0] += generator_terms(int.from_bytes(digest, "big") * inverse % N)
        nonce_point = add_up(schedule)
        return nonce_point is not None and nonce_point[0] == x and nonce_point[1] & 1 == v & 1


def _sign(secret: bytes, d: int, digest: bytes) -> bytes:
    e = int.from_bytes(digest, "big") % N
    nonces = _nonces(e.to_bytes(32, "big"), secret)
    while True:
        k = next(nonces)
        point = add_up([generator_terms(k)])
        assert point is not None, "a nonce is within 1 ... N-1"
        r = point[0] % N
        s = pow(k, -1, N) * (e + r * d) % N
        if r and s:
            break
    v = (point[1] & 1) | (2 if point[0] >= N else 0)
    if s > HALF_N:
        s, v = N - s, v ^ 1
    return b"%b%b%c" % (r.to_bytes(32, "big"), s.to_bytes(32, "big"), v)


def _parts(signature: bytes) -> tuple[int, int, int, int]:
    r = int.from_bytes(signature[:32], "big")
    v = signature[64] & 3
    return r + N if v & 2 else r, r, int.from_bytes(signature[32:64], "big"), v


def _serialized(point: Point) -> bytes:
    return b"\x04%b%b" % (point[0].to_bytes(32, "big"), point[1].to_bytes(32, "big"))


@lru_cache(maxsize=KEY_TABLES_MAX)
def _tables(public_key: bytes) -> Multiples:
    point = int.from_bytes(public_key[1:33], "big"), int.from_bytes(public_key[33:], "big")
    return multiples(point, KEY_BLOCKS)


def _nonces(digest: bytes, secret: bytes) -> Iterator[int]:
    """RFC 6979 with SHA-256; the digest comes reduced modulo N, as the RFC and libsecp256k1 have it."""
    v = b"\x01" * 32
    k = b"\x00" * 32
    for separator in (b"\x00", b"\x01"):
        k = hmac.digest(k, v + separator + secret + digest, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < N:
            yield nonce
        k = hmac.digest(k, v + b"\x00", "sha256")
        v = hmac.digest(k, v, "sha256")
