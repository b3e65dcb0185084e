"""A container that binds the engine's socket means the API of its swarm: it is given skerry's. Pure.

Behind skerry's socket is the engine's whole API, and the swarm's with it; behind the engine's own there is
no swarm, and with a private engine there is no `/var/run/docker.sock` at all.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from skerry.model.labels import SOCKET
from skerry.model.objects import Raw

USUAL = "/run/docker.sock"
"""Where clients look for an engine; `/var/run` is `/run`."""


@dataclass(frozen=True)
class ApiSocket:
    """Where skerry serves its API, and where the engine serves its own."""

    path: str
    engine: str

    def host_config(self, host: Raw, *labels: Mapping[str, str] | None) -> Raw:
        """A container's HostConfig with the engine's socket replaced as a source, by whatever name it goes;
        as it is where one of the labels (the service's, the container's) asks for the engine's own."""
        if any((some or {}).get(SOCKET) == "engine" for some in labels):
            return host
        changed: Raw = {}
        if isinstance(mounts := host.get("Mounts"), list):
            changed["Mounts"] = [self._mount(mount) for mount in mounts]
        if isinstance(binds := host.get("Binds"), list):
            changed["Binds"] = [self._bind(bind) for bind in binds]
        return {**host, **changed}

    def _mount(self, mount: object) -> object:
        if isinstance(mount, dict) and mount.get("Type") == "bind" and self._means(mount.get("Source")):
            return {**mount, "Source": self.path}
        return mount

    def _bind(self, bind: object) -> object:
        """`SOURCE:TARGET[:OPTIONS]`."""
        source, colon, rest = bind.partition(":") if isinstance(bind, str) else ("", "", "")
        return f"{self.path}:{rest}" if colon and self._means(source) else bind

    def _means(self, source: object) -> bool:
        return isinstance(source, str) and _place(source) in (USUAL, _place(self.engine))


def _place(path: str) -> str:
    """A path in one spelling; a relative one is a volume's name and stands for nothing here."""
    plain = posixpath.normpath(path) if path.startswith("/") else ""
    plain = "/" + plain.lstrip("/") if plain else ""
    return plain.removeprefix("/var") if plain.startswith("/var/run/") else plain
