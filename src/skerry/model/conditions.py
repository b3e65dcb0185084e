"""What is wrong at this moment, each with who says so: `skerry status` shows them until they are mended."""

from __future__ import annotations


class Conditions:
    """Texts by key. A key names who speaks and of what (`store`, `network shop_default`); a text says what is
    wrong, why, and what is being done about it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def set(self, key: str, text: str) -> None:
        """Say what is wrong; a later text of the same key replaces it."""
        self._texts[key] = text

    def clear(self, key: str) -> None:
        """It is mended, or never was wrong."""
        self._texts.pop(key, None)

    @property
    def texts(self) -> list[str]:
        """All of them, by key."""
        return [f"{key}: {text}" for key, text in sorted(self._texts.items())]
