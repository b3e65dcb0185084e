"""A value of another type than Docker's, in the words of the Go that the engine was built with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from skerry.model.errors import InvalidParameter
from skerry.model.shapes import SHAPES, part_of

GO_OF_20_10 = (1, 19)

PARTS_TOLD = (1, 24)
"""Since then a path names the structs, too, that a struct takes its fields from."""

REWRITTEN = (1, 27)
"""The decoder that was written anew: it tells the whole way down from the body, with indices and keys."""


@dataclass(frozen=True)
class Place:
    """Where in a body a value is."""

    body: str
    """The shape of the whole."""
    owner: str
    """The shape of the innermost struct around it."""
    steps: tuple[str | int, ...] = ()
    """Fields, and indices in lists."""
    key: str = ""
    """In a map of texts at the end of the steps."""

    def field(self, owner: str, name: str) -> Place:
        """A field of the struct that is here."""
        return replace(self, owner=owner, steps=(*self.steps, name))

    def element(self, index: int) -> Place:
        """An element of the list that is here."""
        return replace(self, steps=(*self.steps, index))


class Mismatch(InvalidParameter):
    """A value of the wrong type; its message is what engines of 20.10 said."""

    def __init__(self, value: str, kind: str, place: Place, why: str = "") -> None:
        self.value, self.kind, self.place, self.why = value, kind, place, why
        super().__init__(self.words(GO_OF_20_10))

    def words(self, go: tuple[int, int]) -> str:
        """What a decoder of this version of Go says."""
        whole = go >= REWRITTEN
        if self.why and not whole:
            return self.why
        place = self.place
        struct = (place.body if whole else place.owner).partition(".")[2]
        path = [struct, *map(str, _whole(place) if whole else _fields(place, parts=go >= PARTS_TOLD))]
        inside = whole and isinstance(place.steps[-1], int)
        message = (
            f"json: cannot unmarshal {self.value} into {'' if inside else 'Go struct field '}{'.'.join(path)}"
        )
        return f"{message} of type {self.kind}" + (f": {self.why}" if self.why else "")


def _whole(place: Place) -> Iterator[str | int]:
    yield from place.steps
    if place.key:
        yield place.key


def _fields(place: Place, *, parts: bool) -> Iterator[str]:
    """The fields alone, with the embedded structs that they are of where `parts` are told."""
    shape = place.body
    for step in place.steps:
        if isinstance(step, int):
            continue
        if parts and (part := part_of(shape, step)):
            yield part
        yield step
        shape = SHAPES.get(shape, {}).get(step, "").strip("[]*?!")
