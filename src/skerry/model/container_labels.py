"""The labels that a container of a task bears, as in a swarm of Docker's, and one that others bear."""

from __future__ import annotations

TASK = "com.docker.swarm.task"
TASK_ID = f"{TASK}.id"
TASK_NAME = f"{TASK}.name"
NODE_ID = "com.docker.swarm.node.id"
SERVICE_ID = "com.docker.swarm.service.id"
SERVICE_NAME = "com.docker.swarm.service.name"
KEEPS = "skerry.keeps"
"""On a container that never runs and keeps an image from being pruned: the instance whose it is."""
