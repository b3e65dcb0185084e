"""What a file asks for and can't be: a sentence with file, line, thing and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.cli.compose.program import ComposeFailed
from skerry.cli.compose.project import ProjectRequest, read
from skerry.cli.compose.refusal import Refusals
from tests.compose.reading import COMPOSE, project, stack

UNKNOWN = "services:\n  web:\n    image: a\n    imagine: b\n"
UNSET = "services:\n  web:\n    image: ${NOWHERE?say which}\n"

OURS: list[tuple[str, int, str]] = [
    ("ports: ['127.0.0.1:80:80']", 4, "ports.host_ip: a port of a service is published on all"),
    ("ports: [{target: 80, host_ip: '::1', published: 80}]", 4, "ports.host_ip: a port"),
    ("ports: [{target: 80, published: '8000-8002'}]", 2, "ports: 8000-8002: a range has to"),
    ("ipc: 'service:other'", 4, "ipc: a task has namespaces of its own"),
    ("pid: 'container:other'", 4, "pid: a task has namespaces of its own"),
    ("network_mode: 'service:other'", 4, "network_mode: a task has namespaces of its own"),
    ("external_links: [other]", 4, "external_links: put both services on one external"),
    ("volumes_from: [other]", 4, "volumes_from: name the volumes below volumes"),
    ("use_api_socket: true", 4, "use_api_socket: bind /var/run/docker.sock"),
    ("pre_start: [{command: a, image: b}]", 4, "pre_start: write it as a service of its own"),
    ("cpu_count: 2", 4, "cpu_count: it means something on Windows only"),
    ("pull_policy: daily", 4, "pull_policy: an image is looked up when it is deployed"),
    ("networks: {default: {ipv4_address: 10.0.0.9}}", 4, "networks.default.ipv4_address: the"),
    (
        "volumes: [{type: bind, source: /a, target: /b, bind: {selinux: z}}]",
        4,
        "volumes.bind.selinux: label the path",
    ),
    ("restart: sometimes", 2, "restart: sometimes is none of"),
    ("deploy: {mode: often}", 2, "deploy.mode: often is none of"),
    ("security_opt: ['seccomp:none.json']", 4, "security_opt: "),
]


@pytest.mark.parametrize(("keys", "line", "said"), OURS, ids=[keys[:30] for keys, _, _ in OURS])
def test_a_key_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, line: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = f"services:\n  web:\n    image: box:1\n    {keys}\n  other: {{image: 'box:1'}}\n"
    with pytest.raises(Refusals) as refused:
        stack(Path(), text)
    (sentence,) = refused.value.sentences
    assert sentence.startswith(f"compose.yaml:{line}: service web: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "services: {web: {image: a, networks: [back]}}\nnetworks:\n  back:\n    driver: macvlan\n",
            "compose.yaml:4: network back: driver: a stack's own networks are overlay networks",
        ),
        (
            "services: {web: {image: a, networks: [back]}}\nnetworks:\n  back: {driver_opts: "
            "{com.docker.network.bridge.name: br9}}\n",
            "compose.yaml:3: network back: driver_opts.com.docker.network.bridge.name: an option",
        ),
        (
            "services:\n  web:\n    build: .\n",
            "compose.yaml:2: service web: image: it has none; to build it, deploy with --build",
        ),
        (
            "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: a, ports: ['80:81']}\n",
            "compose.yaml:3: service b: ports: 80/tcp is published by service a too",
        ),
        (
            "services: {web: {image: a, secrets: [s]}}\nsecrets:\n  s: {file: nothing.txt}\n",
            "compose.yaml:3: secret s: file: ",
        ),
        (
            "services: {web: {image: a}}\njobs: {j: {image: a, triggers: {manual: true}}}\n",
            "compose.yaml:2: jobs: write",
        ),
        (
            "services: {web: {image: a, models: [m]}}\nmodels: {m: {model: a}}\n",
            "compose.yaml:1: service web: models: there is no runner",
        ),
    ],
)
def test_a_file_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusals) as refused:
        stack(Path(), text)
    assert refused.value.sentences[0].startswith(said)


def test_all_that_is_refused_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refusals) as refused:
        stack(tmp_path, "services: {a: {image: a, cpu_count: 1}, b: {image: a, volumes_from: [a]}}")
    assert len(refused.value.sentences) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services:\n  web: [\n", "compose.yaml:"),
        (UNKNOWN, "compose.yaml:4: "),
        (UNKNOWN, "web.imagine is no key of the compose specification"),
        ("services:\n  web:\n    image: a\n    ports: 5\n", "services.web.ports must be a array"),
        (UNSET, "compose.yaml:3: "),
        (UNSET, "NOWHERE is missing a value: say which"),
        ("services:\n  web:\n    image: a\n    secrets: [s]\n", 'service "web" refers to undefined secret s'),
        (
            "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: a, depends_on: [a]}\n",
            "dependency cycle detected: a -> b -> a",
        ),
        ("services:\n  web: {image: a, env_file: none.env}\n", "none.env"),
        ("services: {web: {image: a, secrets: [s]}}\nsecrets: {s: {environment: NOWHERE}}\n", "NOWHERE"),
        ("include: [nothing.yaml]\n", "nothing.yaml"),
    ],
)
def test_what_compose_says_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(ComposeFailed) as failed:
        project(Path(), text)
    assert said in str(failed.value)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ComposeFailed, match=r"none\.yaml.*no such file"):
        read(COMPOSE, ProjectRequest(("none.yaml",)))
    with pytest.raises(ComposeFailed, match="no configuration file provided"):
        read(COMPOSE, ProjectRequest())


@pytest.mark.parametrize("way", ["environment", ".env", "default", "above"])
def test_the_files_are_those_that_compose_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    for name in ("compose.yaml", "one.yaml", "two.yaml"):
        (tmp_path / name).write_text("services: {web: {image: a}}\n")
    (tmp_path / "compose.override.yaml").write_text("services: {web: {image: b}}\n")
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below if way == "above" else tmp_path)
    monkeypatch.delenv("COMPOSE_FILE", raising=False)
    if way == "environment":
        monkeypatch.setenv("COMPOSE_FILE", "one.yaml:two.yaml")
    if way == ".env":
        (tmp_path / ".env").write_text("COMPOSE_FILE=one.yaml:two.yaml\n")
    names = [Path(file.name).name for file in read(COMPOSE, ProjectRequest()).files]
    usual = way in ("default", "above")
    assert names == (["compose.yaml", "compose.override.yaml"] if usual else ["one.yaml", "two.yaml"])
