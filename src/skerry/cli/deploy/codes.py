"""What the exit code of `skerry deploy` says; docs/deploy.md has the table."""

from __future__ import annotations

DONE = 0
REFUSED = 1
CHANGES = 2
"""Of --plan: there is something to do."""
INVALID = 4
"""The file, or what it needs, is not as it should be. Nothing was changed."""
ROLLED_BACK = 5
PAUSED = 6
TIMED_OUT = 7
FAILED = 8
SUPERSEDED = 9
INTERRUPTED = 130

OF_STATE = {
    "converged": DONE,
    "done": DONE,
    "stopped": DONE,
    "rolled back": ROLLED_BACK,
    "paused": PAUSED,
    "failed": FAILED,
    "superseded": SUPERSEDED,
}
"""By how a release, or a revision, a stop or a start, ended."""
