"""Credentials for the registries of a stack's images, as the call that deploys it sends them.

`X-Registry-Auth` is one for all; `X-Registry-Config` is one for each registry, as `docker build` sends them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import msgspec

from skerry.model.errors import InvalidParameter
from skerry.model.image_name import key_of
from skerry.model.objects import Raw


@dataclass(frozen=True)
class Credentials:
    """Both headers, each as it was sent, or empty."""

    auth: str = ""
    config: str = ""

    def of(self, image: str) -> str:
        """The value of X-Registry-Auth with which an image is pulled; "" where nothing was sent for it."""
        of_registry = _by_registry(self.config).get(key_of(image))
        return _encoded(of_registry) if of_registry is not None else self.auth


NO_CREDENTIALS = Credentials()


def checked(auth: str, config: str) -> Credentials:
    """The headers of a call. Raises InvalidParameter where the second one is no such thing."""
    _by_registry(config)
    return Credentials(auth, config)


def _by_registry(config: str) -> dict[str, Raw]:
    if not config:
        return {}
    padded = config + "=" * (-len(config) % 4)
    try:
        text = base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_"))
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidParameter(f"X-Registry-Config: {error}") from error


def _encoded(auth: Raw) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(auth)).decode()
