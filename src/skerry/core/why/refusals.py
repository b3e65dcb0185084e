"""What engines and registries say when a task can't be made or started, explained.

Each row: what the words look like, the kind, the sentence, what to do. `{1}` is what the expression's first
group matched, `{image}` the image, `{host}` its registry, `{service}` the service. The first row that
fits counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from skerry.core.why.cause import Cause
from skerry.core.why.words import quoted, without_prefixes
from skerry.model.facts import Facts
from skerry.model.objects import Task

DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class Row:
    """One kind of refusal."""

    pattern: str
    kind: str
    sentence: str
    advice: tuple[str, ...] = ()


FULL = Row(
    r"no space left on device|disk quota exceeded",
    "disk-full",
    "the disk is full: no space is left on the device",
    ("free some space: docker system df, docker image prune", "df -h shows which file system it is"),
)

PULLS = (
    FULL,
    Row(
        r"no matching manifest|does not match the specified platform|no match for platform",
        "platform",
        "the image {image} is not made for this machine's platform",
        ("build or pull it for this platform: docker buildx build --platform …",),
    ),
    Row(
        r"HTTP 404|manifest unknown|manifest for .* not found|name unknown|repository name not known|"
        r": not found",
        "image-missing",
        "the registry {host} has no image {image}",
        ("look at the name and the tag: docker service update --image NAME:TAG {service}",),
    ),
    Row(
        r"repository does not exist or may require",
        "image-missing",
        "the registry {host} has no image {image}, or none for these credentials",
        (
            "look at its name, or log in and send the credentials along: docker service update "
            "--with-registry-auth "
            "{service}",
        ),
    ),
    Row(
        r"unauthorized|authentication required|no basic auth credentials|incorrect username or password|"
        r"denied|"
        r"401|403",
        "credentials",
        "the registry {host} refuses the credentials for the image {image}",
        ("docker login {host}", "docker service update --with-registry-auth --image {image} {service}"),
    ),
    Row(
        r"x509|certificate|server gave HTTP response to HTTPS client",
        "registry-down",
        "the registry {host} can't be reached safely: its certificate is not trusted, or it speaks plain "
        "HTTP",
        (
            "install its CA below /etc/docker/certs.d/{host}, or name it in insecure-registries of "
            "daemon.json",
        ),
    ),
    Row(
        r"connection refused|no such host|i/o timeout|dial tcp|deadline exceeded|server misbehaving|"
        r"unreachable|"
        r"TLS handshake|connection reset|EOF|Client\.Timeout|lookup ",
        "registry-down",
        "the registry {host} can't be reached",
        ("see whether it answers: curl -i https://{host}/v2/",),
    ),
)

STARTS = (
    Row(
        r"exec format error",
        "platform",
        "its program is made for another platform than this machine's",
        ("build the image for this platform; a script needs a first line such as #!/bin/sh",),
    ),
    Row(
        r'exec: "([^"]+)": permission denied|exec (\S+): permission denied|exec: "([^"]+)": .*is a directory',
        "not-executable",
        "its command {1} is not executable",
        ("chmod +x it in the image, or run it by its interpreter: sh {1}",),
    ),
    Row(
        r'exec: "([^"]+)": (?:executable file not found|stat )|exec: "([^"]+)": .*no such file',
        "command-missing",
        "its command {1} is not in the image {image}",
        (
            "look at the command: docker run --rm --entrypoint sh {image} -c 'ls -l {1}'",
            "another command: docker service update --args … {service}, or --entrypoint",
        ),
    ),
    Row(
        r"bind source path does not exist: (\S+)",
        "bind-missing",
        "it mounts {1}, which is not there on this machine",
        ("mkdir -p {1}, or mount something else: docker service update --mount-rm/--mount-add … {service}",),
    ),
    Row(
        r"unable to get (?:secret|config) from (secret|config) store: \w+ (\S+) not found",
        "data-missing",
        "the {1} that it uses is not there any more",
        ("create it again and name it: docker service update --{1}-rm … --{1}-add … {service}",),
    ),
    Row(
        r"No such image: (\S+) as it was",
        "image-missing",
        "its image {1} is gone from this machine as it was",
        ("docker service update --image {image} {service} takes the image as it is now",),
    ),
    Row(
        r"No such image: (\S+)",
        "image-missing",
        "the image {image} is not on this machine, and could not be pulled",
        ("docker pull {image} says why",),
    ),
    Row(
        r"network (\S+) not found|could not find (?:a )?network|failed to find network",
        "network-missing",
        "a network that it is to join is gone: {1}",
        ("create it again, or leave it: docker service update --network-rm {1} {service}",),
    ),
    FULL,
    Row(
        r"(?:unable to find user|no matching entries in passwd file|user:? unknown user) ?([\w.-]*)",
        "user-missing",
        "its user {1} is not known in the image",
        ("docker service update --user … {service}",),
    ),
    Row(
        r'chdir to cwd \("([^"]+)"\)',
        "directory-missing",
        "its working directory {1} can't be entered",
        ("docker service update --workdir … {service}",),
    ),
    Row(
        r"read-only file system",
        "read-only",
        "something has to be made where its file system is read-only",
        ("mount a volume or a tmpfs there: docker service update --mount-add type=tmpfs,target=… {service}",),
    ),
    Row(
        r"port is already allocated|address already in use",
        "port-held",
        "a port that it needs on this machine is held by another program",
        ("ss -ltnp shows who has it",),
    ),
    Row(
        r"error looking up volume plugin (\w+)|plugin (\S+) not found|create \S+: .*driver",
        "plugin-missing",
        "it needs a driver that this engine does not have: {1}",
        ("docker plugin install …",),
    ),
    Row(
        r"Minimum memory limit|cpus.*(?:range|available)|OCI runtime.*memory",
        "limit",
        "its limits are not ones that this machine can set",
        ("docker service update --limit-memory/--limit-cpu … {service}",),
    ),
    Row(
        r"the stored spec can't be read",
        "spec",
        "its stored spec can't be read",
        ("docker service update {service} writes it anew",),
    ),
)


def of_refusal(task: Task, facts: Facts) -> Cause:
    """Why a task could not be made, or its container not started."""
    words = without_prefixes(task.status.err)
    if facts.pull and "No such image" in words:
        return _explained(PULLS, facts.pull, task, "image", "the image {image} could not be pulled")
    return _explained(STARTS, words, task, "engine", "the engine refuses to run it")


def _explained(rows: tuple[Row, ...], words: str, task: Task, kind: str, otherwise: str) -> Cause:
    for row in rows:
        if match := re.search(row.pattern, words, re.IGNORECASE):
            what = next((group for group in match.groups() if group), "")
            return Cause(
                row.kind,
                _filled(row.sentence, what, task),
                (f"the engine says {quoted(words, 300)}",),
                tuple(_filled(text, what, task) for text in row.advice),
            )
    logs = f"skerry logs {task.service_name}"
    return Cause(kind, f"{_filled(otherwise, '', task)}: {quoted(words)}", advice=(logs,))


def _filled(text: str, what: str, task: Task) -> str:
    image = task.spec.typed.container_spec.image.partition("@")[0]
    values = {"{1}": what, "{image}": image, "{host}": registry_of(image), "{service}": task.service_name}
    for name, value in values.items():
        text = text.replace(name, value)
    return text.removesuffix(": ")


def registry_of(image: str) -> str:
    """The host of an image's registry."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB
