"""The labels that a container of a task bears, as in a swarm of Docker's."""

from __future__ import annotations

TASK = "com.docker.swarm.task"
TASK_ID = f"{TASK}.id"
TASK_NAME = f"{TASK}.name"
NODE_ID = "com.docker.swarm.node.id"
SERVICE_ID = "com.docker.swarm.service.id"
SERVICE_NAME = "com.docker.swarm.service.name"
