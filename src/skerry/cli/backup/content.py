"""Images and volumes of a backup, into an engine: by the calls of Docker's API that everybody has."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from skerry.archive.manifest import IMAGES, VOLUME_ROOT, Manifest, VolumeEntry
from skerry.cli.client import CHUNK, DockerClient, Refused

NOTHING = bytes(10240)
"""A tar without entries: an image of it is all that a container which never runs needs."""


class NotRestored(Exception):
    """Something could not be restored; the text is a sentence."""


def refuse_taken(client: DockerClient, volumes: Iterable[VolumeEntry]) -> None:
    """Raises NotRestored where a volume is there: nothing is ever overwritten."""
    for volume in volumes:
        if client.find(f"/volumes/{quote(volume.name, safe='')}") is not None:
            raise NotRestored(
                f"the volume {volume.name} is there already: to have the one of the backup, remove it "
                f"(docker volume rm {volume.name}); nothing was restored"
            )


def load_images(client: DockerClient, manifest: Manifest, folder: Path) -> None:
    """Load the images, if there are any."""
    if manifest.images:
        _checked(client.upload("/images/load?quiet=1", _pieces(folder / IMAGES), "application/x-tar"))


def make_volumes(client: DockerClient, volumes: list[VolumeEntry], folder: Path) -> list[str]:
    """Make the volumes and fill them; notes on what could not be as it was."""
    notes = []
    with _filler(client) as image:
        for volume in volumes:
            if volume.driver != "local":
                notes.append(f"volume {volume.name} was not made: its driver is {volume.driver}")
                continue
            body = {"Name": volume.name, "Driver": volume.driver}
            client.post("/volumes/create", {**body, "DriverOpts": volume.options, "Labels": volume.labels})
            if volume.part:
                _fill(client, image, volume.name, folder / volume.part)
            else:
                notes.append(f"volume {volume.name} was made without its content: {volume.why}")
    return notes


@contextmanager
def _filler(client: DockerClient) -> Iterator[str]:
    """An image with nothing in it, as long as it is needed."""
    tag = secrets.token_hex(6)
    name = f"skerry-restore:{tag}"
    where = f"/images/create?fromSrc=-&repo=skerry-restore&tag={tag}"
    _checked(client.upload(where, [NOTHING], "application/x-tar"))
    try:
        yield name
    finally:
        with suppress(Refused):
            client.delete(f"/images/{name}")


def _fill(client: DockerClient, image: str, volume: str, content: Path) -> None:
    """By a container that is never started. The folder that the volume is mounted at is in the tar, so that
    its own owner and mode come along."""
    mount = {"Type": "volume", "Source": volume, "Target": f"/{VOLUME_ROOT}"}
    host = {"Mounts": [mount], "NetworkMode": "none"}
    container = client.post("/containers/create", {"Image": image, "Cmd": ["-"], "HostConfig": host})["Id"]
    try:
        where = f"/containers/{container}/archive?path=/"
        client.upload(where, _pieces(content), "application/x-tar", method="PUT")
    finally:
        client.delete(f"/containers/{container}?force=1")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _checked(output: bytes) -> None:
    """Raises NotRestored with the engine's own words, where its progress ends with an error."""
    for line in output.decode(errors="replace").splitlines():
        if line.strip() and "error" in (progress := json.loads(line)):
            raise NotRestored(str(progress["error"]))
