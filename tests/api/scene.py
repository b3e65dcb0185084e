"""A swarm with containers of its tasks, as the engine shows them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from skerry.api.disguise import Disguise
from skerry.model.objects import Raw, Task, TaskStatus
from skerry.model.states import TaskState
from tests.api.door import FILE_DIRS, RUN_DIR, KnownHealth
from tests.control.swarm_of_one import World, published

HOST = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}


class Scene:
    """A task with a host-mode port on an overlay network, and its container in the engine."""

    def __init__(self, **container: Any) -> None:
        self.world = World()
        key = self.world.network("net", Attachable=True)
        self.network = self.world.view.networks[key]
        service = self.world.service(
            EndpointSpec=published(HOST), task={"Networks": [{"Target": "net"}]}, container=container
        )
        self.task = self._task(self.world.task(service))
        self.health = KnownHealth()

    def _task(self, task: Task) -> Task:
        status = TaskStatus(TaskState.RUNNING, 0, "started", container_id="c1")
        return self.world.run(self.world.store.update(lambda tx: tx.put(replace(task, status=status))))

    @property
    def looks(self) -> Disguise:
        """The disguise at this moment."""
        return Disguise(self.world.view, self.health, FILE_DIRS)

    def row(self, **more: Any) -> Raw:
        """The container as the engine lists it."""
        return {
            "Id": "c1",
            "Image": "sha256:abc",
            "State": "running",
            "Status": "Up 3 seconds",
            "Labels": {"com.docker.swarm.task.id": self.task.id},
            "Ports": [{"PrivatePort": 80, "Type": "tcp"}, {"PrivatePort": 9, "Type": "udp"}],
            "HostConfig": {"NetworkMode": self.network.engine_name},
            "NetworkSettings": {"Networks": {self.network.engine_name: {"NetworkID": "f" * 64}}},
            "Mounts": [{"Source": f"{RUN_DIR}/tasks/{self.task.id}/s"}, {"Source": "/data"}],
            **more,
        }

    def inspected(self) -> Raw:
        """The container as the engine inspects it."""
        files = f"{RUN_DIR}/tasks/{self.task.id}/s"
        return {
            "Id": "c1",
            "State": {"Running": True},
            "Config": {
                "Labels": {"com.docker.swarm.task.id": self.task.id},
                "Healthcheck": {"Test": ["NONE"]},
                "Image": "sha256:abc",
                "ExposedPorts": {"9/udp": {}},
            },
            "HostConfig": {
                "NetworkMode": self.network.engine_name,
                "Binds": [f"{files}:/run/secrets/s:ro"],
                "Mounts": [{"Source": files, "Target": "/run/secrets/s"}],
                "PortBindings": {},
                "Dns": [self.network.leg],
            },
            "NetworkSettings": {
                "Ports": {"9/udp": None},
                "Networks": {self.network.engine_name: {"NetworkID": "f" * 64, "IPAddress": "10.0.1.2"}},
            },
            "Mounts": [{"Source": files}],
        }
