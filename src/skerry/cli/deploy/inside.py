"""`skerry exec` and `skerry run`: a command in a container of a service, or in one of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Sequence

import click

from skerry.cli.client import DockerClient, environment, words_to
from skerry.cli.deploy.changing import sentences
from skerry.cli.deploy.places import service_at
from skerry.cli.home import connect
from skerry.model.objects import Raw
from skerry.model.settings import Settings

POLL_S = 0.2
ENDED = ("complete", "failed", "rejected", "shutdown", "orphaned", "remove")
UNABLE = 125
"""As of `docker run`: the container could not be started."""
FRAME = 8
"""Bytes before each piece of a log: its stream, and its length in the last four."""


def execute(settings: Settings, place: str, command: Sequence[str], *, tty: bool | None, user: str) -> None:
    """Become `docker exec` in a running container of a service. Raises ClickException where none runs."""
    docker = shutil.which("docker")
    if docker is None:
        raise click.ClickException("skerry exec needs the docker CLI, and there is none in the PATH")
    api = connect(settings, of_any=True)
    place, slot = _slot(place)
    with sentences():
        container = _container(api, service_at(api, place), slot)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() if tty is None else tty
    options = ["--interactive", *(["--tty"] if terminal else []), *(["--user", user] if user else [])]
    words = [docker, *_place_of(settings), "exec", *options, container, *command]
    os.execve(docker, words, environment())


def _place_of(settings: Settings) -> list[str]:
    """Where the docker CLI is to go."""
    return words_to(settings.context or f"unix://{settings.api_socket}")


def _slot(place: str) -> tuple[str, int]:
    """`shop/app.2` is the second replica; without a number, any."""
    name, dot, number = place.rpartition(".")
    return (name, int(number)) if dot and number.isdigit() else (place, 0)


def _container(api: DockerClient, service: Raw, slot: int) -> str:
    tasks = api.get("/tasks", service=[service["ID"]], **{"desired-state": ["running"]})
    running = [
        task
        for task in sorted(tasks, key=lambda task: int(task.get("Slot") or 0))
        if task["Status"]["State"] == "running" and slot in (0, task.get("Slot"))
    ]
    if not running:
        name = service["Spec"]["Name"]
        raise click.ClickException(
            f"no task of {name} runs{f' in slot {slot}' if slot else ''}: skerry ps says why"
        )
    return str(running[0]["Status"]["ContainerStatus"]["ContainerID"])


def run(settings: Settings, place: str, command: Sequence[str]) -> int:
    """Run a job with the spec of a service, show its log, take it away again; its exit code."""
    api = connect(settings, of_any=True)
    with sentences():
        service = service_at(api, place)
        made = str(api.post("/services/create", _job(service["Spec"], command))["ID"])
        try:
            task = _ended(api, made)
            _show_log(api, made)
        finally:
            api.delete(f"/services/{made}")
    status = task["Status"]
    code = int((status.get("ContainerStatus") or {}).get("ExitCode") or 0)
    if status["State"] != "complete" and not code:
        click.echo(f"Error: {status.get('Err') or status.get('Message')}", err=True)
        return UNABLE
    return code


def _job(spec: Raw, command: Sequence[str]) -> Raw:
    """One task, once, that is reached by nobody and waits for nobody."""
    template = spec["TaskTemplate"]
    container = {**template["ContainerSpec"], **({"Args": list(command)} if command else {})}
    container["Labels"] = dict(container.get("Labels") or {})
    return {
        "Name": f"{spec['Name']}-run-{secrets.token_hex(3)}",
        "Labels": {},
        "TaskTemplate": {**template, "ContainerSpec": container, "RestartPolicy": {"Condition": "none"}},
        "Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}},
    }


def _ended(api: DockerClient, service: str) -> Raw:
    """The task, once it is over."""
    while True:
        tasks: list[Raw] = api.get("/tasks", service=[service])
        if tasks and tasks[0]["Status"]["State"] in ENDED:
            return tasks[0]
        time.sleep(POLL_S)  # the API tells of tasks by no event


def _show_log(api: DockerClient, service: str) -> None:
    """Both streams of a log, each where it belongs."""
    with api.download(f"/services/{service}/logs?stdout=1&stderr=1") as pieces:
        rest = b"".join(pieces)
    while len(rest) >= FRAME:
        length = int.from_bytes(rest[4:FRAME])
        stream = sys.stderr if rest[0] == 2 else sys.stdout
        stream.buffer.write(rest[FRAME : FRAME + length])
        rest = rest[FRAME + length :]
    sys.stdout.flush()
    sys.stderr.flush()
