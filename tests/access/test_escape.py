"""Attempts to leave the scope of one stack: each is refused with 403, has its line, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.world import World, wait_until
from skerry.model.labels import STACK
from tests.access.remote import Remote, audited

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

OWN = {STACK: "shop"}
Raw = dict[str, Any]


def spec(
    name: str = "shop_evil", labels: Raw | None = None, task: Raw | None = None, **container: Any
) -> Raw:
    """A service that would be the stack's, but for what is said."""
    template = {"ContainerSpec": {"Image": "box:1", **container}, **(task or {})}
    mode = {"Replicated": {"Replicas": 0}}
    return {"Name": name, "Labels": OWN if labels is None else labels, "TaskTemplate": template, "Mode": mode}


def mounted(**mount: Any) -> Raw:
    """A service with one mount."""
    return spec(Mounts=[{"Target": "/m", **mount}])


def joined(*targets: str) -> Raw:
    """A service on these networks."""
    return spec(task={"Networks": [{"Target": target} for target in targets]})


CREATE = "/services/create"
CONTENT: Raw = {"skerry.content": "{hidden}"}
SOCKET = "/var/run/docker.sock"

ATTEMPTS: list[tuple[str, str, Any]] = [
    # what the path names: other stacks' things, by name, ID and its beginning
    ("GET", "/services/other_web", None),
    ("GET", "/services/{service}", None),
    ("GET", "/services/{service:.9}", None),
    ("DELETE", "/services/other_web", None),
    ("DELETE", "/services/{service}", None),
    ("POST", "/services/other_web/update?version=1", spec("other_web")),
    ("POST", "/services/{service:.9}/update?version=1", spec()),
    ("POST", "/services/{service}/update?version=1&rollback=previous", spec()),
    ("GET", "/services/other_web/logs?stdout=1", None),
    ("GET", "/tasks/{task}", None),
    ("GET", "/tasks/{task}/logs?stdout=1", None),
    ("GET", "/tasks?filters={{%22service%22:[%22other_web%22]}}", None),
    ("GET", "/secrets/other_word", None),
    ("DELETE", "/secrets/{secret}", None),
    ("POST", "/secrets/{secret}/update?version=1", {"Name": "other_word", "Labels": OWN}),
    ("POST", "/skerry/secrets/other_word/reveal", {}),
    ("GET", "/networks/other_default", None),
    ("DELETE", "/networks/{network}", None),
    ("POST", "/networks/{network}/connect", {"Container": "{container}"}),
    ("DELETE", "/networks/bridge", None),
    ("POST", "/networks/prune", {}),
    # the service that would be made
    ("POST", CREATE, spec("other_new", {STACK: "other"})),
    ("POST", CREATE, spec("other_new")),
    ("POST", CREATE, spec("shop_new", {STACK: "other"})),
    ("POST", CREATE, spec("shop_new", {})),
    ("POST", CREATE, spec(labels={**OWN, "skerry.socket": "engine"})),
    ("POST", CREATE, spec(Image="busybox")),
    ("POST", CREATE, spec(Image="{image}")),
    ("POST", CREATE, spec(Image="box@{hidden}")),
    ("POST", CREATE, spec(**CONTENT)),
    ("POST", CREATE, mounted(Type="bind", Source="/")),
    ("POST", CREATE, mounted(Source="/etc")),
    ("POST", CREATE, mounted(Type="BIND", Source=SOCKET)),
    ("POST", CREATE, mounted(Type="volume", Source="other_data")),
    ("POST", CREATE, mounted(Type="volume", Source="shop_held")),
    ("POST", CREATE, mounted(Type="volume", Source="{{{{.Service.Name}}}}")),
    ("POST", CREATE, mounted(Type="tmpfs", **{"ſource": "/"})),
    (
        "POST",
        CREATE,
        mounted(
            Type="volume",
            Source="shop_root",
            VolumeOptions={
                "DriverConfig": {"Name": "local", "Options": {"o": "bind", "device": "/", "type": "none"}}
            },
        ),
    ),
    ("POST", CREATE, joined("other_default")),
    ("POST", CREATE, joined("{network}")),
    ("POST", CREATE, joined("{network:.9}")),
    ("POST", CREATE, joined("host")),
    ("POST", CREATE, joined("private_net")),
    ("POST", CREATE, {**spec(), "Networks": [{"Target": "other_default"}]}),
    (
        "POST",
        CREATE,
        spec(Secrets=[{"SecretID": "{secret}", "SecretName": "other_word", "File": {"Name": "w"}}]),
    ),
    (
        "POST",
        CREATE,
        spec(Secrets=[{"SecretID": "{secret}", "SecretName": "shop_word", "File": {"Name": "w"}}]),
    ),
    ("POST", CREATE, spec(CapabilityAdd=["CAP_SYS_ADMIN"])),
    ("POST", CREATE, spec(Privileges={"Seccomp": {"Mode": "unconfined"}})),
    ("POST", CREATE, spec(Privileges={"AppArmor": {"Mode": "disabled"}})),
    ("POST", CREATE, spec(Sysctls={"kernel.core_pattern": "|/x"})),
    (
        "POST",
        CREATE,
        spec(
            task={
                "Resources": {
                    "Reservations": {
                        "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]
                    }
                }
            }
        ),
    ),
    (
        "POST",
        CREATE,
        spec(task={"LogDriver": {"Name": "syslog", "Options": {"syslog-address": f"unix://{SOCKET}"}}}),
    ),
    # its own service, moved away
    ("POST", "/services/shop_mine/update?version={version}", spec("shop_mine", {STACK: "other"})),
    (
        "POST",
        "/services/shop_mine/update?version={version}",
        spec("shop_mine", Mounts=[{"Source": "/", "Target": "/m"}]),
    ),
    ("POST", "/services/shop_mine/update?version={version}&rollback=previous", spec("shop_mine")),
    # other objects
    ("POST", "/secrets/create", {"Name": "other_new", "Labels": {STACK: "other"}, "Data": "YQ=="}),
    ("POST", "/configs/create", {"Name": "loose", "Labels": OWN, "Data": "YQ=="}),
    ("POST", "/networks/create", {"Name": "shop_flat", "Labels": OWN, "Driver": "macvlan"}),
    ("POST", "/networks/create", {"Name": "other_new", "Labels": {STACK: "other"}, "Driver": "overlay"}),
    # the swarm, and skerry
    ("GET", "/swarm", None),
    ("POST", "/swarm/leave?force=1", {}),
    ("POST", "/swarm/update?version=1", {}),
    ("POST", "/nodes/self/update?version=1", {"Availability": "drain"}),
    ("POST", "/skerry/stacks/other", {}),
    ("POST", "/skerry/users", {"Name": "me", "Role": "admin"}),
    ("DELETE", "/skerry/users/ci", None),
    ("POST", "/skerry/listeners", {"Address": "tcp://0.0.0.0:1"}),
    ("GET", "/skerry/audit", None),
    # the engine's own
    ("POST", "/containers/create", {"Image": "box:1", "HostConfig": {"Privileged": True}}),
    ("POST", "/containers/{container}/exec", {"Cmd": ["sh"]}),
    ("POST", "/containers/{container}/attach?stream=1", {}),
    ("GET", "/containers/{container}/archive?path=/run/secrets", None),
    ("GET", "/containers/{container}/json", None),
    ("GET", "/containers/json", None),
    ("DELETE", "/containers/{container}?force=1", None),
    ("POST", "/exec/x/start", {}),
    ("POST", "/build?remote=http://127.0.0.1/x", {}),
    ("POST", "/images/create?fromImage=busybox", {}),
    ("GET", "/images/hidden:1/json", None),
    ("GET", "/distribution/127.0.0.1:1/x/json", None),
    ("POST", "/volumes/create", {"Name": "shop_root"}),
    ("GET", "/volumes", None),
    ("POST", "/plugins/pull?remote=x", {}),
    ("POST", "/session", None),
    ("POST", "/system/prune", {}),
    # other spellings of the same
    ("POST", "/v1.41/containers/create", {"Image": "box:1"}),
    ("POST", "/%63ontainers/create", {"Image": "box:1"}),
    ("POST", "/v1.41/v1.41/containers/create", {"Image": "box:1"}),
    ("GET", "/images/box:1/json/../../../x", None),
    ("GET", "/version/containers/json", None),
    ("DELETE", "/v9.9/services/other_web", None),
    ("DELETE", "/services/other%5Fweb", None),
]


