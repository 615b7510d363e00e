"""Two native back ends: libsecp256k1 through ctypes (a system library, no wheel), and the coincurve package."""

import ctypes
import ctypes.util
import sys
from collections.abc import Callable, Iterator
from ctypes import c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import partial

_SIGN_AND_VERIFY = 0x0301  # SECP256K1_CONTEXT_SIGN | _VERIFY: ignored since 0.2, needed before
_UNCOMPRESSED = 0x0002  # SECP256K1_EC_UNCOMPRESSED

_Signature = ctypes.c_char * 65  # secp256k1_ecdsa_recoverable_signature and a public key as it is sent
_Key = ctypes.c_char * 64  # secp256k1_pubkey and r with s

_PROTOTYPES = {
    "secp256k1_context_create": (c_void_p, [c_uint]),
    "secp256k1_ec_pubkey_create": (c_int, [c_void_p, c_char_p, c_char_p]),
    "secp256k1_ec_pubkey_serialize": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_uint]),
    "secp256k1_ecdsa_sign_recoverable": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_void_p, c_void_p]),
    "secp256k1_ecdsa_recoverable_signature_serialize_compact": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p]),
    "secp256k1_ecdsa_recoverable_signature_parse_compact": (c_int, [c_void_p, c_char_p, c_char_p, c_int]),
    "secp256k1_ecdsa_recover": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p]),
}


class LibraryBackend:
    """One loaded libsecp256k1; safe to share between threads, because every call brings its own buffers.

    (Making them costs 0.2 of some 35 us; kept buffers would need a lock or a thread-local, which costs the same.)
    """

    name = "libsecp256k1"

    def __init__(self, library: ctypes.CDLL) -> None:
        for symbol, (result, arguments) in _PROTOTYPES.items():
            function = getattr(library, symbol)
            function.restype = result
            function.argtypes = arguments
        context = library.secp256k1_context_create(_SIGN_AND_VERIFY)
        if not context:
            raise OSError("secp256k1_context_create failed")
        self._context = c_void_p(context)
        self._create = library.secp256k1_ec_pubkey_create
        self._serialize_key = library.secp256k1_ec_pubkey_serialize
        self._sign = library.secp256k1_ecdsa_sign_recoverable
        self._serialize = library.secp256k1_ecdsa_recoverable_signature_serialize_compact
        self._parse = library.secp256k1_ecdsa_recoverable_signature_parse_compact
        self._recover = library.secp256k1_ecdsa_recover

    def public_key(self, secret: bytes) -> bytes:
        key = _Key()
        if not self._create(self._context, key, secret):
            raise ValueError("not a private key")
        return self._key_bytes(key)

    def signer(self, secret: bytes) -> Callable[[bytes], bytes]:
        return partial(self._sign_with, secret)

    def _sign_with(self, secret: bytes, digest: bytes) -> bytes:
        signature, compact, recovery_id = _Signature(), _Key(), c_int()
        if not self._sign(self._context, signature, digest, secret, None, None):
            raise ValueError("not a private key")
        self._serialize(self._context, compact, ctypes.byref(recovery_id), signature)
        return compact.raw + bytes((recovery_id.value,))

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        parsed, key = _Signature(), _Key()
        if not self._parse(self._context, parsed, signature, signature[64] & 3):
            return None
        if not self._recover(self._context, key, parsed, digest):
            return None
        return self._key_bytes(key)

    def verify(self, digest: bytes, signature: bytes, public_key: bytes) -> bool:
        # The library's own verify is 7 of 52 us faster and blind to the recovery id: what it accepts might recover to
        # somebody else when the ledger is audited.
        return self.recover(digest, signature) == public_key

    def _key_bytes(self, key: ctypes.Array[ctypes.c_char]) -> bytes:
        out, length = _Signature(), c_size_t(65)
        self._serialize_key(self._context, out, ctypes.byref(length), key, _UNCOMPRESSED)
        return out.raw


def libraries() -> Iterator[LibraryBackend]:
    """Every libsecp256k1 with key recovery that can be loaded, newest interface first."""
    for name in _library_names():
        try:
            # PyDLL keeps the interpreter lock: the calls are shorter than giving it up and getting it back under load.
            yield LibraryBackend(ctypes.PyDLL(name))
        except (OSError, AttributeError):
            continue


def _library_names() -> Iterator[str]:
    if sys.platform.startswith("linux"):
        # Not find_library: here it runs ldconfig, gcc and ld (64 ms), only to name what the loader finds by soname.
        yield from (f"libsecp256k1.so.{version}" for version in range(9, -1, -1))
        yield "libsecp256k1.so"
    elif found := ctypes.util.find_library("secp256k1"):
        yield found


class CoincurveBackend:
    """The coincurve package, which brings its own libsecp256k1; raises ImportError where it is not installed."""

    name = "coincurve"

    def __init__(self) -> None:
        from coincurve import PrivateKey, PublicKey

        self._private, self._public = PrivateKey, PublicKey

    def public_key(self, secret: bytes) -> bytes:
        return bytes(self._private(secret).public_key.format(compressed=False))

    def signer(self, secret: bytes) -> Callable[[bytes], bytes]:
        return partial(self._private(secret).sign_recoverable, hasher=None)

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        if signature[64] > 3:
            signature = signature[:64] + bytes((signature[64] & 3,))
        try:
            key = self._public.from_signature_and_message(signature, digest, hasher=None)
        except Exception:  # coincurve raises plain Exception or ValueError, depending on its version
            return None
        return bytes(key.format(compressed=False))

    def verify(self, digest: bytes, signature: bytes, public_key: bytes) -> bool:
        return self.recover(digest, signature) == public_key
