"""Imported first in the processes that stay: structlog without rich, which it would load for coloured
tracebacks that a log file does not have. That is 3 or 4 MB less in each."""

from __future__ import annotations

import sys

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # whoever imports it now gets an ImportError
    import structlog  # noqa: F401

    del sys.modules["rich"]
