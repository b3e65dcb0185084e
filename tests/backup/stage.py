"""A skerry with two stacks and a load on them, another one that is empty, and what is compared."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.load import Load, Tally
from harness.stage import Stage
from harness.world import World, wait_until
from tests.backup.picture import picture

STACK = Path(__file__).parent / "stack"
SHOP, NOTE = "shop", "note"
VOLUMES = ("shop_books", "shop_mirror", "shop_things")
PASSPHRASE = "correct horse"
KINDS = {
    "service": ("service", "ls", "--format", "{{.Name}}"),
    "config": ("config", "ls", "--format", "{{.Name}}"),
    "secret": ("secret", "ls", "--format", "{{.Name}}"),
    "network": ("network", "ls", "--filter", "scope=swarm", "--format", "{{.Name}}"),
    "volume": ("volume", "ls", "--format", "{{.Name}}"),
}
"""What is compared by `docker KIND inspect`, and how all of a kind are listed."""
OF_THE_MOMENT = {"Containers", "Peers", "Mountpoint", "CreatedAt"}
"""Fields that say where something is, or who uses it now."""


@dataclass
class Result:
    """What came out."""

    stacks: int = 0
    volumes: int = 0
    load: Tally | None = None
    differing: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The last line."""
        requests, failed = (self.load.requests, self.load.failed) if self.load else (0, 0)
        return (
            f"backup: stacks={self.stacks} volumes={self.volumes} requests={requests} failed={failed} "
            f"differing={len(self.differing)}"
        )

    @property
    def good(self) -> bool:
        """Whether nothing was noticed and all came back."""
        return bool(self.stacks and self.load and self.load.requests and not self.load.failed) and not (
            self.differing
        )


class BackupStage(Stage):
    """The first skerry, in whose stack a ledger is written all the time."""

    def make(self) -> None:
        """Two stacks, with files at rest in one of the volumes."""
        world = self.world
        world.up()
        world.load("box", "story")
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        file = str(STACK / "docker-compose.yml")
        world.docker("stack", "deploy", "--compose-file", file, SHOP)
        note = world.root / "note.yml"
        note.write_text(json.dumps(_note()))
        world.docker("stack", "deploy", "--compose-file", str(note), NOTE)
        (world.root / "passphrase").write_text(f"{PASSPHRASE}\n")
        running(world)  # a volume is made with the first task that mounts it
        _things(volume_folder(world, "shop_things"))

    def load(self) -> Load:
        """Clients of the ledger, from the first answer on."""
        load = Load(self.world.story_settings(port=8080))
        load.start()
        load.wait_first(30)
        return load

    def backup(self, file: Path, *words: str) -> tuple[int, str]:
        """Take one, encrypted."""
        secret = str(self.world.root / "passphrase")
        return self.world.attempt("backup", str(file), "--passphrase-file", secret, *words, timeout=120)


def restored(file: Path, world: World, *words: str) -> None:
    """Restore a backup of a stage's."""
    secret = world.root / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    code, said = world.attempt("restore", str(file), *words, "--passphrase-file", str(secret), timeout=120)
    assert code == 0, said


def running(world: World) -> None:
    """Wait until all tasks run."""
    wait_until(lambda: _all_run(world), "all tasks run", 60)


def _all_run(world: World) -> bool:
    counts = world.docker("service", "ls", "--format", "{{.Replicas}}").split()
    return bool(counts) and all(
        part == whole for part, _, whole in (count.partition("/") for count in counts)
    )


def _note() -> dict[str, Any]:
    service = {"image": "box:1", "command": ["sleep", "1000000"], "stop_signal": "SIGKILL"}
    return {"version": "3.8", "services": {"idle": service}}


def _things(folder: Path) -> None:
    """Files of several kinds."""
    (folder / "deep").mkdir(mode=0o2750)
    (folder / "deep/plain").write_bytes(bytes(range(256)) * 500)
    (folder / "deep/same").hardlink_to(folder / "deep/plain")
    (folder / "link").symlink_to("deep/plain")
    (folder / "späte").write_text("zeile")
    with (folder / "sparse").open("wb") as file:
        file.truncate(30_000_000)
    folder.chmod(0o711)


def volume_folder(world: World, name: str) -> Path:
    """Where the private engine keeps a volume."""
    return world.data_dir / "engine" / "volumes" / name / "_data"


def objects(world: World) -> dict[str, Any]:
    """Everything that `docker inspect` tells of each thing, by kind and name."""
    shown = {}
    for kind, listing in KINDS.items():
        for name in world.docker(*listing).split():
            (row,) = json.loads(world.docker(kind, "inspect", name))
            shown[f"{kind} {name}"] = {key: row[key] for key in row if key not in OF_THE_MOMENT}
    return shown


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is not the same, in words."""
    return [
        f"{name}: {before.get(name)} became {after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def wrong_books(world: World, at_least: int) -> list[str]:
    """What is wrong with the ledger of a world whose tasks do not run: the three places are of one moment,
    and what was answered before the backup is in them."""
    books, mirror = volume_folder(world, "shop_books"), volume_folder(world, "shop_mirror")
    journal = [int(line) for line in (books / "journal").read_text().split("\n")[:-1]]
    copied = [int(line) for line in (mirror / "mirror").read_text().split("\n")[:-1]]
    db = sqlite3.connect(mirror / "ledger.db")
    try:
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
        rows = [row[0] for row in db.execute("SELECT number FROM ledger ORDER BY number")]
    finally:
        db.close()
    faults = [] if sound == "ok" else [f"the database: {sound}"]
    last = len(journal)
    for what, numbers in (("journal", journal), ("mirror", copied), ("database", rows)):
        if numbers != list(range(1, len(numbers) + 1)):
            faults.append(f"the {what} has not each number once")
        if not 0 <= last - len(numbers) <= 1:
            faults.append(f"the {what} has {len(numbers)} entries, the journal {last}")
    return (
        faults if last >= at_least else [*faults, f"{last} entries, though {at_least} were answered before"]
    )


def same_things(before: World, after: World) -> list[str]:
    """Whether the files at rest are the same, byte by byte, mode by mode."""
    one, other = (picture(volume_folder(world, "shop_things")) for world in (before, after))
    return differences(one, other)
