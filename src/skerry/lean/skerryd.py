"""skerryd speaks TLS to nobody but whom it serves over the network, and loads ssl, 3 or 4 MB, when somebody
is to be: asyncio and aiohttp come without. structlog comes without rich, as much again, which it would load
for coloured tracebacks that a log file does not have; aiohttp with lists in Python, since those in C bring
the library of C++, and without the machine's table of a thousand media types, as no files are served; shutil
without archives."""

from __future__ import annotations

import mimetypes

import skerry.lean.hashes  # noqa: F401
from skerry.lean.absent import absent

mimetypes.knownfiles.clear()
with absent("rich", "ssl", "frozenlist._frozenlist", "bz2", "lzma"):
    import aiohttp.web  # noqa: F401
    import structlog  # noqa: F401