def filled(value: Any, ids: dict[str, str]) -> Any:
    """`{secret}` and its like as what they are called."""
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) and "{" in value else value


class Town:
    """What there is to get at."""

    def __init__(self, ci: Remote) -> None:
        self.ci, self.world = ci, ci.world
        docker = self.world.docker
        docker("network", "create", "--driver", "overlay", "private_net")
        docker("volume", "create", "--label", f"{STACK}=shop_eu", "shop_held")
        docker("tag", "box:1", "hidden:1")
        hidden = self.world.run(
            "sh", "-c", "echo FROM box:1 > D; echo ENV a=b >> D; docker build -q -t hidden:1 -f D ."
        )
        label = ("--label", f"{STACK}=shop", "--replicas", "0", "--detach")
        bind = ("--mount", "type=bind,source=/,target=/m")
        docker("service", "create", *label, *bind, "--name", "shop_mine", "box:1")
        docker("service", "update", "--detach", "--mount-rm", "/m", "shop_mine")
        wait_until(lambda: docker("ps", "--quiet", "--filter", "name=other_web"), "the other stack runs", 60)
        self.ids = {
            "service": self.world.inspect("service", "other_web")["ID"],
            "version": str(self.world.inspect("service", "shop_mine")["Version"]["Index"]),
            "secret": self.world.inspect("secret", "other_word")["ID"],
            "network": self.world.inspect("network", "other_default")["Id"],
            "task": docker("service", "ps", "--quiet", "--no-trunc", "other_web").split()[0],
            "container": docker("ps", "--quiet", "--no-trunc", "--filter", "name=other_web"),
            "image": docker("image", "inspect", "--format", "{{.Id}}", "box:1"),
            "hidden": hidden.strip(),
        }

    def state(self) -> Any:
        """Everything that an attempt could have changed."""
        docker = self.world.docker
        kinds = ("service", "secret", "config", "network", "node")
        listed = {kind: sorted(docker(kind, "ls", "--quiet", "--no-trunc").split()) for kind in ("network",)}
        listed |= {kind: sorted(docker(kind, "ls", "--quiet").split()) for kind in kinds if kind != "network"}
        listed["container"] = sorted(docker("ps", "--all", "--quiet", "--no-trunc").split())
        listed["volume"] = sorted(docker("volume", "ls", "--quiet").split())
        listed["image"] = sorted(docker("image", "ls", "--quiet").split())
        services = json.loads(docker("service", "inspect", "other_web", "shop_mine"))
        return listed, services, self.world.skerry("user", "ls"), self.world.skerry("serve")


