"""The swarm's certificate authority and its join tokens, in Docker's form."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=20 * 365)
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def create(now: int) -> tuple[str, bytes]:
    """A new authority: its certificate in PEM and its private key (PKCS #8, DER). `now` in ns."""
    key = ec.generate_private_key(ec.SECP256R1())
    # a PrintableString, as Go writes it: clients compare the subject's bytes
    common = x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca", _ASN1Type.PrintableString)
    name = x509.Name([common])
    start = datetime.fromtimestamp(now // 1_000_000_000, UTC) - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private


def _usage() -> x509.KeyUsage:
    words = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{word: word in ("key_cert_sign", "crl_sign") for word in words})


def token(certificate: str) -> str:
    """A new join token: `SWMTKN-1-`, the certificate's digest, a secret."""
    digest = int.from_bytes(sha256(certificate.encode()).digest(), "big")
    return f"SWMTKN-1-{_base36(digest, 50)}-{_base36(secrets.randbits(128), 25)}"


def is_token(text: str) -> bool:
    """Whether it looks like a join token."""
    return re.fullmatch(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", text) is not None


def _base36(number: int, width: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = BASE36[digit] + digits
    return digits.rjust(width, "0")
