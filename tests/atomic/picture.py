"""All that makes the stack what it is: what is stored, what runs, and what is seen inside of what runs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from demo.shell import StepFailed
from harness.world import World
from skerry.core.spec_diff import fields
from skerry.model.objects import Raw
from tests.atomic.compose_file import STACK

SERVICE, TASK = "com.docker.swarm.service.name", "com.docker.swarm.task"
WRITTEN = frozenset({"Version", "UpdatedAt", "UpdateStatus"})
"""Fields that change by something's being written, whatever is written."""
FILES = ("number", "site", "run/secrets/key")
OWN = ("HOSTNAME=",)
"""Variables that are of one container alone."""


def stored(world: World, *, written: bool) -> Raw:
    """Services, networks, configs and secrets as the API tells them, each by its name, and the engine's
    volumes; unless it is asked for, without what they have of having been written."""
    seen: Raw = {"volumes": world.docker("volume", "ls", "--quiet").split()}
    for kind in ("services", "networks", "configs", "secrets"):
        rows = world.api().get(f"/{kind}", label=[f"com.docker.stack.namespace={STACK}"])
        left_out = frozenset() if written else WRITTEN
        seen[kind] = {
            row.get("Name") or row["Spec"]["Name"]: {
                key: value for key, value in row.items() if key not in left_out
            }
            for row in rows
        }
    return seen


def running(world: World) -> dict[str, Raw]:
    """Each container of the stack that runs, by its ID: its task's spec, its settings, and what is in it."""
    seen = {}
    for row in world.api().get("/containers/json", label=[f"com.docker.stack.namespace={STACK}"]):
        with suppress(StepFailed, OSError):  # it goes while it is looked at
            seen[row["Id"]] = _looked_at(world, row["Id"])
    return seen


def _looked_at(world: World, container: str) -> Raw:
    shown = world.api().get(f"/containers/{container}/json")
    config = shown["Config"]
    task = world.api().get(f"/tasks/{config['Labels'][f'{TASK}.id']}")
    return {
        "service": config["Labels"][SERVICE],
        "slot": task["Slot"],
        "state": [task["DesiredState"], task["Status"]["State"]],
        "spec": task["Spec"],
        "image": shown["Image"],
        "command": config["Cmd"],
        "health check": config.get("Healthcheck"),
        "labels": {name: text for name, text in config["Labels"].items() if TASK not in name},
        "networks": sorted(shown["NetworkSettings"]["Networks"]),
        "inside": _inside(Path("/proc", str(shown["State"]["Pid"]))),
    }


def _inside(process: Path) -> Raw:
    """The files of its image, its config and its secret, as its first process has them, and what that was
    started with."""
    files = {name: (process / "root" / name).read_text() for name in FILES}
    words = [(process / name).read_text().split("\0") for name in ("cmdline", "environ")]
    return files | {"process": [sorted(word for word in line if not word.startswith(OWN)) for line in words]}


def without_ids(containers: dict[str, Raw]) -> dict[str, list[Any]]:
    """What runs, by service: containers that are alike count as the same."""
    alike: dict[str, list[Any]] = {}
    for row in containers.values():
        alike.setdefault(row["service"], []).append(row)
    return {name: sorted(rows, key=lambda row: int(row["slot"])) for name, rows in sorted(alike.items())}


def differences(wanted: Raw, seen: Raw) -> list[str]:
    """Where two pictures are different, in lines."""
    return [
        f"{path}: {json.dumps(before)[:300]} became {json.dumps(now)[:300]}"
        for path, before, now in fields({"TaskTemplate": {}, **wanted}, {"TaskTemplate": {}, **seen})
    ]
