"""A private certificate authority, the certificates it signs, and what any certificate says of itself."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# Valid since 1970: a Pi without a battery clock boots in the past and would refuse a certificate "not yet valid". The
# date protects nothing here, because this authority has never signed anything else.
VALID_FROM = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Nobody renews an authority on devices in the field, so it outlives them.
AUTHORITY_DAYS = 30 * 365
# Of a server that somebody has to think of: ten years bound what a stolen server key is good for.
SERVER_DAYS = 10 * 365
# Of a server whose coordinator renews it by itself: a stolen key is of use for a year at most, and a coordinator that
# was away for four months still starts with a valid one.
RENEWED_SERVER_DAYS = 365
# Of a client: it says no more than the identity in it, and that is looked up at every connect, so revoking it does not
# wait for this date. It bounds how long a device may lie in a drawer.
CLIENT_DAYS = 10 * 365
# A clock before this has not been set, and what it dates would be over as soon as it is.
CLOCK_WAS_SET = datetime(2025, 1, 1, tzinfo=timezone.utc)


class CryptographyMissing(Exception):
    """Certificates need the Python package `cryptography`: apt install python3-cryptography (or pip install it)."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


class ClockNotSet(Exception):
    """This machine's clock is not set, so its certificates would be over at once: set the time first."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says: whose it is, who signed it, for which hosts, and until when."""

    subject: str
    issuer: str
    hosts: tuple[str, ...]
    ends_ns: int
    fingerprint: str

    def days_left(self, now_ns: int) -> int:
        return (self.ends_ns - now_ns) // (86_400 * 1_000_000_000)


def new_authority(name: str, now_ns: int) -> Certificate:
    """A self-signed authority that may sign servers and nothing below them."""
    _require_cryptography()
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    builder = (
        _builder(subject, subject, key, _until(now_ns, AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False, certifies=True), critical=True)
    )
    return _signed(builder, key, key)


def new_server_certificate(
    authority: Certificate, hosts: tuple[str, ...], now_ns: int, *, days: int = SERVER_DAYS
) -> Certificate:
    """A certificate for a server that is reached under these names and addresses."""
    _require_cryptography()
    from cryptography.x509.oid import ExtendedKeyUsageOID

    hosts = tuple(dict.fromkeys(hosts))
    return _leaf(authority, hosts[0], hosts, ExtendedKeyUsageOID.SERVER_AUTH, _until(now_ns, days))


def new_client_certificate(
    authority: Certificate, identity: str, now_ns: int, *, days: int = CLIENT_DAYS
) -> Certificate:
    """A certificate with which its holder connects as this identity. No server can be made of it."""
    _require_cryptography()
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return _leaf(authority, identity, (), ExtendedKeyUsageOID.CLIENT_AUTH, _until(now_ns, days))


def read_facts(pem: bytes) -> Facts:
    """What a certificate says of itself. Raises ValueError for anything else than one in PEM."""
    _require_cryptography()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtensionOID

    certificate = x509.load_pem_x509_certificate(pem)
    hosts: tuple[str, ...] = ()
    with contextlib.suppress(x509.ExtensionNotFound):
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        assert isinstance(extension.value, x509.SubjectAlternativeName)
        hosts = tuple(str(name.value) for name in extension.value)
    return Facts(
        subject=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        hosts=hosts,
        ends_ns=int(_ends(certificate).timestamp()) * 1_000_000_000,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _leaf(
    authority: Certificate, name: str, hosts: tuple[str, ...], purpose: x509.ObjectIdentifier, until: datetime
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = _private_key(authority.key)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_named(name), issuer.subject, key, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True, certifies=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return _signed(builder, key, issuer_key)


def _common_name(name: x509.Name) -> str:
    from cryptography.x509.oid import NameOID

    values = [str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return values[0] if values else name.rfc4514_string()


def _ends(certificate: x509.Certificate) -> datetime:
    """Newer versions of `cryptography` give a date with a zone under another name, Debian 12's one in UTC without."""
    found: datetime | None = getattr(certificate, "not_valid_after_utc", None)
    return found if found is not None else certificate.not_valid_after.replace(tzinfo=timezone.utc)


def _require_cryptography() -> None:
    try:
        import cryptography.x509  # noqa: F401
    except ImportError as missing:
        raise CryptographyMissing from missing


def _until(now_ns: int, days: int) -> datetime:
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, tz=timezone.utc)
    if now < CLOCK_WAS_SET:
        raise ClockNotSet
    return now + timedelta(days=days)


def _named(name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])  # X.520: a common name has at most 64


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey, issuer_key: EllipticCurvePrivateKey
) -> Certificate:
    from cryptography.hazmat.primitives import hashes, serialization

    return Certificate(
        certificate=builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _private_key(pem: bytes) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError("ca.key is not an elliptic curve key; remove ca.key and ca.crt to have new ones made")
    return key
