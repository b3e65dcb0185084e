"""What a task needs to know of its image: whether it is here, and how its containers are to be run."""

from __future__ import annotations

from skerry.engine.port import Engine
from skerry.model.objects import Raw

KEPT = 64
NEEDED = ("Healthcheck", "Env", "Shell", "ExposedPorts")
"""Of an image's Config; the rest is the engine's business."""


class Images:
    """Asks the engine. An image never changes, so its configuration is asked for once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._configs: dict[str, Raw] = {}
        """By the image's ID, the one that was learned last at the end."""

    async def is_here(self, reference: str) -> bool:
        """Whether the engine has an image of this name or ID."""
        image = await self._engine.inspect_image(reference)
        if image is None:
            return False
        self._keep(str(image["Id"]), image)
        return True

    async def config(self, image_id: str) -> Raw:
        """An image's Config, as far as it is needed; empty where the engine has no such image any more."""
        if image_id not in self._configs:
            image = await self._engine.inspect_image(image_id)
            if image is None:
                return {}
            self._keep(image_id, image)
        return self._configs[image_id]

    def _keep(self, image_id: str, image: Raw) -> None:
        config = image.get("Config") or {}
        self._configs.pop(image_id, None)
        self._configs[image_id] = {key: config[key] for key in NEEDED if key in config}
        while len(self._configs) > KEPT:
            del self._configs[next(iter(self._configs))]
