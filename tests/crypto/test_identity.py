"""Keys, identities and signatures as the Colonies protocol has them, with every back end."""

import threading
from hashlib import sha3_256

import pytest

from colonies_edge.crypto.curve import N
from colonies_edge.crypto.identity import (
    BadSignature,
    InvalidKey,
    Signer,
    Verifier,
    backend_name,
    identity_of,
    new_private_key,
    recover,
)

pytestmark = pytest.mark.usefixtures("each_backend")

IDENTITIES = {
    "6d2fb6f546bacfd98c68769e61e0b44a697a30596c018a50e28200aa59b01c0a": (
        "4fef2b5a82d134d058c1883c72d6d9caf77cd59ca82d73105017590dea3dcb87"
    ),
    "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6": (
        "5d6568f883451ae2e407d1a0a7992e414f2a67b69d0e6e9176d353b98f06f696"
    ),
    "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d": (
        "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"
    ),
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514": (
        "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4"
    ),
    "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05": (
        "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac"
    ),
    "0000000000000000000000000000000000000000000000000000000000000001": (
        "2036f5bc759cfb3589fb4e2342bc9b3c843c5ef27dc8ded538de328a7567089b"
    ),
}
KEY = "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6"
ID = IDENTITIES[KEY]
OTHER_KEY = "6d2fb6f546bacfd98c68769e61e0b44a697a30596c018a50e28200aa59b01c0a"

# Made by the Go server, but not with the deterministic nonce: valid, and nothing we would sign ourselves.
FOREIGN = (
    "997eca36736d465e0e8d64e6d657ff4c939c8f5cad4272797ea0fe372bfd8d09"
    "53d21b3d06ded5dd80aee8cfa3a9be7ce615ce690eb64184fe15962943fe541300"
)
HIGH_S_TWIN = (
    "997eca36736d465e0e8d64e6d657ff4c939c8f5cad4272797ea0fe372bfd8d09"
    "ac2de4c2f9212a227f5117305c564181d4990e7da0925eb6c1bcc8638c37ed2e01"
)
DETERMINISTIC = {
    b"hello": (
        "e713a1bb015fecabb5a084b0fe6d6e7271fca6f79525a634183cfdb175fe6924"
        "1f4da161779d8e6b761200e1cf93766010a19072fa778f9643363e2cfadd640900"
    ),
    b"": (
        "070f66915e1ffe24479788df92d59ef0bb5a0de1cd542f12294ac737f06cf50f"
        "75400cfee1304f5cc3327751f3b586e6431059a00bece1512cb66ba0950c8a0300"
    ),
    b"eyJtc2d0eXBlIjoiZ2V0Y29sb25pZXNtc2cifQ==": (
        "b99093c516a8228a6a469241945ede03eeaffb0c2370ce8b452b32309722a273"
        "6989c760b13fedbcef84f1f2d32a72e0d06bb9a5fb8eb87dc6c575638465bc4101"
    ),
}
HIGH_S = "Failed verify signature: Signature s value is over half the order"


def test_the_forced_back_end_is_the_one_in_use(each_backend: str) -> None:
    assert backend_name() == each_backend


