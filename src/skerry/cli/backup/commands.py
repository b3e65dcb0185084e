"""What `skerry backup` and `skerry restore` do at a terminal: options to values, errors to sentences."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import click

from skerry.archive.manifest import KEY, BadArchive, Manifest, Part
from skerry.archive.unpack import unpack
from skerry.cli import client, daemon_process
from skerry.cli.backup import content
from skerry.cli.backup.encryption_options import Locking, Opener
from skerry.cli.backup.saving import save
from skerry.cli.backup.stack import restore_stack
from skerry.cli.client import Refused, Unreachable
from skerry.instance import refuse_used
from skerry.model.errors import SkerryError
from skerry.model.settings import Settings

NOT_RUNNING = 3
FAILURES = (SkerryError, content.NotRestored, Refused, Unreachable, OSError)


@dataclass(frozen=True)
class BackupOptions:
    """What somebody wants in a backup."""

    stacks: tuple[str, ...]
    volumes: bool
    images: bool
    quiesce: bool
    freeze: str
    without_key: bool
    unencrypted: bool


@contextmanager
def _told() -> Iterator[None]:
    """Every failure as one line."""
    try:
        yield
    except FAILURES as error:
        raise click.ClickException(str(error)) from error


def backup(settings: Settings, file: str, locking: Locking, wish: BackupOptions) -> None:
    """Take a backup into a file; what is in it goes to standard error."""
    _refuse_down(settings)
    with _told():
        lock = locking.lock()
    key = "no" if wish.without_key else "yes" if lock or wish.unencrypted else ""
    query = {"stacks": ",".join(wish.stacks), "freeze": wish.freeze, "key": key}
    query |= {name: "1" for name in ("volumes", "images", "quiesce") if getattr(wish, name)}
    home = client.at_socket("skerry", settings.api_socket, timeout=None)
    with _told(), home.download(f"/skerry/backup?{urlencode(query)}") as pieces:
        manifest = save(pieces, file, lock)
    _describe(file, manifest, encrypted=bool(lock))


def verify(settings: Settings, file: str, opener: Opener) -> None:
    """Check a backup to its last byte, and open its state as a start would."""
    with _told(), tempfile.TemporaryDirectory(prefix="skerry-verify-", dir=_in_memory()) as folder:
        with opener.opened(file) as (source, encrypted):
            manifest = unpack(source, Path(folder), _is_state)
        if manifest.has_key or manifest.locked:
            daemon_process.run(settings, "check", "--folder", folder)
    _describe(file, manifest, encrypted=encrypted)


def restore(settings: Settings, file: str, stack: str, opener: Opener, key: str | None) -> None:
    """Restore the whole before skerry runs, or one stack while it does."""
    if stack:
        _restore_stack(settings, file, stack, opener, key)
    else:
        _restore_all(settings, file, opener, key)


def _restore_all(settings: Settings, file: str, opener: Opener, key: str | None) -> None:
    """Make this machine that of the backup. It must have no state yet, and skerryd must not run."""
    if daemon_process.running_pid(settings):
        raise click.ClickException(
            "skerry is running: a whole backup is restored before it starts; one stack of it, while it runs, "
            "with skerry restore FILE STACK"
        )
    folder = Path(settings.restore_dir)
    with _told():
        refuse_used(settings)
        shutil.rmtree(folder, ignore_errors=True)  # of one that was cut
        folder.mkdir(parents=True, mode=0o700)
        try:
            notes, manifest = _put(settings, file, folder, opener, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _say(notes)
    stacks = ", ".join(manifest.stacks) or "no stack"
    click.echo(f"restored: {stacks}, {manifest.services} services; start it with: skerry up")


def _put(
    settings: Settings, file: str, folder: Path, opener: Opener, key: str | None
) -> tuple[list[str], Manifest]:
    """Unpack, fill images and volumes into the engine, and place the state last: a restore that fails before
    has made no swarm. What is to be noted of volumes, and what the backup has."""
    with opener.opened(file) as (source, _):
        manifest = unpack(source, folder)
    _bring_key(manifest, folder, key)
    needed = ["--with-engine"] if manifest.images or manifest.volumes else []
    socket = daemon_process.run(settings, "prepare", "--folder", str(folder), *needed)
    notes = []
    if socket:
        engine = client.at_socket("the engine", socket, timeout=None)
        content.refuse_taken(engine, manifest.volumes)
        content.load_images(engine, manifest, folder)
        notes = content.make_volumes(engine, manifest.volumes, folder)
    daemon_process.run(settings, "place", "--folder", str(folder))
    return notes, manifest


def _restore_stack(settings: Settings, file: str, stack: str, opener: Opener, key: str | None) -> None:
    """Make one stack of the backup on a swarm that runs; of volumes, only those that the stack uses are
    unpacked."""
    _refuse_down(settings)

    def wanted(manifest: Manifest, part: Part) -> bool:
        others = [volume.part for volume in manifest.volumes if stack not in volume.stacks]
        return part.name not in others

    with _told(), tempfile.TemporaryDirectory(prefix="skerry-restore-") as place:
        folder = Path(place)
        with opener.opened(file) as (source, _):
            manifest = unpack(source, folder, wanted)
        _bring_key(manifest, folder, key)
        if manifest.locked:
            raise BadArchive(
                "the swarm of this backup has autolock, and its secrets open with the unlock key alone: "
                "restore the whole, and unlock that"
            )
        objects = json.loads(daemon_process.run(settings, "check", "--folder", place, "--stack", stack))
        home = client.at_socket("skerry", settings.api_socket, timeout=None)
        notes = restore_stack(home, manifest, objects, folder, stack)
    _say(notes)
    click.echo(f"restored: stack {stack}, {len(objects['services'])} services (docker stack ps {stack})")


def _bring_key(manifest: Manifest, folder: Path, key: str | None) -> None:
    """Put the key of what is secret beside the state. Raises BadArchive where there is none."""
    if manifest.locked or manifest.has_key:
        return
    if key is None:
        raise BadArchive(
            "the key of the secrets is not in this backup: name the secret.key that was kept for it "
            "(--key FILE)"
        )
    shutil.copyfile(key, folder / KEY)
    (folder / KEY).chmod(0o600)


def _refuse_down(settings: Settings) -> None:
    """Exits with 3 where skerry does not run."""
    if not Path(settings.api_socket).exists():
        click.echo("skerry is not running; start it with: skerry up --detach", err=True)
        raise SystemExit(NOT_RUNNING)


def _is_state(manifest: Manifest, part: Part) -> bool:
    return part.kind in ("state", "key")


def _in_memory() -> str | None:
    """Where what is secret leaves no trace on a disk; None where there is no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _describe(file: str, manifest: Manifest, *, encrypted: bool) -> None:
    """What a backup is, in a few lines of standard error."""
    how = "encrypted" if encrypted else "not encrypted"
    key = "its key is in it" if manifest.has_key else "without the key of its secrets"
    key = "it opens with the swarm's unlock key" if manifest.locked else key
    lines = [f"{file}: {how}; {key}; made {manifest.made_at} by skerry {manifest.version}"]
    lines.append(f"stacks  {', '.join(manifest.stacks) or 'none'} ({manifest.services} services)")
    if manifest.images:
        lines.append(f"images  {', '.join(manifest.images)}")
    sizes = {part.name: part.size for part in manifest.parts}
    for volume in manifest.volumes:
        what = f"{sizes[volume.part]} bytes" if volume.part else f"without its content: {volume.why}"
        lines.append(f"volume  {volume.name} ({what})")
    if manifest.frozen_s:
        lines.append(f"writers stood still for {manifest.frozen_s:.2f} s")
    for line in lines:
        click.echo(line, err=True)


def _say(notes: list[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)
