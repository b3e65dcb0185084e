"""The same files under `docker compose up` and `skerry deploy`: what containers are made of, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.cli.compose import program
from skerry.cli.compose.keys import row_of
from skerry.cli.compose.project import Project, ProjectRequest, read
from skerry.model.objects import Raw

FILES = Path(__file__).parent / "files"
WORDS = {
    "profiles": ("--profile", "debug"),
    "merge": ("--file", "compose.yaml", "--file", "compose.more.yaml"),
}
"""What a file is deployed with, beside `--file compose.yaml`."""
SHORT = ("devices", "process")
"""Those of the short form."""

CONFIG = (
    "Cmd Domainname Entrypoint Image OpenStdin StopSignal Tty User WorkingDir",
    "Annotations BlkioWeight CapAdd CapDrop CgroupParent CgroupnsMode CpuPeriod CpuQuota CpuShares "
    "CpusetCpus DeviceCgroupRules DeviceRequests Devices ExtraHosts GroupAdd Init IpcMode LogConfig Memory "
    "MemoryReservation MemorySwap NanoCpus OomKillDisable OomScoreAdj PidMode PidsLimit Privileged "
    "ReadonlyRootfs Runtime SecurityOpt ShmSize StorageOpt Sysctls Tmpfs UTSMode Ulimits UsernsMode",
)
"""Fields of a container's Config and HostConfig that have to be the same."""
OWN_LABELS = ("com.docker.", "skerry.")


def words(name: str) -> list[str]:
    """The options of Compose and of `skerry deploy` for one of the files."""
    chosen = list(WORDS.get(name, ()))
    if "--file" not in chosen:
        chosen = ["--file", "compose.yaml", *chosen]
    return [str(FILES / name / word) if word.endswith(".yaml") else word for word in chosen]


def project(name: str) -> Project:
    """The file as Compose reads it."""
    options = words(name)
    pairs = list(zip(options[::2], options[1::2], strict=True))
    files = tuple(value for option, value in pairs if option == "--file")
    profiles = tuple(value for option, value in pairs if option == "--profile")
    return read(program.find({}), ProjectRequest(files=files, profiles=profiles, stack=name))


def keys(model: Raw) -> set[str]:
    """The rows of the table that a project makes use of."""
    return {row.path for path in _paths(model, ()) if (row := row_of(".".join(path))) is not None}


def _paths(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            named = len(path) == 1 or (len(path) == 3 and path[2] in ("networks", "depends_on", "ulimits"))
            yield (*path, "*" if named else name)
            yield from _paths(inner, (*path, "*" if named else name))


@dataclass(frozen=True)
class Difference:
    """A field of a service's container that is otherwise."""

    service: str
    field: str
    compose: Any
    skerry: Any

    def __str__(self) -> str:
        theirs, ours = json.dumps(self.compose), json.dumps(self.skerry)
        return f"{self.service} {self.field}: {theirs} under Compose, {ours} here"


def settings(inspection: Raw) -> dict[str, Any]:
    """What is compared of a container; what says nothing is as if it was not there."""
    config, host = inspection["Config"], inspection["HostConfig"]
    fields: dict[str, Any] = {name: config.get(name) for name in CONFIG[0].split()}
    fields |= {name: host.get(name) for name in CONFIG[1].split()}
    fields["Image"] = config["Image"].removesuffix(":latest")
    mode = host.get("NetworkMode")
    fields["Network"] = mode if mode in ("host", "none", "bridge") else "its own"
    fields["Env"] = sorted(config["Env"] or [])
    fields["Labels"] = {
        name: value for name, value in (config["Labels"] or {}).items() if not name.startswith(OWN_LABELS)
    }
    fields["Resolver"] = [host.get(name) for name in ("DnsSearch", "DnsOptions")]
    fields["Mounts"] = sorted(map(_mount, inspection["Mounts"]))
    for name in ("CapAdd", "CapDrop", "SecurityOpt", "ExtraHosts", "GroupAdd"):
        fields[name] = sorted(map(_spelt, fields[name] or []))
    for name in ("Ulimits", "Devices"):
        fields[name] = sorted(fields[name] or [], key=json.dumps)
    return {
        name: value
        for name, value in fields.items()
        if value not in (None, [], {}, "", False, 0, [None, None])
    }


def _spelt(text: str) -> str:
    """One spelling of what has several."""
    word, separator, profile = text.partition("=" if text.startswith("seccomp=") else "\0")
    if separator:
        return f"{word}={json.dumps(json.loads(profile))}"
    return (
        text.removeprefix("CAP_")
        .replace("no-new-privileges:true", "no-new-privileges=true")
        .replace(":::", "::")
    )


def _mount(mount: Raw) -> tuple[str, str, bool, str]:
    """Where, what, whether it can be written, and its name."""
    return mount["Destination"], mount["Type"], mount["RW"], mount.get("Name", "")


def differences(service: str, compose: Raw, skerry: Raw, files: set[str]) -> Iterator[Difference]:
    """Fields of two containers of a service that differ; `files` are where its configs and secrets lie."""
    left, right = settings(compose), settings(skerry)
    for fields in (left, right):
        fields["Mounts"] = [mount for mount in fields.get("Mounts", []) if mount[0] not in files]
    for name in sorted({*left, *right}):
        if left.get(name) != right.get(name):
            yield Difference(service, name, left.get(name), right.get(name))
