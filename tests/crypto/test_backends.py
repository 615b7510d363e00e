"""The three back ends agree on every byte, and one that does not is never used."""

import ctypes
import ctypes.util
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha3_256
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colonies_edge.crypto import backends
from colonies_edge.crypto.curve import HALF_N, N, lift_x
from colonies_edge.crypto.identity import BadSignature, Verifier, recover
from colonies_edge.crypto.native import LibraryBackend
from colonies_edge.crypto.secp256k1 import PythonBackend

PURE = PythonBackend()
NATIVE = [found for name in backends.NAMES if name != "python" and (found := backends.load(name))]

scalars = st.one_of(st.integers(1, N - 1), st.integers(1, 64), st.integers(1, 64).map(lambda i: N - i))
secrets = scalars.map(lambda scalar: scalar.to_bytes(32, "big"))
extreme_digests = [bytes(32), b"\xff" * 32, N.to_bytes(32, "big"), (N - 1).to_bytes(32, "big")]
digests = st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from(extreme_digests))
small_r = st.tuples(st.integers(1, 2**64), scalars, st.integers(0, 7))
signatures = st.one_of(small_r, st.tuples(scalars, scalars, st.sampled_from([0, 1, 4, 5])))


def packed(r: int, s: int, code: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([code])


def test_a_native_back_end_is_here_to_compare_with() -> None:
    assert NATIVE, "install libsecp256k1 or coincurve to test the pure back end against"


@settings(max_examples=150, deadline=None)
@given(secrets, digests)
@example((1).to_bytes(32, "big"), bytes(32))
@example((N - 1).to_bytes(32, "big"), b"\xff" * 32)
def test_signatures_and_keys_are_the_same_bytes(secret: bytes, digest: bytes) -> None:
    signature = PURE.signer(secret)(digest)
    key = PURE.public_key(secret)
    assert int.from_bytes(signature[32:64], "big") <= HALF_N
    assert PURE.recover(digest, signature) == key
    assert PURE.verify(digest, signature, key)
    for native in NATIVE:
        assert native.signer(secret)(digest) == signature
        assert native.public_key(secret) == key
        assert native.recover(digest, signature) == key
        assert native.verify(digest, signature, key)


@settings(max_examples=150, deadline=None)
@given(signatures, digests)
def test_arbitrary_numbers_recover_to_the_same_key_or_to_none(parts: tuple[int, int, int], digest: bytes) -> None:
    signature = packed(*parts)
    key = PURE.recover(digest, signature)
    for native in NATIVE:
        assert native.recover(digest, signature) == key
    if key is not None:
        for backend in (PURE, *NATIVE):
            assert backend.verify(digest, signature, key)
            assert not backend.verify(digest, signature[:64] + bytes([signature[64] ^ 1]), key)


def test_the_rare_r_beyond_the_order_recovers_everywhere() -> None:
    digest = sha3_256(b"text").digest()
    overflowed = [r for r in range(1, 40) if lift_x(r + N, 0)]
    assert overflowed
    for r in overflowed:
        for code in (2, 3, 6, 7):
            signature = packed(r, 12345, code)
            key = PURE.recover(digest, signature)
            assert key is not None
            assert PURE.verify(digest, signature, key)
            assert not PURE.verify(digest, packed(r, 12345, code & 5), key)
            assert [native.recover(digest, signature) for native in NATIVE] == [key] * len(NATIVE)


def outcome(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except BadSignature as refused:
        return str(refused)


def outcomes(ask: Callable[[], object]) -> set[object]:
    """What the face answers with each of the back ends."""
    answers = set()
    before = os.environ.pop(backends.SETTING, None)
    try:
        for backend in (PURE, *NATIVE):
            os.environ[backends.SETTING] = backend.name
            backends.chosen.cache_clear()
            answers.add(outcome(ask))
    finally:
        os.environ.pop(backends.SETTING, None)
        if before is not None:
            os.environ[backends.SETTING] = before
        backends.chosen.cache_clear()
    return answers


hex_like = st.one_of(
    st.text(max_size=140),
    st.text("0123456789abcdefABCDEF", min_size=128, max_size=132),
    st.text("0123456789abcdef", min_size=128, max_size=128).map(lambda digits: digits + "00"),
    signatures.map(lambda parts: packed(*parts).hex()),
)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), hex_like)
def test_any_text_in_place_of_a_signature_gets_the_same_answer(text: bytes, signature: str) -> None:
    assert len(outcomes(lambda: recover(text, signature))) == 1
    assert len(outcomes(lambda: Verifier().verify(text, signature, "0" * 64))) == 1


class Wrong(PythonBackend):
    """Computes everything, and one bit of it wrongly."""

    name = "wrong"

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        key = super().recover(digest, signature)
        return None if key is None else key[:-1] + bytes([key[-1] ^ 1])


class Raising(PythonBackend):
    name = "raising"

    def public_key(self, secret: bytes) -> bytes:
        raise OSError("symbol lookup error")


def test_a_back_end_that_computes_wrongly_or_raises_fails_the_self_test() -> None:
    assert all(backends.works(backend) for backend in (PURE, *NATIVE))
    assert not backends.works(Wrong())
    assert not backends.works(Raising())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names a Linux library")
def test_a_library_without_the_recovery_functions_is_no_back_end() -> None:
    with pytest.raises(AttributeError):
        LibraryBackend(ctypes.PyDLL("libc.so.6"))


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != backends.SETTING}
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=root, env={**inherited, **environment}, capture_output=True, text=True)


def test_an_unknown_back_end_is_refused_by_name() -> None:
    asked = run(
        "from colonies_edge.crypto.identity import backend_name; backend_name()", COLONIES_EDGE_CRYPTO="openssl"
    )
    assert asked.returncode != 0
    assert (
        "COLONIES_EDGE_CRYPTO=openssl: no such back end, choose one of libsecp256k1, coincurve, python" in asked.stderr
    )


def test_a_forced_back_end_that_is_missing_is_an_error_and_not_a_silent_fallback() -> None:
    code = (
        "import sys; sys.modules['coincurve'] = None\n"
        "from colonies_edge.crypto.identity import backend_name; print(backend_name())"
    )
    forced = run(code, COLONIES_EDGE_CRYPTO="coincurve")
    assert "coincurve is not installed here" in forced.stderr
    assert run(code).stdout.strip() in ("libsecp256k1", "python")


def test_choosing_a_back_end_builds_no_tables() -> None:
    asked = run(
        "from colonies_edge.crypto import curve, identity\n"
        "assert identity.backend_name() == 'python'\n"
        "assert curve.generator_rows.cache_info().currsize == 0\n"
        "identity.identity_of('1' * 64)\n"
        "assert curve.generator_rows.cache_info().currsize == 1",
        COLONIES_EDGE_CRYPTO="python",
    )
    assert asked.returncode == 0, asked.stderr
