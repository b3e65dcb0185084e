"""aiohttp makes a TLS context when it is imported, with all authorities that the machine trusts, some 5 MB;
skerryd is nobody's TLS client: the engine is asked over a socket, a registry by the engine. structlog comes
without rich, 3 or 4 MB, which it would load for coloured tracebacks that a log file does not have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.lean.absent import absent


@contextmanager
def _trusting_nobody() -> Iterator[None]:
    """Where OpenSSL looks for authorities by default, there are none meanwhile."""
    before = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    os.environ.update(dict.fromkeys(before, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


with absent("rich"):
    import structlog  # noqa: F401

with _trusting_nobody():
    import aiohttp  # noqa: F401
