"""The gate speaks no TLS: asyncio and dnspython come without ssl, which is 3 or 4 MB. structlog comes without
rich, as much again, which it would load for coloured tracebacks that a log file does not have."""

from __future__ import annotations

from skerry.lean.absent import absent

with absent("rich"), absent("ssl"):
    import asyncio  # noqa: F401

    import dns.asyncquery  # noqa: F401
    import structlog  # noqa: F401
