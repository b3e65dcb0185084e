"""The gate speaks no TLS: asyncio and dnspython come without ssl, which is 3 or 4 MB. structlog comes
without rich, as much again, which it would load for coloured tracebacks that a log file does not have.
dnspython asks importlib.metadata, 2 MB, which libraries there are for what the gate does not do, and hears
of none; msgspec finds in typing what it would take from typing_extensions; shutil does without archives."""

from __future__ import annotations

import skerry.lean.hashes  # noqa: F401
from skerry.lean.absent import absent, hollow

with absent("rich", "ssl", "typing_extensions", "bz2", "lzma"), hollow("importlib.metadata"):
    import asyncio  # noqa: F401
    import shutil  # noqa: F401

    import dns.message  # noqa: F401
    import msgspec  # noqa: F401
    import structlog  # noqa: F401
