"""Python's own hashes. hashlib prefers those of OpenSSL, whose library is 3 or 4 MB; what skerry hashes by it
is short, and backups are hashed by cryptography (`skerry.archive.part`)."""

from __future__ import annotations

from importlib.util import find_spec

from skerry.lean.absent import absent

if any(find_spec(name) for name in ("_sha2", "_sha256")):  # some distributions build Python without its own
    with absent("_hashlib"):
        import hashlib  # noqa: F401
        import hmac  # noqa: F401
