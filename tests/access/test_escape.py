"""Attempts to leave the scope of one stack: each is refused with 403, has its line, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.images import box_tar
from harness.world import World, wait_until
from skerry.model.labels import STACK
from tests.access.attempts import ATTEMPTS, CREATE, SHOP, filled, mounted, spec, stack
from tests.access.remote import Remote, audited

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


class Town:
    """What there is to get at."""

    def __init__(self, ci: Remote) -> None:
        self.ci, self.world = ci, ci.world
        docker = self.world.docker
        docker("network", "create", "--driver", "overlay", "private_net")
        docker("volume", "create", "--label", f"{STACK}=shop_eu", "shop_held")
        hidden = docker("import", "--change", "ENV a=b", str(box_tar()), "hidden:1")
        label = ("--label", f"{STACK}=shop", "--replicas", "0", "--detach")
        bind = ("--mount", "type=bind,source=/,target=/m")
        docker("service", "create", *label, *bind, "--name", "shop_mine", "box:1")
        docker("service", "update", "--detach", "--mount-rm", "/m", "shop_mine")
        (self.world.root / "loose").write_text("hush")
        docker("secret", "create", "shop_loose", str(self.world.root / "loose"))
        docker("service", "create", "--replicas", "0", "--detach", "--name", "shop_loose", "box:1")
        for service in (mounted(Type="bind", Source="/"), spec()):
            self.released(stack(service))
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

    def released(self, body: Any) -> None:
        """A release of shop that an administrator makes, to its end."""
        socket = ("curl", "--silent", "--fail", "--unix-socket", str(self.world.socket))
        sent = ("--header", "Content-Type: application/json", "--data-binary", json.dumps(body))
        self.world.run(*socket, *sent, f"http://d{SHOP}")
        end = self.world.run(*socket, f"http://d{SHOP}/progress").splitlines()[-1]
        assert json.loads(end)["State"] == "converged"

    def state(self) -> Any:
        """Everything that an attempt could have changed."""
        docker = self.world.docker
        kinds = ("service", "secret", "config", "network", "node")
        listed = {kind: sorted(docker(kind, "ls", "--quiet", "--no-trunc").split()) for kind in ("network",)}
        listed |= {kind: sorted(docker(kind, "ls", "--quiet").split()) for kind in kinds if kind != "network"}
        listed["container"] = sorted(docker("ps", "--all", "--quiet", "--no-trunc").split())
        listed["volume"] = sorted(docker("volume", "ls", "--quiet").split())
        listed["image"] = sorted(docker("image", "ls", "--quiet").split())
        services = json.loads(docker("service", "inspect", "other_web", "shop_mine", "shop_evil"))
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
