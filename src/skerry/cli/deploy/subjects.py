"""What a name means: a stack that has releases, or a service."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from skerry.cli.client import DockerClient
from skerry.cli.deploy.places import service_at
from skerry.model.objects import Raw


@dataclass(frozen=True)
class Subject:
    """A stack or a service; `path` is where the API has it."""

    name: str
    path: str
    is_stack: bool


def subject(api: DockerClient, name: str, *, released: bool = True) -> Subject:
    """What `STACK`, `STACK/SERVICE` or `SERVICE` means. A stack that was deployed service by service has no
    releases: where it is to be `released`, a name that only it has means its one service. Raises
    ClickException."""
    stack: Raw | None = None if "/" in name else api.find(f"/skerry/stacks/{quote(name)}")
    if stack is not None and (stack["Release"] or not released):
        return Subject(name, f"/skerry/stacks/{quote(name)}", True)
    service = service_at(api, name)
    return Subject(service["Spec"]["Name"], f"/skerry/services/{service['ID']}", False)
