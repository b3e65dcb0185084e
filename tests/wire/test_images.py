"""Images that only this node has: pinned to their content, shown by their tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.images import box_tar
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

COMPOSE = """
services:
  app:
    image: mine:1
    command: sleep 100000
    stop_grace_period: 1s
    deploy: {update_config: {parallelism: 0, monitor: 1s}}
"""


def build(world: World, content: str) -> str:
    """Make the image mine:1 anew, with another label; its ID."""
    return world.docker("import", "--change", f"LABEL content={content}", str(box_tar()), "mine:1")


def shown(image: str, world: World) -> str:
    """How a spec shows mine:1: with containerd's image store, every image has a digest beside its tag."""
    digests = world.inspect("image", image)["RepoDigests"]
    return f"mine:1@{image}" if digests else "mine:1"


def running(world: World, service: str) -> list[str]:
    """The images of a service's running containers, by their IDs."""
    names = world.docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={service}").split()
    return [world.inspect("container", name)["Image"] for name in names]


def await_images(world: World, service: str, image: str) -> None:
    """Wait until a service runs on this image alone, and its update is over."""

    def there() -> bool:
        state = (world.inspect("service", service).get("UpdateStatus") or {}).get("State", "completed")
        return running(world, service) == [image] and state.endswith("completed")

    wait_until(there, f"{service} runs on {image}")


def test_a_rebuilt_tag_is_a_change_where_it_is_asked_for(world: World) -> None:
    first = build(world, "one")
    quick = ["--update-monitor", "1s", "--stop-grace-period", "1s"]
    said = world.docker("service", "create", "--name", "app", *quick, "mine:1", "sleep", "100000")
    assert "could not be accessed" not in said
    await_images(world, "app", first)
    spec = world.inspect("service", "app")["Spec"]["TaskTemplate"]
    assert spec["ContainerSpec"]["Image"] == shown(first, world)
    assert "skerry.content" not in json.dumps(spec)
    seen = world.docker("service", "ps", "--no-trunc", "--format", "{{.Image}}", "app")
    assert seen == shown(first, world)
    assert world.docker("ps", "--format", "{{.Image}}") == "mine:1"

    second = build(world, "two")
    task = world.docker("service", "ps", "-q", "app")
    world.docker("service", "update", "--label-add", "a=b", "app")
    assert world.docker("service", "ps", "-q", "app") == task
    said = world.docker("service", "update", "--image", "mine:1", "app")
    assert "could not be accessed" not in said
    await_images(world, "app", second)
    world.docker("service", "rollback", "app")
    await_images(world, "app", first)
    world.docker("service", "update", "--force", "app")
    by_digest = "@" in shown(second, world)  # then the client sends what is in the spec, and that is a digest
    await_images(world, "app", first if by_digest else second)
    assert world.inspect("service", "app")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == (
        f"mine:1@{first}" if by_digest else "mine:1"
    )
    world.docker("service", "rm", "app")


def test_a_stack_follows_its_images(world: World, tmp_path: Path) -> None:
    file = tmp_path / "stack.yml"
    file.write_text(COMPOSE)
    deploy = ["stack", "deploy", "--compose-file", str(file), "s"]
    first = build(world, "three")
    assert "could not be accessed" not in world.docker(*deploy)
    await_images(world, "s_app", first)
    task = world.docker("service", "ps", "-q", "s_app")
    world.docker(*deploy)
    assert world.docker("service", "ps", "-q", "s_app") == task
    second = build(world, "four")
    assert "could not be accessed" not in world.docker(*deploy)
    await_images(world, "s_app", second)
    assert world.docker("service", "ls", "--format", "{{.Image}}") == "mine:1"
    world.docker("stack", "rm", "s")
