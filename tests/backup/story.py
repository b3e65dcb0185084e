"""Backups under load, and what becomes of one of them on an empty machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from demo.load import Load, Tally
from harness.world import World, wait_until
from tests.backup.stage import (
    SHOP,
    VOLUMES,
    BackupStage,
    Result,
    differences,
    objects,
    restored,
    running,
    same_things,
    wrong_books,
)

WHOLE = ("--volumes", "--images", "--quiesce")


def play(rounds: int) -> Result:
    """Take so many backups under load, restore each into an empty skerry, and compare."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="skb") as kept, BackupStage() as stage:
        answered = _under_load(stage, Path(kept), rounds, result)
        for number in range(rounds):
            with World(up=False) as other:
                _restore(stage, Path(kept, str(number)), other, answered[number], result)
        result.stacks, result.volumes = 2, len(VOLUMES)
    return result


def _under_load(stage: BackupStage, kept: Path, rounds: int, result: Result) -> list[int]:
    """The backups; for each, the last number that was answered before it began."""
    answered = []
    load = stage.load()
    try:
        for number in range(rounds):
            answered.append(max(int(one.version) for one in load.all() if one.outcome != "failed"))
            code, said = stage.backup(kept / str(number), *WHOLE)
            print(said, flush=True)
            assert code == 0, said
            _answered_again(load)
    finally:
        load.stop()
    result.load = Tally.of(load.all())
    print(f"{result.load}", flush=True)
    return answered


def _answered_again(load: Load) -> None:
    after = time.monotonic()
    wait_until(lambda: load.between(after, time.monotonic()), "clients are answered again")


def _restore(stage: BackupStage, file: Path, other: World, answered: int, result: Result) -> None:
    """The whole first, then one stack into what runs."""
    before = objects(stage.world)
    exported = stage.world.skerry("export", SHOP)
    restored(file, other)
    result.differing += wrong_books(other, answered)
    other.up()
    running(other)
    result.differing += differences(before, objects(other)) + same_things(stage.world, other)
    secret = other.docker("exec", _task(other), "cat", "/run/secrets/password")
    result.differing += [] if secret.startswith("only its tasks") else ["the secret has another content"]
    other.docker("stack", "rm", SHOP)
    _gone(other)
    other.docker("volume", "rm", *VOLUMES)
    restored(file, other, SHOP)
    running(other)
    result.differing += differences({"export": exported}, {"export": other.skerry("export", SHOP)})
    result.differing += same_things(stage.world, other)


def _task(world: World) -> str:
    return world.docker("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={SHOP}_ledger")


def _gone(world: World) -> None:
    label = f"label=com.docker.stack.namespace={SHOP}"
    wait_until(
        lambda: not world.docker("ps", "--all", "--quiet", "--filter", label), "its tasks are gone", 60
    )
    wait_until(
        lambda: not world.docker("network", "ls", "--quiet", "--filter", label), "its networks too", 60
    )
