"""aiodocker: a service from its making to its end."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiodocker

TASK: dict[str, Any] = {
    "ContainerSpec": {"Image": "box:1", "Command": ["sh", "-c", "echo hello; sleep 100000"]},
    "RestartPolicy": {"Condition": "on-failure"},
}


async def main() -> None:
    docker = aiodocker.Docker()
    try:
        assert (await docker.swarm.inspect())["Spec"]["Name"] == "default"
        assert [node["Status"]["State"] for node in await docker.nodes.list()] == ["ready"]
        secret = await docker.secrets.create("aio", base64.b64encode(b"s").decode())
        config = await docker.configs.create("aio", base64.b64encode(b"c").decode())
        network = await docker.networks.create({"Name": "aio", "Driver": "overlay", "Attachable": True})
        made = await docker.services.create(
            task_template=TASK, name="aio", mode={"Replicated": {"Replicas": 2}}
        )
        async with asyncio.timeout(40):
            while len(await running(docker)) < 2:
                await asyncio.sleep(0.1)
        found = await docker.services.inspect("aio")
        assert found["ID"] == made["ID"]
        assert [one["ID"] for one in await docker.services.list(filters={"name": "aio"})] == [made["ID"]]
        lines = await docker.services.logs("aio", stdout=True)
        assert [line.strip()[-5:] for line in lines] == ["hello", "hello"], lines
        version = found["Version"]["Index"]
        assert await docker.services.update(made["ID"], version=version, image="box:1")
        assert await docker.services.delete("aio")
        assert await docker.secrets.delete(secret["ID"])
        assert await docker.configs.delete(config["ID"])
        assert await network.delete()
        print("aiodocker: ok")
    finally:
        await docker.close()


async def running(docker: aiodocker.Docker) -> list[Any]:
    found = await docker.tasks.list(filters={"service": "aio", "desired-state": "running"})
    return [task for task in found if task["Status"]["State"] == "running"]


asyncio.run(main())
