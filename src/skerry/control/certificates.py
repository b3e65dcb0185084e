"""Certificates that the swarm's authority gives: to users of the API, and to the API itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skerry.model.defaults import SECOND
from skerry.model.errors import InvalidParameter

SLACK = timedelta(minutes=5)
"""So far may the clock of whoever is shown a certificate be behind."""


class Issued(NamedTuple):
    """A certificate with its key, both in PEM."""

    certificate: str
    key: str
    fingerprint: str
    """SHA-256 of the certificate, by which it is known."""
    expires_at: int
    """Nanoseconds."""


def issue(authority: str, authority_key: bytes, name: str, now: int, days: int) -> Issued:
    """A client's certificate. `authority` is in PEM, its key in DER, `now` in ns."""
    return _signed(authority, authority_key, name, now, days, ExtendedKeyUsageOID.CLIENT_AUTH, ())


def issue_to_server(
    authority: str, authority_key: bytes, names: Iterable[str], now: int, days: int
) -> Issued:
    """A certificate for whoever answers at these names and addresses."""
    return _signed(authority, authority_key, "skerry", now, days, ExtendedKeyUsageOID.SERVER_AUTH, names)


def _signed(
    authority: str,
    authority_key: bytes,
    name: str,
    now: int,
    days: int,
    usage: x509.ObjectIdentifier,
    names: Iterable[str],
) -> Issued:
    """A key and its certificate for one purpose, signed by the swarm's authority, which it never outlives."""
    issuer = x509.load_pem_x509_certificate(authority.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.fromtimestamp(now // SECOND, UTC)
    end = min(start + timedelta(days=days), issuer.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - SLACK)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(_key_identifier(issuer), critical=False)
    )
    if alternatives := [_general(name) for name in dict.fromkeys(names)]:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(_signing_key(authority_key), hashes.SHA256())
    return Issued(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        int(end.timestamp()) * SECOND,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _signing_key(der: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = load_der_private_key(der, None)
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise InvalidParameter("the key of the swarm's authority is neither of the kind RSA nor ECDSA")


def _key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """How the authority's key is called: as its own certificate does, where that says it."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
