"""Compose files that a test writes, read by Compose and translated."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

from skerry.cli.compose import program
from skerry.cli.compose.project import Project, ProjectRequest, read
from skerry.cli.compose.stack_request import StackRequest, translate
from skerry.model.objects import Raw

COMPOSE = program.find({})


def project(folder: Path, text: str) -> Project:
    """What Compose makes of a file in a folder."""
    file = folder / "compose.yaml"
    file.write_text(dedent(text))
    return read(COMPOSE, ProjectRequest(files=(str(file),), stack="shop"))


def stack(folder: Path, text: str, *, build: bool = False) -> StackRequest:
    """The stack of a file."""
    return translate(project(folder, text), build=build)


def service(folder: Path, keys: str, rest: str = "") -> Raw:
    """The spec of the service `web` with an image and these keys; `rest` stands below it in the file."""
    text = "services:\n  web:\n    image: box:1\n" + indent(dedent(keys), "    ") + "\n" + dedent(rest)
    return named(stack(folder, text), "shop_web")


def named(request: StackRequest, name: str) -> Raw:
    """One of the services of a stack."""
    return next(spec for spec in request.body["Services"] if spec["Name"] == name)


def at(spec: Raw, path: str) -> object:
    """What stands at a path such as `TaskTemplate.ContainerSpec.Image`; None where nothing does."""
    value: object = spec
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
