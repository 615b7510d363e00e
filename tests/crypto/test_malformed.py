"""Whatever stands where a signature should be, the answer is BadSignature, in Go's words, from every back end."""

from hashlib import sha3_256

import pytest

from colonies_edge.crypto.curve import HALF_N, G, N, P, add_up, generator_terms, lift_x
from colonies_edge.crypto.identity import BadSignature, Signer, Verifier, recover

pytestmark = pytest.mark.usefixtures("each_backend")

TEXT = b"text"
FAILED = "Failed to recover public key: invalid signature: "


def hexed(r: int, s: int, code: int = 0) -> str:
    return f"{r:064x}{s:064x}{code:02x}"


def off_curve() -> int:
    return next(x for x in range(1, 100) if lift_x(x, 0) is None)


def of_nobody(k: int) -> tuple[int, int, int]:
    """r, s, code with s * R == e * G: recovery ends at infinity."""
    point = add_up([generator_terms(k)])
    assert point is not None
    e = int.from_bytes(sha3_256(TEXT).digest(), "big")
    return point[0], e * pow(k, -1, N) % N, point[1] & 1


REFUSED = [
    ("", "Invalid signature length"),
    ("00", "Invalid signature length"),
    ("00" * 64, "Invalid signature length"),
    ("00" * 66, "Invalid signature length"),
    ("0", "encoding/hex: odd length hex string"),
    ("0" * 129, "encoding/hex: odd length hex string"),
    ("zz", "encoding/hex: invalid byte: U+007A 'z'"),
    ("z", "encoding/hex: invalid byte: U+007A 'z'"),
    ("00z", "encoding/hex: invalid byte: U+007A 'z'"),
    ("0x" + "00" * 64, "encoding/hex: invalid byte: U+0078 'x'"),
    ("00 " * 65, "encoding/hex: invalid byte: U+0020 ' '"),
    ("00\n", "encoding/hex: invalid byte: U+000A"),
    ("0\0", "encoding/hex: invalid byte: U+0000"),
    ("é0", "encoding/hex: invalid byte: U+00C3 'Ã'"),
    ("\ud800", "encoding/hex: invalid byte: U+00ED 'í'"),
    ("\u0660" * 130, "encoding/hex: invalid byte: U+00D9 'Ù'"),
    (hexed(1, 1, 8), FAILED + "public key recovery code 35 is not in the valid range [27, 34]"),
    (hexed(0, 0, 255), FAILED + "public key recovery code 26 is not in the valid range [27, 34]"),
    (hexed(1, 1, 229), FAILED + "public key recovery code 0 is not in the valid range [27, 34]"),
    (hexed(0, 1), FAILED + "R is 0"),
    (hexed(0, 0, 7), FAILED + "R is 0"),
    (hexed(N, 1), FAILED + "R >= group order"),
    (hexed(2**256 - 1, 2**256 - 1), FAILED + "R >= group order"),
    (hexed(1, 0), FAILED + "S is 0"),
    (hexed(1, N), FAILED + "S >= group order"),
    (hexed(P - N, 1, 2), FAILED + "signature R + N >= P"),
    (hexed(P - N, 1, 6), FAILED + "signature R + N >= P"),
    (hexed(N - 1, N - 1, 3), FAILED + "signature R + N >= P"),
    (hexed(off_curve(), 1), FAILED + "not for a valid curve point"),
    (hexed(off_curve(), N - 1, 5), FAILED + "not for a valid curve point"),
    (hexed(G[0], N - 1), "Failed verify signature: Signature s value is over half the order"),
    (hexed(G[0], HALF_N + 1), "Failed verify signature: Signature s value is over half the order"),
    *((hexed(*of_nobody(k)), FAILED + "recovered pubkey is the point at infinity") for k in (1, 2, 3, N - 1)),
]


@pytest.mark.parametrize(("signature", "words"), REFUSED)
def test_it_is_refused_in_the_words_of_go(signature: str, words: str) -> None:
    with pytest.raises(BadSignature) as refused:
        recover(TEXT, signature)
    assert str(refused.value) == words


def test_a_verifier_refuses_it_the_same_way_whether_it_knows_the_identity_or_not() -> None:
    verifier, signer = Verifier(), Signer("11" * 32)
    for _ in range(2):
        for signature, words in REFUSED:
            with pytest.raises(BadSignature) as refused:
                verifier.verify(TEXT, signature, signer.identity)
            assert str(refused.value) == words
        assert verifier.verify(TEXT, signer.sign(TEXT), signer.identity)


def test_s_of_exactly_half_the_order_is_not_high() -> None:
    assert len(recover(TEXT, hexed(G[0], HALF_N))) == 64


def test_a_signature_as_long_as_a_message_may_be_is_just_too_long() -> None:
    with pytest.raises(BadSignature, match="Invalid signature length"):
        recover(TEXT, "ab" * 131072)
