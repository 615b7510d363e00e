"""Identities of Colonies: who holds a key, who signed a text."""

from hashlib import sha3_256, sha3_512

from colonies_edge.crypto.backends import Backend, chosen
from colonies_edge.crypto.curve import N
from colonies_edge.crypto.signature import (
    BadSignature,
    InvalidKey,
    from_hex,
    high_s,
    is_low_s,
    not_recoverable,
    parse_signature,
)

__all__ = [
    "BadSignature",
    "InvalidKey",
    "Signer",
    "Verifier",
    "backend_name",
    "identity_of",
    "new_private_key",
    "recover",
]

ENTROPY_BYTES_MIN = 32  # as much as a key holds
KNOWN_MAX = 4096  # under 300 bytes each: 1.2 MB at most, and more parties than an edge colony has


def backend_name() -> str:
    """libsecp256k1, coincurve or python."""
    return chosen().name


def identity_of(private_key: str) -> str:
    return _identity(chosen().public_key(_secret(private_key)))


def new_private_key(entropy: bytes) -> str:
    """A key made from the caller's entropy alone; through 512 bits, so that reducing it to the range leaves no bias."""
    if len(entropy) < ENTROPY_BYTES_MIN:
        raise ValueError(f"a private key needs at least {ENTROPY_BYTES_MIN} bytes of entropy, got {len(entropy)}")
    return f"{int.from_bytes(sha3_512(entropy).digest(), 'big') % (N - 1) + 1:064x}"


def recover(text: bytes, signature: str) -> str:
    """The identity that signed this text. A changed text is not an error: it has another, unknown signer."""
    return _identity(_recovered(chosen(), sha3_256(text).digest(), parse_signature(signature)))


class Signer:
    """One private key; shows itself by its identity only."""

    __slots__ = ("_private_key", "_sign", "identity")

    def __init__(self, private_key: str) -> None:
        secret = _secret(private_key)
        self._private_key = secret.hex()
        self._sign = chosen().signer(secret)
        self.identity = _identity(chosen().public_key(secret))

    @property
    def private_key(self) -> str:
        return self._private_key

    def sign(self, text: bytes) -> str:
        return self._sign(sha3_256(text).digest()).hex()

    def __repr__(self) -> str:
        return f"Signer({self.identity})"


class Verifier:
    """Remembers the public keys of those who signed lately, so that the next check need not recover them.

    Answers exactly as recover() would. Belongs to one thread, like the loop that reads the messages.
    """

    def __init__(self, known_max: int = KNOWN_MAX) -> None:
        if known_max < 1:
            raise ValueError("a verifier remembers at least one key")
        self._known_max = known_max
        self._known: dict[str, bytes] = {}  # in the order of last use
        self._backend = chosen()

    @property
    def known_count(self) -> int:
        return len(self._known)

    def verify(self, text: bytes, signature: str, identity: str) -> bool:
        """Whether that identity signed this text; raises BadSignature for what nobody can have signed."""
        raw = parse_signature(signature)
        digest = sha3_256(text).digest()
        known = self._known.get(identity)
        if known is not None and is_low_s(raw) and self._backend.verify(digest, raw, known):
            self._remember(identity, known)
            return True
        # Even for a known identity: only recovery tells a stranger's signature from one that nobody can have made.
        public_key = _recovered(self._backend, digest, raw)
        if _identity(public_key) != identity:
            return False
        self._remember(identity, public_key)
        return True

    def _remember(self, identity: str, public_key: bytes) -> None:
        # Only after the signature held: whoever cannot sign for an identity cannot push others out either.
        self._known.pop(identity, None)
        self._known[identity] = public_key
        if len(self._known) > self._known_max:
            del self._known[next(iter(self._known))]


def _recovered(backend: Backend, digest: bytes, raw: bytes) -> bytes:
    public_key = backend.recover(digest, raw)
    if public_key is None:
        raise not_recoverable(raw)
    if not is_low_s(raw):
        raise high_s()
    return public_key


def _identity(public_key: bytes) -> str:
    # Colonies hashes the hexadecimal text of the key, not its bytes.
    return sha3_256(public_key.hex().encode("ascii")).hexdigest()


def _secret(private_key: str) -> bytes:
    secret = from_hex(private_key, InvalidKey)
    if len(secret) != 32:
        raise InvalidKey("Invalid private key length, should be 256 bits")
    if not 0 < int.from_bytes(secret, "big") < N:
        raise InvalidKey("Invalid private key")
    return secret