@pytest.mark.parametrize(("text", "digest"), [
    (b"hello world", "644bcc7e564373040999aac89e7622f3ca71fba1d972fd94a31c3bfbf24e3938"),
    (b"hello", "3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392"),
    (b"", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
])  # fmt: skip
def test_texts_are_hashed_with_the_standard_sha3_not_with_keccak(text: bytes, digest: str) -> None:
    assert sha3_256(text).hexdigest() == digest


@pytest.mark.parametrize(("key", "identity"), IDENTITIES.items())
def test_a_key_has_the_identity_the_go_server_gives_it(key: str, identity: str) -> None:
    assert identity_of(key) == identity
    assert Signer(key).identity == identity
    assert identity_of(key.upper()) == identity


@pytest.mark.parametrize(("text", "signature"), DETERMINISTIC.items())
def test_signatures_are_those_of_go_digit_by_digit(text: bytes, signature: str) -> None:
    assert Signer(KEY).sign(text) == signature
    assert recover(text, signature) == ID


def test_a_signature_with_another_valid_nonce_is_accepted() -> None:
    assert recover(b"hello", FOREIGN) == ID
    assert recover(b"hello", FOREIGN.upper()) == ID


def test_the_wrong_recovery_id_names_somebody_else() -> None:
    assert recover(b"hello", FOREIGN[:-2] + "01") == "c0b0df805871934a8a5863e71a33b5935ce857dd77b8186c8d407f3fc7b760ce"


def test_the_compressed_flag_of_the_recovery_code_is_ignored() -> None:
    assert recover(b"hello", FOREIGN[:-2] + "04") == ID
    assert recover(b"hello", FOREIGN[:-2] + "05") == recover(b"hello", FOREIGN[:-2] + "01")


def test_a_changed_text_has_another_signer_and_is_no_error() -> None:
    assert recover(b"hellp", FOREIGN) != ID


def test_the_high_s_twin_of_a_valid_signature_is_refused() -> None:
    with pytest.raises(BadSignature) as refused:
        recover(b"hello", HIGH_S_TWIN)
    assert str(refused.value) == HIGH_S


@pytest.mark.parametrize("number", [1, 2, N // 2, N // 2 + 1, N - 2, N - 1])
def test_keys_at_the_edges_of_the_range_sign_and_recover(number: int) -> None:
    signer = Signer(f"{number:064x}")
    assert recover(b"text", signer.sign(b"text")) == signer.identity


@pytest.mark.parametrize(("key", "text"), [
    ("", "Invalid private key length, should be 256 bits"),
    ("ab" * 31, "Invalid private key length, should be 256 bits"),
    ("ab" * 33, "Invalid private key length, should be 256 bits"),
    ("0" * 64, "Invalid private key"),
    (f"{N:064x}", "Invalid private key"),
    ("f" * 64, "Invalid private key"),
    ("a" * 63, "encoding/hex: odd length hex string"),
    ("z" * 64, "encoding/hex: invalid byte: U+007A 'z'"),
])  # fmt: skip
def test_what_is_no_private_key_is_refused_in_the_words_of_go(key: str, text: str) -> None:
    for take in (Signer, identity_of):
        with pytest.raises(InvalidKey) as refused:
            take(key)
        assert str(refused.value) == text


def test_a_signer_never_shows_its_private_key() -> None:
    signer = Signer(KEY)
    assert signer.private_key == KEY
    assert KEY not in repr(signer) and KEY not in str(signer)
    assert ID in repr(signer)


def test_a_new_key_depends_on_the_given_entropy_only() -> None:
    key = new_private_key(b"e" * 32)
    assert key == new_private_key(b"e" * 32) != new_private_key(b"f" * 32)
    assert recover(b"text", Signer(key).sign(b"text")) == identity_of(key)
    with pytest.raises(ValueError, match="32 bytes of entropy"):
        new_private_key(b"e" * 31)


def test_one_signer_serves_several_threads() -> None:
    signer = Signer(KEY)
    made: list[tuple[bytes, str]] = []

    def sign(thread: int) -> None:
        for i in range(20):
            text = f"{thread}.{i}".encode()
            made.append((text, signer.sign(text)))

    threads = [threading.Thread(target=sign, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 80
    assert all(recover(text, signature) == ID for text, signature in made)


def test_a_verifier_says_who_signed_at_first_contact_and_later() -> None:
    verifier, signer, other = Verifier(), Signer(KEY), Signer(OTHER_KEY)
    for text in (b"first", b"second", b"third"):
        assert verifier.verify(text, signer.sign(text), signer.identity)
        assert not verifier.verify(text, other.sign(text), signer.identity)
        assert not verifier.verify(text + b"!", signer.sign(text), signer.identity)
    assert verifier.known_count == 1


def test_a_verifier_refuses_the_wrong_recovery_id_of_a_known_identity_as_recovery_would() -> None:
    verifier = Verifier()
    assert verifier.verify(b"hello", FOREIGN, ID)
    assert not verifier.verify(b"hello", FOREIGN[:-2] + "01", ID)
    assert verifier.verify(b"hello", FOREIGN[:-2] + "04", ID)


def test_a_verifier_refuses_high_s_of_a_known_identity_too() -> None:
    verifier = Verifier()
    for _ in range(2):
        with pytest.raises(BadSignature) as refused:
            verifier.verify(b"hello", HIGH_S_TWIN, ID)
        assert str(refused.value) == HIGH_S
        assert verifier.verify(b"hello", FOREIGN, ID)


def test_a_verifier_forgets_who_was_silent_longest() -> None:
    verifier = Verifier(known_max=2)
    signers = [Signer(f"{i:064x}") for i in range(1, 6)]
    for _ in range(2):
        for signer in signers:
            assert verifier.verify(b"text", signer.sign(b"text"), signer.identity)
            assert verifier.known_count <= 2
    with pytest.raises(ValueError, match="at least one"):
        Verifier(known_max=0)


def test_a_stranger_s_signature_leaves_nothing_in_the_memory_of_a_verifier() -> None:
    verifier = Verifier()
    assert not verifier.verify(b"text", Signer(OTHER_KEY).sign(b"text"), ID)
    assert verifier.known_count == 0
