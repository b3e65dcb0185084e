"""`skerry export` on a real skerry: what it prints gives the same services when it is deployed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.world import World, wait_until
from skerry.cli.outgrow import normal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

RICH = """
version: "3.9"
services:
  all:
    image: box:1
    entrypoint: ["sh", "-c"]
    command: ["sleep 100000"]
    hostname: "h{{.Task.Slot}}"
    environment: {PRICE: "5$$", EMPTY: "", A: "b c"}
    labels: {own: "$$1"}
    working_dir: /tmp
    user: "0:0"
    stop_signal: SIGKILL
    stop_grace_period: 3s
    tty: true
    stdin_open: true
    read_only: true
    init: true
    sysctls: {net.core.somaxconn: "1024"}
    cap_add: [CAP_NET_ADMIN]
    cap_drop: [CAP_CHOWN]
    ulimits: {nofile: {soft: 1000, hard: 2000}}
    extra_hosts: ["db:1.2.3.4"]
    dns: [127.0.0.1]
    dns_search: [lan]
    healthcheck: {test: ["CMD", "true"], interval: 2s, timeout: 1500ms, retries: 4, start_period: 1m}
    logging: {driver: json-file, options: {max-size: 1m}}
    networks: {front: {aliases: [www]}, default: {}, outer: {}}
    ports:
      - {target: 80, published: 8081, protocol: tcp, mode: host}
      - {target: 53, published: 8053, protocol: udp, mode: ingress}
    volumes:
      - {type: volume, source: data, target: /data, volume: {nocopy: true}}
      - {type: volume, source: data, target: /again}
      - {type: volume, source: theirs, target: /theirs}
      - {type: bind, source: /etc/hostname, target: /h, read_only: true, bind: {propagation: rslave}}
      - {type: tmpfs, target: /scratch, tmpfs: {size: 65536}}
    configs:
      - {source: conf, target: /conf, uid: "1", gid: "2", mode: 0440}
      - {source: shared}
    secrets:
      - {source: word}
    deploy:
      mode: replicated
      replicas: 1
      labels: {skerry.update.deadline: 5m, money: "$$$$"}
      update_config: {parallelism: 0, delay: 1s, failure_action: rollback, monitor: 3s}
      rollback_config: {parallelism: 1, order: start-first, max_failure_ratio: 0.5}
      restart_policy: {condition: on-failure, delay: 1s, max_attempts: 9, window: 1m}
      resources:
        limits: {cpus: "0.5", memory: 64M, pids: 50}
        reservations: {cpus: "0.1", memory: 16M}
      placement:
        constraints: [node.role == manager]
        preferences: [{spread: node.labels.zone}]
        max_replicas_per_node: 2
  each:
    image: box:1
    stop_signal: SIGKILL
    deploy: {mode: global, endpoint_mode: dnsrr}
  off:
    image: box:1
    healthcheck: {disable: true}
    deploy: {replicas: 0}
networks:
  front: {attachable: true, internal: true, labels: {a: b}, ipam: {config: [{subnet: 172.30.5.0/24}]}}
  outer: {external: true, name: outer}
volumes:
  data: {labels: {a: b}}
  theirs: {external: true}
configs:
  conf: {file: ./conf.txt, labels: {a: b}}
  shared: {external: true, name: shared-conf}
secrets:
  word: {external: true, name: word}
"""


def specs(world: World) -> dict[str, Any]:
    """Every service's spec in its normal form, with names for networks."""
    networks = {one["Id"]: one["Name"] for one in world.api().get("/networks")}
    found = {}
    for service in world.api().get("/services"):
        text = json.dumps(service["Spec"])
        for key, name in networks.items():
            text = text.replace(key, name)
        found[service["Spec"]["Name"]] = normal.service(json.loads(text))
    return found


def gone(world: World) -> None:
    """Remove the stack, to the last container."""
    world.docker("stack", "rm", "rich")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=rich_"), "the stack is gone")


@pytest.fixture(scope="module")
def deployed(world: World) -> World:
    """The stack, deployed."""
    place = world.root / "rich"
    place.mkdir()
    (place / "docker-compose.yml").write_text(RICH)
    (place / "conf.txt").write_text("content $x\n")
    (place / "word").write_text("secret")
    world.docker("network", "create", "--driver", "overlay", "outer")
    world.docker("config", "create", "shared-conf", str(place / "conf.txt"))
    world.docker("secret", "create", "word", str(place / "word"))
    world.docker("stack", "deploy", "--compose-file", str(place / "docker-compose.yml"), "rich")
    return world


def test_a_folder_gives_the_same_services_when_it_is_deployed(deployed: World) -> None:
    before = specs(deployed)
    assert len(before) == 3
    config = deployed.inspect("config", "rich_conf")["Spec"]
    network = deployed.inspect("network", "rich_front")
    said = deployed.skerry("export", "rich", "--output", str(deployed.root / "out"))
    assert "lost:" not in said
    assert "needs configs: shared-conf" in said
    assert "needs secrets: word" in said
    gone(deployed)
    file = deployed.root / "out" / "docker-compose.yml"
    deployed.docker("stack", "deploy", "--compose-file", str(file), "rich")
    assert specs(deployed) == before
    assert deployed.inspect("config", "rich_conf")["Spec"] == config
    again = deployed.inspect("network", "rich_front")
    for word in ("Attachable", "Internal", "Labels", "IPAM"):
        assert again[word] == network[word]


def raw(world: World) -> list[Any]:
    """Every service's spec as it is stored: where it is the same, nothing is replaced."""
    return sorted((one["Spec"] for one in world.api().get("/services")), key=lambda spec: str(spec["Name"]))


def test_the_printed_file_changes_nothing_where_it_came_from(deployed: World) -> None:
    before, meant = raw(deployed), specs(deployed)
    printed = deployed.skerry("export", "rich")
    file = Path(deployed.root / "printed.yml")
    file.write_text(printed[printed.index("#") :].partition("\nneeds ")[0] + "\n")
    assert yaml.safe_load(file.read_text())["configs"]["conf"] == {"name": "rich_conf", "external": True}
    deployed.docker("stack", "deploy", "--compose-file", str(file), "rich")
    assert raw(deployed) == before
    older = shutil.which("docker", path="/usr/bin") or "docker"  # Debian's own: it reads the file as well
    deployed.run(older, "stack", "deploy", "--compose-file", str(file), "rich")
    assert specs(deployed) == meant


def test_export_of_what_is_not_there(deployed: World) -> None:
    said = deployed.skerry("export", "nothing", check=False)
    assert said == "Error: no service of skerry belongs to a stack nothing; stacks there: rich\n"


def test_only_root_is_told_a_secret(deployed: World) -> None:
    where = ["curl", "-s", "--unix-socket", str(deployed.socket), "-X", "POST"]
    path = "http://d/skerry/secrets/word/reveal"
    assert json.loads(deployed.run(*where, path)) == {"Data": "c2VjcmV0"}
    assert "secret revealed" in deployed.logs()
    deployed.socket.chmod(0o666)
    others = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *where, path]
    assert json.loads(deployed.run(*others)) == {"message": "the content of a secret is told to root alone"}
    missing = json.loads(deployed.run(*where, "http://d/skerry/secrets/none/reveal"))
    assert missing == {"message": "secret none not found"}
