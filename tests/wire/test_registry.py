"""A registry as a service of the swarm, with a password: what is pushed there is pinned by its digest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.images import box_tar, registry_tar
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

HOST = "127.0.0.1:5000"
APP = f"{HOST}/app:1"
CONFIG = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}},
    "http": {"addr": ":5000"},
    "auth": {"htpasswd": {"realm": "here", "path": "/run/secrets/htpasswd"}},
}
HTPASSWD = "joe:$2b$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu\n"
"""bcrypt of the password "word"."""
QUICK = ("--stop-grace-period", "1s", "--update-monitor", "100ms")


@pytest.fixture(scope="module")
def registry(world: World) -> Iterator[World]:
    """The world with a registry in it, which only `joe` may read and write."""
    start = 'ENTRYPOINT ["/usr/bin/docker-registry", "serve", "/etc/registry.yml"]'
    world.docker("import", "--change", start, str(registry_tar()), "registry:2", timeout=120)
    for kind, name, text in (
        ("config", "registry", json.dumps(CONFIG)),
        ("secret", "htpasswd", HTPASSWD),
    ):
        file = world.root / name
        file.write_text(text)
        world.docker(kind, "create", name, str(file))
    files = ("--config", "source=registry,target=/etc/registry.yml", "--secret", "htpasswd")
    world.docker("service", "create", "--name", "registry", "--publish", "5000:5000", *files, "registry:2")
    words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{HOST}/v2/")
    wait_until(lambda: world.run(*words, check=False) == "401", "the registry asks who is there")
    try:
        yield world
    finally:
        world.docker("service", "rm", "registry", "app", check=False)
        wait_until(lambda: not world.docker("ps", "-aq"), "all containers are gone")
        world.docker("config", "rm", "registry")
        world.docker("secret", "rm", "htpasswd")


def push(world: World, content: str) -> str:
    """Make the image anew, with another label, push it, and forget it here; its digest."""
    world.docker("import", "--change", f"LABEL content={content}", str(box_tar()), APP)
    said = world.docker("push", APP)
    world.docker("image", "rm", APP)
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
    assert found, said
    return found[1]


def image(world: World) -> str:
    spec: dict[str, Any] = world.inspect("service", "app")["Spec"]
    return str(spec["TaskTemplate"]["ContainerSpec"]["Image"])


def await_content(world: World, content: str) -> None:
    """Wait until the one task of app runs, and is made of this content."""

    def there() -> bool:
        names = world.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=app").split()
        labels = [world.inspect("container", name)["Config"]["Labels"] for name in names]
        return [one.get("content") for one in labels] == [content]

    wait_until(there, f"app runs, made of {content}")


def test_a_tag_is_pinned_to_the_digest_and_pulled_with_the_stored_password(registry: World) -> None:
    world = registry
    world.docker("login", "--username", "joe", "--password", "word", HOST)
    first = push(world, "one")
    words = ("service", "create", "--name", "app", "--with-registry-auth", *QUICK)
    said = world.docker(*words, APP, "sleep", "100000")
    assert "could not be accessed" not in said
    assert image(world) == f"{APP}@{first}"
    await_content(world, "one")

    second = push(world, "two")
    assert image(world) == f"{APP}@{first}", "a push changes nothing by itself"
    world.docker("service", "update", "--with-registry-auth", "--image", APP, "app")
    assert image(world) == f"{APP}@{second}"
    await_content(world, "two")

    world.docker("logout", HOST)
    world.docker("service", "rollback", "app")
    assert image(world) == f"{APP}@{first}"
    await_content(world, "one")

    world.docker("service", "scale", "app=0")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=app"), "no task is left")
    world.docker("image", "rm", "--force", *world.docker("image", "ls", "-q", f"{HOST}/app").split())
    world.docker("service", "scale", "app=1")
    await_content(world, "one")  # pulled, with what the service keeps: nobody is logged in
    everything = world.docker("service", "inspect", "app") + world.run(
        "curl", "-s", "--unix-socket", str(world.socket), "http://d/tasks"
    )
    for secret in ("joe", "word", "am9l"):  # in the clear, and as base64 begins it
        assert secret not in everything


def test_for_an_older_client_the_daemon_finds_the_digest_with_the_clients_password(registry: World) -> None:
    world = registry
    older = ("env", "DOCKER_API_VERSION=1.29", "docker", "service")
    world.docker("login", "--username", "joe", "--password", "word", HOST)
    pushed = push(world, "three")
    words = ("create", "--detach", "--name", "older", "--with-registry-auth", *QUICK, APP, "sleep", "9999")
    assert "could not be accessed" not in world.run(*older, *words)
    spec = world.inspect("service", "older")["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert spec["Image"] == f"{APP}@{pushed}"
    wait_until(lambda: world.docker("ps", "-q", "--filter", "name=older"), "it runs")
    world.docker("logout", HOST)
    said = world.run(*older, "update", "--detach", "--image", f"{HOST}/app:9", "older")
    assert f"image {HOST}/app:9 could not be accessed on a registry to record\nits digest" in said
    world.docker("service", "rm", "older")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=older"), "it is gone")


def test_skerry_deploy_sends_the_credentials_of_whoever_deploys(registry: World) -> None:
    world = registry
    world.docker("login", "--username", "joe", "--password", "word", HOST)
    pushed = push(world, "four")
    file = world.root / "private.yaml"
    file.write_text(f"services: {{app: {{image: {APP}, command: sleep 100000, stop_grace_period: 1s}}}}")
    deploy = ("deploy", "private", "--file", str(file))
    code, said = world.attempt(*deploy, "--no-registry-auth", "--no-atomic", "--timeout", "5s")
    assert code in (6, 7, 8), said
    world.skerry("rm", "private")
    world.skerry(*deploy)
    spec = world.inspect("service", "private_app")["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert spec["Image"] == f"{APP}@{pushed}"
    assert "nothing to do" in world.skerry(*deploy)
    world.docker("logout", HOST)
    world.docker("service", "scale", "private_app=0")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=private_app"), "no task is left")
    world.docker("image", "rm", "--force", f"{APP}@{pushed}")
    world.docker("service", "scale", "private_app=1")  # pulled with what the service keeps
    world.skerry("rm", "private")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=private_app"), "it is gone")


def test_without_the_password_the_task_is_rejected(registry: World) -> None:
    world = registry
    world.docker("service", "create", "--detach", "--name", "stranger", f"{HOST}/app:2", "sleep", "1")

    def said() -> str:
        return world.docker(
            "service", "ps", "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}", "stranger"
        )

    wait_until(lambda: "Rejected" in said(), "it is rejected")
    assert "No such image: 127.0.0.1:5000/app:2" in said()
    world.docker("service", "rm", "stranger")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=stranger"), "it is gone")
