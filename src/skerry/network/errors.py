"""What the network says when the machine does not let it."""

from __future__ import annotations

from skerry.model.errors import SkerryError


class NetworkError(SkerryError):
    """A rule, a link or the gate could not be set up; the text says which and why."""
