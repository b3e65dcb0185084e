"""Docker's SDK for Python: a service from its making to its end, as its users write it."""

from __future__ import annotations

import contextlib
from typing import Any

import docker
from docker.types import EndpointSpec, ServiceMode, UpdateConfig

from harness.world import World, wait_until

SECOND = 1_000_000_000


def sdk(world: World) -> None:
    """A service with a secret, a config and a network; each step is checked. Raises AssertionError."""
    client: Any = docker.DockerClient(base_url=f"unix://{world.socket}")
    with contextlib.closing(client):
        network = client.networks.create("sdk", driver="overlay", attachable=True)
        secret = client.secrets.create(name="sdk", data=b"secret")
        service = client.services.create(
            "box:1",
            command=["sh", "-c", "echo hello; sleep 100000"],
            name="sdk",
            labels={"of": "sdk"},
            networks=["sdk"],
            mode=ServiceMode("replicated", 2),
            endpoint_spec=EndpointSpec(mode="vip"),
            update_config=UpdateConfig(parallelism=0, monitor=SECOND),
            stop_grace_period=SECOND,
        )

        def running(count: int) -> bool:
            tasks = service.tasks(filters={"desired-state": "running"})
            return [task["Status"]["State"] for task in tasks] == ["running"] * count

        wait_until(lambda: running(2), "two tasks run")
        assert client.services.list(filters={"label": "of=sdk"}) == [service]
        assert b"".join(service.logs(stdout=True)) == b"hello\nhello\n"
        service.reload()
        assert service.scale(1)
        wait_until(lambda: running(1), "one task runs")
        service.reload()
        assert service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "box:1"
        service.remove()
        secret.remove()
        network.remove()
