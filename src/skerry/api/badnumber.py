"""What is said of a number in a query that is none."""

from __future__ import annotations

from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.go import strconv


def refused(error: strconv.NumError, words: str = "") -> SkerryError:
    """Docker's words, and its status 500 for what is no number at all. What no type could hold is a mistake
    of the client's (400), which Docker blames on itself."""
    kind = InvalidParameter if error.reason == strconv.RANGE else SkerryError
    return kind(words or str(error))
