"""What a release had is had again, though its tag means something else and everything unused was pruned."""

from __future__ import annotations

import random

import pytest

from harness.world import World, wait_until
from tests.undo.replay import Replay, hold_base

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def past_skerry(world: World, *words: str) -> str:
    """The docker CLI at the engine's own socket."""
    return world.docker("--host", f"unix://{world.run_dir}/engine.sock", *words)


def holders(world: World) -> list[str]:
    """The containers that keep images."""
    return past_skerry(world, "ps", "--all", "--quiet", "--filter", "label=skerry.keeps").split()


def test_releases_are_restored_as_they_were_and_let_go(world: World) -> None:
    hold_base(world)
    replay = Replay(world, "short", random.Random(7))
    for number in range(1, 7):
        replay.release(number)
    world.docker("container", "prune", "--force")
    assert holders(world), "nothing else has what the first releases had"
    names = world.docker("ps", "--all", "--format", "{{.Names}}").splitlines()
    assert not [name for name in names if ".keeps." in name], "but nobody sees it"
    differing = [words for number in (1, 3, 5) if (words := replay.restore(number))]
    assert differing == []

    world.docker("container", "prune", "--force")
    planned = world.skerry("prune", "--keep", "1", "--dry-run")
    assert "Would delete Revisions:\nshort_web 1\n" in planned
    assert "Would delete Images:\nsha256:" in planned
    asked = world.run("sh", "-c", 'echo n | "$@"', "sh", *world.command("prune", "--keep", "1"))
    assert "WARNING! This will remove what can't be gone back to any more:\n  - " in asked
    assert "reclaimed" not in asked
    done = world.skerry("prune", "--keep", "1", "--force")
    assert done == planned.replace("Would delete", "Deleted").replace("reclaimable", "reclaimed")
    assert not done.endswith("space: 0B\n")
    assert 9 in replay.kept()
    assert len(replay.kept()) == 2, "what is there now, and what was before that"
    assert world.skerry("prune", "--keep", "1") == "Total reclaimed space: 0B\n"

    world.skerry("rm", "short")
    wait_until(lambda: not holders(world), "nothing keeps an image any more")
    wait_until(lambda: "skerry/kept" not in past_skerry(world, "images"), "the tags are gone")
