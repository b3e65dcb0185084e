"""Who may deploy one stack does all of it by the docker CLI over the network, and sees nothing else."""

from __future__ import annotations

import json

import pytest

from harness.world import World, wait_until
from skerry.model.labels import STACK
from skerry.model.objects import Raw
from tests.access import attempts
from tests.access.remote import Remote, audited

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SHOP = """
version: "3.8"
services:
  web:
    image: box:1
    command: ["sh", "-c", "echo hello from {text}; exec sleep 1000000"]
    environment: [PASSWORD={text}]
    networks: [default, public_net]
    secrets: [word]
    configs: [conf]
    volumes: ["data:/data"]
    stop_grace_period: 1s
    deploy:
      update_config: {{monitor: 100ms}}
      labels: {{skerry.ready.ports: none}}
networks:
  default: {{}}
  public_net: {{external: true, name: public_net}}
volumes:
  data: {{}}
secrets:
  word: {{file: ./word}}
configs:
  conf: {{file: ./word}}
"""


def deploy(ci: Remote, text: str) -> str:
    """Bring the stack up, or to another text."""
    file = ci.world.root / "shop.yml"
    file.write_text(SHOP.format(text=text))
    return ci.docker("stack", "deploy", "--compose-file", str(file), "shop")


def running(ci: Remote, text: str) -> bool:
    """Whether the stack's one task says that."""
    return f"hello from {text}" in ci.docker("service", "logs", "shop_web")


def test_a_stack_lives_and_goes(ci: Remote) -> None:
    world = ci.world
    world.docker("network", "create", "--driver", "overlay", "public_net")
    deploy(ci, "one")
    wait_until(lambda: running(ci, "one"), "the first version runs", 60)
    assert "shop_web" in ci.docker("stack", "services", "shop")
    assert "Running" in ci.docker("stack", "ps", "shop")
    assert ci.docker("service", "ls", "--format", "{{.Name}}") == "shop_web"
    assert ci.docker("secret", "ls", "--format", "{{.Name}}") == "shop_word"
    networks = ci.docker("network", "ls", "--format", "{{.Name}}").split()
    assert sorted(networks) == ["public_net", "shop_default"]
    deploy(ci, "two")
    wait_until(lambda: running(ci, "two"), "the second version runs", 60)
    ci.docker("service", "rollback", "--detach", "shop_web")
    ci.docker("service", "scale", "--detach", "shop_web=2")
    wait_until(lambda: ci.docker("service", "ls", "--format", "{{.Replicas}}") == "2/2", "two tasks run", 60)
    ci.docker("service", "update", "--detach", "--force", "shop_web")
    past = ci.docker("events", "--since", "10m", "--until", "0s", "--format", "{{json .}}")
    names = {json.loads(line)["Actor"]["Attributes"].get("name", "") for line in past.splitlines()}
    assert "shop_web" in names
    assert not [name for name in names if not name.startswith("shop_")]
    ci.docker("stack", "rm", "shop")
    assert ci.docker("service", "ls", "--quiet") == ""
    assert "other_web" in world.docker("service", "ls")
    changes = {(entry["method"], entry["path"]): entry for entry in audited(world) if entry["who"] == "ci"}
    created = changes["POST", "/services/create"]
    assert (created["status"], created["details"], created["role"]) == (
        201,
        {"name": "shop_web"},
        "deploy:shop",
    )
    assert created["from"].startswith("127.0.0.1:")
    assert not [entry for entry in changes.values() if "refused" in entry]


def release(text: str) -> Raw:
    """The stack as one call deploys it."""
    labels = {STACK: "shop", "skerry.ready.ports": "none"}
    said = f"echo hello from {text}; exec sleep 1000000"
    container = {"Image": "box:1", "Command": ["sh", "-c", said], "StopGracePeriod": 1_000_000_000}
    template = {"ContainerSpec": container, "Networks": [{"Target": "shop_default"}]}
    network = {"Name": "shop_default", "Driver": "overlay", "Labels": {STACK: "shop"}}
    service = {"Name": "shop_web", "Labels": labels, "TaskTemplate": template}
    return {"Services": [service], "Networks": [network]}


def test_a_stack_is_deployed_as_a_whole(ci: Remote) -> None:
    for number, text in ((1, "one"), (2, "two")):
        status, answer = ci.ask("POST", attempts.SHOP, release(text))
        assert status == 200, answer
        assert answer["Release"] == number
        status, lines = ci.ask("GET", f"{attempts.SHOP}/progress")
        assert json.loads(lines.splitlines()[-1])["State"] == "converged", lines
    assert ci.ask("POST", f"{attempts.SHOP}/rollback?to=1")[1]["Release"] == 3
    ci.ask("GET", f"{attempts.SHOP}/progress")
    wait_until(
        lambda: "hello from one" in ci.ask("GET", "/skerry/logs?of=shop&tail=1")[1]["line"], "it is back"
    )
    assert ci.ask("GET", "/skerry/why/shop")[1]["state"] == "1 of 1 services are as they should be"
    events = [json.loads(line) for line in ci.ask("GET", "/skerry/events")[1].splitlines()]
    subjects = {event["stack"] or event["subject"] for event in events}
    assert not [subject for subject in subjects if not f"{subject}_".startswith("shop_")]
    assert "shop" in {event["stack"] for event in events}
    assert ci.ask("DELETE", attempts.SHOP)[0] == 204
    assert ci.ask("GET", attempts.SHOP)[0] == 404
    assert "other_web" in ci.world.docker("service", "ls")


def test_a_context_of_the_docker_cli_has_it_too(ci: Remote) -> None:
    files = ("ca=ca.pem", "cert=cert.pem", "key=key.pem")
    paths = ",".join(f"{key}={ci.folder / file}" for key, _, file in (one.partition("=") for one in files))
    ci.world.run("docker", "context", "create", "ci", "--docker", f"host=tcp://127.0.0.1:2376,{paths}")
    line = ("env", "--unset=DOCKER_HOST", "docker", "--context", "ci", "service", "ls", "--quiet")
    assert ci.world.run(*line) == ""


def test_an_administrator_does_all_of_it(served: World) -> None:
    chief = Remote.added(served, "chief", "admin")
    assert "other_web" in chief.docker("service", "ls")
    assert chief.docker("run", "--rm", "box:1", "echo", "hello") == "hello"
    container = chief.docker("run", "--detach", "box:1")
    assert chief.docker("exec", container, "echo", "inside") == "inside"
    line = f"echo piped | docker --host tcp://127.0.0.1:2376 exec -i {container} cat"
    environment = (f"DOCKER_CERT_PATH={chief.folder}", "DOCKER_TLS_VERIFY=1")
    assert served.run("env", *environment, "sh", "-c", line).strip() == "piped"
    chief.docker("rm", "--force", container)
    entries = [entry for entry in audited(served) if entry["who"] == "chief"]
    assert {entry["path"] for entry in entries} >= {"/containers/create", f"/containers/{container}"}
    assert chief.ask("POST", "/skerry/secrets/other_word/reveal") == (
        403,
        {"message": "the content of a secret is told to root alone"},
    )
