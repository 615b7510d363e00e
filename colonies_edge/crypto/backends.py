"""Which arithmetic does the work: the best back end that passes a self-test, chosen once."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Protocol

from colonies_edge.crypto.native import CoincurveBackend, libraries
from colonies_edge.crypto.secp256k1 import PythonBackend

SETTING = "COLONIES_EDGE_CRYPTO"  # forces one back end, for tests and for a library one does not trust

# SHA3-256("hello"), the dev key of the Colonies tests, and what every correct back end makes of them.
_SECRET = bytes.fromhex("d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6")
_DIGEST = bytes.fromhex("3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392")
_SIGNATURE = bytes.fromhex(
    "e713a1bb015fecabb5a084b0fe6d6e7271fca6f79525a634183cfdb175fe6924"
    "1f4da161779d8e6b761200e1cf93766010a19072fa778f9643363e2cfadd640900"
)


class Backend(Protocol):
    """Byte-identical whichever it is. Secrets and digests are 32 bytes, public keys 65 (uncompressed SEC1), signatures
    65: r, s and a recovery code. The caller has checked all ranges (see signature.py); high s is its business too."""

    @property
    def name(self) -> str: ...
    def public_key(self, secret: bytes) -> bytes: ...
    def signer(self, secret: bytes) -> Callable[[bytes], bytes]: ...
    def recover(self, digest: bytes, signature: bytes) -> bytes | None: ...
    def verify(self, digest: bytes, signature: bytes, public_key: bytes) -> bool:
        """Whether recover() would give this public key."""
        ...


def _libsecp256k1() -> Iterator[Backend]:
    yield from libraries()


def _coincurve() -> Iterator[Backend]:
    try:
        yield CoincurveBackend()
    except (ImportError, OSError):  # not installed, or a wheel whose library does not load here
        return


def _python() -> Iterator[Backend]:
    yield PythonBackend()


_CANDIDATES: dict[str, Callable[[], Iterator[Backend]]] = {
    "libsecp256k1": _libsecp256k1,
    "coincurve": _coincurve,
    "python": _python,
}
NAMES = tuple(_CANDIDATES)  # in order of preference


def works(backend: Backend) -> bool:
    """The self-test: a library that is there but wrong is worse than none."""
    try:
        public_key = backend.public_key(_SECRET)
        return (
            backend.signer(_SECRET)(_DIGEST) == _SIGNATURE
            and backend.recover(_DIGEST, _SIGNATURE) == public_key
            and backend.verify(_DIGEST, _SIGNATURE, public_key)
            and not backend.verify(_SECRET, _SIGNATURE, public_key)
        )
    except Exception:  # whatever a broken library raises, the next candidate is the answer
        return False


@cache
def load(name: str) -> Backend | None:
    """This back end, or None where it is missing or fails its self-test."""
    # The self-test would make the pure back end build its tables before anybody needs them; the test suite covers it.
    return next((found for found in _CANDIDATES[name]() if name == "python" or works(found)), None)


@cache
def chosen() -> Backend:
    forced = os.environ.get(SETTING, "")
    if forced and forced not in _CANDIDATES:
        raise RuntimeError(f"{SETTING}={forced}: no such back end, choose one of {', '.join(NAMES)}")
    for name in (forced,) if forced else NAMES:
        if backend := load(name):
            return backend
    raise RuntimeError(f"{SETTING}={forced}, but {forced} is not installed here or fails its self-test")