@pytest.fixture(scope="module")
def town(ci: Remote) -> Iterator[Town]:
    """It is looked at before and after."""
    town = Town(ci)
    before = town.state()
    yield town
    assert town.state() == before


def test_forty_and_more() -> None:
    assert len(ATTEMPTS) >= 80


@pytest.mark.parametrize(("method", "path", "body"), ATTEMPTS)
def test_it_is_refused_and_written_down(town: Town, method: str, path: str, body: Any) -> None:
    status, answer = town.ci.ask(method, path.format(**town.ids), filled(body, town.ids), "--location")
    assert status == 403, answer
    assert answer["message"].startswith("user ci (deploy:shop) may not ")
    assert ": " in answer["message"]
    entry = audited(town.world, 1)[0]
    assert (entry["who"], entry["status"], entry["refused"]) == ("ci", 403, answer["message"])


SMUGGLED = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.load_cert_chain(sys.argv[2], sys.argv[3])
sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 2376)), server_hostname="localhost")
head = "{} HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n"
sock.sendall((head.format("GET /_ping") + head.format("DELETE /services/other_web")).encode())
said = b""
while b"may not" not in said and (more := sock.recv(65536)):
    said += more
print(said.decode())
"""


def test_two_requests_in_one_are_two(town: Town) -> None:
    """What is sent right behind a request that may be asked is held against the role by itself."""
    files = [str(town.ci.folder / file) for file in ("ca.pem", "cert.pem", "key.pem")]
    said = town.world.run("python3", "-c", SMUGGLED, *files)
    assert "HTTP/1.1 200" in said
    assert "may not DELETE /services/other_web" in said


def test_the_stack_itself_may_be_changed_still(town: Town, world: World) -> None:
    """What was refused above is refused for what it is, and not because everything is."""
    status, answer = town.ci.ask("POST", CREATE, spec("shop_fine"))
    assert status == 201, answer
    assert town.ci.ask("DELETE", "/services/shop_fine")[0] == 200
    assert town.ci.ask("GET", "/services/shop_none") == (404, {"message": "service shop_none not found"})
