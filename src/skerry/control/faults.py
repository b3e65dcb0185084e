"""What is wrong with several things that are asked for at once, said of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skerry.model.errors import Conflict, InvalidParameter, SkerryError


class Faults:
    """Collects refusals: nothing of the whole is done, and the user hears all of them."""

    def __init__(self) -> None:
        self._refusals: list[tuple[str, SkerryError]] = []

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Go on where what is done inside is refused; `what` it is about ("service shop_web")."""
        try:
            yield
        except SkerryError as error:
            self._refusals.append((what, error))

    def check(self) -> None:
        """Raises Conflict where all refusals are conflicts, or else InvalidParameter, with a line for
        each."""
        if not self._refusals:
            return
        text = "\n".join(f"{what}: {error.message}" for what, error in self._refusals)
        conflict = all(error.status == Conflict.status for _, error in self._refusals)
        raise Conflict(text) if conflict else InvalidParameter(text)
