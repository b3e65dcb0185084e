"""The swarm's certificate authority and its join tokens, in Docker's form."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from skerry.model.defaults import SECOND
from skerry.model.errors import RpcError

LIFETIME = timedelta(days=20 * 365)
SHORTEST = timedelta(days=365)
"""What an authority from outside has to last at the least."""
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def create(now: int) -> tuple[str, bytes]:
    """A new authority: its certificate in PEM and its private key (PKCS #8, DER). `now` in ns."""
    key = ec.generate_private_key(ec.SECP256R1())
    # a PrintableString, as Go writes it: clients compare the subject's bytes
    common = x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca", _ASN1Type.PrintableString)
    name = x509.Name([common])
    start = datetime.fromtimestamp(now // SECOND, UTC) - timedelta(minutes=5)
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


def adopted(certificates: str, key: str, now: int) -> tuple[str, bytes] | None:
    """A user's own authority (both in PEM), in the form of `create`; None where there is none.

    Raises RpcError in swarmkit's words.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificates.encode())
    except ValueError:
        if key:
            missing = "if a signing CA key is provided, the signing CA cert must also be provided"
            raise _refused(missing) from None
        return None
    if not key:
        raise _refused(
            "there must be at least one valid, reachable external CA corresponding to the desired CA "
            "certificate"
        )
    if len(chain) > 1:
        raise _refused("the desired CA certificate cannot contain multiple certificates")
    try:
        private = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        problem = '{"code":2002,"message":"Failed to decode private key"}'
        raise _refused(f"malformed private key: {problem}") from None
    if private.public_key() != chain[0].public_key():
        raise _refused("certificate key mismatch")
    if chain[0].not_valid_after_utc < datetime.fromtimestamp(now // SECOND, UTC) + SHORTEST:
        raise _refused("CA certificate expires too soon")
    if not _may_sign(chain[0]):
        raise RpcError("Internal", "unable to generate a cross-signed certificate for root rotation")
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return chain[0].public_bytes(Encoding.PEM).decode(), der


def _refused(why: str) -> RpcError:
    return RpcError("InvalidArgument", why)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


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
