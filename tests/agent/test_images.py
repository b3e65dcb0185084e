"""What is asked about images, and how often."""

from __future__ import annotations

from typing import cast

from skerry.agent.task_image import KEPT, Images
from skerry.engine.port import Engine
from skerry.model.objects import Raw


class Shelf:
    """An engine with images, of which the questions are noted."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[str] = []

    async def inspect_image(self, reference: str) -> Raw | None:
        self.asked.append(reference)
        return (
            {"Id": f"sha:{reference}", "Config": {"Env": [reference], "Cmd": ["x"]}}
            if reference in self.names
            else None
        )


async def test_what_was_seen_is_not_asked_for_again() -> None:
    shelf = Shelf("app:1")
    images = Images(cast(Engine, shelf))
    assert await images.is_here("app:1")
    assert await images.config("sha:app:1") == {"Env": ["app:1"]}
    assert shelf.asked == ["app:1"]
    assert await images.is_here("app:1"), "it may have been removed"
    assert shelf.asked == ["app:1"] * 2


async def test_an_image_that_is_not_there_is_asked_for_again() -> None:
    shelf = Shelf()
    images = Images(cast(Engine, shelf))
    assert not await images.is_here("app:1")
    assert await images.config("app:1") == {}
    shelf.names = ("app:1",)
    assert await images.config("app:1") == {"Env": ["app:1"]}


async def test_no_more_are_kept_than_so_many() -> None:
    names = [str(number) for number in range(KEPT + 1)]
    shelf = Shelf(*names)
    images = Images(cast(Engine, shelf))
    for name in names:
        await images.config(name)
    await images.config(names[-1])
    assert len(shelf.asked) == KEPT + 1
    await images.config(names[0])
    assert len(shelf.asked) == KEPT + 2
